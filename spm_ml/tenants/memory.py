"""How much memory there is, how much a process holds, and sizes as people write them."""

import os
import re
import sys
from pathlib import Path
from typing import Final

from spm_ml.errors import ConfigurationError

_UNITS: Final = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def read_size(text: str) -> int:
    """Bytes of a size such as `4GiB`, `512M` or `1.5 G`; units are powers of 1 024.

    >>> read_size("1.5GiB")
    1610612736

    Raises:
        ConfigurationError: It is no size above 0.
    """
    found = re.fullmatch(r"\s*(\d{1,12}(?:\.\d{1,6})?)\s*([KMGT]?)(?:i?B)?\s*", text, re.IGNORECASE | re.ASCII)
    size = int(float(found[1]) * _UNITS[found[2].upper()]) if found else 0
    if size < 1:
        raise ConfigurationError(f"{text[:40]!r} is no size: write for example 4GiB or 1500M")
    return size


def written_size(size: int) -> str:
    """Bytes in MiB, as reports write them.

    >>> written_size(1610612736)
    '1,536 MiB'
    """
    return f"{size / (1 << 20):,.0f} MiB"


def machine_memory() -> int:
    """Bytes of memory of the machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def resident(pid: int) -> int:
    """Bytes that a process holds in memory now; 0 where the system does not tell or it has ended."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return 0


def peak_of(usage: int) -> int:
    """Bytes of a peak as `getrusage` counts it: in KiB, on macOS in bytes."""
    return usage if sys.platform == "darwin" else usage * 1024
