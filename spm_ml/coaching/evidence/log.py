"""Enrolments, completions and outcomes as the data tell them, in the words of the assignment log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import pandas as pd

from spm_ml.coaching.rep_periods import RepPeriods
from spm_ml.predictions import Assignment, PredictionStore, standing_offers

OUTCOME_AFTER: Final = 1
"""Periods from the one in which a program is offered to the one whose attainment it is judged by."""

UNKNOWN: Final = "not recorded"
NOT_OFFERED: Final = "not offered by a plan"
NO_OUTCOME: Final = "no attainment is known of that period: the rep had left, or had no quota"


@dataclass(frozen=True)
class _Span:
    """A period: its place in time, its label, its last day, and whether it is over."""

    t: int
    label: str
    end: date
    finished: bool


def sync_log(store: PredictionStore, periods: RepPeriods) -> int:
    """Brings enrolments, completions and outcomes up to the newest data into the log; a second time adds nothing.

    Returns:
        How many lines were added.
    """
    return store.assignments.append(events_since(periods, store.assignments.lines()))


def events_since(periods: RepPeriods, log: Iterable[Assignment]) -> tuple[Assignment, ...]:
    """What the data say about everybody who was offered, held out or enrolled since the log began.

    A completion dated before its start is left out, and the line of the start says so, as it does of a program that
    was started while another one ran, and of one that no plan offered.

    Args:
        periods: Starts and attainment.
        log: Lines so far; without an offer among them there is nothing to follow up.
    """
    offers = standing_offers(log)
    spans = {span.label: span for span in _spans(periods.frame)}
    logged = [spans[period].t for period, _, _ in offers if period in spans]
    if not logged:
        return ()
    starts = _marked(periods.starts)
    starts = starts[starts["t"] >= min(logged)]
    by_place = {span.t: span for span in spans.values()}
    rows: list[dict[Any, Any]] = starts.to_dict("records")
    enrolled = [event for row in rows for event in _enrolment(row, by_place, offers, periods)]
    followed = set(offers) | {(line.period, line.rep_id, line.program_id) for line in enrolled}
    return (*enrolled, *_outcomes(followed, offers, spans, by_place, periods.frame))


def _spans(frame: pd.DataFrame) -> Iterator[_Span]:
    rows = frame.groupby("t").agg(label=("period", "first"), end=("period_end", "first"), finished=("finished", "any"))
    for t, row in zip(rows.index, rows.to_dict("records"), strict=True):
        yield _Span(int(t), str(row["label"]), pd.Timestamp(row["end"]).date(), bool(row["finished"]))


def _marked(starts: pd.DataFrame) -> pd.DataFrame:
    """Starts with a flag on completions dated before them, and with the program that still ran on that day."""
    rows = starts.sort_values(["rep_id", "started_on", "program_id"], ignore_index=True)
    wrong = rows["completed_on"] < rows["started_on"]
    until = rows["completed_on"].mask(wrong, rows["started_on"]).fillna(pd.Timestamp.max)
    before = rows.groupby("rep_id")[["program_id"]].shift()
    ran_until = until.groupby(rows["rep_id"]).shift()
    running = (ran_until >= rows["started_on"]) & (before["program_id"] != rows["program_id"])
    return rows.assign(wrong=wrong, running=before["program_id"].where(running))


def _enrolment(
    row: dict[Any, Any],
    spans: dict[int, _Span],
    offers: dict[tuple[str, str, str], Assignment],
    periods: RepPeriods,
) -> Iterator[Assignment]:
    span, rep, program = spans[int(row["t"])], str(row["rep_id"]), str(row["program_id"])
    offer = offers.get((span.label, rep, program))
    said = [_text(row["reason"])]
    if offer is None:
        said.append(NOT_OFFERED)
    elif offer.event == "held_out":
        said.append("held out by lot, and enrolled all the same")
    if pd.notna(row["running"]):
        said.append(f"started while {row['running']} still ran")
    if row["wrong"]:
        said.append("the completion on record is dated before the start and left out")
    common: dict[str, Any] = {
        "batch_id": offer.batch_id if offer else "",
        "period": span.label,
        "rep_id": rep,
        "program_id": program,
        "actor": _text(row["assigned_by"]),
        "propensity": offer.propensity if offer else None,
        "effect": offer.effect if offer else None,
    }
    yield Assignment(happened_on=row["started_on"].date(), event="enrolled", reason="; ".join(said), **common)
    completed = row["completed_on"]
    if pd.notna(completed) and not row["wrong"] and completed.date() <= periods.watermark:
        yield Assignment(happened_on=completed.date(), event="completed", reason="", **common)


def _outcomes(
    followed: set[tuple[str, str, str]],
    offers: dict[tuple[str, str, str], Assignment],
    spans: dict[str, _Span],
    by_place: dict[int, _Span],
    frame: pd.DataFrame,
) -> Iterator[Assignment]:
    attainment = frame.set_index(["rep_id", "t"])["attainment"].dropna().to_dict()
    for period, rep, program in sorted(followed):
        after = by_place.get(spans[period].t + OUTCOME_AFTER) if period in spans else None
        if after is None or not after.finished:
            continue
        value, offer = attainment.get((rep, after.t)), offers.get((period, rep, program))
        yield Assignment(
            happened_on=after.end,
            batch_id=offer.batch_id if offer else "",
            period=period,
            rep_id=rep,
            program_id=program,
            event="outcome",
            actor="data",
            reason=f"attainment of {after.label}" if value is not None else NO_OUTCOME,
            propensity=offer.propensity if offer else None,
            effect=offer.effect if offer else None,
            value=None if value is None else float(value),
        )


def _text(value: object) -> str:
    return value if isinstance(value, str) and value.strip() else UNKNOWN
