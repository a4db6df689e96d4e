"""Drift: are the rows that are forecast now unlike those the model learnt from, and is it still as right as it was?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from serving import formats
from serving.access import on_batch
from serving.pages.frame import PagePrincipal, frame_of
from serving.pages.model.room import NOT_PUBLISHED, RoomLink, room_links
from spm_ml.predictions import BatchReader, Drift, DriftTest
from spm_ml.predictions.model_evidence import PERIOD_LUCK

router = APIRouter(include_in_schema=False)

PATH: Final = "/model/drift"

_VERDICTS: Final = {
    "drift": "Drift",
    "seen_before": "Unusual, seen before",
    "none": "No drift",
    "untested": "Not tested",
}
_KINDS: Final = {"feature": "read by the model", "forecast": "said by the model", "calibration": "how right it was"}
_UNTESTED: Final = {
    "too_few_reps": "fewer than ten reps have a row now and before",
    "constant": "the same value everywhere",
    "same_for_everybody": "the same for everybody in a period, so it only tells the period",
    "grows_with_time": "it only grows with time, so it would always alarm",
}
_ABSTAINED: Final = {
    "training_rows_missing": (
        "This model was trained before the rows that it learnt from were kept. Run 'spm train', 'spm promote' and "
        "'spm score': then they can be compared."
    ),
}


@dataclass(frozen=True)
class DriftRow:
    """One column in words."""

    column: str
    kind: str
    meaning: str
    verdict: str
    statistic: str
    threshold: str
    before: str
    p_value: str
    adjusted: str
    rows: str
    missing: str
    why: str


@dataclass(frozen=True)
class DriftPage:
    """Everything the page shows.

    Attributes:
        empty: Why there is nothing; None otherwise.
        lead: What was found, in a sentence.
        basis: What was compared.
        advice: What to do about it.
        found: Columns that drifted.
        unusual: Columns beyond chance, but no further than periods differ.
        others: Columns that chance explains.
        untested: Columns that were not tested.
    """

    rooms: tuple[RoomLink, ...]
    empty: str | None
    lead: str = ""
    basis: str = ""
    advice: str = ""
    level: str = ""
    found: tuple[DriftRow, ...] = ()
    unusual: tuple[DriftRow, ...] = ()
    others: tuple[DriftRow, ...] = ()
    untested: tuple[DriftRow, ...] = ()


@router.get(PATH)
async def drift(request: Request, principal: PagePrincipal) -> Response:
    """The page, for every role: it is about nobody."""

    def build(batch: BatchReader) -> Response:
        page = page_of(batch.evidence(Drift))
        frame = frame_of(request, "Drift", principal=principal, batch=batch.batch)
        response: Response = request.app.state.templates.page("model_drift.html", page, frame)
        return response

    return await on_batch(request, principal, build)


def page_of(found: Drift | None) -> DriftPage:
    """The context of the page."""
    if found is None:
        return DriftPage(room_links(PATH), NOT_PUBLISHED)
    if found.abstention is not None:
        return DriftPage(room_links(PATH), _ABSTAINED.get(found.abstention, found.abstention))
    groups = {verdict: [test for test in found.tests if test.verdict == verdict] for verdict in _VERDICTS}
    tested = sum(test.statistic is not None for test in found.tests)
    return DriftPage(
        rooms=room_links(PATH),
        empty=None,
        lead=_lead(groups["drift"], groups["seen_before"], groups["none"], tested),
        basis=_basis(found),
        advice=_advice(groups["drift"]),
        level=formats.percent(found.level),
        found=_rows(groups["drift"]),
        unusual=_rows(groups["seen_before"]),
        others=_rows(groups["none"]),
        untested=_rows(groups["untested"]),
    )


def _lead(drifted: Sequence[DriftTest], unusual: Sequence[DriftTest], others: Sequence[DriftTest], tested: int) -> str:
    if not tested:
        return "Nothing could be tested: see below why."
    more = len(unusual)
    also = (
        f" {more} more {'is' if more == 1 else 'are'} unusual, but no more than periods differ from each other."
        if more
        else ""
    )
    if not drifted:
        return f"No drift in {tested} tests.{also}"
    found = f"{len(drifted)} of {tested} tested columns {'has' if len(drifted) == 1 else 'have'} drifted.{also}"
    luck = round(PERIOD_LUCK * sum(test.usual_before is not None for test in (*drifted, *unusual, *others)))
    return f"{found} Reps share the luck of a period: by that alone about {luck} would be." if luck else found


def _basis(found: Drift) -> str:
    new = f"; {found.new_reps} of them are new to the model and in no test" if found.new_reps else ""
    return (
        f"Week {found.week} of the period, as of {formats.day(found.as_of)}, against the same week of the periods the "
        f"model learnt from. {found.reps} reps are forecast{new}."
    )


def _advice(drifted: Sequence[DriftTest]) -> str:
    kinds = {test.kind for test in drifted}
    if "calibration" in kinds:
        return (
            "In the last finished period outcomes fell elsewhere in their forecasts than before. Look at coverage by "
            "period on the calibration page, then train again: 'spm train', and 'spm promote' if the gate lets it pass."
        )
    if "feature" in kinds:
        return (
            "First look for a cause in the data: a changed export, a new stage, another mapping (see the data page). "
            "If the business itself has changed, train again: 'spm train', and 'spm promote' if the gate lets it pass."
        )
    if "forecast" in kinds:
        return "The forecasts differ from those of earlier periods; the rows they rest on do not. Nothing to mend."
    return "Nothing to do. The forecasts stay an aid: what no column shows cannot be found here."


def _rows(tests: Sequence[DriftTest]) -> tuple[DriftRow, ...]:
    return tuple(
        DriftRow(
            column=test.column,
            kind=_KINDS[test.kind],
            meaning=formats.stored(test.meaning),
            verdict=_VERDICTS[test.verdict],
            statistic=formats.decimal(test.statistic, 2),
            threshold=formats.decimal(test.threshold, 2),
            before=formats.decimal(test.usual_before, 2),
            p_value=_probability(test.p_value),
            adjusted=_probability(test.adjusted_p),
            rows=f"{formats.whole(test.rows)} / {formats.whole(test.past_rows)}",
            missing=f"{formats.percent(test.missing_now)} / {formats.percent(test.missing_before)}",
            why=_UNTESTED.get(test.untested or "", test.untested or ""),
        )
        for test in tests
    )


def _probability(value: float | None) -> str:
    if value is not None and value < 0.001:
        return f"<{formats.decimal(0.001)}"
    return formats.decimal(value)
