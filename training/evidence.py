"""What speaks for and against a fitted model, as MLflow keeps it: numbers, tables, pictures and the card."""

import json
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from numbers import Real
from pathlib import Path
from typing import Any

import pandas as pd

from spm_ml import __version__
from spm_ml.backtest import Backtest
from spm_ml.dataset import RepPeriodDataset
from spm_ml.fairness import ProtectedGroups
from spm_ml.forecasting import Forecaster
from spm_ml.forecasting.learning_rows import LearningRows
from spm_ml.scoring import hazards_by_rep_period, keep_training_rows, learnt_from
from spm_ml.settings import Organisation
from training.card import CardFacts, render_card
from training.choice import Choice
from training.insides import look_inside
from training.plots import draw_calibration, draw_value_added
from training.protected import protected_facts
from training.subgroups import compare_groups, reference_of
from training.weekly_plots import draw_pit_by_week, draw_reliability_by_week


@dataclass(frozen=True)
class Evidence:
    """One fitted forecaster beside all others on the same tested rows.

    Attributes:
        organisation: Whose data.
        learning: What it was fitted on.
        backtest: Rolling-origin rows of every forecaster.
        choice: Which forecaster, why, and what the gate says.
        fitted: The forecaster.
        groups: Who belongs to which protected group, for the audit; None: nothing is on record.
    """

    organisation: Organisation
    learning: LearningRows
    backtest: Backtest
    choice: Choice
    fitted: Forecaster
    groups: ProtectedGroups | None = None

    @property
    def rows(self) -> RepPeriodDataset:
        """Those that it was fitted on, and the periods after them."""
        return self.learning.rows

    @cached_property
    def value_added(self) -> pd.DataFrame:
        """The forecast-value-added table over all forecasters."""
        return self.backtest.value_added()

    @property
    def tested_periods(self) -> tuple[str, ...]:
        """Labels of the tested periods, in order."""
        return tuple(str(period) for period in pd.unique(self.backtest.frame["period"]))

    def parameters(self) -> dict[str, object]:
        """What the fit was made with."""
        return {
            "forecaster": self.choice.forecaster,
            "features": len(self.rows.feature_names),
            "stages": len(self.rows.stages),
            "currency": self.rows.currency,
            "training_rows": len(self.rows.finished()),
            "other_reps": len(self.learning.other_reps),
            "min_training_rows": self.organisation.min_training_rows,
            "tested_periods": ", ".join(self.tested_periods),
        }

    def metrics(self) -> dict[str, float]:
        """The chosen forecaster's measures, and every forecaster's CRPS beside them."""
        own = _of(self.value_added, self.choice.forecaster).iloc[0]
        measures = {str(name): float(value) for name, value in own.items() if isinstance(value, Real)}
        names, scores = self.value_added["forecaster"], self.value_added["crps"]
        return measures | {f"crps_{name}": float(crps) for name, crps in zip(names, scores, strict=True)}

    def tags(self) -> dict[str, str]:
        """Facts that the registered version repeats."""
        return {
            "forecaster": self.choice.forecaster,
            "label": self.fitted.label,
            "because": self.choice.because,
            "data_version": str(self.rows.version),
            "data_hash": self.rows.data_hash,
            "dataset_hash": self.rows.content_hash,
            "watermark": self.rows.watermark.isoformat(),
        }

    def write(self, folder: Path) -> None:
        """Writes backtest, tables, plots and card into a folder, which is made."""
        plots = folder / "plots"
        plots.mkdir(parents=True)
        by_week = self.backtest.by_week()
        self.backtest.write(folder / "backtest.parquet")
        self.value_added.to_csv(folder / "value_added.csv", index=False)
        by_week.to_csv(folder / "by_week.csv", index=False)
        by_level = self.backtest.by_level()
        by_level.to_csv(folder / "by_level.csv", index=False)
        tables = {
            "value_added": records(self.value_added),
            "by_week": records(by_week),
            "by_level": records(by_level),
            "gate": list(self.choice.verdict.rows()),
            "learnt_from": learnt_from(self.rows),
        }
        (folder / "tables.json").write_text(json.dumps(tables), encoding="utf-8")
        keep_training_rows(folder, self.rows, self.learning.other_reps)
        draw_value_added(self.value_added, self.choice.forecaster, plots / "value_added.png")
        own = _of(self.backtest.frame, self.choice.forecaster)
        draw_calibration(own, plots / "calibration.png")
        draw_reliability_by_week(own, plots / "reliability_by_week.png")
        draw_pit_by_week(own, plots / "pit_by_week.png")
        (folder / "card.md").write_text(render_card(self._card(by_week, by_level)), encoding="utf-8")

    def _card(self, by_week: pd.DataFrame, by_level: pd.DataFrame) -> CardFacts:
        finished = self.rows.finished().frame
        tested = _of(self.backtest.frame, self.choice.forecaster)
        reference = reference_of(self.backtest, self.choice.forecaster, self.choice.champion)
        groups = compare_groups(self.backtest, self.choice.forecaster, reference) if reference else pd.DataFrame()
        return CardFacts(
            forecaster=self.choice.forecaster,
            label=self.fitted.label,
            is_baseline=self.fitted.is_baseline,
            chosen_because=self.choice.because,
            made_at=datetime.now(UTC),
            spm_version=__version__,
            organisation=self.organisation.name,
            currency=self.rows.currency,
            data_version=self.rows.version,
            data_hash=self.rows.data_hash,
            dataset_hash=self.rows.content_hash,
            watermark=self.rows.watermark,
            rows=len(finished),
            rep_periods=len(finished.drop_duplicates(["rep_id", "period"])),
            reps=finished["rep_id"].nunique(),
            other_reps=len(self.learning.other_reps),
            tested_periods=self.tested_periods,
            value_added=self.value_added,
            by_week=_of(by_week, self.choice.forecaster),
            hazards=hazards_by_rep_period(finished),
            abstentions=Counter(str(reason) for reason in tested["abstention"] if reason),
            reconstructed=float(finished["history_reconstructed"].mean()),
            verdict=self.choice.verdict,
            by_level=_of(by_level, self.choice.forecaster),
            groups=groups,
            reference=reference or "",
            insides=look_inside(self.fitted, self.rows.finished(), floor=self.organisation.min_training_rows),
            protected=protected_facts(
                self.backtest, self.choice.forecaster, self.choice.champion, self.groups, self.organisation
            ),
        )


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of a table of measures as plain mappings, with None for what is undefined."""
    plain: list[dict[str, Any]] = json.loads(frame.to_json(orient="records", double_precision=10))
    return plain


def _of(frame: pd.DataFrame, chosen: str) -> pd.DataFrame:
    return frame[frame["forecaster"] == chosen]
