"""What coaching publishes for the small organisation of `prediction_world`: every verdict and kind of evidence once."""

from dataclasses import replace

from spm_ml.hazards import Abstention
from spm_ml.predictions import (
    CoachingBatch,
    Diagnosis,
    DiagnosisPart,
    DiagnosisVerdict,
    EffectCheck,
    EffectPoint,
    FairnessAudit,
    FairnessFinding,
    FairnessRow,
    PlanSummary,
    PlanValue,
    ProgramFinding,
    ProgramOption,
    Recommendation,
    SkillRating,
)
from tests.prediction_world import NO_QUOTA, PRINCIPALS, World

SPAN = "2025Q2 to 2026Q1"
VERDICTS: dict[str, DiagnosisVerdict] = {
    "r-101": "behaviour",
    "r-102": "hard_quota",
    "r-103": "bad_luck",
    "r-104": "conditions",
    "r-105": "on_plan",
    "r-201": "behaviour",
}
"""Whoever is missing has no diagnosis, but `NO_QUOTA` has one that cannot tell."""

HEADLINES: dict[DiagnosisVerdict, str] = {
    "behaviour": "Fewer deals are won than by peers with the same chances.",
    "hard_quota": "This quota looks hard.",
    "bad_luck": "Bad luck explains the gap.",
    "conditions": "Conditions explain the gap.",
    "on_plan": "Results are on plan.",
    "cannot_tell": "The data does not say why.",
}


def make_diagnosis(rep_id: str, verdict: DiagnosisVerdict, *, gap: float = -0.1473) -> Diagnosis:
    """A diagnosis whose parts add up to the gap."""
    known = (
        ("condition", "quota", "Quota difficulty", -0.0412, "The quota is 9% above that of peers in like territories."),
        ("condition", "territory", "Territory", 0.0184, "Accounts hold more potential than those of peers."),
        ("condition", "luck", "Luck of the largest deal", -0.0131, "One deal of 2.1 usual sizes slipped."),
        ("behaviour", "created", "Pipeline created", 0.0226, "6.1 new deals a month beside 5.4 of peers."),
        ("behaviour", "win_rate", "Win rate", -0.0893, "21% of deals won beside 27% of peers, from 48 deals."),
        ("behaviour", "size", "Deal size", -0.0008, "41 000 beside 41 300 of peers."),
    )
    parts = [DiagnosisPart(kind, slug, label, points, text) for kind, slug, label, points, text in known]  # type: ignore[arg-type]
    rest = gap - sum(part.points for part in parts)
    parts.append(DiagnosisPart("behaviour", "cycle", "Sales cycle", rest, "92 days from creation to win beside 88."))
    return Diagnosis(
        rep_id=rep_id,
        period=SPAN,
        attainment=1 + gap,
        gap=gap,
        parts=tuple(parts),
        skills=(
            SkillRating("discovery", 1.31, 0.24, "assessment", "Rated 2.1 beside 3.4 of peers."),
            SkillRating("negotiation", -0.42, 0.51, "kpi", "Discounts of 7% beside 9% of peers."),
        ),
        verdict=verdict,
        headline=HEADLINES[verdict],
        evidence="Win rate takes 8.9 points; a gap this large is seen by chance in 1 of 50 such years.",
        peers="38 other reps, 12 of them in mid-market; segment, tenure and territory are allowed for.",
        abstention=None,
    )


def cannot_tell(rep_id: str) -> Diagnosis:
    """A diagnosis that abstains."""
    return Diagnosis(
        rep_id, SPAN, None, None, (), (), "cannot_tell", HEADLINES["cannot_tell"], "", "", Abstention("quota_missing")
    )


def _checks(*passed: bool | None) -> tuple[EffectCheck, ...]:
    named = (
        ("placebo", "Placebo six periods before", "−0.4 points, 95% interval −2.0 to +1.2, where nothing can be."),
        ("permutation", "Permutation", "A shuffled assignment does as well in 1 of 200 draws."),
        ("negative_control", "What it does not teach", "Deal size moved by 0.1 standard deviations."),
        ("own_kpi", "What it teaches", "Win rate rose by 0.4 standard deviations."),
        ("confounding", "Hidden causes", "One that explains 12% of both choice and result would explain it away."),
        ("overlap", "Comparable people", "3% of the trained have nobody comparable."),
    )
    return tuple(
        EffectCheck(slug, label, verdict, None, text)  # type: ignore[arg-type]
        for (slug, label, text), verdict in zip(named, passed, strict=True)
    )


def make_findings() -> tuple[ProgramFinding, ...]:
    """A program that helps, one without evidence, a harmful one, and one that nobody took."""
    lags = ((-3, -0.004), (-2, -0.021), (-1, -0.058), (0, -0.012), (1, 0.052), (2, 0.041), (3, 0.018))
    helps = ProgramFinding(
        program_id="p-disco",
        name="Discovery that uncovers need",
        skills=("discovery",),
        cost=180_000,
        seats=12,
        days=3.0,
        enrolled=64,
        trained=58,
        controls=1_204,
        trimmed_share=0.034,
        effect=0.052,
        effect_low=0.021,
        effect_high=0.083,
        naive_before_after=0.091,
        naive_difference=-0.187,
        naive_words="Those sent had just had a bad period, and the next is better on average for anybody.",
        event_study=tuple(
            EffectPoint(lag, value, value - 0.03, value + 0.03, 58 - 4 * abs(lag)) for lag, value in lags
        ),
        fading="Half of the effect is gone after two periods.",
        checks=_checks(True, True, True, True, None, True),
        verdict="helps",
        detail="+5.2 points in the first full period after, and the checks do not speak against it.",
    )
    nothing = replace(
        helps,
        program_id="p-nego",
        name="Negotiating without discounts",
        skills=("negotiation",),
        cost=240_000,
        seats=None,
        effect=0.006,
        effect_low=-0.024,
        effect_high=0.036,
        checks=_checks(False, True, True, False, None, True),
        verdict="no evidence",
        detail="+0.6 points, and the interval holds zero.",
        fading="",
    )
    harmful = replace(
        nothing,
        program_id="p-social",
        name="Social <selling>",
        effect=-0.041,
        effect_low=-0.07,
        effect_high=-0.012,
        verdict="harmful",
        detail="−4.1 points in the first full period after.",
    )
    unknown = replace(
        nothing,
        program_id="p-new",
        name="Executive presence",
        cost=None,
        days=None,
        enrolled=0,
        trained=0,
        controls=0,
        trimmed_share=None,
        effect=None,
        effect_low=None,
        effect_high=None,
        naive_before_after=None,
        naive_difference=None,
        naive_words="",
        event_study=(),
        checks=(),
        verdict="cannot tell",
        detail="Nobody has taken it yet.",
    )
    return helps, nothing, harmful, unknown


