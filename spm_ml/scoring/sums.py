"""What forecasts of people add up to on the board's day: distributions of groups, and their means in parts."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spm_ml.predictions import Counted, ForecastChange, ForecastPart, TeamPrediction
from spm_ml.scoring.credited import Credited
from spm_ml.scoring.day_sums import DaySums
from spm_ml.scoring.events import Happened
from spm_ml.scoring.explained import ALWAYS_TOLD, figures_of
from spm_ml.scoring.members import Group
from spm_ml.scoring.part_words import Figures, Opened, PartWords, Since
from spm_ml.scoring.two_days import TwoDays, rows_of

_SILENT: Final = {
    "left": "left",
    "not_started": "not started yet",
    "thin_history": "with too little history",
}
"""How people without a forecast are counted, by the reason."""

Floats = NDArray[np.float64]
Places = NDArray[np.int64]


@dataclass(frozen=True)
class Sums:
    """Adds up the n rows of the board's day, and says what is behind the sums.

    Attributes:
        days: The board's day and the one before it.
        credited: Revenue and its share of each rep.
        happened: To each rep's deals in between.
        words: Names parts and says what is behind them.
    """

    days: TwoDays
    credited: Credited
    happened: Mapping[str, Happened]
    words: PartWords

    @cached_property
    def together(self) -> DaySums:
        """The distributions."""
        return DaySums(rows_of(self.days.forecast, self.days.now), self.credited)

    @cached_property
    def still(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """(n, parts) expected amounts still to come that count, on the board's day and on the one before; 0 without."""
        means, there = self.days.still_means, self.days.before >= 0
        then = means.to_numpy()[np.where(there, self.days.before, 0)] * (there * self.together.share)[:, None]
        now = means.to_numpy()[self.days.now] * self.together.share[:, None]
        return pd.DataFrame(now, columns=means.columns), pd.DataFrame(then, columns=means.columns)

    @cached_property
    def quota_before(self) -> Floats:
        """(n,) quotas in force on the day before, minor units; 0 where there was none."""
        quota = np.nan_to_num(self.days.dataset.frame["quota"].to_numpy(dtype=float))
        return np.where(self.days.before >= 0, quota[self.days.before], 0.0)

    def added_to(
        self,
        rows: Sequence[TeamPrediction],
        groups: Sequence[Group],
        board: Sequence[Counted],
        carriers: Collection[str],
    ) -> tuple[TeamPrediction, ...]:
        """Adds forecasts, chances and parts to rows of groups that have a member with a forecast.

        Args:
            rows: A row a group.
            groups: Whose members are places in `board`.
            board: The n rows of the board's day, in the order of the dataset.
            carriers: Managers whose quota is their team's and counts in no sum.
        """
        counted = ~np.isin(self.together.reps.to_numpy(dtype=object), list(carriers))
        found = []
        for row, group in zip(self.together.added_to(rows, groups), groups, strict=True):
            if row.bookings_quantiles is None:
                found.append(row)
                continue
            members = np.array(group.members)
            figures = self._figures(row, members, [board[at] for at in group.members])
            parts = self._parts(members, figures)
            change = self._change(members, figures, members[counted[members]])
            found.append(replace(row, parts=parts, change=change))
        return tuple(found)

    def _figures(self, row: TeamPrediction, members: Places, rows: Sequence[Counted]) -> Figures:
        """What the sentences about a group are made of: sums over its members."""
        own = [self.of_members[place] for place in members.tolist()]
        made = [one.created for one in own if one.created is not None]
        opened: dict[int, list[Opened]] = {}
        for one in own:
            for stage, deals in one.opened.items():
                opened.setdefault(stage, []).append(deals)
        return Figures(
            booked=row.booked,
            quota=row.quota,
            days_left=max(one.days_left for one in own),
            opened={stage: _together(several) for stage, several in sorted(opened.items())},
            created=sum(made) if made else None,
            remark=_remark(rows),
        )

    @cached_property
    def of_members(self) -> tuple[Figures, ...]:
        """(n,) what the sentences about each rep are made of."""
        records = self.days.dataset.frame.to_dict("records")
        return tuple(figures_of(self.days, row, records[row]) for row in self.days.now.tolist())

    @cached_property
    def passed(self) -> int:
        """Selling days between the two days."""
        elapsed = self.days.dataset.frame["elapsed_selling_days"].to_numpy()
        return int(elapsed.max() - elapsed.min())

    def _parts(self, members: Places, figures: Figures) -> tuple[ForecastPart, ...]:
        amounts = {"booked": float(self.together.booked[members].sum())} | _summed(self.still[0], members)
        return tuple(
            _part(self.words, slug, amount, self.words.text(slug, amount, figures), figures)
            for slug, amount in amounts.items()
            if amount or slug in ALWAYS_TOLD
        )

    def _change(self, members: Places, figures: Figures, with_quota: Places) -> ForecastChange | None:
        """What changed the mean of the same people; None where nobody had a forecast on the day before."""
        there = members[self.days.before[members] >= 0]
        if self.days.since is None or not self.days.is_forecast[self.days.before[there]].any():
            return None
        booked, then = (
            self.credited.column("before", self.together.reps)[members].sum(),
            _summed(self.still[1], members),
        )
        before = {"booked": float(booked)} | then
        now = {"booked": float(self.together.booked[members].sum())} | _summed(self.still[0], members)
        reps = self.together.reps[members]
        happened = Happened.together(self.happened[rep] for rep in reps if rep in self.happened)
        since = Since(happened, self.passed, float(self.quota_before[with_quota].sum()) or None)
        return ForecastChange(
            self.days.since,
            sum(before.values()),
            tuple(
                _part(self.words, slug, amount, self.words.change(slug, amount, figures, since), figures)
                for slug, amount in ((slug, now[slug] - before[slug]) for slug in now)
                if amount or slug in ALWAYS_TOLD
            ),
        )


def _summed(still: pd.DataFrame, members: Places) -> dict[str, float]:
    """Sum of each part over some rows."""
    totals = still.to_numpy()[members].sum(axis=0)
    return {str(slug): float(total) for slug, total in zip(still.columns, totals, strict=True)}


def _part(words: PartWords, slug: str, amount: float, text: str, figures: Figures) -> ForecastPart:
    return ForecastPart(slug, words.label(slug), amount, amount / figures.quota if figures.quota else None, text)


def _together(several: Sequence[Opened]) -> Opened:
    return Opened(
        sum(one.count for one in several), sum(one.amount for one in several), sum(one.expected for one in several)
    )


def _remark(rows: Sequence[Counted]) -> str:
    """Says whose forecast or quota is not in the sums, and why; '' if everybody's is."""
    said = []
    silent = Counter(row.abstention.reason if row.abstention else "" for row in rows if row.bookings_quantiles is None)
    if silent:
        why = ", ".join(f"{count} {_SILENT.get(reason, 'not forecast')}" for reason, count in sorted(silent.items()))
        added = len(rows) - silent.total()
        only = f"of the others ({why}) only what is booked counts."
        said.append(f"Forecasts of {added} of {len(rows)} people are added up; {only}")
    without = sum(not row.quota for row in rows)
    if 0 < without < len(rows):
        said.append(f"{without} of {len(rows)} people have no quota: their bookings are in the sum, a quota is not.")
    return " ".join(said)
