"""The members of the ensemble, fitted to one panel and asked together."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import numpy as np

from spm_ml.forecasting.boosters import QuantileBoosters
from spm_ml.forecasting.distribution import LEVELS, Array
from spm_ml.forecasting.panel.boosted import Boosted
from spm_ml.forecasting.panel.histories import Panel
from spm_ml.forecasting.panel.smoothed import RECIPES, Smoothed
from spm_ml.forecasting.protocol import FitSettings

PLAIN: Final = "historical_mean"
"""The member that the others have to beat."""

BOOSTED: Final = "boosted_lags"

UPON: Final = "smoothing"
"""The member on whose forecasts the boosters learn."""

MEMBERS: Final = (*RECIPES, BOOSTED)

MIN_BOOSTED: Final = 300
"""Values with a past below which LightGBM is not tried."""


@dataclass(frozen=True)
class Members:
    """Fitted members by name.

    Attributes:
        smoothed: Those that are smoothed.
        boosted: The one that is boosted, or None.
    """

    smoothed: dict[str, Smoothed]
    boosted: Boosted | None

    @classmethod
    def fit(cls, names: tuple[str, ...], panel: Panel, settings: FitSettings) -> Self:
        """Fits those that are named; the boosted one only where the panel is large enough."""
        smoothed = {name: Smoothed.fit(name, panel) for name in names if name != BOOSTED}
        targets = int((~np.isnan(panel.values[:, 2:])).sum())
        if BOOSTED not in names or targets < MIN_BOOSTED:
            return cls(smoothed, None)
        upon = smoothed.get(UPON) or Smoothed.fit(UPON, panel)
        return cls(smoothed, Boosted.fit(panel, upon, seed=settings.seed))

    def forecast(self, panel: Panel) -> dict[str, Array]:
        """Gives (n, 19) quantiles by member; NaN for a series without any value."""
        made = {name: member.forecast(panel) for name, member in self.smoothed.items()}
        return made | ({BOOSTED: self.boosted.forecast(panel)} if self.boosted else {})

    def mix(self, panel: Panel, weights: dict[str, float]) -> Array:
        """Gives (n, 19) weighed means of the members' quantiles; a member that was not fitted leaves its share."""
        made = self.forecast(panel)
        share = {name: weight for name, weight in weights.items() if name in made}
        total = np.zeros((len(panel.values), LEVELS.size))
        for name, weight in share.items():
            total += weight / sum(share.values()) * made[name]
        return total

    def to_state(self) -> dict[str, Any]:
        """Gives the JSON form, without the boosters."""
        upon = self.boosted.smoothed.to_state() if self.boosted else None
        return {"smoothed": [member.to_state() for member in self.smoothed.values()], "boosted_upon": upon}

    def save_boosters(self, folder: Path) -> None:
        """Writes the boosters, if there are any, as LightGBM's text."""
        if self.boosted:
            self.boosted.boosters.save(folder)

    @classmethod
    def load(cls, state: dict[str, Any], folder: Path) -> Self:
        """Reads what `to_state` gave and `save_boosters` wrote."""
        smoothed = {each["name"]: Smoothed.of_state(each) for each in state["smoothed"]}
        upon = state["boosted_upon"]
        boosted = Boosted(Smoothed.of_state(upon), QuantileBoosters.load(folder)) if upon else None
        return cls(smoothed, boosted)