def make_plan(period: str) -> PlanSummary:
    """A plan worth more than the ways beside it."""
    return PlanSummary(
        period=period,
        budget=2_000_000,
        people_limit=10,
        seats={"p-disco": 6},
        spent=1_260_000,
        people=6,
        values=(
            PlanValue(
                "plan", "This plan", 6, 1_260_000, 0.291, 0.104, 0.478, "Largest expected gain under the limits."
            ),
            PlanValue("worst_performers", "Worst performers", 6, 1_260_000, 0.141, -0.03, 0.31, "As is usual."),
            PlanValue("highest_risk", "Highest risk", 6, 1_260_000, 0.122, -0.05, 0.3, "Lowest chance of the quota."),
            PlanValue("everyone", "Everyone", 11, None, 0.204, -0.12, 0.52, "Costs are not known for all."),
            PlanValue("nobody", "Nobody", 0, 0, 0.0, 0.0, 0.0, ""),
        ),
        holdout=2,
        holdout_words="With 6 seats and 2 held out this design detects 9 points in two quarters.",
        limits_words="The seats of one program bind; the budget does not.",
        outcome_sd=0.2,
        min_p_positive=0.9,
    )


def with_evidence(offer: Recommendation, number: int) -> Recommendation:
    """The offers of `prediction_world` with every level of evidence, a lottery and a hold-out among them."""
    if offer.abstention is not None:
        return replace(offer, held_out=number == 3)
    if number == 0:
        return replace(offer, cost_per_point=52_900, evidence_level="individual", propensity=1.0)
    if number == 1:
        return replace(
            offer,
            effect=0.021,
            effect_low=0.002,
            effect_high=0.04,
            p_positive=0.96,
            cost_per_point=114_300,
            evidence_level="program",
            propensity=0.5,
        )
    return offer


def make_coaching(world: World) -> CoachingBatch:
    """Everything, for the organisation's batch; the rep who logs in to the tests has an offer."""
    evident = [with_evidence(offer, number) for number, offer in enumerate(world.recommendations)]
    own = PRINCIPALS["rep"].rep_id
    offers = tuple(replace(evident[0], rep_id=own) if offer.rep_id == own else offer for offer in evident)
    return CoachingBatch(
        recommendations=offers,
        diagnoses=(
            *(make_diagnosis(rep_id, verdict) for rep_id, verdict in VERDICTS.items()),
            cannot_tell(NO_QUOTA),
        ),
        findings=make_findings(),
        options=tuple(
            ProgramOption(
                rep_id=offer.rep_id,
                program_id=offer.program_id,
                skill=offer.skill,
                effect=0.034,
                low=-0.006,
                high=0.074,
                p_positive=0.92,
                own_sd=0.02,
                loadings=(1.0,),
                priority=1.3,
                evidence=offer.evidence,
                reason=offer.reason,
            )
            for offer in offers
            if offer.abstention is None
        ),
        covariance=((0.0004,),),
        plan=make_plan(world.batch.period),
    )


def fairness_row(
    measure: str, group: str, rate: float | None, finding: FairnessFinding, *ratio: float | None, people: int = 24
) -> FairnessRow:
    """A row about gender; a ratio comes with its interval."""
    burden = measure == "high_risk"
    other = None if rate is None or finding == "reference" else "m"
    of, low, high = ratio or (None, None, None)
    return FairnessRow(
        side="burden" if burden else "benefit",
        used=True,
        measure=measure,
        label="In the high risk band" if burden else "Offered a program",
        attribute="gender",
        group=group,
        people=None if rate is None else people,
        rate=rate,
        rate_low=None if rate is None else rate / 2,
        rate_high=None if rate is None else min(1.0, rate * 1.5),
        reference=other,
        reference_rate=None if other is None else 0.25,
        ratio=of,
        ratio_low=low,
        ratio_high=high,
        finding=finding,
    )


def make_fairness() -> FairnessAudit:
    """An audit with a finding of every kind that a reader must tell apart."""
    return FairnessAudit(
        5,
        (
            fairness_row("high_risk", "m", 0.25, "reference", people=40),
            fairness_row("high_risk", "f", 0.5, "clearly below four fifths", 0.5, 0.31, 0.78),
            fairness_row("offered", "m", 0.25, "reference", people=40),
            fairness_row("offered", "f", 0.29, "within four fifths", 1.17, 0.42, 2.9),
            fairness_row("offered", "not on record", None, "withheld"),
        ),
        notes=("age band: all are of one group, or the others are fewer than 5",),
    )
