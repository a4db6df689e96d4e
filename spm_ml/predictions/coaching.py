"""What coaching publishes beside a batch: what programs have caused, what they would do, and the plan.

Effects, gaps and values are attainment shares, 0.03 = 3 points. Money is an integer of minor units.
"""

import math
from dataclasses import dataclass
from typing import Literal

from spm_ml.predictions.checks import require_finite, require_interval, require_share
from spm_ml.predictions.diagnosis import Diagnosis, DiagnosisPart, DiagnosisVerdict, SkillRating
from spm_ml.predictions.rows import EvidenceLevel, Recommendation

__all__ = [
    "CheckSlug",
    "CoachingBatch",
    "Diagnosis",
    "DiagnosisPart",
    "DiagnosisVerdict",
    "EffectCheck",
    "EffectPoint",
    "EffectVerdict",
    "PlanRules",
    "PlanSummary",
    "PlanValue",
    "ProgramFinding",
    "ProgramOption",
    "SkillRating",
]

EffectVerdict = Literal["helps", "no evidence", "harmful", "cannot tell"]
CheckSlug = Literal["placebo", "permutation", "negative_control", "own_kpi", "confounding", "overlap"]


@dataclass(frozen=True)
class EffectPoint:
    """One period of an event study: effect on those who took the program, with its 95 % interval.

    Attributes:
        lag: Periods since the start of the program; negative = before it.
        trained: Rep-periods it rests on.
    """

    lag: int
    effect: float
    low: float
    high: float
    trained: int

    def __post_init__(self) -> None:
        require_interval(f"event study at lag {self.lag}", self.low, self.effect, self.high)


@dataclass(frozen=True)
class EffectCheck:
    """One test of whether an effect can be believed.

    Attributes:
        passed: None if the data did not allow the test.
        value: What was measured, in the unit that `text` names.
    """

    slug: CheckSlug
    label: str
    passed: bool | None
    value: float | None
    text: str

    def __post_init__(self) -> None:
        require_finite(f"check {self.slug!r}", value=self.value)


@dataclass(frozen=True)
class ProgramFinding:
    """What a program has caused so far, and what a naive reading would say.

    Attributes:
        cost: Of a seat, minor units; None = unknown.
        seats: A period; None = no limit.
        days: Time lost to the training itself.
        enrolled: Enrolments on record.
        trained: Trained rep-periods the effect rests on.
        controls: Untrained rep-periods it is compared with.
        trimmed_share: Share of trained rep-periods left out for want of comparable others.
        effect: On those who took it, in the first full period after; None when it cannot be told.
        effect_low: Lower end of its 95 % interval.
        effect_high: Upper end of its 95 % interval.
        naive_before_after: Mean change of the trained.
        naive_difference: Trained minus untrained.
        naive_words: What is wrong with the two.
        event_study: Effect by period around the start.
        fading: Whether the effect lasts, in words.
        checks: Whether it can be believed.
        verdict: In words.
        detail: Why, in one sentence.
    """

    program_id: str
    name: str
    skills: tuple[str, ...]
    cost: int | None
    seats: int | None
    days: float | None
    enrolled: int
    trained: int
    controls: int
    trimmed_share: float | None
    effect: float | None
    effect_low: float | None
    effect_high: float | None
    naive_before_after: float | None
    naive_difference: float | None
    naive_words: str
    event_study: tuple[EffectPoint, ...]
    fading: str
    checks: tuple[EffectCheck, ...]
    verdict: EffectVerdict
    detail: str

    def __post_init__(self) -> None:
        owner = f"finding about program {self.program_id!r}"
        require_share(owner, trimmed_share=self.trimmed_share)
        require_finite(
            owner, days=self.days, naive_before_after=self.naive_before_after, naive_difference=self.naive_difference
        )
        require_interval(owner, self.effect_low, self.effect, self.effect_high)


@dataclass(frozen=True)
class ProgramOption:
    """What a program would do for a rep: the planner's input.

    Attributes:
        skill: The skill it teaches that the rep lacks most.
        effect: Expected gain; None: no effect is claimed.
        low: Lower end of its 90 % interval.
        high: Upper end of its 90 % interval.
        p_positive: Probability that the effect is above zero.
        own_sd: Standard deviation of what is this rep's own.
        loadings: The effect's dependence on the shared coefficients whose covariance is `CoachingBatch.covariance`:
            variance = own_sd² + loadings' covariance loadings.
        priority: Order where no effect is claimed.
        evidence: What the effect rests on.
        reason: Why this program for this rep.
        time_lost: Attainment lost to the days of the program itself; what the planner takes off the effect.
        barred: Why the rep cannot be planned into it now; empty if nothing stands against it.
        gap: What the rep lacks of what it teaches, standard deviations of peers; None = unknown.
        level: Whose enrolments the effect rests on; None = not on record.
    """

    rep_id: str
    program_id: str
    skill: str
    effect: float | None
    low: float | None
    high: float | None
    p_positive: float | None
    own_sd: float | None
    loadings: tuple[float, ...]
    priority: float
    evidence: str
    reason: str
    time_lost: float = 0.0
    barred: str = ""
    gap: float | None = None
    level: EvidenceLevel | None = None

    def __post_init__(self) -> None:
        owner = f"program {self.program_id!r} for rep {self.rep_id!r}"
        require_interval(owner, self.low, self.effect, self.high)
        require_share(owner, p_positive=self.p_positive)
        loadings = {f"loading {place}": value for place, value in enumerate(self.loadings)}
        own = {"own_sd": self.own_sd, "priority": self.priority, "time_lost": self.time_lost, "gap": self.gap}
        require_finite(owner, **own, **loadings)


