"""An answer to a what-if question as a reader sees it: before and after on one scale, and what each change moves."""

from dataclasses import dataclass
from datetime import date
from typing import Final

from markupsafe import Markup

from serving import formats
from serving.charts.scale import Mark, scale_chart
from serving.formats import Money
from serving.routes.what_if import (
    Change,
    CloseDateMoved,
    DealDropped,
    DealWon,
    Outlook,
    ProgramTaken,
    QuotaChanged,
    WhatIfAnswer,
    WhatIfPart,
    WhatIfPay,
)

_RANGE: Final = (0.1, 0.25, 0.5, 0.75, 0.9)


@dataclass(frozen=True)
class OutlookRow:
    """A forecast before or after the changes, and the quota it is measured by."""

    label: str
    quota: str
    low: str
    median: str
    high: str
    share: str
    chance: str


@dataclass(frozen=True)
class MovedRow:
    """What one change moves.

    Attributes:
        amount: Of the middle of the forecast.
        chance: In percentage points.
        pay: Of the expected payout; empty where none is expected.
        note: What else to know.
    """

    label: str
    amount: str
    chance: str
    pay: str
    note: str


@dataclass(frozen=True)
class PayMoved:
    """The payout before or after the changes."""

    label: str
    low: str
    median: str
    high: str
    mean: str


@dataclass(frozen=True)
class WhatIfWords:
    """The answer.

    Attributes:
        lead: The difference in one sentence.
        rows: Before and after.
        parts: Add up to the total.
        pay: Before and after; empty where no payout is expected.
        pay_lead: The difference in pay in one sentence.
    """

    lead: str
    chart: Markup
    rows: tuple[OutlookRow, OutlookRow]
    parts: tuple[MovedRow, ...]
    total: MovedRow
    pay: tuple[PayMoved, ...] = ()
    pay_lead: str = ""


def answer_words(
    answer: WhatIfAnswer, changes: list[Change], programs: dict[str, str], booked: int, money: Money
) -> WhatIfWords:
    """The words and the picture of an answer.

    Args:
        answer: As the API gives it, in units of the currency.
        changes: What was supposed, in the order of the answer's parts.
        programs: Name by id.
        booked: What the rep has booked, minor units.
        money: Writes amounts.
    """
    before, after = answer.before, answer.after
    unit = 10**money.minor_digits
    moved = after.median_bookings - before.median_bookings
    amounts = formats.rounded([part.median_bookings for part in answer.parts], moved, 0)
    known = before.p_hit is not None and after.p_hit is not None
    chances = (
        tuple(formats.points(size) for size in _shares(answer.parts, (after.p_hit or 0.0) - (before.p_hit or 0.0)))
        if known and all(part.p_hit is not None for part in answer.parts)
        else (formats.NOTHING,) * len(answer.parts)
    )
    total_pay = None if answer.pay is None else answer.pay.after.mean - answer.pay.before.mean
    pays = [] if total_pay is None else formats.rounded([part.mean_pay or 0.0 for part in answer.parts], total_pay, 0)
    said = [formats.signed(size) for size in pays] or [""] * len(answer.parts)
    return WhatIfWords(
        lead=_lead(before, after, money, unit),
        chart=_chart(before, after, booked, money, unit),
        rows=(_row("As published", before, money, unit), _row("With the changes", after, money, unit)),
        parts=tuple(
            MovedRow(_label(change, programs, money, unit), formats.signed(amount), chance, pay, _note(part))
            for change, part, amount, chance, pay in zip(changes, answer.parts, amounts, chances, said, strict=True)
        ),
        total=MovedRow(
            "Together",
            formats.signed(sum(amounts)),
            formats.points((after.p_hit or 0.0) - (before.p_hit or 0.0)) if known else formats.NOTHING,
            formats.signed(sum(pays)) if pays else "",
            "",
        ),
        pay=_pay_rows(answer.pay, money, unit),
        pay_lead=_pay_lead(answer.pay, money, unit),
    )


def _pay_rows(pay: WhatIfPay | None, money: Money, unit: int) -> tuple[PayMoved, ...]:
    if pay is None:
        return ()
    return tuple(
        PayMoved(label, *(money.amount(amount * unit) for amount in (one.p10, one.p50, one.p90, one.mean)))
        for label, one in (("As published", pay.before), ("With the changes", pay.after))
    )


