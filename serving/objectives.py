"""What is to be reached and how far it is, from the company to the rep: one view for pages and API."""

from dataclasses import dataclass
from typing import Literal

from spm_ml.predictions import COMPANY, BatchReader, CompanyGoal, Prediction, TeamPrediction
from spm_ml.predictions.chances import FINE_LEVELS, chance_of

ObjectiveLevel = Literal["company", "team", "rep"]


@dataclass(frozen=True)
class Objective:
    """One objective. Money is minor units.

    Attributes:
        key: The manager's or rep's `rep_id`, or `company`.
        reps: How many are forecast in it.
        amount: To be booked in the period: the company's goal, the sum of the reps' quotas, or the quota; None = none.
        quotas: Sum of the reps' quotas.
        own_quota: The manager's own quota.
        booked: So far.
        range: P10, P50 and P90 of the forecast; None where nothing is forecast.
        chance: To reach it; None without an objective or a forecast.
        is_rough: The chance is read off quantiles that end at 5 and 95 %: of batches that hold no finer ones.
        leads: Whether there is anybody below to look at.
    """

    level: ObjectiveLevel
    key: str
    label: str
    reps: int
    amount: int | None
    quotas: int | None
    own_quota: int | None
    booked: int
    range: tuple[float, float, float] | None
    chance: float | None
    is_rough: bool = False
    leads: bool = False

    @property
    def share(self) -> float | None:
        """Booked ÷ objective."""
        return self.booked / self.amount if self.amount else None


@dataclass(frozen=True)
class Objectives:
    """What one reader sees.

    Attributes:
        goal: The company's goal on record; None: none was set, and the sum of quotas stands in its place.
        usual_share: What part of a period's bookings usually is booked by now; None where no finished period shows it.
        above: The company and the teams that the reader is in, from the top.
        chosen: The manager whose people are shown; None where the reader sees none.
        path: `rep_id` and name of the managers from the top of the reader's scope to that one.
        teams: Of the managers below; for readers who see no rep, all that are large enough.
        reps: Who reports to the manager, oneself included.
    """

    goal: CompanyGoal | None
    usual_share: float | None
    above: tuple[Objective, ...]
    chosen: Objective | None
    path: tuple[tuple[str, str], ...]
    teams: tuple[Objective, ...]
    reps: tuple[Objective, ...]

    @property
    def company(self) -> Objective | None:
        """The company's, if the reader sees it."""
        return next((one for one in self.above if one.level == "company"), None)

    @property
    def over_assigned(self) -> float | None:
        """Sum of the quotas in force ÷ goal − 1: above 0 more is assigned than is needed; None without both."""
        company = self.company
        if self.goal is None or company is None or company.quotas is None:
            return None
        return company.quotas / self.goal.goal.amount - 1


def objectives_of(batch: BatchReader, manager_id: str | None) -> Objectives | None:
    """What the reader sees of the objectives.

    Args:
        batch: Through whose scope.
        manager_id: Whose people are shown; None: the reader's own.

    Returns:
        None where the manager is not in scope.
    """
    scope, goal = batch.scope, batch.goal()
    chosen_id = manager_id if manager_id is not None or scope.role != "manager" else scope.rep_id
    chosen = None if chosen_id is None else batch.group("team", chosen_id)
    if manager_id is not None and chosen is None:
        return None
    groups = {(one.level, one.key): one for one in (*batch.groups("company"), *batch.above())}
    ranked = sorted(groups.values(), key=lambda one: (one.level != "company", -one.reps))
    above = tuple(_of_group(one, goal) for one in ranked)
    usual = batch.batch.usual_share
    if scope.role == "rep":
        own = batch.prediction(scope.rep_id or "")
        return Objectives(goal, usual, above, None, (), (), () if own is None else (_of_rep(own),))
    if chosen_id is None:
        teams = tuple(_of_group(one, goal) for one in batch.groups("team"))
        return Objectives(goal, usual, above, None, (), teams, ())
    below = batch.below(chosen_id)
    return Objectives(
        goal,
        usual,
        above,
        None if chosen is None else _of_group(chosen, goal),
        batch.managers_up_to(chosen_id),
        tuple(_of_group(one, goal, leads=True) for one in below.teams),
        tuple(_of_rep(one) for one in below.reps),
    )


def _of_group(row: TeamPrediction, goal: CompanyGoal | None, *, leads: bool = False) -> Objective:
    is_company = row.level == "company"
    amount = goal.goal.amount if is_company and goal is not None else row.quota
    chance, rough = row.p_hit, False
    if amount != row.quota and amount is not None:
        chance, rough = _chance_of(row, amount)
    return Objective(
        level="company" if is_company else "team",
        key=COMPANY if is_company else row.key,
        label=row.label,
        reps=row.reps,
        amount=amount,
        quotas=row.quota,
        own_quota=row.own_quota,
        booked=row.booked,
        range=_range(row),
        chance=chance,
        is_rough=rough,
        leads=leads,
    )


def _chance_of(row: TeamPrediction, amount: int) -> tuple[float | None, bool]:
    """The chance to reach another amount than the quotas add up to, and whether it ends at 5 and 95 %."""
    if row.fine_quantiles is not None:
        return chance_of(row.fine_quantiles, amount, FINE_LEVELS), False
    if row.bookings_quantiles is not None:
        return chance_of(row.bookings_quantiles, amount), True
    return None, False


def _of_rep(row: Prediction) -> Objective:
    return Objective(
        level="rep",
        key=row.rep_id,
        label=row.name,
        reps=1,
        amount=row.quota or None,
        quotas=row.quota or None,
        own_quota=None,
        booked=row.booked,
        range=_range(row),
        chance=row.p_hit,
    )


def _range(row: TeamPrediction | Prediction) -> tuple[float, float, float] | None:
    low, median, high = (row.quantile(level) for level in (0.1, 0.5, 0.9))
    return None if low is None or median is None or high is None else (low, median, high)
