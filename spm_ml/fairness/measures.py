"""What is audited: who carries the burden of a flag, who gets the benefit of an offer."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from spm_ml.predictions import Diagnosis, Prediction, ProgramOption, Recommendation

Side = Literal["burden", "benefit"]


@dataclass(frozen=True)
class Measure:
    """Something that reps get or not.

    Attributes:
        slug: Short name.
        label: What a reader sees.
        side: A burden weighs on those who get it, a benefit on those who do not.
        got: (reps,) who got it, indexed by rep.
        among: (reps,) among whom it is counted, with the same index; None: everybody.
        compared_only: Nobody decides by it: it stands beside another measure.
    """

    slug: str
    label: str
    side: Side
    got: "pd.Series[bool]"
    among: "pd.Series[bool] | None" = None
    compared_only: bool = False

    @property
    def counted(self) -> "pd.Series[bool]":
        """Who got it, among those whom it is about."""
        return self.got if self.among is None else self.got[self.among]


def published_measures(
    predictions: Iterable[Prediction],
    recommendations: Iterable[Recommendation],
    *,
    diagnoses: Sequence[Diagnosis] = (),
    options: Sequence[ProgramOption] = (),
) -> tuple[Measure, ...]:
    """Gives the burden and the benefit of a published batch.

    Rates are of everybody with a forecast row: who has no number carries no flag. Who would gain is whoever has an
    option with an expected effect above zero; without options, whoever has a matched gap.

    Args:
        predictions: One row a rep, of the batch's day.
        recommendations: Offers and abstentions.
        diagnoses: Of the same reps; without any, flags by diagnosis are left out.
        options: What programs would do for them.
    """
    bands = {row.rep_id: row.risk_band for row in predictions}
    reps = pd.Index(list(bands), name="rep_id", dtype=object)
    measures = [
        Measure(
            "high_risk", "In the high risk band", "burden", _among(reps, {rep for rep in reps if bands[rep] == "high"})
        )
    ]
    if diagnoses:
        measures += _of_diagnoses(reps, diagnoses)
    rows = list(recommendations)
    if not rows:
        return tuple(measures)
    offered = {row.rep_id for row in rows if row.abstention is None and not row.held_out}
    wanting = {
        row.rep_id for row in rows if row.abstention is None or row.abstention.reason in {"budget_or_seats", "held_out"}
    }
    gaining = {option.rep_id for option in options if option.effect is not None and option.effect > 0} or wanting
    got = _among(reps, offered)
    return (
        *measures,
        Measure("offered", "Offered a program", "benefit", got),
        Measure(
            "offered_of_gaining", "Offered a program, of those who would gain", "benefit", got, _among(reps, gaining)
        ),
    )


def _of_diagnoses(reps: "pd.Index[str]", diagnoses: Sequence[Diagnosis]) -> list[Measure]:
    flagged = _among(reps, {row.rep_id for row in diagnoses if row.verdict == "behaviour"})
    attainment = pd.Series({row.rep_id: row.attainment for row in diagnoses}, dtype=float).reindex(reps).dropna()
    lowest = attainment.sort_values(kind="stable").index[: int(flagged.sum())]
    return [
        Measure("behaviour", "Diagnosed as behaviour", "burden", flagged),
        Measure(
            "lowest_attainment",
            "For comparison, not used: as many by the lowest attainment",
            "burden",
            _among(reps, set(lowest)),
            compared_only=True,
        ),
    ]


def _among(reps: "pd.Index[str]", chosen: set[str]) -> "pd.Series[bool]":
    return pd.Series(reps.isin(list(chosen)), index=reps)
