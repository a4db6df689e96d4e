"""Payout so far and expected, as a reader sees it."""

from dataclasses import dataclass

from markupsafe import Markup

from serving.charts.scale import Mark, scale_chart
from serving.formats import Money
from spm_ml.predictions import PayOutlook, Prediction


@dataclass(frozen=True)
class PayRow:
    """A part of the payout so far."""

    label: str
    text: str
    amount: str


@dataclass(frozen=True)
class PayWords:
    """What a compensation plan pays for the period.

    Attributes:
        plan: The plan and its version.
        lead: What is paid so far and expected, in a sentence.
        parts: Of the payout so far; they add up to `so_far`.
        notes: How the numbers are made, and what they leave out.
    """

    plan: str
    lead: str
    chart: Markup
    parts: tuple[PayRow, ...]
    so_far: str
    notes: tuple[str, ...]


def pay_words(row: Prediction, money: Money) -> PayWords | None:
    """The words of a rep's pay; None where none could be worked out."""
    pay = row.pay
    if pay is None:
        return None
    return PayWords(
        plan=f"{pay.plan_name}, version {pay.plan_version}",
        lead=_lead(pay, row, money),
        chart=_chart(pay, row, money),
        parts=_parts(pay, money),
        so_far=money.amount(pay.so_far),
        notes=_notes(pay, money),
    )


def without_pay(row: Prediction) -> str:
    """Why there is no payout, and what to do about it."""
    reason = next((metric.reason for metric in row.metrics if metric.slug == "commission_payout"), None)
    if reason == "quota_missing":
        return "A compensation plan applies, but it pays by quota, and no quota above zero is known. Enter the quota."
    return (
        f"No compensation plan is known for {row.name}, so no payout can be worked out. Whoever loads the data can put "
        "the plan into comp_plans.yaml beside the tables."
    )


def _lead(pay: PayOutlook, row: Prediction, money: Money) -> str:
    now = f"So far the plan pays {money.full(pay.so_far)}."
    expected = pay.expected
    if expected is None:
        why = "there is no forecast" if row.bookings_quantiles is None else "the plan also pays for what others book"
        return f"{now} What comes on top is not foreseen, as {why}."
    return (
        f"{now} By the end of {row.period} half of the outcomes pay more than {money.full(expected.p50)}; four of five "
        f"lie between {money.amount(expected.p10)} and {money.amount(expected.p90)}."
    )


def _chart(pay: PayOutlook, row: Prediction, money: Money) -> Markup:
    marks = []
    if pay.expected is not None:
        values = tuple(float(value) for value in pay.expected.quantiles)
        marks.append(Mark("Expected, P10 – P50 – P90", values, money.amount(pay.expected.p50), "range"))
    marks.append(Mark("So far", (float(pay.so_far),), money.amount(pay.so_far), "booked"))
    marks.append(Mark("At exactly the quota", (float(pay.at_quota),), money.amount(pay.at_quota), "wanted"))
    listed = "; ".join(f"{mark.label} {mark.text}" for mark in marks)
    return scale_chart(
        marks,
        title=f"Payout of {row.name} for {row.period}, in {money.currency}",
        description=f"{listed}.",
        key="pay-chart",
    )


def _parts(pay: PayOutlook, money: Money) -> tuple[PayRow, ...]:
    rows = [PayRow("Commission", "Of the plan's tiers, on what is credited so far.", money.amount(pay.commission))]
    if pay.spif:
        rows.append(PayRow("SPIFs", "Bonuses for deals won so far.", money.amount(pay.spif)))
    if pay.clawback:
        rows.append(PayRow("Clawbacks", "Paid before for deals that were refunded since.", money.amount(pay.clawback)))
    if pay.adjustment:
        words = "What closed periods paid too little or too much, by what is known now."
        rows.append(PayRow("Adjustments", words, money.amount(pay.adjustment)))
    if pay.holdback:
        words = "Withheld of commission until refunds are no longer to be feared, and released of earlier periods."
        rows.append(PayRow("Holdback", words, money.amount(pay.holdback)))
    if pay.draw > 0:
        rows.append(PayRow("Draw", "Fills up to the least that is paid.", money.amount(pay.draw)))
    if pay.draw < 0:
        rows.append(PayRow("Draw recovered", "Takes back earlier advances.", money.amount(pay.draw)))
    return tuple(rows)


def _notes(pay: PayOutlook, money: Money) -> tuple[str, ...]:
    notes = []
    if pay.expected is not None:
        notes.append(
            f"On average {money.full(pay.expected.mean)}. Every outcome of the forecast went through the plan, tier by "
            "tier: the payout of the average outcome would be another number."
        )
        notes.append("Bonuses for deals not yet won, and refunds of deals already paid, are not foreseen.")
    return (*notes, "An outlook, no statement of pay: what is paid is settled after the period.")
