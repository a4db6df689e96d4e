"""Earlier: derived tables of an earlier version, and what was written since; only that is derived anew.

A deal's ledger and bookings follow from its own rows and from what the source as a whole does not record, and the
counted activity is a sum. So what was derived of deals that were not written since stays, whatever was recorded when.
What differs between the versions is kept beside the tables (`DIFFERING`): it says which rows of a dataset are stale.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import ibis
import ibis.expr.types as ir

from spm_ml.history.derived import LEVEL, ROW, Changes, Derive, DerivedTables
from spm_ml.history.engines import DuckDBEngine, as_int64
from spm_ml.history.kept_facts import KeptFacts
from spm_ml.history.ledger import SourceFacts
from spm_ml.history.store import TableStore

_ = ibis._

OF_DEALS: Final = ("opportunities", "opportunity_events", "credits")
"""Tables whose rows name the deal that they are of."""

FROM, BOOKED = "from", "booked"
DIFFERING: Final = ("version", "kind", "rep_id", "day")
"""Columns of what differs: `FROM` = what is known of the rep differs from the end of the day on; `BOOKED` = what is
booked on the day differs. `version` is the one that brought it."""


@dataclass(frozen=True)
class Earlier:
    """What was derived of an earlier version of the same tables, with the same settings and code.

    Attributes:
        engine: Reads everything.
        tables: The derived tables.
        into: Those of the newest version, which are to be made.
        changed: By table the rows that were written since, those that were removed too; of one that changed several
            times each state.
        appended: Tables of which every such row is new.
    """

    engine: DuckDBEngine
    tables: DerivedTables
    into: DerivedTables
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
            earlier = DerivedTables(tables.folder, hashes[version], version)
            if earlier.complete:
                since = [entry for entry in store.versions() if version < entry.version <= newest]
                written = [(name, entry) for entry in since for name in entry.parts]
                counts = [(name, entry.tables[name]) for name, entry in written]
                names = {name for name, _ in written}
                rows = {name: store.written_sql(name, after=version, upto=newest) for name in sorted(names)}
                changed = {name: engine.read(f"changed_{name}", sql) for name, sql in rows.items() if sql is not None}
                appended = names - {name for name, count in counts if count.changed or count.removed}
                return cls(engine, earlier, tables, changed, frozenset(appended))
        return None

    @property
    def facts(self) -> KeptFacts:
        """What was told of all tables then."""
        facts = KeptFacts.read(self.tables.facts)
        assert facts is not None  # noqa: S101 — `find` takes complete ones alone
        return facts

    def alike(self, facts: SourceFacts, *, rated: bool) -> bool:
        """Whether what holds for every deal was the same then.

        Args:
            facts: What the source does not record now.
            rated: Whether there are amounts that exchange rates are needed for now.
        """
        return self.facts.alike(facts, rated=rated) and not (rated and "fx_rates" in self.changed)

    def written(self, name: str, otherwise: ir.Table, *, in_force: bool = False) -> ir.Table:
        """The rows of a table that were written since.

        Args:
            name: The table.
            otherwise: The table as it is.
            in_force: Those alone that are sure to be in force: of the newest version, and not removed by it.
        """
        rows = self.changed.get(name)
        if rows is None:
            return otherwise.limit(0)
        return rows.filter((rows._version == self.into.version) & ~rows._removed) if in_force else rows

    def touched(self, deals: ir.Table, facts: SourceFacts) -> ir.Table:
        """`opportunity_id` of the deals of which anything may differ.

        Args:
            deals: The table `opportunities`, as it is now.
            facts: What the source does not record now.
        """
        named = [self.changed[name].select("opportunity_id") for name in OF_DEALS if name in self.changed]
        if self.facts.source.exported_on != facts.exported_on:
            # a row without a day of its own is as of the export
            open_or_undated = (deals.outcome.fill_null("open") == "open") | deals.closed_on.isnull()
            named.append(deals.filter(deals.recorded_at.isnull() & open_or_undated).select("opportunity_id"))
        rows = ibis.union(*named, distinct=True) if len(named) > 1 else (named or [deals.limit(0)])[0]
        return self.engine.keep("touched_deals", rows.select("opportunity_id").distinct())

    def ledger(self, touched: ir.Table, new: ir.Table, order: Sequence[str]) -> ir.Table | None:
        """The ledger of the newest version; None where it cannot be written.

        Args:
            touched: The deals that were derived anew.
            new: Their rows.
            order: Of the rows.
        """
        old = self._old("ledger", touched)
        # what comes next is hidden on earlier days
        known = [name for name in new.columns if name != "next_recorded_on"]
        differs = ibis.union(*(rows.select("opportunity_id", day="recorded_on") for rows in _apart(old, new, known)))
        gone, come = _apart(old, new, new.columns)
        changes = Changes(gone.select(LEVEL, ROW), come, self._from(differs, old, new))
        return self.into.changed(self.engine, "ledger", self.tables, changes, order)

    def bookings(self, touched: ir.Table, derive: Derive, order: Sequence[str]) -> ir.Table | None:
        """The bookings of the newest version, of which a deal may have equal ones; None as for `ledger`."""
        old = self._old("bookings", touched)
        with derive() as rows:
            new = self.engine.keep("bookings_new", rows)
        counted = [rows.group_by(new.columns).agg(_times=rows.count()) for rows in (old, new)]
        differing = ibis.union(*_apart(counted[0], counted[1], counted[0].columns))
        differing = self.engine.keep("bookings_differing", differing.select(*new.columns))
        differs = differing.select("opportunity_id", day="recorded_on")
        booked = differing.filter(_.rep_id.notnull()).select("rep_id", day="booked_on").distinct()
        told = self._from(differs, old, new).union(self._told(BOOKED, booked))
        return self.into.changed(
            self.engine, "bookings", self.tables, Changes(old.select(LEVEL, ROW), new, told), order
        )

    def activity_days(self, counted: ir.Table, keys: ir.Table, order: Sequence[str], *, added: bool) -> ir.Table | None:
        """The counted activity of the newest version; None as for `ledger`.

        Args:
            counted: What comes to it, or all of the touched days.
            keys: Of the rows that are touched.
            order: Of the rows.
            added: `counted` comes to what there was; else it takes its place.
        """
        old = self._old("activity_days", keys)
        columns = counted.columns
        new = self.engine.keep("activity_new", added_up([old.select(*columns), counted], order) if added else counted)
        gone, come = _apart(old, new, columns)
        rows = gone.select("rep_id", day="recorded_on").union(come.select("rep_id", day="recorded_on"))
        changes = Changes(gone.select(LEVEL, ROW), come, self._told(FROM, _first(rows, "rep_id")))
        return self.into.changed(self.engine, "activity_days", self.tables, changes, order)

    def same(self, name: str, order: Sequence[str]) -> ir.Table | None:
        """A table of which nothing changed; None as for `ledger`."""
        rows = self.tables.placed(self.engine, name).limit(0)
        nothing = rows.select("rep_id", day="recorded_on")
        changes = Changes(rows.select(LEVEL, ROW), rows.drop(LEVEL, ROW), self._told(FROM, nothing))
        return self.into.changed(self.engine, name, self.tables, changes, order)

    def _old(self, name: str, keys: ir.Table) -> ir.Table:
        """The rows of some keys as they were, with their places."""
        rows = self.tables.placed(self.engine, name)
        return self.engine.keep(f"{name}_old", rows.semi_join(keys, keys.columns))

    def _from(self, differs: ir.Table, old: ir.Table, new: ir.Table) -> ir.Table:
        """The first day on which a deal differs, for everybody who has or had anything to do with it."""
        owned = ibis.union(*(rows.select("opportunity_id", "rep_id") for rows in (old, new)), distinct=True)
        involved = owned.filter(owned.rep_id.notnull())
        first = _first(differs, "opportunity_id").inner_join(involved, "opportunity_id").select("rep_id", "day")
        return self._told(FROM, _first(first, "rep_id"))

    def _told(self, kind: str, rows: ir.Table) -> ir.Table:
        version = ibis.literal(self.into.version, "int32")
        return rows.mutate(version=version, kind=ibis.literal(kind)).select(*DIFFERING)


def _first(rows: ir.Table, key: str) -> ir.Table:
    return rows.group_by(key).agg(day=rows.day.min())


def _apart(old: ir.Table, new: ir.Table, columns: Sequence[str]) -> tuple[ir.Table, ir.Table]:
    """The rows that only the one has, and those that only the other has, told by some columns."""
    alike = [old[name].identical_to(new[name]) for name in columns]
    return old.anti_join(new, alike), new.anti_join(old, [new[name].identical_to(old[name]) for name in columns])


def added_up(rows: Sequence[ir.Table], keys: Sequence[str]) -> ir.Table:
    """Tables of counts with the same columns as one; each sum stays an integer on its way to Parquet."""
    together = ibis.union(*rows)
    sums = {name: as_int64(_[name].sum()) for name in together.columns if name not in keys}
    return together.group_by(list(keys)).agg(**sums).select(*together.columns)
