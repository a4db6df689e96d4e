"""What the two usual readings would say, and what is wrong with each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spm_ml.coaching.effects.aipw import Bools
from spm_ml.coaching.effects.panel import Panel
from spm_ml.coaching.effects.words import points


@dataclass(frozen=True)
class Naive:
    """Attainment shares; None where nobody can be counted.

    Attributes:
        before_after: Mean change of the trained, from the period before the program to the period after.
        difference: Trained in the period after minus everybody who never took the program.
        words: What is wrong with them.
    """

    before_after: float | None
    difference: float | None
    words: str


def naive_figures(panel: Panel, taken: Bools) -> Naive:
    """Reads a program's effect naively.

    Args:
        panel: Of all rep-periods.
        taken: (R, T) who started it.
    """
    before, after = panel.shifted(panel.attainment, -1)[taken], panel.shifted(panel.attainment, 1)[taken]
    both = np.isfinite(before) & np.isfinite(after)
    never = panel.attainment[~taken.any(axis=1)]
    never = never[np.isfinite(never)]
    seen = after[np.isfinite(after)]
    change = float((after[both] - before[both]).mean()) if both.any() else None
    gap = float(seen.mean() - never.mean()) if len(seen) and len(never) else None
    return Naive(change, gap, _words(change, gap, before, never))


def _words(change: float | None, gap: float | None, before: np.ndarray, never: np.ndarray) -> str:
    if change is None and gap is None:
        return "Nobody finished a period after this program, so there is nothing to read, not even naively."
    said = []
    level = float(np.nanmean(before)) if np.isfinite(before).any() else None
    if change is not None and level is not None:
        usual = f", against {100 * never.mean():.0f} % of the others in a period" if len(never) else ""
        said.append(
            f"Before and after ({points(change)}) also counts what would have come anyway: the trained attained "
            f"{100 * level:.0f} % in the period before{usual}, and an unusual period is mostly followed by a usual one."
        )
    if gap is not None:
        said.append(
            f"Trained against untrained ({points(gap)}) also counts who was sent: managers do not send at random, "
            "and those they send would have differed from the rest without any program."
        )
    return " ".join(said)
