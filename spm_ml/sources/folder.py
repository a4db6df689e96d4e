"""The files of a source folder, and which of them a mapping means."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from spm_ml.errors import DataError

_DATA_FILES: Final = (".csv", ".tsv", ".txt", ".parquet")


@dataclass(frozen=True)
class SourceFolder:
    """A folder that holds tables, or one file as if it stood alone in its folder.

    Attributes:
        root: The folder.
        paths: Data files in it and in its folders, sorted.
        single: One file was given, not a folder.
    """

    root: Path
    paths: tuple[Path, ...]
    single: bool = False

    @classmethod
    def of(cls, source: Path) -> "SourceFolder":
        """Lists a folder, or takes a single file.

        Raises:
            DataError: There is no such folder or file.
        """
        source = source.resolve()
        if source.is_file():
            return cls(source.parent, (source,), single=True)
        if not source.is_dir():
            raise DataError(f"there is no folder {source}: give the folder that holds the tables")
        found = [*source.glob("*"), *source.glob("*/*")]
        return cls(
            source, tuple(sorted(path for path in found if _is_data(path.relative_to(source)) and path.is_file()))
        )

    def matching(self, patterns: Sequence[str]) -> tuple[Path, ...]:
        """Files whose path in the folder matches one of the patterns, without regard to case."""
        return tuple(path for path in self.paths if any(self.matches(path, pattern) for pattern in patterns))

    def matches(self, path: Path, pattern: str) -> bool:
        """Whether the file's path in the folder matches a pattern."""
        return fnmatchcase(path.relative_to(self.root).as_posix().lower(), pattern.lower())

    def others(self, read: Collection[str]) -> tuple[str, ...]:
        """Data files that were not read."""
        names = (path.relative_to(self.root).as_posix() for path in self.paths)
        return tuple(name for name in names if name not in read)

    def settings_file(self, name: str) -> Path | None:
        """A settings file that lies in the folder; a single file brings none."""
        path = self.root / name
        return path if path.is_file() and not self.single else None


def _is_data(relative: Path) -> bool:
    hidden = any(part.startswith((".", "_")) for part in relative.parts)
    return not hidden and relative.parts[0] != "truth" and relative.suffix.lower() in _DATA_FILES
