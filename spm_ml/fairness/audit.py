"""The audit: rates of each protected group and intersection beside those of the largest, with exact intervals."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pandas as pd

from spm_ml.fairness.cuts import Cell, Cut, cuts_of
from spm_ml.fairness.exact import FOUR_FIFTHS, rate_interval, ratio_interval
from spm_ml.fairness.groups import ProtectedGroups
from spm_ml.fairness.measures import Measure, Side
from spm_ml.hazards import Abstention
from spm_ml.settings import FairnessSettings

COLUMNS: Final = (
    "side",
    "used",
    "measure",
    "label",
    "attribute",
    "group",
    "people",
    "rate",
    "rate_low",
    "rate_high",
    "reference",
    "reference_rate",
    "ratio",
    "ratio_low",
    "ratio_high",
    "finding",
)
"""Columns of `Audit.table`."""

LEVEL: Final = 0.95

REFERENCE: Final = "reference"
CLEARLY: Final = "clearly below four fifths"
REFERENCE_CLEARLY: Final = "reference clearly below four fifths"
PERHAPS: Final = "below four fifths, may be chance"
REFERENCE_PERHAPS: Final = "reference below four fifths, may be chance"
WITHIN: Final = "within four fifths"
NOBODY: Final = "nobody of either"
WITHHELD: Final = "withheld"
TOO_FEW: Final = "too few in all"


@dataclass(frozen=True)
class Audit:
    """What was found; numbers of groups, never of persons.

    Attributes:
        table: Columns of `COLUMNS`; one row a measure, attribute or pair of attributes, and group. `rate` (0–1) has an
            exact 95 % interval. `ratio` compares it with the reference's so that below 1 is to the group's
            disadvantage: benefit is group ÷ reference, burden reference ÷ group; its interval holds for all groups of
            a measure at once. Numbers are empty where a group is withheld, and a ratio where nobody got anything.
        abstention: Why there is no table.
        notes: What was left out, in words.
        rows: `rep_id, attribute, group, measure, got`: who is behind the table; empty in aggregation-only mode.
    """

    table: pd.DataFrame
    abstention: Abstention | None = None
    notes: tuple[str, ...] = ()
    rows: pd.DataFrame = field(default_factory=pd.DataFrame)

    @property
    def clear(self) -> pd.DataFrame:
        """Rows in which a group, or the reference beside it, is clear of chance below four fifths."""
        return self.table[self.table["finding"].isin([CLEARLY, REFERENCE_CLEARLY])]

    def warnings(self) -> tuple[str, ...]:
        """One sentence for each of them; about what only stands for comparison there is none."""
        found = self.clear[self.clear["used"].astype(bool)]
        return tuple(_words(row) for _, row in found.iterrows())


def _words(row: "pd.Series[Any]") -> str:
    return (
        f"{row['label']}: {row['attribute']} {row['group']} {row['rate']:.0%} beside {row['reference_rate']:.0%} of "
        f"{row['reference']}, ratio {row['ratio']:.2f} ({row['ratio_low']:.2f} to {row['ratio_high']:.2f})"
    )


def audit(groups: ProtectedGroups | None, measures: Sequence[Measure], settings: FairnessSettings) -> Audit:
    """Audits measures by every protected attribute and every pair of them.

    Args:
        groups: Who belongs where; None: nothing is on record.
        measures: All about the same reps.
        settings: Smallest group, and whether only sums may leave.

    Source: 29 CFR § 1607.4(D) for the four-fifths rule; Dunn (1961), JASA 56(293), for intervals that hold at once;
    Kearns et al. (2018), ICML, for why intersections are looked at too.
    """
    nothing = pd.DataFrame(columns=list(COLUMNS))
    reps = measures[0].got.index if measures else pd.Index([], dtype=object)
    if groups is None or not groups.rows["rep_id"].isin(reps).any():
        return Audit(nothing, Abstention("no_protected_groups"))
    strangers = len(set(groups.rows["rep_id"]) - set(reps))
    notes = (f"{strangers} people on record are not among those audited and are left out",) if strangers else ()
    cuts, alone = cuts_of(groups.of_reps(reps), settings.minimum_group)
    if not cuts:
        return Audit(nothing, Abstention("one_protected_group"), (*notes, *alone))
    table = pd.DataFrame(
        [row for measure in measures for row in _of_measure(measure, cuts, settings)], columns=list(COLUMNS)
    )
    rows = pd.DataFrame() if settings.aggregation_only else _rows(measures, cuts)
    return Audit(table, notes=(*notes, *alone), rows=rows)


def _of_measure(measure: Measure, cuts: Sequence[Cut], settings: FairnessSettings) -> list[dict[str, object]]:
    counted = measure.counted
    own: dict[str, object] = {
        "side": measure.side,
        "used": not measure.compared_only,
        "measure": measure.slug,
        "label": measure.label,
    }
    fewest = min(int(counted.sum()), int((~counted).sum()))
    if not len(counted) or (settings.aggregation_only and 0 < fewest < settings.minimum_group):
        return [own | {"attribute": "", "group": "everybody", "finding": TOO_FEW}]
    by_cut = [(cut.attribute, cut.cells(counted.index, settings.minimum_group)) for cut in cuts]
    comparisons = sum(max(sum(not cell.hidden for cell in cells) - 1, 0) for _, cells in by_cut)
    level = 1 - (1 - LEVEL) / max(comparisons, 1)
    return [
        own | {"attribute": attribute} | row
        for attribute, cells in by_cut
        for row in _of_cells(cells, counted, measure.side, level)
    ]


def _of_cells(
    cells: Sequence[Cell], counted: "pd.Series[bool]", side: Side, level: float
) -> Iterator[dict[str, object]]:
    shown = [cell for cell in cells if not cell.hidden]
    others = max(shown, key=lambda cell: (cell.named, len(cell.reps)), default=None)
    for cell in cells:
        if cell.hidden or others is None:
            yield {"group": cell.group, "finding": WITHHELD}
            continue
        pair = [(int(counted[each.reps].sum()), len(each.reps)) for each in (cell, others)]
        (hits, size), (other_hits, other_size) = pair
        low, high = rate_interval(hits, size, LEVEL)
        row = {"group": cell.group, "people": size, "rate": hits / size, "rate_low": low, "rate_high": high}
        if cell is others:
            yield row | {"finding": REFERENCE}
            continue
        above, below = pair if side == "benefit" else pair[::-1]
        yield row | {"reference": others.group, "reference_rate": other_hits / other_size} | _ratio(above, below, level)


def _ratio(above: tuple[int, int], below: tuple[int, int], level: float) -> dict[str, object]:
    low, high = ratio_interval(*above, *below, level)
    rate, other = above[0] / above[1], below[0] / below[1]
    if not rate and not other:
        return {"ratio_low": low, "ratio_high": high, "finding": NOBODY}
    ratio = rate / other if other else float("inf")
    return {"ratio": ratio, "ratio_low": low, "ratio_high": high, "finding": _finding(ratio, low, high)}


def _finding(ratio: float, low: float, high: float) -> str:
    """Whoever is worse off of the two: the largest group may be."""
    if high < FOUR_FIFTHS:
        return CLEARLY
    if low > 1 / FOUR_FIFTHS:
        return REFERENCE_CLEARLY
    if ratio < FOUR_FIFTHS:
        return PERHAPS
    return REFERENCE_PERHAPS if ratio > 1 / FOUR_FIFTHS else WITHIN


def _rows(measures: Sequence[Measure], cuts: Sequence[Cut]) -> pd.DataFrame:
    """Who is behind the table: one row a rep, attribute and measure."""
    return pd.concat(
        [
            pd.DataFrame({"attribute": cut.attribute, "group": cut.first[measure.counted.index]})
            .assign(measure=measure.slug, got=measure.counted)
            .rename_axis("rep_id")
            .reset_index()
            for measure in measures
            for cut in cuts
            if cut.second is None
        ],
        ignore_index=True,
    )
