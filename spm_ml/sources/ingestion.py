"""ingest(): from files to a new version of the workspace's tables, all or nothing."""

import os
import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

import duckdb

from spm_ml.compensation import read_plans
from spm_ml.errors import DataError
from spm_ml.history.store import TableCounts, TableStore, quote_text
from spm_ml.progress import Progress, silent
from spm_ml.settings import Organisation, Workspace
from spm_ml.sources.assembly import Assembled, Assembler
from spm_ml.sources.catalogue import load_mapping
from spm_ml.sources.changes import write_changes
from spm_ml.sources.findings import FindingLog
from spm_ml.sources.folder import SourceFolder
from spm_ml.sources.hierarchy import mend_hierarchy
from spm_ml.sources.mapping import Mapping
from spm_ml.sources.organisation import declared_organisation
from spm_ml.sources.raw import RawReader
from spm_ml.sources.report import IngestReport, TableReport
from spm_ml.sources.rules import close_id
from spm_ml.sources.stages import discover_stages
from spm_ml.sources.validation import Checked, Validator
from spm_ml.tables import TABLE_BY_NAME, TABLES

MEMORY_LIMIT: Final = "1GB"
"""What DuckDB may hold in memory before it moves to the scratch folder."""

_ORDER: Final = (TABLE_BY_NAME["fx_rates"], *(table for table in TABLES if table.name != "fx_rates"))
"""Exchange rates first: amounts of other tables refer to them."""


def ingest(
    workspace: Workspace,
    source: Path,
    *,
    mapping: str | Path | None = None,
    organisation: Path | None = None,
    replace: bool = False,
    origin: str | None = None,
    arrivals: bool = False,
    progress: Progress = silent,
) -> IngestReport:
    """Reads tables of the contract or a foreign export into the workspace.

    Good rows are stored, bad ones quarantined with file, line, column, value, rule and remedy; for every table, rows
    in = accepted + quarantined. Nothing is stored unless everything can be; a crash leaves the state before.

    Args:
        workspace: Where the tables are kept; made if it does not exist.
        source: Folder, or a single file.
        mapping: Name of a built-in mapping or path of a YAML file; None reads the contract's own files.
        organisation: Settings for a workspace that has none yet.
        replace: Also removes rows in force whose key the files of their table no longer hold.
        origin: What goes on record as the source where the files are copies; None: their own place.
        arrivals: The files hold rows that arrived one by one: rows of a ledger are added to those of the same key, and
            a rule that none of so few rows meets stops nothing.
        progress: Told about each table.

    Raises:
        DataError: A required table or column is missing, a file cannot be read, or a rule is met by no row; one
            message names all of it.
        ConfigurationError: The mapping or organisation cannot be used.
    """
    declared = load_mapping(mapping)
    folder = SourceFolder.of(source)
    store = TableStore(workspace)
    with store.exclusive(), _scratch(workspace) as scratch, closing(_connect(scratch)) as connection:
        return _Ingest(store, folder, declared, connection, scratch, replace, origin, arrivals, progress).run(
            organisation
        )


@contextmanager
def _scratch(workspace: Workspace) -> Iterator[Path]:
    """An empty folder on the workspace's own disk; what a killed ingest left in it is cleared away."""
    path = workspace.tables.resolve() / ".staging"
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _connect(scratch: Path) -> duckdb.DuckDBPyConnection:
    """A database in memory, without a log; what exceeds the limit goes to the scratch folder."""
    connection = duckdb.connect(config={"memory_limit": MEMORY_LIMIT, "threads": min(os.cpu_count() or 1, 4)})
    connection.execute(f"SET temp_directory = {quote_text(str(scratch / 'spill'))}")
    connection.execute("SET TimeZone = 'UTC'")
    return connection


