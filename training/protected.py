"""Does a forecast serve protected groups alike? Asked of a fitted model, never while one is chosen or fitted (H23)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spm_ml.backtest import Backtest
from spm_ml.fairness import Audit, Measure, ProtectedGroups, audit, contrast, cuts_of
from spm_ml.hazards import Abstention
from spm_ml.settings import Organisation
from training.subgroups import MARGIN, MIN_ROWS, compare_groups, reference_of
from training.verdict import GateTest

POINTS: Final = 0.05
"""How much further below what came of it a group's chance may be than that of all others."""

MISSED: Final = "missed"
"""Measure of what came of it: the base rate that an accurate flag follows."""

_LEVEL: Final = 0.95
CALIBRATION: Final = ("attribute", "group", "reps", "n", "too_low_by", "others", "difference", "low", "high")
"""Columns of `ProtectedFacts.calibration`."""

Groups = list[tuple[str, str, NDArray[np.bool_]]]


@dataclass(frozen=True)
class ProtectedFacts:
    """What is known of a forecaster by protected group.

    Attributes:
        burden: Flags at the start of the newest tested period, beside what came of it.
        errors: CRPS of each group beside the reference's, as `training.subgroups.compare_groups` gives it.
        calibration: Columns of `CALIBRATION`: how much more often a group reached its quota than its chances said,
            beside all others; the interval of the difference holds for all groups at once.
        test: What the gate makes of it.
    """

    burden: Audit
    errors: pd.DataFrame
    calibration: pd.DataFrame
    test: GateTest


def protected_facts(
    backtest: Backtest,
    candidate: str,
    champion: str | None,
    groups: ProtectedGroups | None,
    organisation: Organisation,
) -> ProtectedFacts:
    """Measures burden, error and calibration by protected group and intersection.

    Args:
        backtest: Rolling-origin rows of every forecaster.
        candidate: Slug of the forecaster to look at.
        champion: Slug of the forecaster in use, if any.
        groups: Who belongs where; None: nothing is on record.
        organisation: For its risk bands and its rules of fairness.
    """
    burden = audit(groups, _measures(backtest, candidate, organisation), organisation.fairness)
    found = [] if groups is None else list(_groups(backtest, groups, organisation.fairness.minimum_group))
    reference = reference_of(backtest, candidate, champion)
    errors = compare_groups(backtest, candidate, reference, found) if reference and found else pd.DataFrame()
    calibration = _calibration(backtest, candidate, found)
    return ProtectedFacts(burden, errors, calibration, _test(burden.abstention, errors, calibration))


def protected_test(
    backtest: Backtest, candidate: str, champion: str | None, groups: ProtectedGroups | None, organisation: Organisation
) -> GateTest:
    """The gate's part of `protected_facts`: fails where a group is clear of chance served worse.

    That is where its CRPS lies more than `MARGIN` above the reference's, or its chances lie more than `POINTS` further
    below what came of them than those of all others. Unequal rates of flags fail nobody: where groups differ in what
    comes of them, an accurate forecast flags them unequally, and only decisions that look at the group could undo it.

    Source: Kleinberg, Mullainathan & Raghavan (2017), ITCS; Chouldechova (2017), Big Data 5(2).
    """
    return protected_facts(backtest, candidate, champion, groups, organisation).test


def _measures(backtest: Backtest, candidate: str, organisation: Organisation) -> tuple[Measure, ...]:
    frame = backtest.frame
    rows = frame[(frame["forecaster"] == candidate) & frame["p_hit"].notna() & frame["actual_attainment"].notna()]
    rows = rows.sort_values("as_of")
    newest = rows[rows["period"] == rows["period"].iloc[-1]] if len(rows) else rows
    first = newest.drop_duplicates("rep_id").set_index("rep_id")
    flagged, hit = first["p_hit"] < organisation.risk_bands.high_below, first["actual_attainment"] >= 1
    return (
        Measure("flagged", "In the high risk band at the start of the newest tested period", "burden", flagged),
        Measure("flagged_of_hitting", "In that band, of those who then reached the quota", "burden", flagged, hit),
        Measure(MISSED, "For comparison, what came of it: quota missed", "burden", ~hit, compared_only=True),
    )


def _groups(backtest: Backtest, groups: ProtectedGroups, minimum: int) -> Iterator[tuple[str, str, NDArray[np.bool_]]]:
    rows = backtest.tested_rows()
    known = ~rows["censored"].to_numpy(dtype=bool)
    reps = pd.Index(rows.loc[known, "rep_id"].unique(), dtype=object)
    if not groups.rows["rep_id"].isin(reps).any():
        return
    for cut in cuts_of(groups.of_reps(reps), minimum)[0]:
        for cell in cut.cells(reps, minimum):
            mask = known & rows["rep_id"].isin(cell.reps).to_numpy(dtype=bool)
            if not cell.hidden and mask.sum() >= MIN_ROWS:
                yield cut.attribute, cell.group, mask


def _calibration(backtest: Backtest, candidate: str, found: Groups) -> pd.DataFrame:
    frame = backtest.frame
    rows = frame[frame["forecaster"] == candidate].sort_values(["period", "rep_id", "as_of"])
    reached = rows["actual_attainment"].to_numpy(dtype=float)
    gap = np.where(np.isnan(reached), np.nan, reached >= 1) - rows["p_hit"].to_numpy(dtype=float)
    level = 1 - (1 - _LEVEL) / max(len(found), 1)
    table = []
    for attribute, group, mask in found:
        each = contrast(gap, rows["rep_id"], rows["period"], mask, level=level)
        if each is not None and each.rows >= MIN_ROWS:
            numbers = (each.reps, each.rows, each.group, each.others, each.difference, each.low, each.high)
            table.append((attribute, group, *numbers))
    return pd.DataFrame(table, columns=list(CALIBRATION)).sort_values("difference", ascending=False, ignore_index=True)


def _test(abstention: Abstention | None, errors: pd.DataFrame, calibration: pd.DataFrame) -> GateTest:
    name = "no_group_bears_more"
    if errors.empty and calibration.empty:
        few = f"no protected group has {MIN_ROWS} tested rows of enough reps"
        return GateTest(name, True, None, POINTS, few if abstention is None else abstention.detail)
    words = [
        f"CRPS of {row['kind']} {row['group']} clearly above the reference's "
        f"({row['worse_by']:+.1%}, interval {row['low']:+.1%} to {row['high']:+.1%})"
        for _, row in errors.iterrows()
        if row["low"] > MARGIN
    ]
    words += [
        f"chances of {row['attribute']} {row['group']} clearly too low beside all others "
        f"({row['difference']:+.1%}, interval {row['low']:+.1%} to {row['high']:+.1%})"
        for _, row in calibration.iterrows()
        if row["low"] > POINTS
    ]
    largest = float(calibration["difference"].max()) if len(calibration) else None
    most = "" if largest is None else f"; the largest difference in calibration is {100 * largest:+.1f} points"
    found = "; ".join(words) or f"of {max(len(errors), len(calibration))} protected groups none is clearly served worse"
    return GateTest(
        name,
        not words,
        largest,
        POINTS,
        f"{found}{most}; no interval may lie above {MARGIN:+.0%} of CRPS or {100 * POINTS:+.0f} points of chance",
    )
