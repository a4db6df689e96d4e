"""KeptFinished: what finished periods say, kept beside a batch for as long as nothing of them changes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import pandas as pd

_RATES: Final = "stage_rates.parquet"
_SELLERS: Final = "sellers.parquet"


@dataclass(frozen=True)
class KeptFinished:
    """What is the same for every rep.

    Attributes:
        rates: Share of deals by stage that are usually won from the batch's day on, from `stage_win_rates`.
        sellers: Who owned a deal or was credited with one; it decides which groups are large enough to be told of.
    """

    rates: pd.DataFrame
    sellers: frozenset[str]

    def write(self, folder: Path) -> None:
        """Writes it into a folder."""
        self.rates.reset_index(drop=True).to_parquet(folder / _RATES)
        pd.DataFrame({"rep_id": pd.Series(sorted(self.sellers), dtype=object)}).to_parquet(folder / _SELLERS)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Reads what was written into a folder."""
        sellers = frozenset(pd.read_parquet(folder / _SELLERS)["rep_id"].tolist())
        return cls(pd.read_parquet(folder / _RATES), sellers)
