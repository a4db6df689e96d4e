"""What was served on a day: the batch's rows where they are kept, else what the audit says it was computed from."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Self

from spm_ml.errors import DataError, NotReadyError, did_you_mean
from spm_ml.hazards import Abstention
from spm_ml.predictions import AuditEntry, Batch, BatchContent, Prediction, PredictionStore
from spm_ml.settings import RiskBands, Workspace

NEAREST: Final = 4
"""Days that are named to somebody who asked for one without a batch."""

_PUBLISHED: Final = "published"


@dataclass(frozen=True)
class Served:
    """One published batch of the past.

    Attributes:
        batch_id: Of the batch.
        as_of: The day its board shows.
        period: Label of the period it forecast.
        published_at: When readers saw it first (UTC); None if the audit does not say.
        model_version: Registered version of the model.
        data_version: Version of the tables.
        data_hash: Hash of the tables and the settings they were read with.
        watermark: Latest recorded day among what was known.
        scored_at: When it was scored (UTC), or as good as then: pay periods that were closed by then counted.
        plans_hash: Names the compensation plans that payouts were worked out with; empty without plans.
        bands: Thresholds of its risk bands; None where only the audit is left.
        content: Its rows; None where only the audit is left.
    """

    batch_id: str
    as_of: date
    period: str
    published_at: datetime | None
    model_version: int
    data_version: int
    data_hash: str
    watermark: date
    scored_at: datetime
    plans_hash: str = ""
    bands: RiskBands | None = None
    content: BatchContent | None = None

    @classmethod
    def on(cls, workspace: Workspace, as_of: date | None = None) -> Self:
        """Finds the newest batch published for an as-of day.

        Args:
            workspace: Whose store.
            as_of: The day; default: the one that the board shows now.

        Raises:
            NotReadyError: Nothing was published for that day; the message names the nearest days that have a batch. Or
                the board holds rows of several versions of the tables: not everybody was scored for it.
        """
        nothing = "no forecast is published yet; run 'spm score' in this workspace, then there is something to replay"
        if not workspace.has_predictions:
            raise NotReadyError(nothing)
        with PredictionStore.of(workspace) as store:
            trail = tuple(entry for entry in store.audit.entries() if entry.action == _PUBLISHED)
            batch = store.published_batch() if as_of is None else store.published_on(as_of)
            if batch is not None and batch.scored_whole_at is not None:
                raise NotReadyError(_scored_in_parts(batch))
            if batch is not None:
                return cls._kept(batch, store.content(batch), trail)
        if as_of is None:
            raise NotReadyError(nothing)
        of_day = [entry for entry in trail if _day(entry) == as_of and not entry.detail.get("scored_whole_at")]
        if not of_day:
            raise NotReadyError(f"no forecast of {as_of} was ever published; {_nearest(trail, as_of)}")
        return cls._audited(of_day[-1], as_of)

    @classmethod
    def _kept(cls, batch: Batch, content: BatchContent, trail: Sequence[AuditEntry]) -> Self:
        published = [entry.at for entry in trail if entry.batch_id == batch.batch_id]
        return cls(
            batch_id=batch.batch_id,
            as_of=batch.as_of,
            period=batch.period,
            published_at=published[-1] if published else None,
            model_version=int(batch.model_version),
            data_version=batch.data_version,
            data_hash=batch.data_hash,
            watermark=batch.watermark,
            scored_at=batch.created_at,
            plans_hash=batch.plans_hash,
            bands=RiskBands(high_below=batch.risk_high_below, medium_below=batch.risk_medium_below),
            content=content,
        )

    @classmethod
    def _audited(cls, entry: AuditEntry, as_of: date) -> Self:
        detail = entry.detail
        if entry.model_version is None or entry.watermark is None or "data_version" not in detail:
            raise NotReadyError(
                f"the forecast of {as_of} was published on {entry.at:%Y-%m-%d %H:%M} UTC, its rows are no longer kept, "
                "and the audit of that time does not say which version of the data they rest on"
            )
        return cls(
            batch_id=entry.subject,
            as_of=as_of,
            period=str(detail["period"]),
            published_at=entry.at,
            model_version=int(entry.model_version),
            data_version=int(detail["data_version"]),
            data_hash=str(detail["data_hash"]),
            watermark=entry.watermark,
            scored_at=entry.at,
            plans_hash=str(detail.get("plans_hash", "")),
        )

    @property
    def predictions(self) -> tuple[Prediction, ...]:
        """The rows about reps; none where only the audit is left."""
        return () if self.content is None else tuple(self.content.predictions)

    @property
    def stale(self) -> Abstention | None:
        """Why every forecast was withheld, if the data were too old for the day on which somebody asked (H25)."""
        return next(
            (row.abstention for row in self.predictions if row.abstention and row.abstention.reason == "stale_data"),
            None,
        )


def refuse_stranger(rep_id: str, predictions: Sequence[Prediction], as_of: date) -> None:
    """Stops where a rep has no row on the day.

    Raises:
        DataError: There is no such rep; the message names the most similar one.
    """
    known = {row.rep_id for row in predictions if row.as_of == as_of}
    if rep_id not in known:
        raise DataError(f"{rep_id!r} is none of the {len(known)} reps forecast on {as_of}{did_you_mean(rep_id, known)}")


def _scored_in_parts(batch: Batch) -> str:
    return (
        f"the board of {batch.as_of} holds rows of several versions of the data: everybody was scored on "
        f"{batch.scored_whole_at:%Y-%m-%d %H:%M} UTC, and since then those about whom something was recorded. Such a "
        f"batch is not replayed: run 'spm replay --as-of {batch.as_of}' for the run in which everybody was scored, or "
        "'spm score' first"
    )


def _day(entry: AuditEntry) -> date:
    return date.fromisoformat(str(entry.detail["as_of"]))


def _nearest(trail: Sequence[AuditEntry], as_of: date) -> str:
    days = sorted({_day(entry) for entry in trail}, key=lambda day: (abs((day - as_of).days), day))[:NEAREST]
    if not days:
        return "none was published for any day yet: run 'spm score'"
    return f"the nearest days that have one: {', '.join(day.isoformat() for day in sorted(days))}"
