"""Open deals inside rows: what lets a table of rep-periods alone be forecast from its deals."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from spm_ml.dataset import RepPeriodDataset
from spm_ml.dataset.deals import DEAL_COLUMNS, states_of
from spm_ml.dataset.schema import DTYPES, SORT_ORDER
from spm_ml.errors import DataError

OPEN_DEALS: Final = "open_deals"
"""Column of rows that carries each row's open deals."""

CARRIED: Final = tuple(
    column.name for column in DEAL_COLUMNS if column.role != "target" and column.name not in ("rep_id", "as_of")
)
"""What is told of a deal; whose it is and when is told by its row."""

_MAY_BE_EMPTY: Final = frozenset(column.name for column in DEAL_COLUMNS if column.kind == "number")
_TYPES: Final = {column.name: DTYPES[column.kind] for column in DEAL_COLUMNS if column.role != "target"}


def rows_with_deals(dataset: RepPeriodDataset) -> pd.DataFrame:
    """Gives the rows of a dataset with their open deals in the column `open_deals`, as JSON text.

    `ServedForecaster.predict` answers for these rows what its forecaster does for the dataset.
    """
    carried: list[list[dict[str, Any]]] = [[] for _ in range(len(dataset))]
    columns = (dataset.deals[name].tolist() for name in CARRIED)
    for row, *values in zip(dataset.deal_rows.tolist(), *columns, strict=True):
        known = ((name, None if value != value else value) for name, value in zip(CARRIED, values, strict=True))
        carried[row].append(dict(known))
    return dataset.frame.assign(**{OPEN_DEALS: [json.dumps(deals, allow_nan=False) for deals in carried]})


def states_in(rows: pd.DataFrame) -> pd.DataFrame:
    """Takes the open deals out of rows again, as `RepPeriodDataset.states`.

    Args:
        rows: With `rep_id, as_of, period_start` and `open_deals`: a list of records, JSON text of one, or nothing.

    Raises:
        DataError: A cell is neither, or a deal lacks a column of `CARRIED`.
    """
    ordered = rows.sort_values(list(SORT_ORDER), kind="stable")
    records = []
    for rep_id, as_of, cell in zip(ordered["rep_id"], ordered["as_of"], ordered[OPEN_DEALS], strict=True):
        whose = f"{OPEN_DEALS} of {rep_id} as of {as_of:%Y-%m-%d}"
        deals = sorted(_read(cell, whose), key=lambda deal: str(deal.get("opportunity_id")))
        records += [{"rep_id": rep_id, "as_of": as_of} | _checked(deal, whose) for deal in deals]
    table = pd.DataFrame(records, columns=["rep_id", "as_of", *CARRIED])
    try:
        return states_of(table[list(_TYPES)].astype(_TYPES))
    except (TypeError, ValueError) as error:
        raise DataError(f"{OPEN_DEALS} holds a value of another type than the dataset's deals ({error})") from error


def _read(cell: object, whose: str) -> Sequence[Mapping[str, Any]]:
    if isinstance(cell, str):
        try:
            cell = json.loads(cell or "[]")
        except ValueError as error:
            raise DataError(f"{whose} is no JSON ({error}): give a list of records") from error
    if cell is None or (isinstance(cell, float) and np.isnan(cell)):
        return ()
    found = list(cell) if isinstance(cell, list | tuple | np.ndarray) else [cell]
    deals = [deal for deal in found if isinstance(deal, Mapping)]
    if len(deals) < len(found):
        raise DataError(f"{whose} is no list of records: give each deal its columns {', '.join(CARRIED)}")
    return deals


def _checked(deal: Mapping[str, Any], whose: str) -> dict[str, Any]:
    lacking = [name for name in CARRIED if deal.get(name) is None and name not in _MAY_BE_EMPTY]
    if lacking:
        raise DataError(f"{whose}: a deal lacks {', '.join(lacking)}")
    return {name: np.nan if deal.get(name) is None else deal[name] for name in CARRIED}