@dataclass(frozen=True)
class PlanValue:
    """What a plan is worth, or what it is compared with: gains of attainment summed over people.

    Attributes:
        slug: `plan`, `worst_performers`, `highest_risk`, `everyone` or `nobody`.
        cost: Minor units; None = unknown.
        value: Sum of the effects; None if none is claimed.
        low: Lower end of its interval.
        high: Upper end of its interval.
    """

    slug: str
    label: str
    people: int
    cost: int | None
    value: float | None
    low: float | None
    high: float | None
    text: str

    def __post_init__(self) -> None:
        require_interval(f"value of {self.slug!r}", self.low, self.value, self.high)


@dataclass(frozen=True)
class PlanSummary:
    """The plan of a period as a whole.

    Attributes:
        budget: Minor units; None = no limit.
        people_limit: None = no limit.
        seats: By program.
        spent: Minor units.
        people: Who get an offer.
        values: First the plan, then what it is compared with.
        holdout: Reps held out at random.
        holdout_words: What the hold-out can detect.
        limits_words: Which limit binds.
        outcome_sd: Standard deviation of a rep's attainment that nothing known beforehand explains; None = unknown.
        min_share: Least share of each team's reps that was asked for.
        hold_out: Share of those who would be trained that was drawn by lot and not offered anything.
        seed: Of the lots.
        min_p_positive: Probability that a program helps from which it was planned; None = not on record.
    """

    period: str
    budget: int | None
    people_limit: int | None
    seats: dict[str, int]
    spent: int
    people: int
    values: tuple[PlanValue, ...]
    holdout: int
    holdout_words: str
    limits_words: str
    outcome_sd: float | None = None
    min_share: float = 0.0
    hold_out: float = 0.0
    seed: int = 0
    min_p_positive: float | None = None


@dataclass(frozen=True)
class PlanRules:
    """What every plan of a period keeps to, whoever it is for; it is about nobody.

    Attributes:
        outcome_sd: As in `PlanSummary`.
        min_p_positive: As in `PlanSummary`.
        seed: Of the lots.
    """

    outcome_sd: float | None = None
    min_p_positive: float | None = None
    seed: int = 0


@dataclass(frozen=True)
class CoachingBatch:
    """Everything that coaching publishes beside a batch.

    Attributes:
        recommendations: In order of preference for each rep.
        diagnoses: At most one a rep.
        findings: One a program.
        options: At most one a rep and program.
        covariance: Of the shared coefficients, (k, k).
        plan: None if nothing was planned.

    Raises:
        ValueError: A row is there twice, or loadings and covariance do not fit together.
    """

    recommendations: tuple[Recommendation, ...]
    diagnoses: tuple[Diagnosis, ...]
    findings: tuple[ProgramFinding, ...]
    options: tuple[ProgramOption, ...]
    covariance: tuple[tuple[float, ...], ...]
    plan: PlanSummary | None

    def __post_init__(self) -> None:
        _require_unique("diagnoses", [row.rep_id for row in self.diagnoses])
        _require_unique("findings", [row.program_id for row in self.findings])
        _require_unique("options", [(row.rep_id, row.program_id) for row in self.options])
        size = len(self.covariance)
        cells = [cell for row in self.covariance for cell in row]
        if any(len(row) != size for row in self.covariance) or not all(map(math.isfinite, cells)):
            raise ValueError("the covariance of the shared coefficients is not square or not finite")
        for option in self.options:
            if len(option.loadings) not in (0, size):
                raise ValueError(
                    f"program {option.program_id!r} for rep {option.rep_id!r} has {len(option.loadings)} loadings; "
                    f"the covariance has {size} rows"
                )


def _require_unique(what: str, keys: list[str] | list[tuple[str, str]]) -> None:
    if len(set(keys)) < len(keys):
        raise ValueError(f"{what} hold one key twice; give one row each")
