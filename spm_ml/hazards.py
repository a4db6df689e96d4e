"""The data hazards a rep-period row can carry, and Abstention: the named reason for giving no number."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Hazard:
    """One known way in which sales data misleads, and the rule that answers it.

    Attributes:
        code: `H01` … `H25`; what rows and responses carry.
        slug: Short name in snake case.
        label: What a manager reads on a page.
        rule: What spm-ml does about it.
    """

    code: str
    slug: str
    label: str
    rule: str


HAZARDS: Final[tuple[Hazard, ...]] = (
    Hazard("H01", "leak", "Fields overwritten later", "Only records with recorded_at up to the as-of day are read."),
    Hazard(
        "H02", "backdated", "Entered after the fact", "Event day and recorded day are both kept; late arrivals restate."
    ),
    Hazard(
        "H03",
        "pushed",
        "Close date pushed or past due",
        "Pushes and overdue days are features; overdue is not in period.",
    ),
    Hazard("H04", "reassigned", "Inherited deals", "The owner at close is credited; inherited pipeline is marked."),
    Hazard("H05", "split", "Shared or overlay credit", "Credits decide; team totals use revenue shares only."),
    Hazard("H06", "quota_changed", "Quota changed or missing", "Quotas are effective-dated; missing or zero abstains."),
    Hazard(
        "H07", "ramping", "Ramping, part time or on leave", "Exposure is a fraction; raw and prorated are both shown."
    ),
    Hazard("H08", "left", "Left during the period", "Kept and censored, never scored as missed."),
    Hazard("H09", "moved", "Manager, team or territory changed", "History rolls up as of the day."),
    Hazard("H10", "currency", "Several currencies", "The rate of the day is used; later rates change nothing."),
    Hazard("H11", "calendar", "Unusual fiscal calendar", "Lengths are in selling days of the fiscal calendar."),
    Hazard("H12", "cut_off", "Close to the period boundary", "Days are cut off in the organisation's time zone."),
    Hazard("H13", "reversed", "Reopened, cancelled or refunded", "A signed ledger; nothing is updated in place."),
    Hazard("H14", "duplicate", "Duplicate or test records", "Quarantined or mapped, and counted."),
    Hazard("H15", "basis", "Mixed amount bases", "One declared basis; mixing is refused."),
    Hazard("H16", "stages", "Stage names changed", "A dated stage map."),
    Hazard("H17", "zombie", "Open deals nobody touched", "Aged out of the pipeline after a stated number of days."),
    Hazard("H18", "whale", "One deal decides the period", "Concentration shown; the result with and without it."),
    Hazard("H19", "thin", "Little history", "Pooled and shrunk; abstains below a stated floor."),
    Hazard("H20", "selected", "Training given to the weak or willing", "Assignment log and placebo checks."),
    Hazard("H21", "feedback", "Flags change behaviour", "Exposure is logged; a hold-out share can be set."),
    Hazard("H22", "gamed", "Activity out of line with outcomes", "No flag on activity alone."),
    Hazard("H23", "proxy", "Protected attributes or proxies", "Never features; audited apart."),
    Hazard("H24", "hockey_stick", "Bookings land at the end", "Pace is learnt from the organisation's own history."),
    Hazard("H25", "stale", "Data older than allowed", "The watermark is in every response; refused past a stated age."),
)

HAZARD_BY_CODE: Final[dict[str, Hazard]] = {hazard.code: hazard for hazard in HAZARDS}

ABSTENTION_REASONS: Final[dict[str, str]] = {
    "quota_missing": "No quota is known for this period, so attainment cannot be computed.",
    "quota_zero": "The quota in force is zero, so attainment is undefined.",
    "thin_history": "There is too little history to forecast from.",
    "no_submission": "Nobody has submitted this number for the period yet.",
    "too_few_words": "Too few people have said this, for periods that are over, to tell whether it helps.",
    "left": "The rep left during the period; the result is censored.",
    "not_started": "The period has not started or the rep was not employed in it.",
    "stale_data": "The data is older than the stated limit.",
    "no_matched_gap": "No program teaches a skill in which a gap was found.",
    "no_protected_groups": "No protected group of these people is on record.",
    "one_protected_group": "There are no two protected groups large enough to be compared.",
    "budget_or_seats": "A program fits, but seats, people or budget went to others.",
    "no_assessment": "Neither assessments nor KPI gaps are known for this rep.",
    "no_evidence": "No program is likely enough to help this rep: train nobody without evidence.",
    "on_plan": "Results are on plan, and no program is likely enough to help.",
    "hard_quota": "This quota looks hard: fair peers would miss it too, and no program is likely enough to help.",
    "conditions": "Conditions explain most of what is missing, and no program is likely enough to help.",
    "bad_luck": "Bad luck explains most of what is missing, and no program is likely enough to help.",
    "held_out": "Drawn by lot into the hold-out: no offer now, so that the program's effect can be measured.",
    "lottery": "A near tie for the last seats: the lot went to others.",
    "cost_unknown": "The program that fits has no known cost, and there is a budget.",
    "no_program": "There is no program on record.",
    "program_barred": "Every program is ruled out for this rep now.",
}


@dataclass(frozen=True)
class Abstention:
    """A named reason for giving no number; an answer, never a silent blank.

    Attributes:
        reason: A key of `ABSTENTION_REASONS`.
        detail: One sentence for the person who asked.

    Raises:
        ValueError: The reason is not declared.
    """

    reason: str
    detail: str = ""

    def __post_init__(self) -> None:
        if self.reason not in ABSTENTION_REASONS:
            raise ValueError(f"abstention reason {self.reason!r} is not one of {sorted(ABSTENTION_REASONS)}")
        if not self.detail:
            object.__setattr__(self, "detail", ABSTENTION_REASONS[self.reason])
