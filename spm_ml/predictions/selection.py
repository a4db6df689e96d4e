"""Which reps a list holds, in what order, and a page of it."""

from dataclasses import dataclass
from typing import Any, Final, Generic, Literal, TypeVar

from sqlalchemy import ColumnElement, case

from spm_ml.errors import DataError
from spm_ml.predictions import schema
from spm_ml.predictions.rows import RiskBand

Item = TypeVar("Item")
BandChoice = Literal[RiskBand, "none"]
Sort = Literal["risk", "name", "quota", "booked", "forecast"]

_rep = schema.predictions.c

SORTS: Final[dict[Sort, ColumnElement[Any]]] = {
    "risk": _rep.p_hit,
    "name": _rep.name_folded,
    "quota": _rep.quota,
    "booked": _rep.booked_share,
    "forecast": _rep.median,
}
_BY_BAND: Final = case({"high": 1, "medium": 2, "low": 3}, value=_rep.risk_band)
WITHOUT_FIGURES: Final[dict[Sort, ColumnElement[Any]]] = {"risk": _BY_BAND, "name": _rep.name_folded}
"""For readers who see no figures: the order of figures would tell them."""


class UnseenOrderError(DataError):
    """A list is to be ordered by a figure that the reader may not see."""


@dataclass(frozen=True)
class Selection:
    """Which reps of the batch, in what order.

    Attributes:
        manager_id: Only this manager's tree.
        band: Only this risk band; `none`: only reps without one.
        search: Only names that contain it, upper and lower case alike.
        sort: What to order by; the unknown comes last. Who sees no figures orders by band or name alone.
        descending: Largest first.
        limit: At most so many.
        offset: After so many.
    """

    manager_id: str | None = None
    band: BandChoice | None = None
    search: str | None = None
    sort: Sort = "risk"
    descending: bool = False
    limit: int = 50
    offset: int = 0


EVERYBODY: Final = Selection()
"""The first of all reps, those at the highest risk first."""


@dataclass(frozen=True)
class Listing(Generic[Item]):
    """A page of results, and how many there are on all pages together."""

    items: tuple[Item, ...]
    total: int