def _pay_lead(pay: WhatIfPay | None, money: Money, unit: int) -> str:
    if pay is None:
        return ""
    before, after = pay.before.mean, pay.after.mean
    if round(before) == round(after):
        return f"The expected payout stays {money.full(before * unit)}."
    way = "rises" if after > before else "falls"
    return f"The expected payout {way} from {money.full(before * unit)} to {money.full(after * unit)}."


def _shares(parts: tuple[WhatIfPart, ...], total: float) -> list[float]:
    """What each part moves of the chance, to a tenth of a point, so that they add up."""
    return [size / 100 for size in formats.rounded([100 * (part.p_hit or 0.0) for part in parts], 100 * total, 1)]


def _lead(before: Outlook, after: Outlook, money: Money, unit: int) -> str:
    middle = (
        f"the middle of the forecast from {money.full(before.median_bookings * unit)} to "
        f"{money.full(after.median_bookings * unit)}"
    )
    if before.p_hit is None or after.p_hit is None:
        return f"{middle[0].upper()}{middle[1:]}."
    return (
        f"The chance of reaching the quota goes from {formats.chance(before.p_hit)} to "
        f"{formats.chance(after.p_hit)}, {middle}."
    )


def _row(label: str, outlook: Outlook, money: Money, unit: int) -> OutlookRow:
    low, _, median, _, high = _values(outlook, unit)
    return OutlookRow(
        label=label,
        quota="" if outlook.quota is None else f"quota {money.full(outlook.quota * unit)}",
        low=money.amount(low),
        median=money.amount(median),
        high=money.amount(high),
        share=formats.percent(outlook.median_attainment),
        chance=formats.chance(outlook.p_hit),
    )


def _values(outlook: Outlook, unit: int) -> tuple[float, ...]:
    """P10, P25, P50, P75 and P90 in minor units."""
    levels = [round(level, 3) for level in outlook.distribution.levels]
    return tuple(outlook.distribution.bookings[levels.index(level)] * unit for level in _RANGE)


def _chart(before: Outlook, after: Outlook, booked: int, money: Money, unit: int) -> Markup:
    ranges = [
        Mark(label, _values(outlook, unit), money.full(outlook.median_bookings * unit), "range")
        for label, outlook in (("As published, P50", before), ("With the changes, P50", after))
    ]
    marks = [*ranges, Mark("Booked so far", (float(booked),), money.full(booked), "booked")]
    if after.quota is not None:
        label = "Quota" if before.quota == after.quota else "Supposed quota"
        marks.append(Mark(label, (after.quota * unit,), money.full(after.quota * unit), "wanted"))
    described = "; ".join(
        f"{label} from {money.full(values[0])} (P10) to {money.full(values[-1])} (P90), middle {money.full(values[2])}"
        for label, values in (("as published", _values(before, unit)), ("with the changes", _values(after, unit)))
    )
    return scale_chart(
        marks,
        title="The forecast as published and with the changes",
        description=f"Bookings at the period's end: {described}.",
        key="what-if",
    )


def _label(change: Change, programs: dict[str, str], money: Money, unit: int) -> str:
    match change:
        case QuotaChanged():
            return f"Quota of {money.full(change.quota * unit)}"
        case DealDropped():
            return f"{change.deal_id} is lost"
        case DealWon():
            amount = "" if change.amount is None else f" with {money.full(change.amount * unit)}"
            return f"{change.deal_id} is won{amount}{_on(change.won_on)}"
        case CloseDateMoved():
            return f"{change.deal_id} closes{_on(change.close_date)}"
        case ProgramTaken():
            return f"Takes {programs[change.program_id]}"


def _on(day: date | None) -> str:
    return "" if day is None else f" on {formats.day(day)}"


def _note(part: WhatIfPart) -> str:
    if part.p_win_before is not None and part.p_win_after is not None:
        chance = f"chance to be won in the period {formats.chance(part.p_win_before)} → {_sure(part.p_win_after)}"
        return f"{chance}. {formats.sentence(part.note)}".strip()
    return formats.sentence(part.note)


def _sure(chance: float) -> str:
    """A supposed chance may be certain."""
    return formats.percent(chance) if chance in (0.0, 1.0) else formats.chance(chance)
