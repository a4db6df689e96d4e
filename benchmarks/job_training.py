"""Job training of 1976 against people who were never offered it: can the estimator find what the experiment found?

    python -m benchmarks.job_training --splits 20 --out benchmarks/results/job_training.md

The National Supported Work demonstration drew lots, so its effect on earnings in 1978 is known: 1 794 dollars. Here its
controls are replaced by a survey's population (CPS), who are older, richer and more often married. The naive difference
is then −8 498. What is measured is the estimator of program effects itself (`spm_ml.coaching.effects.aipw`), with
three models of who was trained, three of earnings without training, and several bounds of overlap.
Goal: at most 200 dollars from the experiment for every reasonable model, with the bounds that programs use.

Sources: LaLonde (1986); Dehejia & Wahba (1999, 2002) for the sample and for the covariates of the CPS comparison;
Chernozhukov et al. (2018), section 3.4, for the median over splits.
"""

import argparse
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import pandas as pd
from lightgbm import LGBMClassifier, LGBMRegressor

from spm_ml.cli.console import ConsoleProgress
from spm_ml.coaching.effects.aipw import TRIM, Bools, Estimate, Floats, Ints, aipw
from spm_ml.coaching.effects.nuisances import FOLDS, assignment, expected_untreated, folds
from spm_ml.errors import NotReadyError
from spm_ml.progress import Progress

EXPERIMENT: Final = 1794.34
BOUNDS: Final = ((0.0, 1.0), (0.01, 0.99), TRIM, (0.05, 0.95), (0.10, 0.90))
_PLAIN: Final = ("age", "educ", "black", "hisp", "marr", "nodegree", "re74", "re75")
_TREES: Final = {"num_leaves": 4, "learning_rate": 0.03, "verbose": -1, "n_jobs": 1, "deterministic": True}
_CHANCE_TREES: Final = 400
"""Of five settings of leaves, rate and number, the one of the lowest log loss in the left-out folds."""


class Sample(NamedTuple):
    """People and what they earned in 1978.

    Attributes:
        trained: (n,).
        earned: (n,) dollars.
        plain: (n, 8) standardised covariates as they are.
        known: (n, 14) the same with the squares, the cube, the product and the indicators of no earnings that Dehejia
            & Wahba chose for the CPS comparison.
    """

    trained: Bools
    earned: Floats
    plain: Floats
    known: Floats


def read(name: str) -> pd.DataFrame:
    """A table of the package `causaldata`: `nsw_mixtape` (the experiment) or `cps_mixtape` (the survey).

    Raises:
        NotReadyError: The package is not installed.
    """
    found = find_spec("causaldata")
    if found is None or not found.submodule_search_locations:
        raise NotReadyError("the package causaldata is missing: install the extra 'dev'")
    table: pd.DataFrame = pd.read_stata(Path(found.submodule_search_locations[0]) / name / f"{name}.dta")
    return table


def observational(experiment: pd.DataFrame, survey: pd.DataFrame) -> Sample:
    """The trained of the experiment beside the survey's people."""
    people = pd.concat([experiment[experiment["treat"] == 1], survey], ignore_index=True).astype({"treat": int})
    plain = people[list(_PLAIN)].to_numpy(dtype=np.float64)
    age, educ, re74, re75 = (people[name].to_numpy(dtype=np.float64) for name in ("age", "educ", "re74", "re75"))
    known = np.column_stack([plain, age**2, age**3, educ**2, re74 == 0, re75 == 0, educ * re74])
    return Sample(
        people["treat"].to_numpy() == 1, people["re78"].to_numpy(dtype=np.float64), _standard(plain), _standard(known)
    )


def _standard(columns: Floats) -> Floats:
    return np.asarray((columns - columns.mean(axis=0)) / columns.std(axis=0))


def _logit(covariates: Floats, trained: Bools, fold: Ints) -> Floats:
    return assignment(covariates, trained, np.where(trained, 0, -1), 1, fold).sent


def _tree_chance(covariates: Floats, trained: Bools, fold: Ints) -> Floats:
    chance = np.empty(len(trained))
    for number in range(FOLDS):
        fit, use = fold != number, fold == number
        model = LGBMClassifier(n_estimators=_CHANCE_TREES, reg_lambda=1.0, **_TREES).fit(covariates[fit], trained[fit])
        chance[use] = model.predict_proba(covariates[use])[:, 1]
    return np.clip(chance, 1e-6, 1 - 1e-6)


def _mean(_: Floats, earned: Floats, untrained: Bools, fold: Ints) -> Floats:
    means = [earned[(fold != number) & untrained].mean() for number in range(FOLDS)]
    return np.asarray(means)[fold]


