"""The parts of one diagnosed span as stored rows, each with its sentence."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from spm_ml.coaching.diagnosis.behaviours import BEHAVIOURS
from spm_ml.coaching.diagnosis.parts import PARTS, Explained
from spm_ml.coaching.diagnosis.quotas import ALLOWED_FOR
from spm_ml.coaching.diagnosis.verdict import Verdicts
from spm_ml.coaching.diagnosis.words import (
    LABELS,
    Beside,
    chance_text,
    condition_text,
    inherited_text,
    largest_text,
    quota_text,
    share,
)
from spm_ml.predictions.coaching import DiagnosisPart


@dataclass(frozen=True, eq=False)
class Figures:
    """What the sentences about spans are made of.

    Attributes:
        explained: The spans and their parts.
        verdicts: What was decided about them.
        left_out: Share of each condition that quotas do not allow for.
    """

    explained: Explained
    verdicts: Verdicts
    left_out: dict[str, float]

    def beside(self, slug: str, place: int) -> Beside:
        """A behaviour of a span beside that of fair peers."""
        found = self.explained.behaviours.of[slug]
        values = (found.ratio[place], found.low[place], found.high[place], found.p_below[place])
        return Beside(*(float(value) for value in values))

    def parts(self, place: int) -> Iterator[DiagnosisPart]:
        """The parts of a span in the order in which they are told; those that do not apply are left out."""
        alone = bool(self.explained.behaviours.without_deals[place])
        values = self.explained.parts.iloc[place]
        row = {str(name): float(value) for name, value in self.explained.spans.iloc[place].items() if name != "rep_id"}
        for slug in PARTS:
            own = slug == "own_bookings" or slug in BEHAVIOURS
            if own and alone is not (slug == "own_bookings"):
                continue
            text = self._behaviour(slug, place, row) if own else self._condition(slug, place, row)
            yield DiagnosisPart("behaviour" if own else "condition", slug, LABELS[slug], float(values[slug]), text)

    def _condition(self, slug: str, place: int, row: dict[str, float]) -> str:
        if slug in ALLOWED_FOR:
            return condition_text(slug, float(np.expm1(row[f"{slug}_effect"] / row["peers"])), self.left_out[slug])
        if slug == "quota_difficulty":
            return quota_text(float(self.verdicts.fair[place]))
        if slug == "inherited_pipeline":
            own = row["inherited"] / row["all_won_amount"] if row["all_won_amount"] else 0.0
            return inherited_text(own, own - float(self.explained.behaviours.inherited[place]))
        if slug == "largest_deal":
            return largest_text(float(self.explained.parts[slug].iloc[place]))
        return chance_text(float(self.verdicts.usual[place]))

    def _behaviour(self, slug: str, place: int, row: dict[str, float]) -> str:
        said = self.beside(slug, place).said()
        if slug == "pipeline_created":
            return f"{row['created']:,.0f} deals created, fair peers {row['created_peers']:,.0f}: {said}."
        if slug == "win_rate":
            if not row["closed"]:
                return f"No deal was closed: {said}."
            rates = (share(row[name] / row["closed"]) for name in ("won", "won_peers"))
            return f"{row['won']:,.0f} of {row['closed']:,.0f} closed deals won, {' beside '.join(rates)}: {said}."
        if slug == "deal_size":
            if not row["won_amount_peers"]:
                return f"No deal was won: {said}."
            return f"Deals won are {share(row['won_amount'] / row['won_amount_peers'])} as large as peers': {said}."
        if slug == "cycle":
            return f"{self._days(row)}; what closes in time is {said}."
        return f"Bookings are {share(row['bookings'] / row['peers'])} of what fair peers book: {said}."

    @staticmethod
    def _days(row: dict[str, float]) -> str:
        if not row["won"]:
            return "No deal was won"
        days, peers = row["cycle_days"] / row["won"], row["cycle_days_peers"] / row["won"]
        return f"Won deals took {days:,.0f} days, peers' {peers:,.0f}"
