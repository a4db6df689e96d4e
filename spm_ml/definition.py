"""What kept results are computed by: a hash of the code, so that nothing kept mixes two definitions."""

from functools import cache
from hashlib import sha256
from pathlib import Path

import spm_ml


@cache
def definition_hash(*parts: str) -> str:
    """SHA-256 of the source text of some parts of the package.

    Whatever is kept under it counts as another result once any of that code changes, and is made anew.

    Args:
        parts: Packages and modules that decide what is kept, such as `features` and `fiscal.py`.
    """
    return hash_of(Path(spm_ml.__file__).parent, *parts)


def hash_of(package: Path, *parts: str) -> str:
    """The same of the package in a folder."""
    digest = sha256()
    for part in parts:
        place = package / part
        for file in sorted(place.rglob("*.py")) if place.is_dir() else (place,):
            digest.update(f"{file.relative_to(package)}\n".encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()
