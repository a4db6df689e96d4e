"""The job training benchmark: what it reads, what it estimates with, and what it says."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks import job_training
from benchmarks.job_training import BOUNDS, CHANCES, EARNINGS, EXPERIMENT, Sample
from spm_ml.coaching.effects.aipw import TRIM
from spm_ml.coaching.effects.nuisances import folds
from spm_ml.errors import NotReadyError
from spm_ml.progress import silent


@pytest.fixture(scope="module")
def sample() -> Sample:
    return job_training.observational(job_training.read("nsw_mixtape"), job_training.read("cps_mixtape"))


def small(seed: int = 0, size: int = 600) -> Sample:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(size, 2))
    trained = rng.random(size) < 1 / (1 + np.exp(1 - x[:, 0]))
    return Sample(trained, 5_000 - 2_000 * x[:, 0] + 1_000 * trained + rng.normal(0, 500, size), x, x)


def test_the_experiment_is_what_was_published() -> None:
    people = job_training.read("nsw_mixtape")
    means = people.groupby("treat")["re78"].mean()
    assert means[1] - means[0] == pytest.approx(EXPERIMENT, abs=0.01)


def test_the_survey_is_far_from_comparable(sample: Sample) -> None:
    assert sample.trained.sum() == 185
    assert len(sample.trained) == 185 + 15_992
    naive = sample.earned[sample.trained].mean() - sample.earned[~sample.trained].mean()
    assert naive == pytest.approx(-8_498, abs=1)


def test_the_estimator_of_programs_finds_what_the_experiment_found(sample: Sample) -> None:
    found = []
    for split in range(3):
        fold = folds(np.arange(len(sample.earned)), split)
        chance = CHANCES["logit"](sample.known, sample.trained, fold)
        expected = EARNINGS["ridge"](sample.known, sample.earned, ~sample.trained, fold)
        found.append(job_training.estimate(sample, chance, expected, TRIM)[0])
    assert np.median(found) == pytest.approx(EXPERIMENT, abs=200)


@pytest.mark.parametrize("chance", CHANCES)
@pytest.mark.parametrize("earnings", EARNINGS)
def test_every_model_finds_a_planted_effect(chance: str, earnings: str) -> None:
    known = small(1, 4_000)
    fold = folds(np.arange(len(known.earned)), 0)
    odds = CHANCES[chance](known.known, known.trained, fold)
    expected = EARNINGS[earnings](known.known, known.earned, ~known.trained, fold)
    value, error, trimmed = job_training.estimate(known, odds, expected, TRIM)
    assert value == pytest.approx(1_000, abs=150)
    assert 0 < error < 150
    assert trimmed < 0.1


def test_every_model_and_bound_is_in_the_table() -> None:
    known = small()
    measured = job_training.measure(known, 2, silent)
    assert len(measured) == 2 * 2 * len(CHANCES) * len(EARNINGS) * len(BOUNDS)
    text = job_training.table(measured, -2_000.0)
    assert text.count("\n| ") == 2 * len(CHANCES) * len(EARNINGS) + 2
    assert "PSID" in text


def test_what_cannot_be_told_is_no_number() -> None:
    known = small()
    nobody = known._replace(trained=np.zeros_like(known.trained))
    assert np.isnan(job_training.estimate(nobody, np.full(600, 0.5), known.earned, TRIM)).all()


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_training, "find_spec", lambda _: None)
    with pytest.raises(NotReadyError, match="causaldata"):
        job_training.read("nsw_mixtape")


def test_the_table_is_written_where_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(job_training, "read", lambda _: pd.DataFrame())
    monkeypatch.setattr(job_training, "observational", lambda *_: small())
    out = tmp_path / "new" / "table.md"
    job_training.main(["--splits", "1", "--out", str(out)])
    assert out.read_text(encoding="utf-8").strip() in capsys.readouterr().out
