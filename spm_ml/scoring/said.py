"""What reps and managers submitted for the period, and how such numbers compared with the model's before."""

from collections.abc import Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import Final, cast

from spm_ml.backtest import stored_track_record
from spm_ml.dataset.submissions import KINDS
from spm_ml.history import SalesHistory
from spm_ml.predictions import Submission
from spm_ml.predictions.outlook import SubmissionKind
from spm_ml.scoring.target import ScoringTarget, week_of

_ORDER: Final = ("rep_id", "kind", "known_on", "submitted_at", "amount", "submitted_by")

Record = tuple[float | None, int, int]
"""Typical bias, periods in which the model was closer, periods compared."""

_NO_PAST: Final[Record] = (None, 0, 0)


def submissions_of(
    history: SalesHistory,
    target: ScoringTarget,
    backtest_file: Path,
    forecaster: str,
    *,
    reps: Sequence[str] | None = None,
) -> dict[str, tuple[Submission, ...]]:
    """The newest submission of each kind for the target's period, by rep_id, in the order of `KINDS`.

    Args:
        history: Nothing submitted after the target's day is in it.
        target: The period.
        backtest_file: What the model was registered with: earlier periods in which both spoke.
        forecaster: Slug of the model.
        reps: About these alone; None: about everybody.
    """
    rows = history.submissions
    rows = rows.filter(
        rows.period_start == target.period.start, rows.known_on <= target.as_of, rows.kind.isin(list(KINDS))
    )
    if reps is not None:
        rows = rows.filter(rows.rep_id.isin(reps))
    said = rows.select(*_ORDER).order_by(*_ORDER).to_pyarrow().to_pylist()
    if not said:
        return {}
    newest = {(row["rep_id"], row["kind"]): row for row in said if row["amount"] is not None}
    record = _record(target, backtest_file, forecaster)
    names = _names(history, {row["submitted_by"] or row["rep_id"] for row in newest.values()})
    found: dict[str, list[Submission]] = {}
    for rep_id, kind in sorted(newest, key=lambda key: (key[0], KINDS.index(key[1]))):
        row = newest[rep_id, kind]
        bias, closer, compared = record.get((rep_id, kind), _NO_PAST)
        found.setdefault(rep_id, []).append(
            Submission(
                kind=cast("SubmissionKind", kind),
                amount=int(row["amount"]),
                submitted_on=row["known_on"],
                submitted_by=names.get(row["submitted_by"] or rep_id, row["submitted_by"] or rep_id),
                typical_bias=bias,
                model_closer=closer,
                compared=compared,
            )
        )
    return {rep_id: tuple(several) for rep_id, several in found.items()}


def _names(history: SalesHistory, rep_ids: set[str]) -> dict[str, str]:
    """What people are called, by rep_id; of some a history knows no more than the id."""
    people = history.profiles
    people = people.filter(people.rep_id.isin(sorted(rep_ids)), people.name.notnull())
    rows = people.select("rep_id", "name", "valid_from").order_by("valid_from").to_pyarrow().to_pylist()
    return {row["rep_id"]: row["name"] for row in rows}


def _record(target: ScoringTarget, backtest_file: Path, forecaster: str) -> Mapping[tuple[str, str], Record]:
    week = week_of(target.period, target.as_of)
    table = stored_track_record(backtest_file, forecaster, week=week, before=target.period.start)
    columns = (table[name].tolist() for name in ("rep_id", "kind", "typical_bias", "model_closer", "compared"))
    return {
        (rep_id, kind): (bias if isfinite(bias) else None, int(closer), int(compared))
        for rep_id, kind, bias, closer, compared in zip(*columns, strict=True)
    }
