"""What a digest says to each role: only what a reader of the store gives within the account's scope."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final, TypeVar

from serving import formats
from serving.formats import Money
from serving.pages.board_rows import change_of
from serving.pages.effect_words import VERDICTS
from serving.pages.frame import rep_href
from spm_ml.predictions import BatchReader, BoardForecast, Scope
from spm_ml.predictions.selection import Listing, Selection

_AT_ONCE: Final = 500
_WEEK: Final = 7
_MOST: Final = 12
"""Lines of a section; the page has all of them."""

Item = TypeVar("Item")


@dataclass(frozen=True)
class Line:
    """One sentence, and the page that has more; empty: none."""

    text: str
    href: str = ""


@dataclass(frozen=True)
class Section:
    """Lines under a heading; without lines one sentence says so."""

    heading: str
    lines: tuple[Line, ...]
    nothing: str


@dataclass(frozen=True)
class Digest:
    """What one person is told.

    Attributes:
        subject: Of the mail; names nobody, since subjects show on locked screens.
        opening: The first sentence.
        sections: The rest.
        page: Where to go on.
    """

    subject: str
    opening: str
    sections: tuple[Section, ...]
    page: Line


def digest_of(reader: BatchReader, scope: Scope, *, today: date | None) -> Digest | None:
    """The digest of the published batch for one principal; None where the scope holds nothing.

    Args:
        reader: Opened for the scope.
        scope: Whose.
        today: The day that says which offers have lapsed; None: the batch's own.
    """
    if scope.role == "hr":
        return _programs(reader, today)
    rows = tuple(_all(reader.board))
    if not rows:
        return None
    return _own_week(reader, rows[0], today) if scope.role == "rep" else _team(reader, rows, today)


def _compared(reader: BatchReader, days: set[date], today: date | None) -> str:
    """With which day the numbers are compared, and whether weeks are missing."""
    said = []
    if today is not None and (today - reader.as_of).days > _WEEK:
        said.append(f"No newer forecast was published in the {(today - reader.as_of).days} days since.")
    before = max((day for day in days if day < reader.as_of), default=None)
    if before is not None and (reader.as_of - before).days > _WEEK:
        said.append(f"There is none of the week before, so it is compared with that of {formats.day(before)}.")
    elif before is not None:
        said.append(f"It is compared with {formats.day(before)}.")
    return "".join(f" {one}" for one in said)


def _team(reader: BatchReader, rows: tuple[BoardForecast, ...], today: date | None) -> Digest:
    batch, money = reader.batch, Money.of(reader.batch)
    chances = reader.chances([row.rep_id for row in rows])
    before = {
        rep_id: next((chance for day, chance in reversed(known) if day < reader.as_of), None)
        for rep_id, known in chances.items()
    }
    days = {day for known in chances.values() for day, _ in known}
    at_risk = [row for row in rows if row.risk_band == "high"]
    newly = [row for row in at_risk if (was := before.get(row.rep_id)) is not None and was >= batch.risk_high_below]
    silent = [row for row in rows if row.abstention is not None and before.get(row.rep_id) is not None]
    moved = sorted((row for row in rows if row.change is not None), key=_size, reverse=True)
    offers = [offer for offer in _all(reader.offers) if offer.status(batch, today) == "open"]
    waiting = reader.cases(subject="answer", status="waiting", limit=1).total
    decisions = []
    if offers:
        decisions.append(Line(f"{formats.counted(len(offers), 'offer')} without a decision.", "/planner"))
    if waiting:
        decisions.append(Line(f"{formats.counted(waiting, 'case')} that somebody has still to answer.", "/cases"))
    return Digest(
        subject=f"Your team's week, {batch.period}",
        opening=(
            f"{len(at_risk)} of {formats.counted(len(rows), 'rep')} at high risk of missing the quota, as of "
            f"{formats.day(reader.as_of)}.{_compared(reader, days, today)}"
        ),
        sections=(
            Section(
                "Newly at high risk",
                _shown(
                    newly,
                    lambda row: (
                        f"{row.name}: chance {formats.chance(row.p_hit)}, before "
                        f"{formats.chance(before[row.rep_id])}. {formats.stored(row.main_reason)}"
                    ),
                ),
                "Nobody is newly at high risk.",
            ),
            Section(
                "No forecast any more",
                _shown(
                    silent, lambda row: f"{row.name}: {formats.stored(row.abstention.detail) if row.abstention else ''}"
                ),
                "Whoever had a forecast before has one now.",
            ),
            Section(
                "What moved most",
                _shown(moved[:5], lambda row: f"{row.name}: {_story(row, money)}"),
                "There is nothing before to compare with.",
            ),
            Section("Decisions that wait", tuple(decisions), "No decision waits for you."),
        ),
        page=Line("The risk board", "/"),
    )


def _own_week(reader: BatchReader, row: BoardForecast, today: date | None) -> Digest:
    batch, money = reader.batch, Money.of(reader.batch)
    page = rep_href(row.rep_id)
    days = {day for day, _ in reader.chances([row.rep_id]).get(row.rep_id, ())}
    lines = [Line(_story(row, money))] if row.change is not None else []
    if row.main_reason:
        lines.append(Line(formats.stored(row.main_reason)))
    offers = [
        Line(f"{offer.recommendation.program_name}: it is yours to decline.", page)
        for offer in _all(reader.offers)
        if offer.status(batch, today) in ("open", "accepted")
    ]
    answers = reader.cases(rep_id=row.rep_id, status="waiting", limit=1).total
    opening = (
        f"No forecast: {formats.stored(row.abstention.detail)}"
        if row.abstention is not None
        else f"Your chance to reach the quota is {formats.chance(row.p_hit)}, as of {formats.day(reader.as_of)}."
        if row.p_hit is not None
        else f"A forecast without a quota, as of {formats.day(reader.as_of)}."
    )
    return Digest(
        subject=f"Your week, {batch.period}",
        opening=f"{opening}{_compared(reader, days, today)}",
        sections=(
            Section("What changed", tuple(lines), "There is nothing before to compare with."),
            Section("Offered to you", tuple(offers), "No program is offered to you."),
            Section(
                "What you said",
                (
                    Line(
                        f"{formats.counted(answers, 'case')} of yours wait{'s' if answers == 1 else ''} for an answer.",
                        "/cases",
                    ),
                )
                if answers
                else (),
                "Nothing of yours waits for an answer.",
            ),
        ),
        page=Line("Your forecast", page),
    )


def _programs(reader: BatchReader, today: date | None) -> Digest:
    states: dict[str, Counter[str]] = {}
    names: dict[str, str] = {}
    for offer in _all(reader.offers):
        status = offer.status(reader.batch, today)
        if status is not None:
            program = str(offer.recommendation.program_id)
            states.setdefault(program, Counter())[status] += 1
            names[program] = str(offer.recommendation.program_name)
    offered = [
        Line(f"{names[program]}: " + ", ".join(f"{found[status]} {word}" for status, word in _STATES if found[status]))
        for program, found in sorted(states.items(), key=lambda one: names[one[0]])
    ]
    effects = [
        Line(
            f"{one.name}: {VERDICTS[one.verdict].label.lower()}"
            + ("" if one.effect is None else f", {formats.points(one.effect)} points of attainment")
            + f". {formats.stored(one.detail)}"
        )
        for one in reader.findings()
    ]
    waiting = reader.cases(subject="answer", status="waiting", limit=1).total
    open_offers = sum(found["open"] for found in states.values())
    return Digest(
        subject=f"The programs' week, {reader.batch.period}",
        opening=f"{formats.counted(open_offers, 'offer')} without a decision, as of {formats.day(reader.as_of)}.",
        sections=(
            Section("Offers by program", tuple(offered), "No program is offered to anybody."),
            Section("What programs have caused", tuple(effects), "No effect has been measured yet."),
            Section(
                "Cases that wait",
                (Line(f"{formats.counted(waiting, 'case')} without an answer.", "/cases"),) if waiting else (),
                "No case waits for an answer.",
            ),
        ),
        page=Line("The planner", "/planner"),
    )


_STATES: Final = (
    ("open", "waiting"),
    ("accepted", "accepted"),
    ("overridden", "overridden"),
    ("declined", "declined"),
    ("expired", "lapsed"),
)


def _all(listed: Callable[[Selection], Listing[Item]]) -> Iterator[Item]:
    offset = 0
    sort: Selection = Selection(sort="name", limit=_AT_ONCE)
    while True:
        found = listed(Selection(sort=sort.sort, limit=_AT_ONCE, offset=offset))
        yield from found.items
        offset += _AT_ONCE
        if offset >= found.total:
            return


def _size(row: BoardForecast) -> float:
    median = row.quantile(0.5)
    return 0.0 if median is None or row.change is None else abs(median - row.change.before)


def _story(row: BoardForecast, money: Money) -> str:
    change = change_of(row, money)
    return "" if change is None else change.story


def _shown(rows: list[BoardForecast], say: Callable[[BoardForecast], str]) -> tuple[Line, ...]:
    lines = [Line(say(row).strip(), rep_href(row.rep_id)) for row in rows[:_MOST]]
    if len(rows) > _MOST:
        lines.append(Line(f"and {len(rows) - _MOST} more", "/"))
    return tuple(lines)
