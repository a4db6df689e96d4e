"""SalesHistory: the validated tables, and what follows from them, as they were known on any day."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from functools import cached_property
from hashlib import sha256
from types import TracebackType
from typing import Final, Self

import ibis.expr.types as ir
import pandas as pd

from spm_ml.errors import NotReadyError
from spm_ml.fiscal import FiscalCalendar, Period
from spm_ml.history import people, visible
from spm_ml.history.derived import DerivedTables
from spm_ml.history.earlier import Earlier
from spm_ml.history.engines import DuckDBEngine, Engine, schema_of
from spm_ml.history.frames import arrow_tables, frames_hash, with_stages
from spm_ml.history.ledger import SourceFacts
from spm_ml.history.records import Records
from spm_ml.history.store import TableStore
from spm_ml.history.watermark import first_day, last_recorded_day
from spm_ml.settings import Organisation, StageSettings, Workspace
from spm_ml.tables import PROTECTED_TABLES, TABLE_BY_NAME, TABLES

READABLE: Final = tuple(table for table in TABLES if table.name not in PROTECTED_TABLES)
"""The tables that a history reads; protected attributes are not among them (H23)."""

_ONE_STAGE: Final = (StageSettings(name="Open"),)
"""The pipeline of an organisation that declares no stage and whose data holds no open deal."""


_STATED: Final = frozenset(("reps", "quotas", "submissions", "enrolments", "opportunities"))
"""Tables of which a dataset reads what the derived ones do not hold, so that two versions of them are compared."""


class SalesHistory:
    """The tables of a workspace or of frames, bitemporal: the day something happened and the day it was recorded.

    Everything is an Ibis expression over an engine, DuckDB by default. Derived tables are computed once and kept.
    Close it, or use it as a context manager, to free its folder. Histories made by `as_of` and `replacing` share the
    engine of the one they came from: they end with it, and closing them does nothing.

    Args:
        records: What was recorded.
        as_of_day: Last day that counts; None: every day does.
        owns_engine: Closing it closes the engine.
    """

    def __init__(self, records: Records, *, as_of_day: date | None = None, owns_engine: bool = True) -> None:
        self._records = records
        self._as_of_day = as_of_day
        self._owns_engine = owns_engine
        self._hashes: Mapping[int, str] = {}

    @classmethod
    def open(
        cls,
        workspace: Workspace,
        *,
        version: int | None = None,
        known_on: date | None = None,
        engine: Engine | None = None,
    ) -> Self:
        """Reads the tables of a workspace.

        Args:
            workspace: Where they were ingested.
            version: State of the tables; the newest by default.
            known_on: Takes the version in force at the end of that day instead: what could be answered then.
            engine: Where everything is computed; the embedded one by default. It closes with the history.

        Raises:
            NotReadyError: Nothing was ingested, there is no such version, or none by that day.
        """
        organisation, store = workspace.organisation(), TableStore(workspace)
        if version is None:
            version = store.latest if known_on is None else store.version_on(known_on)
        if not version:
            raise NotReadyError(
                f"{workspace.root} holds no tables: ingest some with 'spm ingest DIR --workspace {workspace.root}'"
            )
        queries = {table.name: store.relation_sql(table.name, version, occurrence=table.ledger) for table in READABLE}
        engine = engine or DuckDBEngine(organisation.threads)
        sources = {name: engine.read(name, sql) for name, sql in queries.items() if sql is not None}
        digest, hashes = sha256(), dict[int, str]()
        for entry in store.versions():
            if entry.version <= version:
                parts = sorted((name, part) for name, part in entry.parts.items() if name in queries)
                digest.update(repr((entry.version, parts)).encode())
                hashes[entry.version] = _data_hash(digest.hexdigest(), organisation)
        records = _records(organisation, engine, sources, version, hashes[version])
        if version == store.latest and isinstance(engine, DuckDBEngine):
            derived = DerivedTables(workspace.derived, records.data_hash, version)
            earlier = None if derived.complete else Earlier.find(engine, store, hashes, derived)
            records = replace(records, derived=derived, earlier=earlier)
        history = cls(records)
        history._hashes = hashes
        return history

    @classmethod
    def from_frames(
        cls, frames: Mapping[str, pd.DataFrame], organisation: Organisation, *, engine: Engine | None = None
    ) -> Self:
        """Reads frames with the contract's columns, for tests and notebooks.

        Args:
            frames: Tables by name. Money is decimal, float or text in the row's currency (events: the deal's), dates
                are dates or ISO text, timestamps without a zone are UTC and bare dates local midnights. Optional
                columns and tables may be missing.
            organisation: Its settings; stages are taken from the data where it declares none.
            engine: Where everything is computed; the embedded one by default. It closes with the history.

        Raises:
            DataError: A table or column is unknown, a required column is missing, or a cell cannot be read.
        """
        tables = arrow_tables(frames, organisation)
        engine = engine or DuckDBEngine(organisation.threads)
        sources = {name: engine.keep(name, table) for name, table in tables.items()}
        organisation = with_stages(organisation, tables)
        return cls(_records(organisation, engine, sources, 0, _data_hash(frames_hash(tables), organisation)))

    @property
    def organisation(self) -> Organisation:
        """What the organisation declares; its stages are never empty."""
        return self._records.organisation

    @property
    def calendar(self) -> FiscalCalendar:
        """The organisation's fiscal calendar."""
        return self._records.calendar

    @property
    def version(self) -> int:
        """Version of the tables; 0 for frames."""
        return self._records.version

    @property
    def data_hash(self) -> str:
        """SHA-256 that names the content of the tables and the settings they are read with."""
        return self._records.data_hash

    @property
    def facts(self) -> SourceFacts:
        """What the source as a whole does not record."""
        return self._records.facts

    @property
    def one_currency(self) -> bool:
        """Whether every deal and quota is in the organisation's own currency."""
        return self._records.rates is None

    @property
    def engine(self) -> Engine:
        """Where every table is computed and kept."""
        return self._records.engine

    @property
    def as_of_day(self) -> date | None:
        """Nothing recorded after this day is visible; None: everything is."""
        return self._as_of_day

    @cached_property
    def watermark(self) -> date:
        """The latest local day on which anything that is visible was recorded (H25)."""
        if self._as_of_day is None:
            return self._records.facts.exported_on
        return last_recorded_day(self.table, self.calendar.local_day)

    def as_of(self, day: date) -> "SalesHistory":
        """The history as it was known at the end of a day in the organisation's time zone (H01)."""
        return SalesHistory(self._records, as_of_day=min(day, self._as_of_day or day), owns_engine=False)

    def replacing(self, tables: Mapping[str, ir.Table]) -> "SalesHistory":
        """The same history with other rows in some tables, for experiments such as perturbing the future.

        What the source as a whole does not record (`SourceFacts`) stays as it was found before.

        Args:
            tables: Rows by table, with the columns and types of `source`.

        Raises:
            DataError: There is no such table.
        """
        records = self._records
        for name in tables:
            records.source(name)
        sources = {name: tables.get(name, rows) for name, rows in records.sources.items()}
        content = sha256(repr((records.data_hash, sorted(tables))).encode()).hexdigest()
        changed = replace(
            records, sources=sources, data_hash=content, stated_facts=records.facts, derived=None, earlier=None
        )
        return SalesHistory(changed, as_of_day=self._as_of_day, owns_engine=False)

    def stated_before(self, workspace: Workspace, version: int, data_hash: str) -> "SalesHistory | None":
        """What an earlier version says of people, quotas, submissions, enrolments and deals' rows; the rest is as here.

        Args:
            workspace: Whose tables these are.
            version: The earlier version.
            data_hash: As the earlier history had it; where this is of other settings, or the tables are not what they
                were, there is None.
        """
        if self._hashes.get(version) != data_hash:
            return None
        store, records = TableStore(workspace), self._records
        tables = {}
        for name in sorted(_STATED & self.written_since(workspace, version)):
            sql = store.relation_sql(name, version)
            rows = records.source(name)
            tables[name] = rows.limit(0) if sql is None else self.engine.read(f"{name}_before", sql)
        return SalesHistory(records.with_sources(tables, version), owns_engine=False)

    def written_since(self, workspace: Workspace, version: int) -> frozenset[str]:
        """Names of the tables of which anything was written after a version.

        Args:
            workspace: Whose tables these are.
            version: The earlier version.
        """
        return TableStore(workspace).written(after=version, upto=self.version)

    def differing_since(self, version: int) -> ir.Table | None:
        """What differs between an earlier version and this of deals, bookings and activities.

        Returns:
            Columns of `spm_ml.history.earlier.DIFFERING`; None = it is not on record, so anything may.
        """
        self.derive()
        return self._records.differing_since(version)

    def source(self, name: str) -> ir.Table:
        """A whole table as it was loaded: no day hidden, every amount in its own currency, ledgers with `_occurrence`.

        Raises:
            DataError: There is no such table, or no history may read it.
        """
        return self._records.source(name)

    def table(self, name: str) -> ir.Table:
        """A table's contract columns: what is visible, money in minor units of the organisation's currency.

        Raises:
            DataError: There is no such table, or an amount has no exchange rate on its day.
        """
        rows, day = self._records.rows(name), self._as_of_day
        if day is not None:
            if name == "opportunities":
                rows = visible.known_deals(rows, self.ledger, day, self._records.days.day)
            elif name == "credits":
                rows = visible.known_credits(rows, self.ledger)
            else:
                rows = visible.known_on(name, rows, day, self._records.days.day)
        return rows.select(*(column.name for column in TABLE_BY_NAME[name].columns))

    def has(self, name: str) -> bool:
        """Tells whether any row of a table is visible."""
        return len(self.table(name).limit(1).to_pyarrow()) > 0

    @property
    def ledger(self) -> ir.Table:
        """One row for every change of a deal; columns in `history.ledger.COLUMNS`.

        Raises:
            DataError: An open deal is in an unknown stage, or an amount has no exchange rate on its day.
        """
        return self._up_to_day(self._records.ledger)

    @property
    def bookings(self) -> ir.Table:
        """Signed credited amounts; columns in `history.credit.COLUMNS`."""
        return self._up_to_day(self._records.bookings)

    @cached_property
    def profiles(self) -> ir.Table:
        """One row for every rep and span of days; columns in `history.people.COLUMNS`."""
        return people.profiles_of(self.table("reps"))

    @property
    def quotas(self) -> ir.Table:
        """Every version of every quota; columns in `history.quota.COLUMNS`."""
        quotas = self._records.quotas
        return quotas if self._as_of_day is None else quotas.filter(quotas.known_on <= self._as_of_day)

    @property
    def submissions(self) -> ir.Table:
        """What reps and managers said; columns in `history.records.SUBMISSION_COLUMNS`."""
        said = self._records.submissions
        return said if self._as_of_day is None else said.filter(said.known_on <= self._as_of_day)

    @property
    def activity(self) -> ir.Table:
        """What reps did, by local day; columns in `history.records.ACTIVITY_COLUMNS`."""
        return self._up_to_day(self._records.activity)

    @property
    def activity_days(self) -> ir.Table:
        """The activity counted by rep, days and kind; columns in `history.records.ACTIVITY_DAY_COLUMNS`."""
        return self._up_to_day(self._records.activity_days)

    def tree(self, day: date) -> pd.DataFrame:
        """The tree of managers on a day; see `people.tree_of` for the columns."""
        rows = people.profiles_on(self.profiles, day).select("rep_id", "manager_id").to_pyarrow().to_pylist()
        return people.tree_of({row["rep_id"]: row["manager_id"] for row in rows})

    def periods(self) -> tuple[Period, ...]:
        """From the period of the first event to the one that holds the as-of day, or else the watermark.

        The creation of a deal that was rebuilt from `opportunities` is no event here: it may lie years before
        anything was observed.
        """
        last = self._as_of_day or self.watermark
        first = first_day(self.ledger, self.quotas) or last
        return self.calendar.periods_between(min(first, last), last)

    def derive(self) -> None:
        """Computes the derived tables that a build reads; where the history is of a workspace, they are kept in it.

        Raises:
            DataError: As for `ledger`.
        """
        for rows in (self.ledger, self.bookings, self.activity_days):
            rows.limit(0).to_pyarrow()

    def close(self) -> None:
        """Frees the engine; every history that shares it ends."""
        if self._owns_engine:
            self._records.engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _up_to_day(self, rows: ir.Table) -> ir.Table:
        return rows if self._as_of_day is None else visible.known_ledger(rows, self._as_of_day)


def _records(
    organisation: Organisation, engine: Engine, sources: Mapping[str, ir.Table], version: int, data_hash: str
) -> Records:
    """Adds typed empty tables for those that were never loaded."""
    if not organisation.stages:
        organisation = organisation.model_copy(update={"stages": _ONE_STAGE})
    everything = {
        table.name: sources[table.name]
        if table.name in sources
        else engine.empty(table.name, schema_of(table, occurrence=table.ledger))
        for table in READABLE
    }
    return Records(organisation, engine, everything, version, data_hash)


def _data_hash(content: str, organisation: Organisation) -> str:
    """Names the content of the tables and the settings they are read with."""
    settings = organisation.model_dump_json(exclude={"name", "locale", "risk_bands", "threads", "fairness"})
    return sha256(f"{content}\n{settings}".encode()).hexdigest()