@dataclass
class _Ingest:
    store: TableStore
    folder: SourceFolder
    mapping: Mapping
    connection: duckdb.DuckDBPyConnection
    scratch: Path
    replace: bool
    origin: str | None
    arrivals: bool
    progress: Progress
    notes: list[str] = field(default_factory=list)

    def run(self, organisation_file: Path | None) -> IngestReport:
        organisation = self._settle_organisation(organisation_file)
        plans = self._comp_plans()
        log = FindingLog(self.connection)
        reader = RawReader(self.connection, self.folder.root, self.scratch)
        assembler = Assembler(self.connection, reader, self.folder, self.mapping, log)
        version = self.store.latest
        state = {
            table.name: sql
            for table in TABLES
            if version and (sql := self.store.relation_sql(table.name, version, occurrence=True)) is not None
        }
        assembled, checked = self._check_tables(assembler, log, organisation, state)
        if not checked and not plans and not assembler.problems:
            names = ", ".join(self.folder.others(())) or "no data file"
            assembler.problems.append(f"no file is a table of the mapping {self.mapping.name!r}; found {names}")
        if assembler.problems:
            listed = "".join(f"\n- {problem}" for problem in dict.fromkeys(assembler.problems))
            raise DataError(f"{self.folder.root} cannot be ingested; nothing was stored:{listed}")
        if {"opportunities", "opportunity_events"} <= checked.keys():
            self._note_unclosed_deals()
        if not organisation.stages:
            organisation = self._with_stages(organisation, checked, state)
        staged, counts = self._write_parts(checked, state, version + 1)
        self.notes += [raw.note for raw in reader.files if raw.note]
        files = {raw.name: raw.sha256 for raw in reader.files}
        quarantine = self._quarantine(log, version, bool(staged))
        report = IngestReport(
            version=version + 1 if staged else None,
            source=self.origin or str(self.folder.paths[0] if self.folder.single else self.folder.root),
            mapping=self.mapping.name,
            tables=tuple(self._table_report(assembler, assembled[name], counts[name]) for name in counts),
            findings=log.first(),
            broken_rules=log.broken_rules(),
            findings_total=log.total(),
            quarantine_file=quarantine,
            unread_files=self.folder.others(files),
            notes=tuple(self.notes),
        )
        if staged:
            self.store.append(
                staged,
                source=self.origin or str(self.folder.root),
                mapping=self.mapping.name,
                files=files,
                tables=counts,
                records={raw.name: raw.records + raw.rejected for raw in reader.files},
            )
            self.store.merge_small()
        # A process killed before this is mended by the next ingest, also by one that changes nothing else.
        self._write_organisation(organisation)
        self._take_over_plans(plans)
        return report

    def _settle_organisation(self, given: Path | None) -> Organisation:
        own = self.store.workspace.organisation_file
        beside = self.folder.settings_file("organisation.yaml")
        organisation = declared_organisation(self.store.workspace, self.mapping, given, beside)
        if organisation is None:
            self.notes.append("no organisation.yaml: USD, UTC and calendar quarters are assumed")
            return Organisation()
        if own.exists():
            other = given or beside
            if other and Organisation.read(other).model_copy(update={"stages": organisation.stages}) != organisation:
                self.notes.append(f"the workspace keeps its own {own}; {other} differs and was not taken over")
        return organisation

    def _check_tables(
        self, assembler: Assembler, log: FindingLog, organisation: Organisation, state: dict[str, str]
    ) -> tuple[dict[str, Assembled], dict[str, Checked]]:
        validator = Validator(self.connection, log, organisation, state)
        assembled: dict[str, Assembled] = {}
        checked: dict[str, Checked] = {}
        for number, table in enumerate(_ORDER):
            self.progress(f"ingest {table.name}", number, len(_ORDER))
            found = assembler.assemble(table, loaded=table.name in state)
            keep_state = found is None or not self.replace
            if found is not None and found.usable:
                result = validator.check(found.given, keep_state=keep_state)
                if not self.arrivals:
                    assembler.problems += result.unmet
                assembled[table.name], checked[table.name] = found, result
            accepted = checked[table.name].accepted if table.name in checked else None
            validator.remember(table, accepted, keep_state=keep_state)
            if table.name == "reps" and accepted:
                before = state.get("reps") if keep_state else None
                mend_hierarchy(self.connection, log, before, close_id(validator.known_ids("reps")))
        self.progress("ingest", len(_ORDER), len(_ORDER))
        return assembled, {table.name: checked[table.name] for table in TABLES if table.name in checked}

    def _note_unclosed_deals(self) -> None:
        row = self.connection.execute(
            "SELECT count(*) FROM accepted_opportunities AS deals WHERE outcome <> 'open' "
            "AND opportunity_id IN (SELECT opportunity_id FROM accepted_opportunity_events) "
            "AND NOT EXISTS (SELECT 1 FROM accepted_opportunity_events AS events "
            "WHERE events.opportunity_id = deals.opportunity_id AND events.outcome = deals.outcome)"
        ).fetchone()
        if row and row[0]:
            self.notes.append(
                f"{row[0]:,} deals are won or lost in opportunities, but no event says so: the ledger keeps them open; "
                "give the closing event its outcome"
            )

    def _with_stages(
        self, organisation: Organisation, checked: dict[str, Checked], state: dict[str, str]
    ) -> Organisation:
        def relation(name: str) -> str | None:
            if name in checked:
                return checked[name].accepted
            return f"({state[name]})" if name in state else None

        stages = discover_stages(self.connection, relation("opportunities"), relation("opportunity_events"))
        if stages:
            names = ", ".join(stage.name for stage in stages)
            self.notes.append(f"stages were found in the data, in the order of deals' age: {names}")
        return organisation.model_copy(update={"stages": stages})

    def _write_parts(
        self, checked: dict[str, Checked], state: dict[str, str], version: int
    ) -> tuple[dict[str, Path], dict[str, TableCounts]]:
        staged: dict[str, Path] = {}
        counts: dict[str, TableCounts] = {}
        for number, (name, result) in enumerate(checked.items()):
            self.progress(f"store {name}", number, len(checked))
            path = self.scratch / f"{name}.parquet"
            counts[name] = write_changes(
                self.connection,
                result,
                state.get(name),
                path,
                version=version,
                replace=self.replace,
                arrivals=self.arrivals,
            )
            if path.exists():
                staged[name] = path
        self.progress("store", len(checked), len(checked))
        return staged, counts

    def _quarantine(self, log: FindingLog, version: int, changed: bool) -> Path | None:
        """Keeps the findings under the version and what they say, so that the same ingest again adds no file."""
        name = f"{version + changed:06d}-{log.fingerprint()}"
        workspace, shown = self.store.workspace, None
        for protected, folder in ((True, workspace.protected / "quarantine"), (False, workspace.quarantine)):
            written = log.write(self.scratch, protected=protected)
            if written is not None:
                folder.mkdir(parents=True, exist_ok=True)
                for path in written:
                    os.replace(path, folder / f"{name}{path.suffix}")
                shown = folder / f"{name}.csv"
        return shown

    def _comp_plans(self) -> Path | None:
        path = self.folder.settings_file("comp_plans.yaml")
        if path is not None:
            self.notes.append(f"{len(read_plans(path))} compensation plans taken over from {path.name}")
        return path

    def _take_over_plans(self, plans: Path | None) -> None:
        if plans is None:
            return
        target = self.store.workspace.comp_plans / plans.name
        if target.exists() and target.read_bytes() == plans.read_bytes():
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(plans, self.scratch / plans.name)
        os.replace(self.scratch / plans.name, target)

    def _write_organisation(self, organisation: Organisation) -> None:
        target = self.store.workspace.organisation_file
        if target.exists() and Organisation.read(target) == organisation:
            return
        organisation.write(self.scratch / target.name)
        os.replace(self.scratch / target.name, target)

    def _table_report(self, assembler: Assembler, assembled: Assembled, counts: TableCounts) -> TableReport:
        table = assembled.given.table
        return TableReport(
            table=table.name,
            **asdict(counts),
            filtered=0 if assembled.absent else assembled.records + assembled.given.rejected - counts.rows_in,
            absent=assembled.absent,
            files=tuple(raw.name for raw in assembled.files),
            unknown_columns=assembler.unknown_columns(assembled.files, table),
            assumptions=() if assembled.absent else assembler.assumptions(table),
        )
