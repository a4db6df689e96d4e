"""Earlier: derived tables of an earlier version, and what was written since; only that is derived anew.

A deal's ledger and bookings follow from its own rows and from what the source as a whole does not record, and the
counted activity is a sum. So what was derived of deals that were not written since stays, whatever was recorded when.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import ibis
import ibis.expr.types as ir

from spm_ml.history.derived import Derive, DerivedTables
from spm_ml.history.engines import DuckDBEngine, as_int64
from spm_ml.history.ledger import SourceFacts
from spm_ml.history.store import TableStore, quote_paths

_ = ibis._

OF_DEALS: Final = ("opportunities", "opportunity_events", "credits")
"""Tables whose rows name the deal that they are of."""


@dataclass(frozen=True)
class Earlier:
    """What was derived of an earlier version of the same tables, with the same settings and code.

    Attributes:
        engine: Reads everything.
        tables: The derived tables.
        changed: By table the rows that were written since, those that were removed too.
        appended: Tables of which every such row is new.
    """

    engine: DuckDBEngine
    tables: DerivedTables
    changed: Mapping[str, ir.Table]
    appended: frozenset[str]

    @classmethod
    def find(
        cls, engine: DuckDBEngine, store: TableStore, hashes: Mapping[int, str], tables: DerivedTables
    ) -> "Earlier | None":
        """What the newest version before the newest left; None if it left nothing.

        Args:
            engine: Reads everything.
            store: The tables.
            hashes: By version, oldest first, what names its derived tables.
            tables: Those of the newest version.
        """
        *before, newest = hashes
        for version in reversed(before):
            earlier = DerivedTables(tables.folder, hashes[version])
            if earlier.complete:
                since = [entry for entry in store.versions() if version < entry.version <= newest]
                written = [(name, entry) for entry in since for name in entry.parts]
                counts = [(name, entry.tables[name]) for name, entry in written]
                parts: dict[str, list[Path]] = {}
                for name, entry in written:
                    parts.setdefault(name, []).append(store.part_file(name, entry.version))
                changed = {name: engine.read(f"changed_{name}", _rows_of(files)) for name, files in parts.items()}
                appended = parts.keys() - {name for name, count in counts if count.changed or count.removed}
                return cls(engine, earlier, changed, frozenset(appended))
        return None

    def alike(self, facts: SourceFacts, *, rated: bool) -> bool:
        """Whether what holds for every deal was the same then.

        Args:
            facts: What the source does not record now.
            rated: Whether there are amounts that exchange rates are needed for now.
        """
        then, now = self.tables.facts or {}, facts_text(facts, rated=rated)
        same = all(then.get(name) == now[name] for name in now if name != "exported_on")
        return same and not (rated and "fx_rates" in self.changed)

    def touched(self, deals: ir.Table, facts: SourceFacts) -> ir.Table:
        """`opportunity_id` of the deals of which anything may differ.

        Args:
            deals: The table `opportunities`, as it is now.
            facts: What the source does not record now.
        """
        named = [self.changed[name].select("opportunity_id") for name in OF_DEALS if name in self.changed]
        if (self.tables.facts or {}).get("exported_on") != str(facts.exported_on):
            # a row without a day of its own is as of the export
            open_or_undated = (deals.outcome.fill_null("open") == "open") | deals.closed_on.isnull()
            named.append(deals.filter(deals.recorded_at.isnull() & open_or_undated).select("opportunity_id"))
        rows = ibis.union(*named, distinct=True) if len(named) > 1 else (named or [deals.limit(0)])[0]
        return self.engine.keep("touched_deals", rows.select("opportunity_id").distinct())

    def table(self, name: str) -> ir.Table:
        """A derived table as it was."""
        return self.tables.read(self.engine, name)

    def of_others(self, name: str, touched: ir.Table, derive: Derive) -> Derive:
        """The table as it was of the other deals, and derived of those that were touched."""

        @contextmanager
        def merged() -> Iterator[ir.Table]:
            with derive() as rows:
                yield self.table(name).anti_join(touched, "opportunity_id").union(rows)

        return merged


def facts_text(facts: SourceFacts, *, rated: bool) -> dict[str, object]:
    """What holds for every deal, in terms of JSON."""
    return {**asdict(facts), "exported_on": str(facts.exported_on), "rated": rated}


def _rows_of(parts: Sequence[Path]) -> str:
    """Every row that was written; of one that changed several times each state."""
    return f"SELECT * FROM read_parquet({quote_paths(parts)}, union_by_name = true)"  # noqa: S608 — quoted


def added_up(rows: Sequence[ir.Table], keys: Sequence[str]) -> ir.Table:
    """Tables of counts with the same columns as one; each sum stays an integer on its way to Parquet."""
    together = ibis.union(*rows)
    sums = {name: as_int64(_[name].sum()) for name in together.columns if name not in keys}
    return together.group_by(list(keys)).agg(**sums).select(*together.columns)
