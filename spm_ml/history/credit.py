"""Bookings: who is credited with what, and when; signed, nothing is updated in place (H04, H05, H13)."""

import ibis
import ibis.expr.types as ir

from spm_ml.history.money import rounded

COLUMNS = {
    "opportunity_id": "string",
    "rep_id": "string",
    "booked_on": "date",
    "recorded_on": "date",
    "created_on": "date",
    "amount": "int64",
    "credit": "string",
    "owner_id": "string",
}
"""Columns of the bookings and their types, in order."""


def bookings_of(ledger: ir.Table, credit_shares: ir.Table) -> ir.Table:
    """Credited amounts: + when a deal is won, − when a won deal is reopened or lost, ± when its amount changes.

    The owner at the win is credited with the whole amount unless `credits` names revenue shares, whoever owns the
    deal later. Shares are cut so that they add up to the amount to the last minor unit (cumulative rounding in the
    order of rep_id), and a reversal takes back exactly what was booked. Overlay credit comes on top.

    Args:
        ledger: The ledger of deals.
        credit_shares: The table `credits`.
    """
    changes = _changes_of_won_deals(ledger)
    shares = _shares(credit_shares)
    owners = changes.anti_join(shares.filter(shares.kind == "revenue"), "opportunity_id")
    by_owner = owners.select(
        *_KEYS, rep_id="owner_id", credit=ibis.literal("revenue"), amount=owners.after - owners.before
    )
    shared = changes.inner_join(shares, "opportunity_id")
    by_share = shared.select(
        *_KEYS,
        rep_id="rep_id",
        credit="kind",
        amount=_part(shared.after, shared) - _part(shared.before, shared),
    )
    rows = ibis.union(by_owner, by_share)
    return rows.select(**{name: rows[name].cast(kind) for name, kind in COLUMNS.items()})


_KEYS = ("opportunity_id", "booked_on", "recorded_on", "created_on", "owner_id")


def _changes_of_won_deals(ledger: ir.Table) -> ir.Table:
    """Ledger rows that change what is booked of a deal, with the amounts booked before and after and the owner then."""
    is_won = ledger.outcome == "won"
    was_won = (ledger.previous_outcome == "won").fill_null(False)
    rows = ledger.filter(is_won | was_won)
    wins = (rows.outcome == "won") & (rows.previous_outcome != "won").fill_null(True)
    rows = rows.select(
        "opportunity_id",
        "event_number",
        "recorded_on",
        "created_on",
        "rep_id",
        booked_on="event_on",
        wins=wins,
        after=ibis.ifelse(rows.outcome == "won", rows.amount, 0),
        before=ibis.ifelse((rows.previous_outcome == "won").fill_null(False), rows.previous_amount, 0),
    )
    so_far = ibis.window(group_by="opportunity_id", order_by="event_number", preceding=None, following=0)
    rows = rows.mutate(win=rows.wins.cast("int64").sum().over(so_far))
    winner = ibis.ifelse(rows.wins, rows.rep_id, ibis.null("string"))
    rows = rows.mutate(owner_id=winner.max().over(ibis.window(group_by=["opportunity_id", "win"])))
    return rows.filter(rows.wins | (rows.after != rows.before)).drop("rep_id", "wins", "win", "event_number")


def _shares(credit_shares: ir.Table) -> ir.Table:
    """Shares with the sum of the shares before them; an overlay share stands alone."""
    in_order = ibis.window(group_by=["opportunity_id", "kind"], order_by="rep_id", preceding=None, following=0)
    rows = credit_shares.mutate(kind=credit_shares.kind.fill_null("revenue"))
    upto = ibis.ifelse(rows.kind == "revenue", rows.share.sum().over(in_order), rows.share)
    return rows.select("opportunity_id", "rep_id", "kind", low=upto - rows.share, high=upto)


def _part(amount: ir.IntegerValue, shared: ir.Table) -> ir.IntegerValue:
    return _rounded(amount, shared.high) - _rounded(amount, shared.low)


def _rounded(amount: ir.IntegerValue, share: ir.FloatingValue) -> ir.IntegerValue:
    """A share of an amount in minor units; shares are taken to a millionth, which makes 1/3 + 1/3 + 1/3 a whole."""
    return rounded(amount * rounded(share * 1_000_000) / 1_000_000)
