"""Calibration: do chances and intervals mean what they say, by week of the period and by level?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from markupsafe import Markup

from serving import formats
from serving.access import on_batch
from serving.charts.reliability import ReliabilityPoint, reliability_chart
from serving.charts.shares import ShareMark, shares_chart
from serving.pages.frame import PagePrincipal, frame_of
from serving.pages.model.room import NOT_PUBLISHED, RoomLink, interval, room_links
from spm_ml.predictions import BatchReader, Calibration, Coverage, PitBin, ReliabilityBin

router = APIRouter(include_in_schema=False)

PATH: Final = "/model/calibration"

LevelChoice = Literal["rep", "team", "region", "company"]

_LEVELS: Final[dict[LevelChoice, str]] = {"rep": "Reps", "team": "Teams", "region": "Regions", "company": "Company"}
_PARTS: Final = {"all": "All weeks", "early": "Early", "middle": "Middle", "late": "Late"}
_SHOWN: Final = 0.8


@dataclass(frozen=True)
class BinRow:
    """A bin of chances in words."""

    said: str
    seen: str
    interval: str
    rows: str


@dataclass(frozen=True)
class ReliabilityPart:
    """Chances of some weeks."""

    title: str
    chart: Markup
    bins: tuple[BinRow, ...]


@dataclass(frozen=True)
class WeekRow:
    """Chances of one week in words."""

    week: str
    said: str
    seen: str
    interval: str
    brier: str
    rows: str


@dataclass(frozen=True)
class HeldCell:
    """How much an interval held: the share, its own interval, and whether that is as stated."""

    share: str
    interval: str
    verdict: str


@dataclass(frozen=True)
class HeldRow:
    """Coverage of the three intervals for a level, a week or a period."""

    label: str
    cells: tuple[HeldCell, ...]
    rows: str


@dataclass(frozen=True)
class LevelLink:
    """A level whose weeks can be shown."""

    label: str
    href: str
    current: bool


@dataclass(frozen=True)
class CalibrationPage:
    """Everything the page shows.

    Attributes:
        empty: Why there is nothing; None otherwise.
        lead: What the numbers say, in a sentence.
        basis: What was tested.
        parts: Reliability: all weeks first.
        levels: Coverage by level.
        periods: Coverage of reps by tested period.
        weeks_of: The level whose weeks are shown.
    """

    rooms: tuple[RoomLink, ...]
    empty: str | None
    lead: str = ""
    basis: str = ""
    parts: tuple[ReliabilityPart, ...] = ()
    by_week: tuple[WeekRow, ...] = ()
    nominal: tuple[str, ...] = ()
    levels: tuple[HeldRow, ...] = ()
    periods: tuple[HeldRow, ...] = ()
    links: tuple[LevelLink, ...] = ()
    weeks_of: str = ""
    weeks_chart: Markup | None = None
    weeks: tuple[HeldRow, ...] = ()
    pit: Markup | None = None
    pit_rows: tuple[BinRow, ...] = ()


@router.get(PATH)
async def calibration(
    request: Request, principal: PagePrincipal, level: Annotated[LevelChoice, Query()] = "rep"
) -> Response:
    """The page, for every role: it is about nobody."""

    def build(batch: BatchReader) -> Response:
        page = page_of(batch.evidence(Calibration), level)
        frame = frame_of(request, "Calibration", principal=principal, batch=batch.batch)
        response: Response = request.app.state.templates.page("model_calibration.html", page, frame)
        return response

    return await on_batch(request, principal, build)


def page_of(found: Calibration | None, level: LevelChoice) -> CalibrationPage:
    """The context of the page."""
    if found is None:
        return CalibrationPage(room_links(PATH), NOT_PUBLISHED)
    nominal = tuple(dict.fromkeys(one.nominal for one in found.coverage))
    known = {one.level for one in found.coverage}
    shown = level if level in known else "rep"
    weeks = [one for one in found.coverage if one.level == shown and one.week is not None]
    return CalibrationPage(
        rooms=room_links(PATH),
        empty=None,
        lead=_lead(found),
        basis=(
            f"Backtest of {', '.join(found.periods)}: {found.reps} reps, each forecast from what was known on the day. "
            "Intervals are 95% and count rows of one rep or one period as alike, so they are wide where little is "
            "known."
        ),
        parts=tuple(_parts(found.reliability)),
        by_week=tuple(
            WeekRow(
                str(week.week),
                formats.percent(week.said),
                formats.percent(week.seen.share),
                interval(week.seen),
                formats.decimal(week.brier),
                formats.whole(week.seen.rows),
            )
            for week in found.by_week
        ),
        nominal=tuple(f"{formats.percent(share)} interval" for share in nominal),
        levels=tuple(
            _held(label, [one for one in found.coverage if one.level == key and one.week is None and not one.period])
            for key, label in _LEVELS.items()
            if key in known
        ),
        periods=_by_period(found),
        links=tuple(
            LevelLink(label, f"{PATH}?level={key}#weeks", key == shown)
            for key, label in _LEVELS.items()
            if key in known
        ),
        weeks_of=_LEVELS[shown].lower(),
        weeks_chart=_weeks_chart(weeks, _LEVELS[shown].lower()),
        weeks=_rows([(str(one.week), one) for one in weeks]),
        pit=_pit(found),
        pit_rows=tuple(
            BinRow(
                _between(one),
                formats.percent(one.fell.share),
                interval(one.fell),
                formats.whole(one.fell.rows),
            )
            for one in found.pit
        ),
    )


def _lead(found: Calibration) -> str:
    whole = next(one for one in found.coverage if one.level == "rep" and one.nominal == _SHOWN and not one.period)
    held = whole.held
    words = {
        "as stated": "which is what they state, within what these periods can tell",
        "too narrow": "so they are too narrow: expect more surprises than they say",
        "too wide": "so they are wider than they need to be",
    }[_verdict(whole)]
    return f"The 80% intervals of reps held {formats.percent(held.share)} of outcomes ({interval(held)}), {words}."


def _parts(bins: Sequence[ReliabilityBin]) -> list[ReliabilityPart]:
    parts = []
    for part in dict.fromkeys(one.part for one in bins):
        own = [one for one in bins if one.part == part]
        weeks = f"weeks {own[0].first_week} to {own[0].last_week}"
        title = f"{_PARTS[part]}: {weeks}" if part != "all" else "All weeks"
        beyond = sum(not one.seen.low <= one.said <= one.seen.high for one in own)
        chart = reliability_chart(
            [ReliabilityPoint(one.said, one.seen.share, one.seen.low, one.seen.high) for one in own],
            title=f"Chance of reaching the quota against how often it was reached, {weeks}",
            description=(
                f"{len(own)} groups of rows; the intervals of {len(own) - beyond} hold the chance that was forecast. "
                "On the dashed diagonal chances mean what they say."
            ),
            percent=formats.percent,
            key=f"rel-{part}",
        )
        rows = tuple(
            BinRow(
                formats.chance(one.said),
                formats.percent(one.seen.share),
                interval(one.seen),
                formats.whole(one.seen.rows),
            )
            for one in own
        )
        parts.append(ReliabilityPart(title, chart, rows))
    return parts


def _verdict(found: Coverage) -> str:
    if found.held.high < found.nominal:
        return "too narrow"
    return "too wide" if found.held.low > found.nominal else "as stated"


def _held(label: str, found: Sequence[Coverage]) -> HeldRow:
    cells = tuple(HeldCell(formats.percent(one.held.share), interval(one.held), _verdict(one)) for one in found)
    return HeldRow(label, cells, formats.whole(found[0].held.rows))


def _rows(found: Sequence[tuple[str, Coverage]]) -> tuple[HeldRow, ...]:
    labels = dict.fromkeys(label for label, _ in found)
    return tuple(_held(label, [one for name, one in found if name == label]) for label in labels)


def _by_period(found: Calibration) -> tuple[HeldRow, ...]:
    return _rows([(one.period, one) for one in found.coverage if one.period is not None])


def _weeks_chart(weeks: Sequence[Coverage], of: str) -> Markup | None:
    marks = [
        ShareMark(str(one.week), one.held.share, one.held.low, one.held.high) for one in weeks if one.nominal == _SHOWN
    ]
    if not marks:
        return None
    missed = sum(not mark.holds(_SHOWN) for mark in marks)
    return shares_chart(
        marks,
        reference=_SHOWN,
        percent=formats.percent,
        axis="week of the period",
        title=f"Share of outcomes inside the 80% interval by week, {of}",
        description=f"{len(marks)} weeks; in {missed} the interval of the share misses 80%, the dashed line.",
        key="held",
    )


def _between(one: PitBin) -> str:
    return f"{formats.percent(one.low)}–{formats.percent(one.high)}"


def _pit(found: Calibration) -> Markup:
    marks = [ShareMark(_between(one), one.fell.share, one.fell.low, one.fell.high) for one in found.pit]
    even = 1 / len(marks)
    return shares_chart(
        marks,
        reference=even,
        percent=formats.percent,
        axis="the outcome fell into the tenth of its forecast distribution that begins here",
        title="Histogram of the probability integral transform (PIT)",
        description=(
            f"{sum(not mark.holds(even) for mark in marks)} of {len(marks)} bins miss the even share, the dashed line. "
            "A slope says that forecasts are biased, a hump that they are too wide, horns that they are too narrow."
        ),
        key="pit",
    )
