"""Protected attributes reach no number (H23): who belongs to which group changes nothing, to the last bit."""

import ast
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import spm_ml
from spm_ml.backtest import run_backtest
from spm_ml.cli.main import spm
from spm_ml.coaching.diagnosis import diagnose
from spm_ml.coaching.rep_periods import rep_periods
from spm_ml.coaching.skills import skill_gaps
from spm_ml.coaching.uplift import estimate_uplift
from spm_ml.dataset import current_dataset
from spm_ml.fairness import ProtectedGroups
from spm_ml.forecasting import DealLevel, FitSettings, HistoricalMean
from spm_ml.history import SalesHistory
from spm_ml.history.store import TableStore
from spm_ml.settings import Workspace
from spm_ml.simulation import simulate
from spm_ml.sources import ingest
from training.choice import choose

READERS = {"fairness", "cli", "sources", "simulation"}
"""Parts that may name the protected table: the audit, what ingests it into its store and what makes one up."""

CONTRACT = {"tables.py", "settings.py", "history/store.py"}
"""Files that declare it and keep it apart."""


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, Workspace]:
    """The same export twice; in the second, protected groups are those of other reps, and of other words."""
    root = tmp_path_factory.mktemp("pair")
    simulate(root / "in", reps=10, periods=4, seed=5, hazards=(), activities=0.1)
    ingest(Workspace(root / "one"), root / "in")
    file = root / "in" / "protected_groups.csv"
    rows = pd.read_csv(file)
    random = np.random.default_rng(0)
    rows["value"] = "group " + random.permutation(rows["value"].to_numpy()).astype(object)
    rows.to_csv(file, index=False)
    ingest(Workspace(root / "two"), root / "in")
    return Workspace(root / "one"), Workspace(root / "two")


def test_the_groups_do_differ(pair: tuple[Workspace, Workspace]) -> None:
    one, two = (ProtectedGroups.read(workspace) for workspace in pair)
    assert one is not None
    assert two is not None
    assert len(one.rows) == len(two.rows)
    assert not (one.rows["value"] == two.rows["value"]).any()
    parts = [TableStore(workspace).versions()[-1].parts["protected_groups"] for workspace in pair]
    assert parts[0] != parts[1]


@pytest.mark.slow
def test_dataset_forecasts_and_choice_are_identical(pair: tuple[Workspace, Workspace]) -> None:
    found = []
    for workspace in pair:
        dataset = current_dataset(workspace)
        fitted = DealLevel(FitSettings(min_training_rows=20)).fit(dataset.finished())
        backtest = run_backtest(dataset, forecasters=(HistoricalMean,), periods=2)
        found.append((dataset, fitted.predict(dataset), choose(backtest)))
    (one, first, chosen), (two, second, other) = found
    assert (one.data_hash, one.content_hash) == (two.data_hash, two.content_hash)
    pd.testing.assert_frame_equal(one.frame, two.frame, check_exact=True)
    np.testing.assert_array_equal(first.bookings, second.bookings)
    np.testing.assert_array_equal(first.p_hit, second.p_hit)
    assert chosen == other


@pytest.mark.slow
def test_diagnoses_skill_gaps_and_uplift_are_identical(pair: tuple[Workspace, Workspace]) -> None:
    found = []
    for workspace in pair:
        dataset = current_dataset(workspace)
        with SalesHistory.open(workspace) as history:
            periods = rep_periods(history, dataset)
            gaps = skill_gaps(history, periods)
        found.append((diagnose(periods, gaps), gaps.frame, estimate_uplift(periods, gaps)))
    (one, gaps_of_one, uplift_of_one), (two, gaps_of_two, uplift_of_two) = found
    assert len(one) > 0
    assert repr(one) == repr(two)
    pd.testing.assert_frame_equal(gaps_of_one, gaps_of_two, check_exact=True)
    pd.testing.assert_frame_equal(uplift_of_one.options, uplift_of_two.options, check_exact=True)
    np.testing.assert_array_equal(uplift_of_one.covariance, uplift_of_two.covariance)


@pytest.mark.slow
@pytest.mark.parametrize("command", ["effects", "recommend"])
def test_effects_and_offers_are_identical(pair: tuple[Workspace, Workspace], command: str) -> None:
    said = [
        CliRunner().invoke(spm, [command, "--workspace", str(workspace.root), "--json"], catch_exceptions=False).stdout
        for workspace in pair
    ]
    assert said[0] == said[1]
    assert said[0].startswith(("[", "{"))


def test_nobody_but_the_audit_names_the_protected_table() -> None:
    """A read needs the table's name or the folder's: neither stands anywhere else."""
    root = Path(spm_ml.__file__).parent
    files = [(root, path) for path in root.rglob("*.py")]
    files += [(root.parent, path) for name in ("training", "serving") for path in (root.parent / name).rglob("*.py")]
    names = set()
    for base, path in files:
        within = path.relative_to(base)
        if within.parts[0] in READERS or within.as_posix() in CONTRACT:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and node.value == "protected_groups":
                names.add(within.as_posix())
            if isinstance(node, ast.Attribute) and node.attr == "protected" and ast.unparse(node.value) == "workspace":
                names.add(within.as_posix())
    assert names == set()
