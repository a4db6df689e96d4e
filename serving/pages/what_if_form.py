"""The form of what-if questions: what may be supposed of a rep, and what was sent, as a question or as errors."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from serving import formats
from serving.formats import Money
from serving.routes.what_if import MOST_CHANGES, WhatIfIn
from spm_ml.predictions import Batch, DealOutlook, Prediction

CHOICES: Final = {"": "as it is", "deal_dropped": "is lost", "deal_won": "is won", "close_date_moved": "closes on"}
"""What may be supposed of a deal, by the value that is sent."""

_MOST_AMOUNT: Final = 1e12
_AMOUNT: Final = "Give an amount above 0, in figures."


@dataclass(frozen=True)
class DealField:
    """A deal and what is supposed of it.

    Attributes:
        number: Tells the fields of the form apart.
        choice: One of `CHOICES`.
        day: As sent.
        amount: As sent.
        error: What is wrong with it; empty if nothing is.
    """

    number: int
    deal_id: str
    about: str
    choice: str
    day: str
    amount: str
    error: str


@dataclass(frozen=True)
class ProgramField:
    """A program that may be supposed."""

    number: int
    program_id: str
    label: str
    chosen: bool
    error: str


@dataclass(frozen=True)
class WhatIfForm:
    """The form as it is shown, with what was entered.

    Attributes:
        currency: Of the amounts.
        step: Smallest amount that a number field takes.
        quota: As sent.
        quota_now: The quota in force, in words.
        first_day: The first day on which a deal may close.
        last_day: The last day on which one may be won.
        choices: `CHOICES`.
        error: What is wrong with the whole; empty if nothing is.
    """

    rep_id: str
    name: str
    currency: str
    step: str
    quota: str
    quota_now: str
    quota_error: str
    first_day: str
    last_day: str
    choices: dict[str, str]
    deals: tuple[DealField, ...]
    programs: tuple[ProgramField, ...]
    error: str


@dataclass(frozen=True)
class Entered:
    """What was sent, understood.

    Attributes:
        question: To be asked; None: something is wrong.
        places: The field behind each change, in the order of the question.
        errors: What is wrong, by field; an empty name is the whole.
    """

    question: WhatIfIn | None
    places: tuple[str, ...] = ()
    errors: Mapping[str, str] = field(default_factory=dict)


def form_of(
    batch: Batch, row: Prediction, programs: Mapping[str, str], sent: Mapping[str, str], errors: Mapping[str, str]
) -> WhatIfForm:
    """The form of a rep.

    Args:
        batch: The published one.
        row: The rep's forecast.
        programs: Name by id.
        sent: Fields as they were sent; empty for a new form.
        errors: What is wrong, by field.
    """
    money = Money.of(batch)
    return WhatIfForm(
        rep_id=row.rep_id,
        name=row.name,
        currency=batch.currency,
        step="1" if batch.minor_digits == 0 else f"{10.0**-batch.minor_digits:.{batch.minor_digits}f}",
        quota=sent.get("quota", ""),
        quota_now="no quota is known" if row.quota is None else f"now {money.full(row.quota)}",
        quota_error=errors.get("quota", ""),
        first_day=date.fromordinal(row.as_of.toordinal() + 1).isoformat(),
        last_day=row.period_end.isoformat(),
        choices=CHOICES,
        deals=tuple(
            DealField(
                number=number,
                deal_id=deal.opportunity_id,
                about=_about(deal, money),
                choice=sent.get(f"choice:{deal.opportunity_id}", ""),
                day=sent.get(f"day:{deal.opportunity_id}", ""),
                amount=sent.get(f"amount:{deal.opportunity_id}", ""),
                error=errors.get(f"deal:{deal.opportunity_id}", ""),
            )
            for number, deal in enumerate(row.deals)
        ),
        programs=tuple(
            ProgramField(
                number, program_id, name, f"program:{program_id}" in sent, errors.get(f"program:{program_id}", "")
            )
            for number, (program_id, name) in enumerate(programs.items())
        ),
        error=errors.get("", ""),
    )


def _about(deal: DealOutlook, money: Money) -> str:
    expected = "" if deal.expected_close_on is None else f", expected {formats.short_day(deal.expected_close_on)}"
    return f"{deal.stage}, {money.full(deal.amount)}, chance {formats.chance(deal.p_win)}{expected}"


def entered(row: Prediction, programs: Mapping[str, str], sent: Mapping[str, str]) -> Entered:
    """What the fields suppose: the quota first, then the deals, then the programs."""
    changes: list[dict[str, Any]] = []
    places: list[str] = []
    errors: dict[str, str] = {}
    if sent.get("quota", "").strip():
        quota = _amount(sent["quota"])
        if quota is None:
            errors["quota"] = _AMOUNT
        else:
            changes.append({"kind": "quota", "quota": quota})
            places.append("quota")
    known = {deal.opportunity_id for deal in row.deals}
    for deal in row.deals:
        change, error = _deal(row, deal.opportunity_id, sent)
        if error:
            errors[f"deal:{deal.opportunity_id}"] = error
        elif change is not None:
            changes.append(change)
            places.append(f"deal:{deal.opportunity_id}")
    for program_id in programs:
        if f"program:{program_id}" in sent:
            changes.append({"kind": "program_taken", "program_id": program_id})
            places.append(f"program:{program_id}")
    if any(_gone(name, value, known, programs) for name, value in sent.items()):
        errors[""] = "A new forecast came in, and something you changed is not among its deals or programs any more."
    elif len(changes) > MOST_CHANGES:
        errors[""] = f"Suppose at most {MOST_CHANGES} changes at once."
    elif not changes and not errors:
        errors[""] = "Change something first: the quota, a deal, or a program."
    if errors:
        return Entered(None, errors=errors)
    return Entered(WhatIfIn.model_validate({"rep_id": row.rep_id, "changes": changes}), tuple(places))


def _deal(row: Prediction, deal_id: str, sent: Mapping[str, str]) -> tuple[dict[str, Any] | None, str]:
    """What is supposed of a deal, and what is wrong with it."""
    kind, day, amount = (sent.get(f"{name}:{deal_id}", "").strip() for name in ("choice", "day", "amount"))
    if kind not in CHOICES:
        return None, "Choose what happens to the deal."
    if not kind:
        return None, "Choose what happens to the deal, or leave the rest empty." if day or amount else ""
    if kind == "deal_dropped":
        return {"kind": kind, "deal_id": deal_id}, ""
    when = _day(day)
    if (day and when is None) or (when is not None and when <= row.as_of):
        return None, f"Give a day after {formats.day(row.as_of)}."
    if kind == "close_date_moved":
        if when is None:
            return None, "Give the day on which it closes."
        return {"kind": kind, "deal_id": deal_id, "close_date": day}, ""
    if when is not None and when > row.period_end:
        return None, f"To be won in this period it closes by {formats.day(row.period_end)}."
    booked = _amount(amount)
    if amount and booked is None:
        return None, _AMOUNT
    return {"kind": kind, "deal_id": deal_id, "won_on": day or None, "amount": booked}, ""


def _gone(name: str, value: str, deals: set[str], programs: Mapping[str, str]) -> bool:
    kind, _, of = name.partition(":")
    return bool(value) and ((kind == "choice" and of not in deals) or (kind == "program" and of not in programs))


def _amount(text: str) -> float | None:
    """An amount as number fields send it; None if it is none that may be supposed."""
    try:
        amount = float(text)
    except ValueError:
        return None
    return amount if math.isfinite(amount) and 0 < amount <= _MOST_AMOUNT else None


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if len(text) == len("2026-01-31") else None
    except ValueError:
        return None
