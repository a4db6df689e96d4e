"""replay(): a served batch rebuilt from the ledger with its own model version, and what was restated since."""

import tempfile
from dataclasses import replace
from datetime import date
from pathlib import Path

from spm_ml import __version__
from spm_ml.history import SalesHistory
from spm_ml.incentives import closed_periods
from spm_ml.predictions import Prediction
from spm_ml.progress import Progress, silent
from spm_ml.registry import Registry
from spm_ml.replay.identity import Difference, Identity, compare_rows
from spm_ml.replay.late_rows import keep_rows, late_rows, tables_since
from spm_ml.replay.ledger_then import LedgerThen
from spm_ml.replay.outcome import outcome_of
from spm_ml.replay.restatement import restated
from spm_ml.replay.result import Replay
from spm_ml.replay.served import Served, refuse_stranger
from spm_ml.scoring.compute import Known, ScoredRows, compute
from spm_ml.scoring.model import ScoringModel
from spm_ml.scoring.settings_kept import kept_plans
from spm_ml.settings import Workspace


def replay(
    workspace: Workspace, *, as_of: date | None = None, rep_id: str | None = None, progress: Progress = silent
) -> Replay:
    """Rebuilds what was served for a day, compares it value by value, and looks at the same day with the newest data.

    The tables are read at the batch's version, with its settings, as known on the day; the model is the registered
    version that scored it, whoever is champion now. Nothing is published. Offers are not part of it: they are chosen
    apart from the forecast. A batch whose rows are no longer kept is rebuilt from what the audit says, and there is
    nothing to compare it with.

    Args:
        workspace: Whose store, ledger and registry.
        as_of: Day whose newest published batch is rebuilt; default: the one that the board shows.
        rep_id: Compare and report this rep alone.
        progress: Told while it runs.

    Raises:
        NotReadyError: Nothing was published for that day, or the model version cannot be read: another version of
            spm-ml wrote it, or its files are gone; or its compensation plans are gone.
        DataError: The rep has no row on that day.
    """
    served = Served.on(workspace, as_of)
    if rep_id is not None and served.content is not None:
        refuse_stranger(rep_id, served.predictions, served.as_of)
    registry = Registry(workspace, progress=progress)
    model = ScoringModel.load(registry, registry.version(served.model_version))
    ledger = LedgerThen.of(workspace, version=served.data_version, data_hash=served.data_hash)
    plans = kept_plans(workspace, served.plans_hash)
    closed = closed_periods(workspace, by=served.scored_at, known_on=served.as_of)
    tables = tables_since(workspace, served.data_version)

    def board_of(history: SalesHistory) -> tuple[Known, ScoredRows, tuple[Prediction, ...]]:
        known = Known.on(history, served.as_of)
        rows = compute(
            known, model, plans=plans, closed=closed, bands=served.bands, stale=served.stale, progress=progress
        )
        board = (row for row in rows.predictions if row.as_of == served.as_of)
        return known, rows, tuple(row for row in board if rep_id is None or row.rep_id == rep_id)

    with tempfile.TemporaryDirectory() as scratch:
        with ledger.open() as history:
            known, rows, board = board_of(history)
            watermark, currency = known.history.watermark, history.organisation.currency
            keep_rows(history.as_of(served.as_of), tables, Path(scratch), progress=progress)
        if rep_id is not None:
            refuse_stranger(rep_id, rows.predictions, served.as_of)
        identity = _identity(served, rows, watermark, rep_id)
        with SalesHistory.open(workspace) as newest:
            restatement = None
            if tables or ledger.changed_settings:
                late = late_rows(newest.as_of(served.as_of), tables, Path(scratch), progress=progress)
                restatement = restated(newest, board, late, ledger.changed_settings, lambda: board_of(newest)[2])
            outcome = outcome_of(newest, board, progress=progress)
    return Replay(
        served=served,
        forecaster=model.version.forecaster,
        currency=currency,
        ledger=ledger,
        board=board,
        identity=identity,
        causes=_causes(served, ledger, identity),
        restatement=restatement,
        outcome=outcome,
    )


def _identity(served: Served, rows: ScoredRows, watermark: date, rep_id: str | None) -> Identity | None:
    """Compares the stored rows with the rebuilt ones; None where none is kept."""
    if served.content is None:
        return None
    if rep_id is not None:
        stored, rebuilt = (
            [row for row in side if row.rep_id == rep_id] for side in (served.predictions, rows.predictions)
        )
        return compare_rows(stored, rebuilt)
    found = compare_rows((*served.predictions, *served.content.teams), (*rows.predictions, *rows.teams))
    if watermark == served.watermark:
        return found
    other = Difference("batch", "watermark", served.watermark.isoformat(), watermark.isoformat())
    return replace(found, differences=(other, *found.differences))


def _causes(served: Served, ledger: LedgerThen, identity: Identity | None) -> tuple[str, ...]:
    """What may explain that values differ."""
    if identity is None or not identity.differences or served.content is None:
        return ()
    causes = [f"the ledger's file of {part} is not what was ingested" for part in ledger.damaged_parts()]
    if ledger.changed_settings is None:
        causes.append("organisation.yaml has changed since, and the settings of that day were not kept")
    elif not ledger.same_hash:
        causes.append("this version of spm-ml reads other settings than the one that scored")
    fitted_by = served.content.model_card.spm_version
    if fitted_by != __version__:
        causes.append(f"spm-ml {fitted_by} fitted the model, and this is {__version__}")
    return tuple(causes)
