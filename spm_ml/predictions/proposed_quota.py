"""One rep's proposed quota, and what a whole proposal keeps to."""

from dataclasses import dataclass

from spm_ml.predictions.checks import require_share


@dataclass(frozen=True)
class QuotaReason:
    """What a quota rests on: a part of the forecast, or a condition behind it.

    Attributes:
        label: Such as `Season`.
        amount: Bookings that it adds or takes in the forecast, minor units; None where the model does not tell.
        text: One sentence for the person who reads it.
    """

    label: str
    amount: int | None
    text: str


@dataclass(frozen=True)
class ProposedQuota:
    """One rep's proposed quota. Money is minor units.

    Attributes:
        rep_id: The rep.
        name: Shown on pages.
        role: Job role; empty if not stated.
        tenure: Band of the time with the company; empty if not stated.
        before: Quota of the period, or else of the last one; None = none.
        quota: The proposal.
        median: Of the forecast bookings.
        chance_before: Chance to reach the quota before; None without one.
        chance: Chance to reach the proposal.
        bounded: A limit of change holds the quota.
        at_share: What it would be for each of the proposal's `shares`.
        chance_at: Chance to reach the proposal for each of its `bookings`.
        chance_before_at: The same of the quota before; empty without one.
        reasons: What the quota rests on.

    Raises:
        ValueError: A chance lies outside 0–1.
    """

    rep_id: str
    name: str
    role: str
    tenure: str
    before: int | None
    quota: int
    median: float
    chance_before: float | None
    chance: float
    bounded: bool
    at_share: tuple[int, ...]
    chance_at: tuple[float, ...]
    chance_before_at: tuple[float, ...]
    reasons: tuple[QuotaReason, ...]

    def __post_init__(self) -> None:
        require_share(f"quota of {self.rep_id!r}", chance=self.chance, chance_before=self.chance_before)


@dataclass(frozen=True)
class ProposalGroup:
    """The people of one manager, or of the company (`COMPANY`), who have a proposed quota.

    Attributes:
        key: The manager's `rep_id`, or `COMPANY`.
        reps: How many they are.
        chance: Chance that together they book the sum of their proposed quotas.
        chance_before: The same of the quotas before; None where none is known.
        chance_at_share: The same of the sums for each of the proposal's `shares`.
    """

    key: str
    reps: int
    chance: float
    chance_before: float | None
    chance_at_share: tuple[float, ...]


@dataclass(frozen=True)
class ProposalTerms:
    """What a proposal keeps to, and what it says of everybody. Money is minor units.

    Attributes:
        goal: What the quotas add up to; None: the share alone decided.
        share: Share of reps that was to be at quota, where there is no goal.
        most_change: Most change against a quota before; None: any.
        step: Quotas are rounded to it.
        shares: Shares at quota that scenarios are given for.
        bookings: What everybody books against the forecast, 1 = as much, that the sensitivity is given for.
        groups: The company first, then managers.
        unforecast: Reps for whom nothing is forecast: their quotas are set by hand.
    """

    goal: int | None
    share: float
    most_change: float | None
    step: int
    shares: tuple[float, ...]
    bookings: tuple[float, ...]
    groups: tuple[ProposalGroup, ...]
    unforecast: tuple[str, ...]

    def group(self, key: str) -> ProposalGroup | None:
        """A group; None if nobody in it has a proposed quota."""
        return next((one for one in self.groups if one.key == key), None)
