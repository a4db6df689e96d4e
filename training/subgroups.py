"""Is any group of reps served worse by a model than by what is there without it?"""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spm_ml.backtest import Backtest
from training.verdict import GateTest

MARGIN: Final = 0.05
"""How much worse than the reference's the CRPS of a group may be, as a share of the reference's."""

MIN_ROWS: Final = 100
"""Rows below which a group is not looked at: its number would be luck."""

MIN_REPS: Final = 5
"""Reps below which it is not looked at either: it would be a statement about persons."""

TENURE_BANDS: Final = {
    "below 180 days": (-np.inf, 180.0),
    "180 to 720 days": (180.0, 720.0),
    "above 720 days": (720.0, np.inf),
}
"""Bands of tenure, days, upper ends left out."""

_DRAWS: Final = 4_000
_LEVEL: Final = 0.95
_COLUMNS: Final = ("team", "region", "segment")


def groups_of(rows: pd.DataFrame) -> Iterator[tuple[str, str, NDArray[np.bool_]]]:
    """Gives the kind, name and rows of every team, region, segment and band of tenure that is large enough.

    Protected attributes are none of these: `training.protected` audits them, and they never enter a choice (H23).

    Args:
        rows: `Backtest.tested_rows()`.
    """
    known = rows["censored"].to_numpy(dtype=bool)
    for kind in _COLUMNS:
        for name in sorted(rows[kind].dropna().astype(str).unique()):
            yield from _large(rows, kind, name, (rows[kind] == name).to_numpy(dtype=bool) & ~known)
    tenure = rows["tenure_days"].to_numpy(dtype=float)
    for name, (low, high) in TENURE_BANDS.items():
        yield from _large(rows, "tenure", name, (tenure >= low) & (tenure < high) & ~known)


def _large(
    rows: pd.DataFrame, kind: str, name: str, mask: NDArray[np.bool_]
) -> Iterator[tuple[str, str, NDArray[np.bool_]]]:
    if name and mask.sum() >= MIN_ROWS and rows.loc[mask, "rep_id"].nunique() >= MIN_REPS:
        yield kind, name, mask


def compare_groups(
    backtest: Backtest,
    candidate: str,
    reference: str,
    groups: Sequence[tuple[str, str, NDArray[np.bool_]]] | None = None,
) -> pd.DataFrame:
    """Compares two forecasters group by group.

    Args:
        backtest: Rolling-origin rows of every forecaster.
        candidate: Slug of the one that is judged.
        reference: Slug of the other.
        groups: Kind, name and tested rows of each; default: those of `groups_of`.

    Returns:
        One row a group: `kind`, `group`, `reps`, `n`, `crps` (the candidate's), `reference` (the other's), `worse_by`
        (difference ÷ the reference's; positive is worse) with the ends `low` and `high` of an interval that holds for
        all groups at once (Bonferroni), most worsened first.

    Source: Dunn (1961), JASA 56(293), for the level of each interval.
    """
    found = list(groups_of(backtest.tested_rows())) if groups is None else groups
    level = 1 - (1 - _LEVEL) / max(len(found), 1)
    table = []
    for kind, name, mask in found:
        each = backtest.compare(candidate, reference, rows=mask, level=level, draws=_DRAWS)
        if not each.rows:
            continue
        per = 1 / each.baseline if each.baseline > 0 else np.nan
        table.append(
            {
                "kind": kind,
                "group": name,
                "reps": each.reps,
                "n": each.rows,
                "crps": each.baseline + each.mean_difference,
                "reference": each.baseline,
                "worse_by": each.mean_difference * per,
                "low": each.low * per,
                "high": each.high * per,
            }
        )
    columns = ["kind", "group", "reps", "n", "crps", "reference", "worse_by", "low", "high"]
    return pd.DataFrame(table, columns=columns).sort_values("worse_by", ascending=False, ignore_index=True)


def group_test(backtest: Backtest, candidate: str, champion: str | None) -> GateTest:
    """Tests that no group is clearly worse off, beyond `MARGIN`, than with the champion or the best simple rule.

    Args:
        backtest: Rolling-origin rows of every forecaster.
        candidate: Slug of the forecaster to judge.
        champion: Slug of the forecaster in use, if any.
    """
    name = "no_group_worse"
    reference = reference_of(backtest, candidate, champion)
    if reference is None:
        return GateTest(name, True, None, MARGIN, "there is no other forecaster that groups could be better off with")
    table = compare_groups(backtest, candidate, reference)
    if table.empty:
        few = f"no team, region, segment or band of tenure has {MIN_ROWS} rows of {MIN_REPS} reps"
        return GateTest(name, True, None, MARGIN, few)
    worse = table[table["low"] > MARGIN]
    shown = worse if len(worse) else table.head(1)
    words = "; ".join(_words(row) for _, row in shown.iterrows())
    return GateTest(
        name,
        worse.empty,
        float(table["worse_by"].max()),
        MARGIN,
        f"of {len(table)} groups, CRPS beside {reference} is {'clearly worse' if len(worse) else 'worst'} for {words}; "
        f"no interval may lie above {MARGIN:+.0%}",
    )


def reference_of(backtest: Backtest, candidate: str, champion: str | None) -> str | None:
    """The champion where it is another forecaster of this backtest, else the best simple rule if that is another."""
    known = set(backtest.frame["forecaster"].unique())
    for other in (champion, backtest.best_baseline()):
        if other is not None and other in known:
            return other if other != candidate else None
    return None


def _words(row: pd.Series) -> str:
    return (
        f"{row['kind']} {row['group']} ({row['worse_by']:+.1%}, interval {row['low']:+.1%} to {row['high']:+.1%}, "
        f"{row['n']:,} rows of {row['reps']} reps)"
    )
