"""Where a rep stands, what would help most and what the reader can do here, in plain sentences."""

from collections.abc import Sequence
from dataclasses import dataclass

from serving import formats
from serving.formats import Money
from spm_ml.predictions import Prediction


@dataclass(frozen=True)
class Action:
    """Something the reader can do on the page."""

    label: str
    href: str


@dataclass(frozen=True)
class Standing:
    """The top of the page.

    Attributes:
        where: Where the rep stands, and the main reason; empty where there is no forecast.
        helps: What would help most; empty where nothing stands out.
        actions: What the reader can do.
    """

    where: str
    helps: str
    actions: tuple[Action, ...]


def standing_of(row: Prediction, money: Money, *, own: bool, actions: Sequence[Action]) -> Standing:
    """The sentences for the rep (`own`), or for whoever reads about the rep."""
    # Without a forecast the notice above says why.
    where = f"{_where(row, own=own)} {formats.sentence(row.main_reason)}".strip()
    return Standing("" if row.abstention else where, _helps(row, money, own=own), tuple(actions))


def _where(row: Prediction, *, own: bool) -> str:
    whose = "your" if own else "the"
    if row.quota and row.booked >= row.quota:
        return f"{'You have' if own else row.name + ' has'} reached {whose} quota."
    if row.p_hit is None:
        return ""
    who = "you" if own else row.name
    return f"{_outlook(row.p_hit).format(who=who, whose=whose)}: the chance is {formats.chance(row.p_hit)}."


def _outlook(p_hit: float) -> str:
    if p_hit >= 0.8:
        return "It is likely that {who} will reach {whose} quota"
    if p_hit >= 0.5:
        return "It is more likely than not that {who} will reach {whose} quota"
    if p_hit >= 0.2:
        return "It is more likely than not that {who} will miss {whose} quota"
    return "It is likely that {who} will miss {whose} quota"


def _helps(row: Prediction, money: Money, *, own: bool) -> str:
    """The one deal that moves the forecast most; it is stored first."""
    if not row.deals or row.bookings_quantiles is None:
        return ""
    deal = row.deals[0]
    what = f"{deal.opportunity_id} ({deal.stage}, {money.full(deal.amount)})"
    chance = f"{formats.chance(deal.p_win)} likely to be won in the period"
    missing = (row.quota or 0) - row.booked
    if missing > 0 and deal.amount >= missing:
        whose = "your" if own else "the"
        return f"What would help most: winning {what}, {chance}. It alone would reach {whose} quota."
    return f"What would help most: winning {what}, {chance}."