def _tree_earnings(covariates: Floats, earned: Floats, untrained: Bools, fold: Ints) -> Floats:
    expected = np.empty(len(earned))
    for number in range(FOLDS):
        fit, use = (fold != number) & untrained, fold == number
        model = LGBMRegressor(n_estimators=250, min_child_samples=50, **_TREES).fit(covariates[fit], earned[fit])
        expected[use] = model.predict(covariates[use])
    return expected


CHANCES: Final[dict[str, Callable[[Floats, Bools, Ints], Floats]]] = {"logit": _logit, "LightGBM": _tree_chance}
EARNINGS: Final[dict[str, Callable[[Floats, Floats, Bools, Ints], Floats]]] = {
    "none (weights alone)": _mean,
    "ridge": expected_untreated,
    "LightGBM": _tree_earnings,
}


def measure(sample: Sample, splits: int, progress: Progress) -> pd.DataFrame:
    """Estimates of every model, bound and split.

    Returns:
        `covariates, chance, earnings, low, split, effect, error, trimmed_share`; NaN where nothing could be told.
    """
    rows = []
    for split in range(splits):
        fold = folds(np.arange(len(sample.earned)), split)
        for label, covariates in (("Dehejia–Wahba", sample.known), ("plain", sample.plain)):
            expected = {
                name: model(covariates, sample.earned, ~sample.trained, fold) for name, model in EARNINGS.items()
            }
            for chance_name, model in CHANCES.items():
                chance = model(covariates, sample.trained, fold)
                for name, values in expected.items():
                    for bounds in BOUNDS:
                        found = estimate(sample, chance, values, bounds)
                        rows.append((label, chance_name, name, bounds[0], split, *found))
        progress("splits", split + 1, splits)
    columns = ["covariates", "chance", "earnings", "low", "split", "effect", "error", "trimmed_share"]
    return pd.DataFrame(rows, columns=columns)


def estimate(
    sample: Sample, chance: Floats, expected: Floats, bounds: tuple[float, float]
) -> tuple[float, float, float]:
    """Effect, standard error and share of the trained that were left out, in dollars; NaN where nothing can be told."""
    found = aipw(
        sample.earned, sample.trained, expected, chance / (1 - chance), np.arange(len(sample.earned)), trim=bounds
    )
    if not isinstance(found, Estimate):
        return float("nan"), float("nan"), float("nan")
    return found.value, found.error, found.trimmed_share


def table(measured: pd.DataFrame, naive: float) -> str:
    """Markdown: the median over splits for each model and bound, beside the experiment."""
    keys = ["covariates", "chance", "earnings"]
    median = measured.groupby([*keys, "low"], sort=False)[["effect", "error"]].median()
    lows = [low for low, _ in BOUNDS]
    header = [*keys, *(f"trimmed below {low:g}" if low else "untrimmed" for low in lows), f"from {EXPERIMENT:,.0f}"]
    lines = [header, ["---"] * len(header)]
    for model in measured[keys].drop_duplicates().itertuples(index=False, name=None):
        cells = [median.loc[(*model, low)] for low in lows]
        distance = abs(median.loc[(*model, TRIM[0])]["effect"] - EXPERIMENT)
        lines.append([*model, *(f"{cell['effect']:,.0f} ({cell['error']:,.0f})" for cell in cells), f"{distance:,.0f}"])
    own = measured[measured["low"] == TRIM[0]]
    spread = own.groupby(keys)["effect"].std().max()
    return "\n".join(
        [
            f"Naive difference {naive:,.0f}; experiment {EXPERIMENT:,.0f}. Median over "
            f"{measured['split'].nunique()} splits (median standard error); the last column is the distance with the "
            f"bounds {TRIM[0]:g} to {TRIM[1]:g}. Standard deviation between splits there: at most {spread:,.0f}.",
            "",
            *(f"| {' | '.join(line)} |" for line in lines),
            "",
            "The PSID controls of the same literature are not in `causaldata`, so they are not measured.",
        ]
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the table and writes it where `--out` says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.job_training", description=__doc__.split("\n")[0])
    parser.add_argument("--splits", type=int, default=20, help="folds are drawn anew so often (default 20)")
    parser.add_argument("--out", type=Path, help="Markdown file")
    given = parser.parse_args(arguments)
    sample = observational(read("nsw_mixtape"), read("cps_mixtape"))
    naive = float(sample.earned[sample.trained].mean() - sample.earned[~sample.trained].mean())
    progress = ConsoleProgress()
    text = table(measure(sample, given.splits, progress), naive)
    progress.close()
    print(text)
    if given.out is not None:
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
