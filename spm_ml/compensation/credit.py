"""Credit: what one ledger entry counts for one rep, and how a deal is split among several."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal

from spm_ml.errors import DataError


@dataclass(frozen=True)
class Credit:
    """A signed credit of one rep, as it counts for that rep or for somebody paid on it; refunds are negative.

    Attributes:
        entry: Names the ledger entry; each is settled once.
        opportunity_id: The deal.
        booked_on: Day it counts on.
        amount: Minor units.
        kind: A revenue share of the deal, or overlay credit beside it.
        product: For SPIFs and measures.
        deal_kind: Kind of business, for SPIFs and measures.
        owner: Whose credit it is where another one is paid on it; empty: one's own.
    """

    entry: str
    opportunity_id: str
    booked_on: date
    amount: int
    kind: Literal["revenue", "overlay"] = "revenue"
    product: str | None = None
    deal_kind: str | None = None
    owner: str = ""


def split_credit(amount: int, shares: Mapping[str, Decimal]) -> dict[str, int]:
    """Splits a deal among reps so that their revenue credit sums to the deal, to the cent.

    Shares are rounded down, and the cents left over go to the largest remainders (Hamilton's method), ties to the
    rep named first.

    Args:
        amount: Minor units of the deal; negative for a refund.
        shares: Revenue share of each rep.

    Raises:
        DataError: A share is negative, or the shares do not sum to 1.

    >>> split_credit(100_00, {"a": Decimal("0.335"), "b": Decimal("0.665")})
    {'a': 3350, 'b': 6650}
    """
    total = sum(shares.values(), Decimal(0))
    if total != 1 or any(share < 0 for share in shares.values()):
        listed = ", ".join(f"{rep_id} {share}" for rep_id, share in shares.items())
        raise DataError(
            f"revenue shares ({listed}) sum to {total}: they must be 0 or more and sum to 1; "
            "credit beyond the deal is overlay"
        )
    exact = {rep_id: abs(amount) * share for rep_id, share in shares.items()}
    credit = {rep_id: int(part) for rep_id, part in exact.items()}
    left = abs(amount) - sum(credit.values())
    for rep_id in sorted(exact, key=lambda name: credit[name] - exact[name])[:left]:
        credit[rep_id] += 1
    sign = -1 if amount < 0 else 1
    return {rep_id: sign * part for rep_id, part in credit.items()}


def overlay_credit(amount: int, share: Decimal) -> int:
    """Credit of an overlay rep, in minor units; overlay shares may exceed the deal together."""
    return int((amount * share).quantize(Decimal(1), rounding=ROUND_HALF_UP))
