"""pull(): everything that is new in the declared sources, on the one way into the tables."""

import json
import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spm_ml.errors import BusyError, ConfigurationError, DataError, SpmError, did_you_mean
from spm_ml.history.store import TableStore
from spm_ml.only_one import only_one
from spm_ml.progress import Progress, silent
from spm_ml.settings import Workspace
from spm_ml.sources.database import Watermark, connected, read_table
from spm_ml.sources.declared import FILE, Database, DeclaredSource, declared_sources
from spm_ml.sources.ingestion import ingest
from spm_ml.sources.report import IngestReport
from spm_ml.sources.watched import FolderState, take
from spm_ml.whole_file import write_whole


@dataclass(frozen=True)
class Pulled:
    """What came of one source.

    Attributes:
        source: Its name.
        reports: Of every ingest, several where files had to be read one by one.
        refused: Files that cannot be read and why; they are tried again with the next new file.
        problem: Why the source could not be read at all; None: it could.
    """

    source: str
    reports: tuple[IngestReport, ...] = ()
    refused: tuple[tuple[str, str], ...] = ()
    problem: str | None = None

    @property
    def versions(self) -> tuple[int, ...]:
        """Versions of the tables that it made."""
        return tuple(report.version for report in self.reports if report.version is not None)

    def text(self) -> str:
        """For people."""
        said = [report.text() for report in self.reports]
        said += [f"{self.source}: {name} was refused, the others went on: {why}" for name, why in self.refused]
        if self.problem is not None:
            said.append(f"{self.source}: {self.problem}")
        return "\n".join(said) or f"{self.source}: nothing new"

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "source": self.source,
            "versions": self.versions,
            "reports": [report.to_json() for report in self.reports],
            "refused": dict(self.refused),
            "problem": self.problem,
        }


def pull(
    workspace: Workspace, names: Collection[str] = (), *, full: bool = False, progress: Progress = silent
) -> tuple[Pulled, ...]:
    """Reads once what is new in the sources of `sources.yaml`.

    A source that cannot be read holds up no other. What a source was read up to is written after its rows are in the
    tables, so a kill loses nothing; rows that come twice change nothing.

    Args:
        workspace: Whose sources they are.
        names: Of some sources; none: all.
        full: Reads everything anew, and removes rows in force that the tables read no longer hold.
        progress: Told about tables and rows.

    Raises:
        ConfigurationError: `sources.yaml` cannot be used, or knows no source of that name.
        DataError: Another pull or ingest is running, or the workspace cannot be written.
    """
    declared = declared_sources(workspace)
    for name in names:
        if name not in declared:
            known = ", ".join(declared) or "none"
            raise ConfigurationError(
                f"{workspace.root / FILE} has no source {name!r}{did_you_mean(name, declared)}; it has {known}"
            )
    if not declared:
        return ()
    with only_one(workspace.pulled / "pull.lock", what="pull"):
        return tuple(
            _pull(workspace, name, source, full, progress)
            for name, source in declared.items()
            if name in names or not names
        )


def _pull(workspace: Workspace, name: str, source: DeclaredSource, full: bool, progress: Progress) -> Pulled:
    reports: list[IngestReport] = []

    origin = source.url if isinstance(source, Database) else str((workspace.root / source.folder).resolve())

    def read(folder: Path) -> None:
        mapping = _mapping(workspace, source.mapping)
        report = ingest(workspace, folder, mapping=mapping, replace=full, origin=origin, progress=progress)
        reports.append(report)

    refused: tuple[tuple[str, str], ...] = ()
    try:
        state = {} if full and isinstance(source, Database) else _read_state(workspace, name)
        with _landing(workspace, name) as landing:
            if isinstance(source, Database):
                after = _read(workspace, name, source, state, landing, read, progress)
            else:
                folder = take(source, Path(origin), FolderState.of(state), landing, read, everything=full)
                after = folder.to_json()
                refused = tuple((path, why) for path, (_, _, why) in folder.refused.items())
            _write_state(workspace, name, after)
    except BusyError:
        raise
    except (SpmError, OSError) as error:
        return Pulled(name, tuple(reports), refused, problem=str(error))
    return Pulled(name, tuple(reports), refused)


def _read(
    workspace: Workspace,
    name: str,
    source: Database,
    state: dict[str, Any],
    landing: Path,
    ingest_folder: Callable[[Path], None],
    progress: Progress,
) -> dict[str, Any]:
    """Reads the tables of a database in one transaction and ingests them together; gives where the next one begins."""
    after, rows = dict(state), 0
    with connected(source.address(name, workspace), name) as connection:
        for file, declared in source.tables.items():
            before = state.get(file)
            last = Watermark(**before) if before and declared.watermark else None
            count, watermark = read_table(connection, declared, last, landing / f"{file}.csv", progress=progress)
            rows += count
            if watermark is not None:
                after[file] = {"kind": watermark.kind, "value": watermark.value}
    if rows:
        ingest_folder(landing)
    return after


def _mapping(workspace: Workspace, mapping: str | None) -> str | Path | None:
    """A mapping; the path of a file counts from the workspace."""
    beside = workspace.root / mapping if mapping else None
    return beside if beside is not None and beside.is_file() else mapping


def _state_file(workspace: Workspace, name: str) -> Path:
    return workspace.pulled / f"{name}.json"


def _read_state(workspace: Workspace, name: str) -> dict[str, Any]:
    """What the last pull left; nothing where the tables are older than it, because somebody put back older ones."""
    path = _state_file(workspace, name)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        version, state = int(content["version"]), dict(content["state"])
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError):
        raise DataError(
            f"{path} is damaged: remove it, and the source is read from the beginning, which is safe"
        ) from None
    return state if version <= TableStore(workspace).latest else {}


def _write_state(workspace: Workspace, name: str, state: dict[str, Any]) -> None:
    content = {"version": TableStore(workspace).latest, "state": state}
    write_whole(_state_file(workspace, name), json.dumps(content, indent=1))


@contextmanager
def _landing(workspace: Workspace, name: str) -> Iterator[Path]:
    """An empty folder; what a killed pull left in it is cleared away."""
    folder = workspace.pulled / ".landing" / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
