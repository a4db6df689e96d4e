"""Replay: what a replay found, for machines."""

from dataclasses import asdict, dataclass
from typing import Any

from spm_ml.predictions import Prediction
from spm_ml.replay.identity import Identity
from spm_ml.replay.ledger_then import LedgerThen
from spm_ml.replay.outcome import Outcome, RepOutcome
from spm_ml.replay.restatement import RepChange, Restatement
from spm_ml.replay.served import Served
from spm_ml.tables import minor_digits


@dataclass(frozen=True)
class Replay:
    """A batch that was rebuilt from the ledger.

    Attributes:
        served: What was served.
        forecaster: Slug of the forecaster behind it.
        currency: ISO 4217 code of the amounts.
        ledger: How the tables were read.
        board: Rebuilt rows of the board's day; of one rep if one was asked for.
        identity: Stored rows against rebuilt ones; None where the stored ones are no longer kept.
        causes: What may explain that values differ; empty if none does.
        restatement: What changed since; None if the data and settings are still the same.
        outcome: What came of it; None while the period runs.
    """

    served: Served
    forecaster: str
    currency: str
    ledger: LedgerThen
    board: tuple[Prediction, ...]
    identity: Identity | None
    causes: tuple[str, ...] = ()
    restatement: Restatement | None = None
    outcome: Outcome | None = None

    @property
    def broken(self) -> bool:
        """Whether numbers differ although tables and settings are those of then."""
        return self.ledger.same_hash and self.identity is not None and bool(self.identity.differences)

    def to_json(self) -> dict[str, Any]:
        """The same for machines; money in the currency's major unit, except in `differences` (as stored)."""
        unit = 10 ** minor_digits(self.currency)
        served, identity = self.served, self.identity
        return {
            "as_of": served.as_of.isoformat(),
            "period": served.period,
            "batch_id": served.batch_id,
            "published_at": served.published_at.isoformat() if served.published_at else None,
            "model_version": served.model_version,
            "forecaster": self.forecaster,
            "data_version": served.data_version,
            "data_hash": served.data_hash,
            "watermark": served.watermark.isoformat(),
            "currency": self.currency,
            "same_tables_and_settings": self.ledger.same_hash,
            "changed_settings": _listed(self.ledger.changed_settings),
            "numbers": identity.numbers if identity else None,
            "identical_numbers": identity.identical_numbers if identity else None,
            "words": identity.words if identity else None,
            "differences": [asdict(one) for one in identity.differences] if identity else None,
            "causes": list(self.causes),
            "board": [_row(row, unit) for row in self.board],
            "restatement": _restated(self.restatement, unit) if self.restatement else None,
            "outcome": _outcome(self.outcome, unit) if self.outcome else None,
        }


def _row(row: Prediction, unit: int) -> dict[str, Any]:
    return {
        "rep_id": row.rep_id,
        "name": row.name,
        "quota": _money(row.quota, unit),
        "booked": row.booked / unit,
        **{f"b{round(100 * level)}": _money(row.quantile(level), unit) for level in (0.1, 0.5, 0.9)},
        "p_hit": row.p_hit,
        "abstention": row.abstention.reason if row.abstention else None,
    }


def _restated(found: Restatement, unit: int) -> dict[str, Any]:
    return {
        "data_version": found.version,
        "watermark": found.watermark.isoformat(),
        "changed_settings": _listed(found.settings),
        "refused": found.refused or None,
        "tables": [asdict(table) for table in found.tables],
        "reps": [_changed(change, unit) for change in found.reps],
    }


def _changed(change: RepChange, unit: int) -> dict[str, Any]:
    pairs = {"booked": change.booked, "quota": change.quota, "median": change.median}
    return {
        "rep_id": change.rep_id,
        "name": change.name,
        **{name: {"then": _money(then, unit), "now": _money(now, unit)} for name, (then, now) in pairs.items()},
        "p_hit": {"then": change.p_hit[0], "now": change.p_hit[1]},
    }


def _outcome(found: Outcome, unit: int) -> dict[str, Any]:
    inside, chances = [one.inside for one in found.forecast], found.chances
    return {
        "as_known_on": found.as_known_on.isoformat(),
        "forecast": len(inside),
        "inside_80": sum(bool(one) for one in inside),
        "reached_quota": sum(hit for _, hit in chances),
        "expected_to_reach_quota": sum(chance for chance, _ in chances),
        "reps": [_came(one, unit) for one in found.reps],
    }


def _came(one: RepOutcome, unit: int) -> dict[str, Any]:
    return {
        "rep_id": one.rep_id,
        "bookings": one.result.bookings / unit,
        "quota": _money(one.result.quota, unit),
        "inside_80": one.inside,
        "reached_quota": one.result.hit,
        "left": one.result.censored,
    }


def _listed(names: tuple[str, ...] | None) -> list[str] | None:
    return None if names is None else list(names)


def _money(amount: float | None, unit: int) -> float | None:
    return None if amount is None else amount / unit
