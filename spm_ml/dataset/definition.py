"""What the values of a dataset are computed by: a hash of the code, so that no dataset mixes two definitions."""

from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Final

import spm_ml

_DEFINING: Final = ("dataset", "features", "history", "fiscal.py", "tables.py")
"""Parts of the package that decide what a dataset holds; settings are part of a history's `data_hash`."""


@cache
def definition_hash() -> str:
    """SHA-256 of the source text of everything that defines features, outcomes, rows and the tables they are read from.

    A change of any of it makes a stored dataset one of another definition, which is built anew.
    """
    return hash_of(Path(spm_ml.__file__).parent)


def hash_of(package: Path) -> str:
    """The same of the package in a folder."""
    digest = sha256()
    for part in _DEFINING:
        place = package / part
        for file in sorted(place.rglob("*.py")) if place.is_dir() else (place,):
            digest.update(f"{file.relative_to(package)}\n".encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()
