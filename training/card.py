"""The model card: what a model is for, what it was measured to do, and what nobody has checked yet.

Source: Mitchell et al. (2019), Model Cards for Model Reporting, FAT* '19, for the sections.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

import pandas as pd

from spm_ml.hazards import ABSTENTION_REASONS, HAZARD_BY_CODE
from training.fairness_words import fairness_words
from training.insides import Insides
from training.markdown import table
from training.protected import ProtectedFacts
from training.verdict import GateVerdict

_MEASURES: Final = ("n", "crps", "mae", "wape", "brier", "ece", "auc", "coverage_80", "value_added")

_LEVEL_MEASURES: Final = ("n", "crps_of_mean", "width_of_mean", "coverage_80", "bias")

_INTENDED: Final = """\
* **For**: showing sales managers which reps may miss their quota while there is time to help, with the uncertainty of
  every number, beside plain metrics.
* **Not for**: pay, commission, rating, promotion or termination of anybody, and no automatic action. A forecast is a
  statement about a period's bookings under the conditions of the past, not about a person's worth.
* **Who decides**: a person, who sees the reasons, can override with a reason, and is told when no number is given."""


@dataclass(frozen=True)
class CardFacts:
    """Everything the card states.

    Attributes:
        forecaster: Slug.
        label: What a reader calls it.
        is_baseline: Whether it is one of the simple rules.
        chosen_because: Why this forecaster, in one sentence.
        made_at: UTC.
        spm_version: Version of spm-ml.
        organisation: Name of the organisation.
        currency: ISO 4217 code.
        data_version: Version of the ingested tables.
        data_hash: Their hash.
        dataset_hash: Hash of the rep-period rows.
        watermark: Latest recorded day in the data.
        rows: Rows it was fitted on.
        rep_periods: Different rep-periods among them.
        reps: Different reps among them.
        other_reps: Reps of teams that were not drawn to be learnt from or tested on.
        tested_periods: Labels of the periods of the backtest, in order.
        value_added: The forecast-value-added table over all forecasters.
        by_week: The forecaster's own rows of it by week of the period.
        hazards: Rep-periods that carry each hazard code.
        abstentions: Rows without a number, by reason.
        reconstructed: Share of rows whose deal history was rebuilt from the last state, 0–1.
        verdict: What the gate would say today.
        by_level: The forecaster's own accuracy at each level of the organisation.
        groups: Its groups of reps beside `reference`, as `training.subgroups.compare_groups` gives them.
        reference: The forecaster that groups are held against; '' = none.
        insides: What the fitted forecaster is made of.
        protected: Burden, error and calibration by protected group.
    """

    forecaster: str
    label: str
    is_baseline: bool
    chosen_because: str
    made_at: datetime
    spm_version: str
    organisation: str
    currency: str
    data_version: int
    data_hash: str
    dataset_hash: str
    watermark: date
    rows: int
    rep_periods: int
    reps: int
    other_reps: int
    tested_periods: tuple[str, ...]
    value_added: pd.DataFrame
    by_week: pd.DataFrame
    hazards: Mapping[str, int]
    abstentions: Mapping[str, int]
    reconstructed: float
    verdict: GateVerdict
    by_level: pd.DataFrame
    groups: pd.DataFrame
    reference: str
    insides: Insides
    protected: ProtectedFacts


def render_card(facts: CardFacts) -> str:
    """Writes the card as Markdown."""
    unit = str(facts.value_added["unit"].iloc[0]) if len(facts.value_added) else "attainment"
    sections = [
        f"# {facts.label}: forecast of quota attainment",
        f"{facts.organisation}. Made {facts.made_at:%Y-%m-%d %H:%M} UTC by spm-ml {facts.spm_version}. "
        f"{facts.chosen_because}",
        "## Intended use",
        _INTENDED,
        "## What it is made of",
        _made_of(facts.insides),
        "## Data",
        _data(facts),
        "## Measured in a rolling-origin backtest",
        f"Each of the periods {', '.join(facts.tested_periods) or 'none'} was forecast from what was known before it. "
        f"Errors are in units of {unit}; coverage is that of the 80 % interval; value added is the gain in CRPS over "
        "the best simple baseline (negative: the baseline is better).",
        table(facts.value_added, ("forecaster", *_MEASURES)),
        "### By week of the period",
        table(facts.by_week, ("week", *_MEASURES)),
        "![Calibration](plots/calibration.png)",
        "Reliability of P(hit), week by week; the grey bars are what chance alone would do:",
        "![Reliability by week](plots/reliability_by_week.png)",
        "Where outcomes lay in their forecasts, week by week; flat is calibrated, horns are intervals too narrow. Late "
        "in a period many forecasts are one number, as nothing more can come: their intervals hold more than 80 %.",
        "![PIT by week](plots/pit_by_week.png)",
        "![Value added](plots/value_added.png)",
        "### By level of the organisation",
        "Bookings of reps, and of teams, regions and the company as sums of the reps who stayed. CRPS and the width of "
        "the 80 % interval are divided by the mean outcome of the level; bias above 0: forecasts were too high.",
        table(facts.by_level, ("level", *_LEVEL_MEASURES)),
        "### By group of reps",
        _groups(facts),
        "## The gate",
        table(
            pd.DataFrame([{**row, "passed": "yes" if row["passed"] else "**no**"} for row in facts.verdict.rows()]),
            ("test", "passed", "detail"),
        ),
        "## Limits",
        _limits(facts),
        "## Data hazards met",
        _hazards(facts),
        "## Fairness",
        fairness_words(facts.protected),
    ]
    return "\n\n".join(sections) + "\n"


def _made_of(insides: Insides) -> str:
    paragraphs = [insides.made_of]
    paragraphs.append(f"Learners abstain below {insides.floor:,} finished rep-periods.")
    paragraphs += [f"**Found**: {sentence}" for sentence in insides.findings]
    if len(insides.corrections):
        paragraphs.append(
            "Corrected by week, in normal scores (shift above 0: it was too low; spread above 1: too narrow; 0 and "
            "1: right as it was):"
        )
        paragraphs.append(table(insides.corrections, ("week", "shift", "spread")))
    paragraphs.append(
        "Share of the variance of reps' errors that the reps of a period, and beyond that of a team, share:"
    )
    paragraphs.append(table(insides.shared, ("part", "period", "team")))
    return "\n\n".join(paragraphs)


def _groups(facts: CardFacts) -> str:
    if facts.groups.empty:
        return "No other forecaster to hold groups against, or no group is large enough to be told from luck."
    columns = ("kind", "group", "reps", "n", "crps", "reference", "worse_by", "low", "high")
    return (
        f"CRPS of each group beside that of `{facts.reference}`; `worse_by` is the difference ÷ the reference's (below "
        f"0: better), with an interval that holds for all groups at once.\n\n{table(facts.groups, columns)}"
    )


def _data(facts: CardFacts) -> str:
    lines = [
        f"* Fitted on {facts.rows:,} rows: {facts.rep_periods:,} finished rep-periods of {facts.reps:,} reps, each at "
        "its weekly as-of days. Every row holds only what was recorded by the end of its day.",
        f"* Tables of data version {facts.data_version}, hash `{facts.data_hash}`; rows hash `{facts.dataset_hash}`; "
        f"latest record {facts.watermark}. Amounts in {facts.currency}.",
    ]
    if facts.other_reps:
        lines.append(
            "* So many reps are enough: whole teams were drawn, and what follows is measured on them. Of the "
            f"{facts.other_reps:,} other reps it knows the records, and it forecasts them all."
        )
    if facts.reconstructed > 0:
        lines.append(
            f"* In {facts.reconstructed:.0%} of the rows the deals' history was reconstructed from their last state: "
            "their pipeline as of a past day is a guess."
        )
    return "\n".join(lines)


def _limits(facts: CardFacts) -> str:
    lines = [
        "* Adding reps' intervals up does not give a team's interval, as reps share shocks: use the team's own.",
        "* It has seen no period with a new product, territory plan or compensation plan unless the data did.",
        f"* {len(facts.tested_periods)} tested periods say little about rare bad periods.",
    ]
    if facts.is_baseline:
        lines.append("* This is a simple rule. It stands because no model beat it here; expect wide intervals.")
    for reason, count in sorted(facts.abstentions.items()):
        lines.append(f"* {count:,} tested rows have no attainment (`{reason}`): {ABSTENTION_REASONS.get(reason, '')}")
    return "\n".join(lines)


def _hazards(facts: CardFacts) -> str:
    if not facts.hazards:
        return "None was seen in these rows."
    rows = [
        {"code": code, "hazard": HAZARD_BY_CODE[code].label, "rep-periods": count, "rule": HAZARD_BY_CODE[code].rule}
        for code, count in sorted(facts.hazards.items())
    ]
    return table(pd.DataFrame(rows), ("code", "hazard", "rep-periods", "rule"))
