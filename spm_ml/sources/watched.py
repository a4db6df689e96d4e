"""Watched folders: which files are new and whole, and what became of those that were taken."""

import shutil
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from spm_ml.errors import BusyError, DataError
from spm_ml.sources.declared import WatchedFolder
from spm_ml.sources.folder import SourceFolder

SETTINGS: Final = ("organisation.yaml", "comp_plans.yaml")
"""Settings that an export may bring beside its tables."""


@dataclass(frozen=True)
class FolderState:
    """What earlier rounds saw of a folder; a file is known by its size and its time of change in nanoseconds.

    Attributes:
        taken: Files that were ingested.
        refused: Files that could not be, and why; they are tried again with the next new file.
        seen: Files of the last round that were not yet taken.
    """

    taken: dict[str, tuple[int, int]] = field(default_factory=dict)
    refused: dict[str, tuple[int, int, str]] = field(default_factory=dict)
    seen: dict[str, tuple[int, int]] = field(default_factory=dict)

    @classmethod
    def of(cls, content: dict[str, dict[str, list[int | str]]]) -> "FolderState":
        """Reads what `to_json` wrote."""

        def stamps(name: str) -> dict[str, tuple[int, int]]:
            return {path: (int(size), int(changed)) for path, (size, changed) in content.get(name, {}).items()}

        refused = {
            path: (int(size), int(changed), str(why))
            for path, (size, changed, why) in content.get("refused", {}).items()
        }
        return cls(stamps("taken"), refused, stamps("seen"))

    def to_json(self) -> dict[str, dict[str, list[int | str]]]:
        """As plain lists."""
        return {
            "taken": {path: [*stamp] for path, stamp in self.taken.items()},
            "refused": {path: [*stamp] for path, stamp in self.refused.items()},
            "seen": {path: [*stamp] for path, stamp in self.seen.items()},
        }


def take(
    source: WatchedFolder,
    root: Path,
    state: FolderState,
    landing: Path,
    ingest: Callable[[Path], None],
    *,
    everything: bool = False,
) -> FolderState:
    """Ingests the files of a folder that are new, changed or were refused, if any of them was not tried before.

    All of them together; where that cannot be done, one by one, so that a file that nobody can read holds up no other.
    What is ingested are copies, which nobody writes to any more.

    Args:
        source: What is declared.
        root: The folder, resolved.
        state: What the last round left.
        landing: Empty folder for the copies.
        ingest: Reads a folder into the workspace; raises DataError if it cannot.
        everything: Also takes what was taken before.

    Returns:
        The state after this round.

    Raises:
        DataError: There is no such folder; or everything is asked for, and some of it cannot be read.
    """
    stamps = _stamps(root)
    waiting = {path: stamp for path, stamp in stamps.items() if everything or state.taken.get(path) != stamp}
    whole = {
        path: stamp
        for path, stamp in waiting.items()
        if stamp in (state.seen.get(path), state.refused.get(path, ())[:2])
        or time.time() - stamp[1] / 1e9 >= source.settle_seconds
    }
    taken = {path: stamp for path, stamp in state.taken.items() if path in stamps}
    if not everything and all(state.refused.get(path, ())[:2] == stamp for path, stamp in whole.items()):
        return FolderState(taken, {path: why for path, why in state.refused.items() if path in stamps}, waiting)
    copied, refused = _copy(root, whole, landing / "all")
    if not everything:
        refused |= _ingest(landing, copied, ingest)
    elif copied.keys() != stamps.keys():
        missing = ", ".join(sorted(stamps.keys() - copied.keys()))
        raise DataError(f"{root} cannot be read as a whole, as {missing} is being written or unreadable: try later")
    else:
        ingest(landing / "all")
    return FolderState(
        taken | {path: stamp for path, stamp in copied.items() if path not in refused},
        {path: (*stamps[path], why) for path, why in refused.items()},
        {path: stamp for path, stamp in waiting.items() if path not in copied},
    )


def _stamps(root: Path) -> dict[str, tuple[int, int]]:
    paths = [*SourceFolder.of(root).paths, *(root / name for name in SETTINGS)]
    found = {}
    for path in paths:
        try:
            stat = path.stat()
        except FileNotFoundError:  # taken away since the folder was listed, or no such settings
            continue
        found[path.relative_to(root).as_posix()] = (stat.st_size, stat.st_mtime_ns)
    return found


def _copy(
    root: Path, whole: dict[str, tuple[int, int]], target: Path
) -> tuple[dict[str, tuple[int, int]], dict[str, str]]:
    """Copies files, and tells which cannot be read; those that change meanwhile are left to the next round."""
    copied: dict[str, tuple[int, int]] = {}
    refused: dict[str, str] = {}
    for path, stamp in whole.items():
        copy = target / path
        copy.parent.mkdir(parents=True, exist_ok=True)
        try:
            if not (root / path).resolve(strict=True).is_relative_to(root):
                refused[path] = "it is a link out of the folder: put the file itself there"
                continue
            shutil.copyfile(root / path, copy)
            stat = (root / path).stat()
        except FileNotFoundError:
            continue
        except PermissionError as error:
            refused[path] = f"it cannot be read: {error.strerror}"
            continue
        if (stat.st_size, stat.st_mtime_ns) == stamp:
            copied[path] = stamp
        else:
            copy.unlink()
    return copied, refused


def _ingest(landing: Path, names: Collection[str], ingest: Callable[[Path], None]) -> dict[str, str]:
    """Ingests copies; gives those that were refused, and why."""
    if not names:
        return {}
    together = _tried(landing / "all", ingest)
    if together is None:
        return {}
    if len(names) == 1:
        return dict.fromkeys(names, together)
    refused = {}
    for number, name in enumerate(_settings_last(names)):
        alone = landing / f"{number}"
        (alone / name).parent.mkdir(parents=True)
        shutil.move(landing / "all" / name, alone / name)
        why = _tried(alone, ingest)
        if why is not None:
            refused[name] = why
    return refused


def _settings_last(names: Collection[str]) -> Sequence[str]:
    return sorted(names, key=lambda name: (name in SETTINGS, name))


def _tried(folder: Path, ingest: Callable[[Path], None]) -> str | None:
    try:
        ingest(folder)
    except BusyError:
        raise
    except DataError as error:
        return str(error).replace(f"{folder}/", "").replace(str(folder), "the folder")
    return None
