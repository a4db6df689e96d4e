"""Which options may be planned at all: those with evidence, or, where no effect is claimed, those with a clear gap."""

from __future__ import annotations

from typing import Final, Literal

import numpy as np

from spm_ml.planning.candidates import Flags, Limits, Numbers, Options

MIN_GAP: Final = 0.5
"""Standard deviations below peers from which a gap is worth a program where no effect is claimed."""

Unplanned = Literal["barred", "no_evidence", "no_gap", "cost_unknown", "limits"]
"""Why a rep is not planned: every program is barred; none helps for certain enough; no gap where no effect is claimed;
its cost is unknown under a budget; seats, people or budget went to others."""


def with_effect(options: Options, limits: Limits) -> Flags:
    """(n,) options whose net gain is positive and whose effect is likely so."""
    likely = options.numbers("p_positive") >= limits.min_p_positive
    return np.asarray(~barred(options) & (options.net > 0) & likely)


def by_gap(options: Options) -> Flags:
    """(n,) options without a claimed effect whose matched gap is large enough, of reps for whom none is claimed."""
    claimed = np.zeros(len(options.reps), dtype=bool)
    claimed[options.rep[np.isfinite(options.effect)]] = True
    return np.asarray(
        ~barred(options) & ~claimed[options.rep] & (options.numbers("gap") >= MIN_GAP) & (options.numbers("order") > 0)
    )


def affordable(options: Options, limits: Limits) -> Flags:
    """(n,) options whose cost is known, or need not be."""
    return np.isfinite(options.cost) if limits.budget is not None else np.ones(len(options.rows), dtype=bool)


def barred(options: Options) -> Flags:
    """(n,) options that something stands against."""
    return np.array([bool(row.barred) for row in options.rows], dtype=bool)


def why_unplanned(options: Options, limits: Limits, planned: Flags) -> dict[str, Unplanned]:
    """The reason for every rep without a line in the plan, the one that came nearest to one."""
    eligible = with_effect(options, limits) | by_gap(options)
    rank: Numbers = np.zeros(len(options.rows))  # barred
    open_now = ~barred(options)
    rank[open_now & np.isfinite(options.effect)] = 2
    rank[open_now & ~np.isfinite(options.effect)] = 1
    rank[eligible & ~affordable(options, limits)] = 3
    rank[eligible & affordable(options, limits)] = 4
    best = np.zeros(len(options.reps))
    np.maximum.at(best, options.rep, rank)
    names: tuple[Unplanned, ...] = ("barred", "no_gap", "no_evidence", "cost_unknown", "limits")
    taken = {options.reps[at] for at in options.rep[planned]}
    return {rep: names[int(place)] for rep, place in zip(options.reps, best, strict=True) if rep not in taken}
