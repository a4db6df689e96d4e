"""What happened to a rep's deals since the batch before, and what it did to the median and the risk."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from spm_ml.history import SalesHistory
from spm_ml.history.changed import Changed
from spm_ml.predictions import Batch, Counted, News, Prediction
from spm_ml.scoring.words import MoneyWords

_MOST_TOLD: Final = 3


def with_news(
    history: SalesHistory,
    changed: Changed,
    before: Batch,
    shown: Sequence[Counted],
    made: Sequence[Prediction],
    money: MoneyWords,
) -> tuple[Prediction, ...]:
    """Rows of the board's day that say what is new since the batch before; other rows stay as they are.

    Args:
        history: What is known now.
        changed: What was recorded since.
        before: The batch before.
        shown: Its rows of the board's day.
        made: The new rows.
        money: Writes amounts.
    """
    was = {row.rep_id: row for row in shown}
    told = _told(history, changed, money)

    def news(row: Prediction) -> News:
        sentences = told.get(row.rep_id, ["activity, a quota or a share was recorded"])
        more = len(sentences) - _MOST_TOLD
        text = "; ".join(sentences[:_MOST_TOLD]) + (f"; {more} more" if more > 0 else "")
        then = was.get(row.rep_id)
        if then is None:
            return News(before.created_at, text, None, row.quantile(0.5))
        if then.risk_band and row.risk_band and then.risk_band != row.risk_band:
            text += f"; risk is {row.risk_band} now, {then.risk_band} before"
        return News(before.created_at, text, then.quantile(0.5), row.quantile(0.5))

    return tuple(replace(row, news=news(row)) if row.as_of == before.as_of else row for row in made)


def _told(history: SalesHistory, changed: Changed, money: MoneyWords) -> dict[str, list[str]]:
    """A sentence a deal that changed, by the rep who owns it now or did before; the largest deals first."""
    ledger = history.ledger
    rows = ledger.filter(ledger.opportunity_id.isin(sorted(changed.deals)))
    last: dict[str, dict[str, Any]] = {}
    for row in rows.order_by("opportunity_id", "event_number").to_pyarrow().to_pylist():
        last[row["opportunity_id"]] = row
    told: dict[str, list[str]] = {}
    for row in sorted(last.values(), key=lambda one: (-(one["amount"] or 0), one["opportunity_id"])):
        deal, owner, previous = row["opportunity_id"], row["rep_id"], row["previous_rep_id"]
        told.setdefault(owner, []).append(f"{deal} {_happened(row, money)}")
        if previous not in (None, owner):
            told.setdefault(previous, []).append(f"{deal} handed over")
    return told


def _happened(row: dict[str, Any], money: MoneyWords) -> str:
    worth = f" ({money.amount(row['amount'])})" if row["amount"] else ""
    if row["outcome"] != "open":
        return f"{row['outcome']}{worth}"
    if row["previous_outcome"] is None:
        return f"created in {row['stage']}{worth}"
    if row["previous_rep_id"] not in (None, row["rep_id"]):
        return f"taken over in {row['stage']}{worth}"
    if row["previous_stage_position"] != row["stage_position"]:
        return f"moved to {row['stage']}{worth}"
    if row["previous_amount"] != row["amount"]:
        return f"is worth {money.amount(row['amount'] or 0)} now"
    if row["previous_expected_close_on"] != row["expected_close_on"] and row["expected_close_on"]:
        return f"is expected on {row['expected_close_on']:%Y-%m-%d} now"
    return f"changed{worth}"
