"""Why a forecast is what it is, what changed, and what stands beside it, in units of the currency."""

from datetime import date
from typing import Final

from pydantic import Field

from serving.routes.answers import Model, major, major_or_none
from spm_ml.predictions import (
    Batch,
    DealOutlook,
    ForecastChange,
    ForecastPart,
    PayOutlook,
    Submission,
    SubmissionKind,
    WithoutLargest,
)
from spm_ml.settings import QUANTILE_LEVELS

_MEDIAN: Final = QUANTILE_LEVELS.index(0.5)


class Distribution(Model):
    """Bookings at the period's end as quantiles."""

    levels: tuple[float, ...] = Field(description="Probabilities, ascending.")
    bookings: tuple[float, ...] = Field(description="Bookings that are not exceeded with that probability.")
    attainment: tuple[float, ...] | None = Field(description="The same ÷ quota; null without a quota.")
    mean_bookings: float

    @classmethod
    def of(
        cls, quantiles: tuple[float, ...] | None, mean: float | None, quota: int | None, batch: Batch
    ) -> "Distribution | None":
        """The quantiles in units of the currency, and as attainment where there is a quota."""
        if quantiles is None:
            return None
        return cls(
            levels=QUANTILE_LEVELS,
            bookings=tuple(major(quantile, batch) for quantile in quantiles),
            attainment=tuple(round(quantile / quota, 6) for quantile in quantiles) if quota else None,
            mean_bookings=major(quantiles[_MEDIAN] if mean is None else mean, batch),
        )


class DriverOut(Model):
    """One reason for a part of a forecast."""

    label: str
    points: float | None = Field(description="Attainment it adds or takes; 0.05 = 5 points.")
    amount: float | None
    text: str


class PartOut(Model):
    """One part of a forecast, or of a change of it; parts add up, to the minor unit for each."""

    slug: str = Field(
        description=(
            "booked, open_stage_<k>, not_created, undone (expected refunds), skew (median beside mean), "
            "recalibration, still_to_come or other."
        )
    )
    label: str
    amount: float
    points: float | None = Field(description="Amount ÷ quota; 0.05 = 5 points. Null without a quota.")
    text: str
    drivers: tuple[DriverOut, ...] = Field(description="What moves this part, the strongest first.")

    @classmethod
    def of(cls, part: ForecastPart, batch: Batch) -> "PartOut":
        """The same for the API."""
        return cls(
            slug=part.slug,
            label=part.label,
            amount=major(part.amount, batch),
            points=part.points,
            text=part.text,
            drivers=tuple(
                DriverOut(
                    label=driver.label,
                    points=driver.points,
                    amount=major_or_none(driver.amount, batch),
                    text=driver.text,
                )
                for driver in part.drivers
            ),
        )


class ChangeOut(Model):
    """What changed since an earlier as-of day."""

    since: date
    before: float = Field(description="The forecast of that day: the median for a rep, the mean for a group.")
    parts: tuple[PartOut, ...] = Field(description="Parts now − parts then; they add up to now − before.")

    @classmethod
    def of(cls, change: ForecastChange | None, batch: Batch) -> "ChangeOut | None":
        """The same for the API."""
        if change is None:
            return None
        parts = tuple(PartOut.of(part, batch) for part in change.parts)
        return cls(since=change.since, before=major(change.before, batch), parts=parts)


class DealOut(Model):
    """An open deal that matters."""

    opportunity_id: str
    stage: str
    amount: float
    p_win: float = Field(description="Probability that it is won before the period ends.")
    expected_close_on: date | None
    likely_week: int | None = Field(description="Week of the period, from 1, in which it is most likely won, if it is.")

    @classmethod
    def of(cls, deal: DealOutlook, batch: Batch) -> "DealOut":
        """The same for the API."""
        return cls(
            opportunity_id=deal.opportunity_id,
            stage=deal.stage,
            amount=major(deal.amount, batch),
            p_win=deal.p_win,
            expected_close_on=deal.expected_close_on,
            likely_week=deal.likely_week,
        )


class WithoutLargestOut(Model):
    """The forecast without the largest open deal, where one deal decides the period (H18)."""

    opportunity_id: str
    amount: float
    median_bookings: float
    p_hit: float | None

    @classmethod
    def of(cls, without: WithoutLargest | None, batch: Batch) -> "WithoutLargestOut | None":
        """The same for the API."""
        if without is None:
            return None
        return cls(
            opportunity_id=without.opportunity_id,
            amount=major(without.amount, batch),
            median_bookings=major(without.median, batch),
            p_hit=without.p_hit,
        )


class SubmissionOut(Model):
    """What a person said about the same period."""

    kind: SubmissionKind
    amount: float
    submitted_on: date
    submitted_by: str
    typical_bias: float | None = Field(
        description="Σ (said − booked) ÷ Σ booked over earlier periods; 0.2 = 20 % too much. Null without a past."
    )
    model_closer: int = Field(description="In how many of `compared` earlier periods the model's median was closer.")
    compared: int

    @classmethod
    def of(cls, said: Submission, batch: Batch) -> "SubmissionOut":
        """The same for the API."""
        return cls(
            kind=said.kind,
            amount=major(said.amount, batch),
            submitted_on=said.submitted_on,
            submitted_by=said.submitted_by,
            typical_bias=said.typical_bias,
            model_closer=said.model_closer,
            compared=said.compared,
        )


class ExpectedPayOut(Model):
    """The payout at the period's end: every bookings figure of the forecast went through the plan."""

    p10: float
    p25: float
    p50: float
    p75: float
    p90: float
    mean: float


class PayOut(Model):
    """What the rep's compensation plan pays for the period."""

    plan_id: str
    plan_name: str
    plan_version: str = Field(description="Changes with any term of the plan.")
    so_far: float = Field(description="If nothing more were credited; the sum of the parts from commission to draw.")
    commission: float
    spif: float = Field(description="Bonuses for deals won so far; those of later deals are not foreseen.")
    clawback: float
    adjustment: float = Field(description="What closed periods paid too little, or negative, too much.")
    holdback: float = Field(description="Withheld of commission (negative), and released of earlier periods.")
    draw: float = Field(description="Paid to reach the draw, or kept back (negative) to recover earlier ones.")
    at_quota: float
    expected: ExpectedPayOut | None = Field(description="Null where there is no forecast.")

    @classmethod
    def of(cls, pay: PayOutlook | None, batch: Batch) -> "PayOut | None":
        """The same in units of the currency."""
        if pay is None:
            return None
        expected = pay.expected
        return cls(
            plan_id=pay.plan_id,
            plan_name=pay.plan_name,
            plan_version=pay.plan_version,
            so_far=major(pay.so_far, batch),
            commission=major(pay.commission, batch),
            spif=major(pay.spif, batch),
            clawback=major(pay.clawback, batch),
            adjustment=major(pay.adjustment, batch),
            holdback=major(pay.holdback, batch),
            draw=major(pay.draw, batch),
            at_quota=major(pay.at_quota, batch),
            expected=None
            if expected is None
            else ExpectedPayOut(
                p10=major(expected.p10, batch),
                p25=major(expected.p25, batch),
                p50=major(expected.p50, batch),
                p75=major(expected.p75, batch),
                p90=major(expected.p90, batch),
                mean=major(expected.mean, batch),
            ),
        )
