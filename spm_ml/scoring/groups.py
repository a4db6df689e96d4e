"""Groups of features as a manager sees them, and the sentence about the rep's own figures behind each."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, Final, Literal

from spm_ml.features import FEATURES
from spm_ml.scoring.words import MoneyWords

USUAL: Final = "Usually still created and won"
CORRECTION: Final = "Correction from past errors"
PACE: Final = "Pace so far"
TIME: Final = "Time left in the period"
OPEN_DEALS: Final = "Timing and size of open deals"
RECORD: Final = "Own track record"
FLOW: Final = "Deals created, won, lost and pushed"
ACTIVITY: Final = "Recent activity"
PROFILE: Final = "Tenure and territory"
TRAINING: Final = "Training taken"
OTHER: Final = "Other figures"

_STAGE: Final = re.compile(r"open_(?:amount|count)_stage_(\d+)$")

_BY_GROUP: Final = {
    "attainment": RECORD,
    "pipeline": OPEN_DEALS,
    "flow": FLOW,
    "activity": ACTIVITY,
    "profile": PROFILE,
    "programs": TRAINING,
}
"""What a manager calls a group of features."""

_BY_NAME: Final = {feature.name: _BY_GROUP.get(feature.group, OTHER) for feature in FEATURES} | {
    "booked_share_of_quota": PACE,
    "booked_to_date": PACE,
    "quota": PACE,
    "elapsed_share": TIME,
    "elapsed_usual_share": TIME,
    "period_number": TIME,
    "week": TIME,
    "open_amount_weighted": OPEN_DEALS,
    "open_amount_and_usual": OPEN_DEALS,
    "exposure": PROFILE,
}
"""The same for single features that belong elsewhere, and for what a learner derives itself."""


@dataclass(frozen=True)
class Fact:
    """One figure of the row in a driver's sentence.

    Attributes:
        column: Where it is.
        kind: `money` is minor units, `share` is a ratio.
        words: What is said, with `{}` for the figure.
    """

    column: str
    kind: Literal["money", "number", "share"]
    words: str

    def read(self, row: Mapping[str, Any], money: MoneyWords) -> str | None:
        """The fact in words; None if the row does not know it."""
        value = row.get(self.column)
        if value is None or not isfinite(value):
            return None
        return self.words.format(
            {"money": money.amount, "number": "{:,.0f}".format, "share": "{:.0%}".format}[self.kind](value)
        )


_FACTS: Final[dict[str, tuple[Fact, ...]]] = {
    PACE: (Fact("booked_share_of_quota", "share", "{} of the quota is booked"),),
    TIME: (
        Fact("elapsed_selling_days", "number", "Selling days passed: {}"),
        Fact("period_selling_days", "number", "of {} in the period"),
    ),
    OPEN_DEALS: (
        Fact("open_amount_in_period", "money", "{} due this period"),
        Fact("open_amount_overdue", "money", "{} overdue"),
        Fact("largest_open_amount", "money", "largest {}"),
    ),
    RECORD: (
        Fact("bookings_last_1", "money", "{} last period"),
        Fact("bookings_mean", "money", "{} on average"),
    ),
    FLOW: (
        Fact("created_count_28", "number", "Deals in 28 days: {} created"),
        Fact("won_count_28", "number", "{} won"),
        Fact("lost_count_28", "number", "{} lost"),
        Fact("pushed_count_28", "number", "{} pushed"),
    ),
    ACTIVITY: (
        Fact("activity_28", "number", "Activities in 28 days: {}"),
        Fact("activity_7", "number", "in 7 days: {}"),
    ),
    PROFILE: (
        Fact("tenure_days", "number", "Days with the company: {}"),
        Fact("territory_potential", "share", "territory potential {} of the average"),
    ),
    TRAINING: (Fact("programs_taken", "number", "Programs taken: {}"),),
    "The rep's record": (
        Fact("win_rate_364", "share", "{} of the deals closed within a year were won"),
        Fact("cycle_days_364", "number", "days from creation to win: {}"),
    ),
    "The rep's workload": (Fact("open_count", "number", "Open deals: {}"),),
    "The rep's recent activity": (
        Fact("activity_28", "number", "Activities in 28 days: {}"),
        Fact("activity_7", "number", "in 7 days: {}"),
    ),
    "Deals the rep creates": (
        Fact("created_count_28", "number", "Deals created in 28 days: {}"),
        Fact("created_count_91", "number", "in 91 days: {}"),
    ),
    "Ramp, territory and hours": (
        Fact("tenure_days", "number", "Days with the company: {}"),
        Fact("exposure", "share", "works {} of the period"),
        Fact("territory_potential", "share", "territory potential {} of the average"),
    ),
    "Territory": (Fact("territory_potential", "share", "Territory potential {} of the average"),),
}
_STAGE_FACTS: Final = (
    Fact("open_count_stage_{stage}", "number", "Open deals: {}"),
    Fact("open_amount_stage_{stage}", "money", "worth {}"),
)
_WITHOUT_FACTS: Final = {
    USUAL: "What a rep of this size adds beyond the open deals.",
    CORRECTION: "By how much such forecasts were off in past periods, at this week.",
    "Stage reached": "How often deals that came this far are won in time.",
    "Deal size": "How large the deals are, and whether they grew.",
    "Age and time in stage": "How old the deals are and how long they have been in their stage.",
    "Days without a change": "How long nothing has happened to the deals.",
    "Expected close": "When the deals are expected to close.",
    "Pushed before": "How often their expected close was moved to a later day.",
    "Taken over from others": "Whether another rep opened the deals.",
    "Season": "How this period of the year usually goes.",
    "Segment": "How deals in the rep's segment usually go.",
    "The chance of any deal": "What deals like these are worth before more is known about them.",
    "What is usually created and won from here": "What reps usually still create and win from this week on.",
    "Shares of colleagues' deals": "Credit for deals that colleagues own.",
}


def stage_label(stage: str) -> str:
    """What a manager calls the open deals in a stage."""
    return f"Open pipeline in {stage}"


def group_of(feature: str, stages: Sequence[str]) -> str:
    """Names the group a manager sees a feature under.

    >>> group_of("open_amount_stage_2", ("Qualified", "Proposal"))
    'Open pipeline in Proposal'
    >>> group_of("won_count_28", ())
    'Deals created, won, lost and pushed'
    """
    staged = _STAGE.match(feature)
    if staged and int(staged[1]) <= len(stages):
        return stage_label(stages[int(staged[1]) - 1])
    return _BY_NAME.get(feature, OTHER)


def sentence_about(label: str, row: Mapping[str, Any], stages: Sequence[str], money: MoneyWords) -> str:
    """Says what the rep's own figures behind a group are; `label` is one that `group_of` gives, or `USUAL`."""
    facts = _FACTS.get(label, ())
    for position, stage in enumerate(stages, start=1):
        if label == stage_label(stage):
            facts = tuple(Fact(one.column.format(stage=position), one.kind, one.words) for one in _STAGE_FACTS)
    known = [words for fact in facts if (words := fact.read(row, money))]
    return ", ".join(known) + "." if known else _WITHOUT_FACTS.get(label, "Other figures that the model looks at.")
