"""What is kept of a planted hazard: the rows that it touched, as in `truth/planted_hazards.csv`."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from spm_ml.simulation import ledger
from spm_ml.simulation.deal_tables import Snapshot, opportunity_ids
from spm_ml.simulation.engine import Course
from spm_ml.simulation.pricing import Pricing
from spm_ml.simulation.staff import Staff
from spm_ml.simulation.world import Bools, Ints


@dataclass(frozen=True)
class Trace:
    """Rows of a table that a hazard touched.

    Attributes:
        code: Of the hazard.
        table: Of the contract.
        rows: The deal or rep, or the columns of the row's key joined by `|`; `*` = the whole table.
        detail: What is wrong, for each row or for all.
    """

    code: str
    table: str
    rows: list[str]
    detail: str | list[str]


@dataclass(frozen=True)
class Evidence:
    """What the finders look at."""

    course: Course
    staff: Staff
    snapshot: Snapshot
    pricing: Pricing
    last_day: int

    def events(self, *kinds: str) -> Bools:
        """Which events of the snapshot are of these kinds."""
        return np.isin(self.snapshot.events["kind"], [ledger.KINDS.index(kind) for kind in kinds])

    def deals(self, numbers: Ints) -> list[str]:
        """Identifiers of deals, each once."""
        return [str(name) for name in opportunity_ids(np.unique(numbers)).to_pylist()]

    def reps(self, chosen: Bools) -> list[str]:
        """Identifiers of the chosen reps whom the tables name."""
        return [self.staff.ids[rep] for rep in np.flatnonzero(chosen & self.staff.known)]


def planted_table(traces: list[Trace]) -> pa.Table:
    """The traces as a table: code, table, row_id, detail."""
    rows = [
        (trace.code, trace.table, row, trace.detail if isinstance(trace.detail, str) else trace.detail[place])
        for trace in traces
        for place, row in enumerate(trace.rows)
    ]
    columns = list(zip(*rows, strict=True)) or [()] * 4
    names = ("code", "table", "row_id", "detail")
    return pa.table({name: pa.array(column, pa.string()) for name, column in zip(names, columns, strict=True)})
