"""The model card: what a model is for, what it was measured to do, and what nobody has checked yet.

Source: Mitchell et al. (2019), Model Cards for Model Reporting, FAT* '19, for the sections.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from math import isfinite
from typing import Any, Final

import pandas as pd

from spm_ml.hazards import ABSTENTION_REASONS, HAZARD_BY_CODE
from training.verdict import GateVerdict

_MEASURES: Final = ("n", "crps", "mae", "wape", "brier", "ece", "auc", "coverage_80", "value_added")

_INTENDED: Final = """\
* **For**: showing sales managers which reps may miss their quota while there is time to help, with the uncertainty of
  every number, beside plain metrics.
* **Not for**: pay, commission, rating, promotion or termination of anybody, and no automatic action. A forecast is a
  statement about a period's bookings under the conditions of the past, not about a person's worth.
* **Who decides**: a person, who sees the reasons, can override with a reason, and is told when no number is given."""

_FAIRNESS: Final = """\
**Not audited yet.** Protected attributes are never features and are stored apart, but no one has measured whether
errors or flags differ between groups. Until that is done, do not claim that this model is fair."""


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
        tested_periods: Labels of the periods of the backtest, in order.
        value_added: The forecast-value-added table over all forecasters.
        by_week: The forecaster's own rows of it by week of the period.
        hazards: Rep-periods that carry each hazard code.
        abstentions: Rows without a number, by reason.
        reconstructed: Share of rows whose deal history was rebuilt from the last state, 0–1.
        verdict: What the gate would say today.
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
    tested_periods: tuple[str, ...]
    value_added: pd.DataFrame
    by_week: pd.DataFrame
    hazards: Mapping[str, int]
    abstentions: Mapping[str, int]
    reconstructed: float
    verdict: GateVerdict


def render_card(facts: CardFacts) -> str:
    """Writes the card as Markdown."""
    unit = str(facts.value_added["unit"].iloc[0]) if len(facts.value_added) else "attainment"
    sections = [
        f"# {facts.label}: forecast of quota attainment",
        f"{facts.organisation}. Made {facts.made_at:%Y-%m-%d %H:%M} UTC by spm-ml {facts.spm_version}. "
        f"{facts.chosen_because}",
        "## Intended use",
        _INTENDED,
        "## Data",
        _data(facts),
        "## Measured in a rolling-origin backtest",
        f"Each of the periods {', '.join(facts.tested_periods) or 'none'} was forecast from what was known before it. "
        f"Errors are in units of {unit}; coverage is that of the 80 % interval; value added is the gain in CRPS over "
        "the best simple baseline (negative: the baseline is better).",
        _table(facts.value_added, ("forecaster", *_MEASURES)),
        "### By week of the period",
        _table(facts.by_week, ("week", *_MEASURES)),
        "![Calibration](plots/calibration.png)",
        "![Value added](plots/value_added.png)",
        "## The gate",
        _table(
            pd.DataFrame([{**row, "passed": "yes" if row["passed"] else "**no**"} for row in facts.verdict.rows()]),
            ("test", "passed", "detail"),
        ),
        "## Limits",
        _limits(facts),
        "## Data hazards met",
        _hazards(facts),
        "## Fairness",
        _FAIRNESS,
    ]
    return "\n\n".join(sections) + "\n"


def _data(facts: CardFacts) -> str:
    lines = [
        f"* Fitted on {facts.rows:,} rows: {facts.rep_periods:,} finished rep-periods of {facts.reps:,} reps, each at "
        "its weekly as-of days. Every row holds only what was recorded by the end of its day.",
        f"* Tables of data version {facts.data_version}, hash `{facts.data_hash}`; rows hash `{facts.dataset_hash}`; "
        f"latest record {facts.watermark}. Amounts in {facts.currency}.",
    ]
    if facts.reconstructed > 0:
        lines.append(
            f"* In {facts.reconstructed:.0%} of the rows the deals' history was reconstructed from their last state: "
            "their pipeline as of a past day is a guess."
        )
    return "\n".join(lines)


def _limits(facts: CardFacts) -> str:
    lines = [
        "* Reps are forecast one by one. Adding their intervals up does not give a team's interval: reps share shocks.",
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
    return _table(pd.DataFrame(rows), ("code", "hazard", "rep-periods", "rule"))


def _table(frame: pd.DataFrame, columns: Sequence[str]) -> str:
    shown = [name for name in columns if name in frame]
    lines = ["| " + " | ".join(shown) + " |", "|" + "---|" * len(shown)]
    lines += ["| " + " | ".join(_cell(row[name]) for name in shown) + " |" for row in frame.to_dict("records")]
    return "\n".join(lines)


def _cell(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "" if value is None or pd.isna(value) else str(value).replace("|", "\\|")
    if not isfinite(value):
        return "–"
    return f"{value:,}" if isinstance(value, int) or float(value).is_integer() else f"{value:.4g}"
