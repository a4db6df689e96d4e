"""What a rep's compensation plan pays for the period: on what is credited so far, and by its end."""

from dataclasses import dataclass

from spm_ml.predictions.checks import require_finite


@dataclass(frozen=True)
class ExpectedPay:
    """The payout at the period's end: every bookings figure of the forecast goes through the plan, never their mean.

    Attributes:
        p10: One payout in ten is smaller, minor units.
        p25: One in four is smaller.
        p50: Half of them are smaller.
        p75: One in four is larger.
        p90: One in ten is larger.
        mean: Of the payouts.

    Raises:
        ValueError: A number is not finite, or they are not in order.
    """

    p10: int
    p25: int
    p50: int
    p75: int
    p90: int
    mean: float

    def __post_init__(self) -> None:
        require_finite("expected pay", mean=self.mean)
        if list(self.quantiles) != sorted(self.quantiles):
            raise ValueError(f"expected pay: the quantiles {self.quantiles} are not in order")

    @property
    def quantiles(self) -> tuple[int, int, int, int, int]:
        """P10, P25, P50, P75 and P90."""
        return self.p10, self.p25, self.p50, self.p75, self.p90


@dataclass(frozen=True)
class PayOutlook:
    """Payout of one rep and period, minor units; the parts add up to what is paid so far.

    Attributes:
        plan_id: The plan the rep is on.
        plan_name: As statements show it.
        plan_version: Changes with any term of the plan.
        commission: Of the tiers, on what is credited so far, after the cap.
        spif: Bonuses so far.
        clawback: Taken back of earlier payouts; 0 or negative.
        draw: Paid to reach the draw, or kept back (negative) to recover earlier ones.
        at_quota: What would be paid at exactly the quota.
        expected: None where there is no forecast.
        adjustment: What closed periods paid too little, or negative, too much.
        holdback: Withheld of this period's commission (negative), and released of earlier ones.
    """

    plan_id: str
    plan_name: str
    plan_version: str
    commission: int
    spif: int
    clawback: int
    draw: int
    at_quota: int
    expected: ExpectedPay | None
    adjustment: int = 0
    holdback: int = 0

    @property
    def so_far(self) -> int:
        """What would be paid if nothing more were credited."""
        return self.commission + self.spif + self.clawback + self.adjustment + self.holdback + self.draw


@dataclass(frozen=True)
class PayStatement:
    """What one person is paid for a period.

    Attributes:
        rep_id: The person.
        plan_id: The plan.
        plan_version: Of its terms.
        amount: Minor units.
        body: The payout with its trace, as its writer's text.
    """

    rep_id: str
    plan_id: str
    plan_version: str
    amount: int
    body: str


@dataclass(frozen=True)
class Leaver:
    """Somebody who has left, as the statements name them.

    Attributes:
        rep_id: The person.
        name: The name, empty where none is stated.
        manager_id: The last manager; None: nobody.
    """

    rep_id: str
    name: str
    manager_id: str | None


@dataclass(frozen=True)
class PayCost:
    """What the running period's incentives will cost, minor units.

    Attributes:
        manager_id: Of whose people; empty: of everybody.
        reps: How many of them are paid.
        so_far: On what is credited so far.
        p10: One outcome in ten costs less.
        p50: Half of them do.
        p90: Nine in ten do.
        mean: Of all outcomes.
        of_mean_bookings: What the average bookings would be paid, for comparison.
        not_foreseen: People who are in with what is paid so far, as nothing is foreseen for them.
        p25: One in four costs less; None in batches of before this was kept.
        p75: One in four costs more; likewise.

    Raises:
        ValueError: A number is not finite.
    """

    manager_id: str
    reps: int
    so_far: int
    p10: float
    p50: float
    p90: float
    mean: float
    of_mean_bookings: float
    not_foreseen: int
    p25: float | None = None
    p75: float | None = None

    def __post_init__(self) -> None:
        names = ("p10", "p25", "p50", "p75", "p90", "mean", "of_mean_bookings")
        require_finite("incentive cost", **{name: getattr(self, name) for name in names})

    @property
    def quantiles(self) -> tuple[float, float, float, float, float] | None:
        """P10, P25, P50, P75 and P90; None where not all are known."""
        if self.p25 is None or self.p75 is None:
            return None
        return self.p10, self.p25, self.p50, self.p75, self.p90


@dataclass(frozen=True)
class PublishedPay:
    """The pay of the running period that is published with a batch.

    Attributes:
        plans: The plans that the statements were worked out with, as their writer's text.
        statements: Of everybody on a plan with a quota, on what is credited so far.
        costs: Of each manager's people, and of everybody.
    """

    plans: str = "[]"
    statements: tuple[PayStatement, ...] = ()
    costs: tuple[PayCost, ...] = ()
