"""One rep's futures kept apart deal by deal: some deals can be changed while all others keep their luck."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Final, Self

import numpy as np

from spm_ml.forecasting.deal_level.deal_inputs import GROUPS
from spm_ml.forecasting.deal_level.monte_carlo import (
    DRAWS,
    Parameters,
    compounds,
    final_bookings,
    outcomes,
    places_of,
)
from spm_ml.forecasting.deal_level.parts import DealParts
from spm_ml.forecasting.deal_level.pipeline import Ints, Pipeline
from spm_ml.forecasting.deal_level.winning import WinModel
from spm_ml.forecasting.distribution import LEVELS, Array
from spm_ml.forecasting.draws import uniforms
from spm_ml.forecasting.recalibration import WeeklyRecalibration

OF_DEAL: Final = (
    "stage",
    "log_amount",
    "relative_amount",
    "amount_growth",
    "age_days",
    "stage_days",
    "relative_age",
    "idle_days",
    "due_days",
    "due_after_period",
    "due_in_period",
    "pushes",
    "steps",
    "inherited",
)
"""Columns of the win model that differ between a rep's deals; the others are the rep's."""

OF_REP: Final = tuple(name for name in GROUPS if name not in OF_DEAL)

_MOVES: Final = 64
"""Moves of close dates of one rep that are kept: scoring a deal is the dearest step."""

_ARRAYS: Final = ("shares", "ratios", "shared_ratios", "undone_ratios")


@dataclass(frozen=True)
class FuturesModel:
    """What the futures of all reps have in common.

    Attributes:
        winning: Chance that an open deal is won in time.
        recalibration: How forecasts are moved and widened, by week.
        shares, ratios, shared_ratios, undone_ratios, dispersion, may_fall: As in `Parameters`.
        seed: Of the draws.
    """

    winning: WinModel
    recalibration: WeeklyRecalibration
    shares: Array
    ratios: Array
    shared_ratios: Array
    undone_ratios: Array
    dispersion: float
    may_fall: bool
    seed: int

    @classmethod
    def of(cls, parts: DealParts, recalibration: WeeklyRecalibration, *, may_fall: bool, seed: int) -> Self:
        """Takes them out of a fitted model."""
        arrivals = parts.arrivals
        return cls(
            parts.winning,
            recalibration,
            parts.shares,
            arrivals.ratios,
            arrivals.shared_ratios,
            arrivals.undone_ratios,
            arrivals.dispersion,
            may_fall,
            seed,
        )

    def to_state(self) -> dict[str, Any]:
        """Gives the JSON form."""
        return {name: getattr(self, name).tolist() for name in _ARRAYS} | {
            "winning": self.winning.to_state(),
            "recalibration": self.recalibration.to_state(),
            "dispersion": self.dispersion,
            "may_fall": self.may_fall,
            "seed": self.seed,
        }

    @classmethod
    def of_state(cls, state: Mapping[str, Any]) -> Self:
        """Reads the JSON form.

        Raises:
            ConfigurationError: The trees' text is broken.
        """
        arrays = {name: np.array(state[name], dtype=float) for name in _ARRAYS}
        return cls(
            winning=WinModel.of_state(state["winning"]),
            recalibration=WeeklyRecalibration.of_state(state["recalibration"]),
            dispersion=state["dispersion"],
            may_fall=state["may_fall"],
            seed=state["seed"],
            **arrays,
        )


def rep_states(pipeline: Pipeline, parts: DealParts, parameters: Parameters) -> list[dict[str, Any]]:
    """What `RepFutures` needs of each of n rows, in JSON form."""
    matrix = parts.winning.inputs.matrix(pipeline, parts.records.of(pipeline.frame))
    names = list(GROUPS)
    seen = matrix[:, [names.index(name) for name in OF_DEAL]].tolist()
    of_rep = matrix[:, [names.index(name) for name in OF_REP]].tolist()
    ids, keys = pipeline.opportunity_ids.tolist(), parameters.deal_keys.tolist()
    odds, amounts = parameters.log_odds.tolist(), parameters.amounts.tolist()
    numbers = ("row_keys", "booked", "log_counts", "sizes", "shared", "undone")
    columns = {name: getattr(parameters, name).tolist() for name in numbers}
    weeks = pipeline.frame["week"].tolist()
    states = [
        {name: values[row] for name, values in columns.items()} | {"week": int(week), "of_rep": [], "deals": []}
        for row, week in enumerate(weeks)
    ]
    for at, row in enumerate(parameters.row.tolist()):
        states[row]["of_rep"] = _known(of_rep[at])
        states[row]["deals"].append([str(ids[at]), keys[at], odds[at], amounts[at], *_known(seen[at])])
    return states


def _known(values: list[float]) -> list[float | None]:
    return [value if value == value else None for value in values]


class RepFutures:
    """The draws of one rep: `DRAWS` futures of every open deal, and of what comes beside them.

    Unchanged outcomes give the forecast that was made of the same row, bit for bit.

    Attributes:
        base: (deals, DRAWS) what is booked from each open deal, minor units.
    """

    def __init__(self, model: FuturesModel, state: Mapping[str, Any]) -> None:
        deals = state["deals"]
        self._model, self._of_rep, self._week = model, state["of_rep"], float(state["week"])
        self._place = {deal[0]: place for place, deal in enumerate(deals)}
        self._seen = [deal[4:] for deal in deals]
        one = {
            name: np.array([state[name]], dtype=float) for name in ("booked", "log_counts", "sizes", "shared", "undone")
        }
        self._parameters = Parameters(
            row=np.zeros(len(deals), dtype=np.int64),
            deal_keys=np.array([deal[1] for deal in deals], dtype=np.uint64),
            log_odds=np.array([deal[2] for deal in deals], dtype=float),
            amounts=np.array([deal[3] for deal in deals], dtype=float),
            shares=model.shares,
            row_keys=np.array([state["row_keys"]], dtype=np.uint64),
            dispersion=model.dispersion,
            ratios=model.ratios,
            shared_ratios=model.shared_ratios,
            undone_ratios=model.undone_ratios,
            may_fall=model.may_fall,
            **one,
        )
        self.moved = lru_cache(_MOVES)(self._moved)
        self.base = outcomes(self._parameters, slice(0, len(deals)), seed=model.seed)

    def place(self, deal_id: str) -> int | None:
        """Row of `base` that the deal has; None if it is not open."""
        return self._place.get(deal_id)

    def chance(self, place: int) -> float:
        """Probability that the deal is won in time, as forecast."""
        return float(1.0 / (1.0 + np.exp(-self._parameters.log_odds[place])))

    def won(self, place: int) -> Array:
        """(DRAWS,) what is booked from a deal that is surely won: in no future less than as forecast."""
        chance, luck = np.float32(self.chance(place)), self._luck(place)
        # given a loss, luck beyond the chance is uniform again: it chooses the share
        beyond = np.clip((luck - chance) / (1 - chance), 0.0, 1.0)
        shares = self._model.shares
        gained = shares[(beyond * np.float32(len(shares) - 1e-3)).astype(np.int64)] * self._parameters.amounts[place]
        return np.asarray(np.where(luck < chance, self.base[place], gained))

    def _moved(self, place: int, due_days: float, due_after_period: float) -> tuple[Array, float]:
        """What another expected close day makes of a deal; all else that is known of it stays.

        A later day than the one that is stated counts as one push more, as it would in the data.

        Args:
            place: Row of `base`.
            due_days: Days from the as-of day to the new day.
            due_after_period: Days from the period's end to the new day.

        Returns:
            (DRAWS,) bookings with the same luck, and the new chance.
        """
        deal = dict(zip(OF_DEAL, self._seen[place], strict=True))
        later = deal["due_days"] is not None and due_days > deal["due_days"]
        if deal["due_days"] == due_days:
            return self.base[place], self.chance(place)
        deal |= {
            "due_days": due_days,
            "due_after_period": due_after_period,
            "due_in_period": float(due_days >= 0 and due_after_period <= 0),
            "pushes": deal["pushes"] + later,
        }
        known = dict(zip(OF_REP, self._of_rep, strict=True)) | deal
        matrix = np.array([[np.nan if known[name] is None else known[name] for name in GROUPS]], dtype=np.float32)
        odds = self._model.winning.log_odds(matrix)
        parameters = self._parameters
        alone = Parameters(
            **{
                **vars(parameters),
                "row": parameters.row[:1],
                "deal_keys": parameters.deal_keys[place : place + 1],
                "amounts": parameters.amounts[place : place + 1],
                "log_odds": odds,
            }
        )
        booked = outcomes(alone, slice(0, 1), seed=self._model.seed)[0]
        return booked, float(1.0 / (1.0 + np.exp(-odds[0])))

    def draws(self, changed: Array) -> Array:
        """(DRAWS,) final bookings in ascending order.

        Args:
            changed: (deals, DRAWS) like `base`.
        """
        opened = np.add.reduceat(changed, [0], axis=0) if len(changed) else np.zeros((1, DRAWS))
        total = final_bookings(self._parameters.booked, opened, self._beside, may_fall=self._model.may_fall)
        return np.asarray(total[0])

    def read(self, draws: Array) -> Array:
        """(19,) recalibrated quantiles of ordered draws, as `at_levels` reads them."""
        low, high, share = self._places
        return np.asarray(draws[low] + share * (draws[high] - draws[low]))

    @cached_property
    def _beside(self) -> tuple[Array, ...]:
        return compounds(self._parameters, slice(0, 1), seed=self._model.seed)

    @cached_property
    def _places(self) -> tuple[Ints, Ints, Array]:
        """Draws between which each level lies, and how far along."""
        low, share = places_of(self._model.recalibration.levels(np.array([self._week]), LEVELS), DRAWS)
        return low[0], np.minimum(low[0] + 1, DRAWS - 1), share[0]

    def _luck(self, place: int) -> np.ndarray:
        return np.asarray(uniforms(self._parameters.deal_keys[place : place + 1], DRAWS, self._model.seed)[0])
