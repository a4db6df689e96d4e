"""People's words in the model room: whether they would make the forecasts better, and how often contests were right."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from serving import formats
from serving.access import on_batch
from serving.pages.frame import PagePrincipal, frame_of
from serving.pages.model.room import NOT_PUBLISHED, RoomLink, room_links
from spm_ml.predictions import BatchReader, CaseSubject, ContestCount, VoiceSignal, VoicesValue, VoiceValue

router = APIRouter(include_in_schema=False)

PATH: Final = "/model/voices"

_SIGNALS: Final[dict[VoiceSignal, str]] = {
    "commit": "The rep's commit",
    "best_case": "The rep's best case",
    "manager_override": "The manager's override",
    "self_rating": "Skills, rated by the rep",
    "manager_rating": "Skills, rated by the manager",
    "pulse": "The pulse",
}
_ABOUT: Final[dict[CaseSubject, str]] = {
    "forecast": "Forecast",
    "recommendation": "Offer",
    "diagnosis": "Diagnosis",
    "data": "Data, as a correction",
}


@dataclass(frozen=True)
class SignalRow:
    """One kind of words.

    Attributes:
        size: Reps, periods and rows that were compared, or why nothing was.
        change: Of the error (CRPS), with its interval.
        says: The same in words.
    """

    signal: str
    known: str
    size: str
    change: str
    interval: str
    says: str


@dataclass(frozen=True)
class ContestRow:
    """How contests about one thing ended."""

    about: str
    people: str
    contested: str
    right: str
    ends: tuple[str, ...]


@dataclass(frozen=True)
class VoicesPage:
    """Everything the page shows.

    Attributes:
        lead: What is found, in a sentence.
        empty: What stands in place of the table where nothing was published.
        contests: For readers who are told counts; empty for others.
    """

    rooms: tuple[RoomLink, ...]
    lead: str
    empty: str
    signals: tuple[SignalRow, ...]
    contests: tuple[ContestRow, ...]


@router.get(PATH)
async def voices(request: Request, principal: PagePrincipal) -> Response:
    """The page, for every role; counts of contests are for those who are told counts."""

    def build(batch: BatchReader) -> Response:
        page = page_of(batch.evidence(VoicesValue), batch.contest_counts())
        frame = frame_of(request, "People's words", principal=principal, batch=batch.batch)
        response: Response = request.app.state.templates.page("model_voices.html", page, frame)
        return response

    return await on_batch(request, principal, build)


def page_of(found: VoicesValue | None, contests: Sequence[ContestCount] = ()) -> VoicesPage:
    """The context of the page."""
    signals = () if found is None else found.signals
    return VoicesPage(
        rooms=room_links(PATH),
        lead=_lead(signals),
        empty=NOT_PUBLISHED if found is None else "",
        signals=tuple(_signal(one) for one in signals),
        contests=tuple(_contest(one) for one in contests),
    )


def _lead(signals: Sequence[VoiceValue]) -> str:
    told = [one for one in signals if one.difference is not None]
    helping = [_SIGNALS[one.signal].lower() for one in told if _verdict(one) == "helps"]
    if not told:
        return "It cannot be told yet whether what people say would make the forecasts better: too few have said it."
    if not helping:
        return "Nothing that people say would make these forecasts better, as far as can be told."
    return f"These forecasts would be better if they knew: {', '.join(helping)}."


def _verdict(one: VoiceValue) -> str:
    found = one.difference
    if found is None or found.low is None or found.high is None:
        return "cannot tell"
    if found.high < 0:
        return "helps"
    return "makes it worse" if found.low > 0 else "no difference that is clear of chance"


def _signal(one: VoiceValue) -> SignalRow:
    found = one.difference
    if found is None:
        why = formats.stored(one.abstention.detail) if one.abstention else ""
        nothing = formats.NOTHING
        return SignalRow(_SIGNALS[one.signal], formats.whole(one.known), why, nothing, nothing, "cannot tell yet")
    size = f"{formats.whole(found.rows)} rows of {formats.whole(found.reps)} reps in {found.periods} periods"
    bounded = found.low is not None and found.high is not None
    return SignalRow(
        signal=_SIGNALS[one.signal],
        known=formats.whole(one.known),
        size=size,
        change=_signed(found.mean),
        interval=f"{_signed(found.low)} to {_signed(found.high)}" if bounded else formats.NOTHING,
        says=_verdict(one),
    )


def _signed(value: float | None) -> str:
    text = formats.decimal(value, 4)
    return f"+{text}" if value is not None and value > 0 else text


def _contest(one: ContestCount) -> ContestRow:
    about = _ABOUT[one.about]
    if one.verdicts is None:
        return ContestRow(about, "fewer than 5", formats.NOTHING, formats.NOTHING, (formats.NOTHING,) * 4)
    judged = one.verdicts["upheld"] + one.verdicts["partly_upheld"] + one.verdicts["rejected"]
    right = one.verdicts["upheld"] + one.verdicts["partly_upheld"]
    return ContestRow(
        about,
        formats.whole(one.people or 0),
        f"{formats.percent((one.contested or 0) / one.shown, digits=1)} of {formats.whole(one.shown)}"
        if one.shown
        else formats.NOTHING,
        f"{formats.percent(right / judged)} of {formats.whole(judged)}" if judged else formats.NOTHING,
        tuple(formats.whole(count) for count in one.verdicts.values()),
    )
