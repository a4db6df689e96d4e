"""Tables of the model card in Markdown."""

from collections.abc import Sequence
from math import isfinite
from typing import Any

import pandas as pd


def table(frame: pd.DataFrame, columns: Sequence[str]) -> str:
    """Writes those of the columns that a frame has, numbers to four digits."""
    shown = [name for name in columns if name in frame]
    lines = ["| " + " | ".join(shown) + " |", "|" + "---|" * len(shown)]
    lines += ["| " + " | ".join(_cell(row[name]) for name in shown) + " |" for row in frame.to_dict("records")]
    return "\n".join(lines)


def _cell(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "" if value is None or pd.isna(value) else str(value).replace("|", "\\|")
    if not isfinite(value):
        return "–"
    return f"{value:,}" if isinstance(value, int) or float(value).is_integer() else f"{value:.4g}"
