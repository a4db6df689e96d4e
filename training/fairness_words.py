"""The model card's section on fairness."""

from typing import Final

from training.markdown import table
from training.protected import CALIBRATION, ProtectedFacts

_ALWAYS: Final = (
    "Protected attributes are stored apart and reach no feature, no fit and no choice of a forecaster. What is "
    "measured here is no proof of fairness: groups may differ in territories and quotas, which a forecast repeats."
)

_BURDEN: Final = ("measure", "attribute", "group", "people", "rate", "rate_low", "rate_high")
_RATIO: Final = ("reference", "ratio", "ratio_low", "ratio_high", "finding")


def fairness_words(facts: ProtectedFacts) -> str:
    """Writes the section; where nothing could be audited it says why, and claims nothing."""
    audit = facts.burden
    if audit.abstention is not None:
        notes = "".join(f"\n* {note}." for note in audit.notes)
        return (
            f"**Not audited.** {audit.abstention.detail} Nobody has measured whether errors or flags differ between "
            f"groups: do not claim that this model is fair.\n\n{_ALWAYS}{notes}"
        )
    warned = "; ".join(audit.warnings())
    paragraphs = [
        _ALWAYS,
        f"**The gate's test** `{facts.test.test}`: {'passed' if facts.test.passed else '**failed**'}; "
        f"{facts.test.detail}.",
        f"**Four fifths**: {warned or 'no burden is clear of chance beyond it'}.",
        "Burden: flags at the start of the newest tested period beside what came of it. `rate` has an exact 95 % "
        "interval; `ratio` is the reference group's rate ÷ the group's, below 1 to its disadvantage, with an exact "
        "interval that holds for all groups of a measure at once. Groups that are too small are pooled or withheld.",
        table(audit.table, (*_BURDEN, *_RATIO)),
    ]
    if len(facts.errors):
        paragraphs += [
            "CRPS by group beside the reference forecaster's; `worse_by` above 0: worse:",
            table(facts.errors, ("kind", "group", "reps", "n", "crps", "reference", "worse_by", "low", "high")),
        ]
    if len(facts.calibration):
        paragraphs += [
            "How much more often a group reached its quota than its chances said (`too_low_by`; below 0: less often), "
            "beside all others; all weeks of all tested periods:",
            table(facts.calibration, CALIBRATION),
        ]
    return "\n\n".join([*paragraphs, *(f"* {note}." for note in audit.notes)])
