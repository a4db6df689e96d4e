"""Diagnosis beside the truth of a simulated organisation: one command, one table.

    python -m benchmarks.diagnosis --reps 200,1000 --seeds 1,2,3 --out benchmarks/results/diagnosis.md

Measured: whose weakest behaviour is found by fair peers and by the company median; the error of a win rate from ten
deals with and without shrinkage; and flags by diagnosis beside as many flags by the lowest attainment: how many of the
flagged truly lie in the lowest third of skill, how many are in their first year, and how evenly the groups of a
protected attribute carry the flags. Only `spm_ml.simulation` knows reps' skills, so there is no `holdout` here.
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from benchmarks.table import summary
from benchmarks.worlds import Case, make
from spm_ml.coaching.diagnosis import diagnose
from spm_ml.coaching.diagnosis.diagnose import TRAILING
from spm_ml.coaching.diagnosis.shrinkage import shares
from spm_ml.coaching.rep_periods import RepPeriods, rep_periods
from spm_ml.dataset import RepPeriodDataset
from spm_ml.history import SalesHistory
from spm_ml.history.store import TableStore
from spm_ml.predictions.coaching import Diagnosis
from spm_ml.settings import Workspace
from spm_ml.simulation.factors import improved, steady_bookings
from spm_ml.simulation.truth import Truth, read_truth
from spm_ml.simulation.world import SKILLS, Floats

DEALS: Final = 10
FIRST_YEAR_DAYS: Final = 365
WEAK_SHARE: Final = 1 / 3
MIN_GROUP: Final = 20

_SEEN_IN: Final = {"prospecting": "pipeline_created", "value_selling": "deal_size"}
_CLOSING: Final = "closing"
"""Qualification and negotiation both show in what is won of what closes: win rate and cycle are taken together."""


def losses(known: Truth, skills: pd.DataFrame, labels: list[str]) -> pd.DataFrame:
    """What each behaviour truly adds to the log of a rep's bookings, beside an average skill, mean over periods.

    Args:
        known: The truth.
        skills: `rep_id, period` and one column a skill.
        labels: Periods to take the mean over.
    """
    of_period = dict(enumerate(skills["period"].drop_duplicates()))
    found = []
    for place, label in of_period.items():
        if label not in labels:
            continue
        own = skills[skills["period"] == label]
        rates, segment = known.rates[place], known.presence.segment
        usual = np.log(steady_bookings(known.world, rates, segment))
        columns: dict[str, Floats] = {}
        for position, skill in enumerate(SKILLS):
            without = np.zeros((len(own), len(SKILLS)))
            without[:, position] = -own[skill].to_numpy()
            cost = usual - np.log(steady_bookings(known.world, improved(rates, without, known.world), segment))
            behaviour = _SEEN_IN.get(skill, _CLOSING)
            columns[behaviour] = columns.get(behaviour, np.zeros(len(own))) + cost
        found.append(pd.DataFrame(columns).assign(rep_id=own["rep_id"].to_numpy()))
    return pd.concat(found).dropna(subset=["rep_id"]).groupby("rep_id").mean()


def by_fair_peers(diagnoses: tuple[Diagnosis, ...]) -> pd.DataFrame:
    """Points of each behaviour, one row a rep who was diagnosed."""
    rows = {
        one.rep_id: {part.slug: part.points for part in one.parts if part.kind == "behaviour"}
        for one in diagnoses
        if one.abstention is None
    }
    table = pd.DataFrame.from_dict(rows, orient="index")
    table[_CLOSING] = table["win_rate"] + table["cycle"]
    return table[["pipeline_created", _CLOSING, "deal_size"]]


def by_median(trailing: pd.DataFrame) -> pd.DataFrame:
    """Log ratio of each KPI of the trailing year to the company's median, nothing adjusted, nothing shrunk."""
    sums = trailing.groupby("rep_id")[[name for name in trailing if name.startswith("kpi_")]].sum()
    closed = sums["kpi_won_count"] + sums["kpi_lost_count"]
    kpi = pd.DataFrame(
        {
            "pipeline_created": sums["kpi_created_count"] / trailing.groupby("rep_id").size(),
            _CLOSING: sums["kpi_won_count"] / closed.where(closed > 0),
            "deal_size": sums["kpi_won_amount"] / sums["kpi_won_count"].where(sums["kpi_won_count"] > 0),
        }
    )
    return np.log((kpi / kpi.median()).clip(lower=1e-3)).fillna(0.0)


def win_rate_errors(periods: RepPeriods, seed: int) -> tuple[float, float]:
    """Root mean squared error of win rates from ten closed deals, raw and shrunk, against those of all others."""
    sums = periods.frame.groupby("rep_id")[["kpi_won_count", "kpi_lost_count"]].sum().astype("int64")
    known = sums[sums.sum(axis=1) >= 10 * DEALS].to_numpy()
    if not len(known):
        return np.nan, np.nan
    won = np.random.default_rng(seed).hypergeometric(known[:, 0], known[:, 1], DEALS).astype(np.float64)
    rest = (known[:, 0] - won) / (known.sum(axis=1) - DEALS)
    deals = np.full(len(won), float(DEALS))
    peers = np.full(len(won), won.sum() / deals.sum())
    shrunk = shares(won, deals, peers).ratio * peers
    return float(np.sqrt(np.mean((won / DEALS - rest) ** 2))), float(np.sqrt(np.mean((shrunk - rest) ** 2)))


def flag_figures(flagged: "pd.Series[bool]", weak: "pd.Series[bool]", people: pd.DataFrame) -> tuple[float, ...]:
    """Of one way to flag: true positives ÷ flagged, first-year reps ÷ flagged, lowest ÷ highest rate of the groups."""
    if not flagged.any():
        return np.nan, np.nan, np.nan
    rates = flagged.groupby(people["group"]).agg(["mean", "size"])
    rates = rates.loc[rates["size"] >= MIN_GROUP, "mean"]
    ratio = float(rates.min() / rates.max()) if len(rates) > 1 and rates.max() > 0 else np.nan
    return float(weak[flagged].mean()), float(people.loc[flagged, "first_year"].mean()), ratio


def measure(case: Case) -> pd.DataFrame:
    """One line of figures for each way to look at the reps of a world."""
    make(case)
    workspace = Workspace(case.folder / "workspace")
    with SalesHistory.open(workspace) as history:
        periods = rep_periods(history, RepPeriodDataset.read(case.dataset_file))
    began = time.perf_counter()
    diagnoses = diagnose(periods)
    seconds = time.perf_counter() - began
    frame = periods.frame
    newest = frame.loc[frame["finished"], "t"].max()
    trailing = frame[frame["t"].between(newest - TRAILING + 1, newest) & frame["attainment"].notna()]
    skills = pd.read_parquet(case.folder / "truth" / "skills.parquet")
    true = losses(read_truth(case.folder / "truth"), skills, list(trailing["period"].unique()))
    fair = by_fair_peers(diagnoses)
    true = true.reindex(fair.index).dropna()
    fair, median = fair.loc[true.index], by_median(trailing).reindex(true.index)
    groups = pd.read_parquet(TableStore(workspace).part_file("protected_groups", 1))
    gender = groups[groups["attribute"] == "gender"].set_index("rep_id")["value"]
    tenure = frame[frame["t"] == periods.last].set_index("rep_id")["tenure_days"]
    people = pd.DataFrame({"group": gender, "first_year": tenure < FIRST_YEAR_DAYS}).reindex(true.index)
    attainment = pd.Series({one.rep_id: one.attainment for one in diagnoses}, dtype="float64").reindex(true.index)
    by_diagnosis = pd.Series({one.rep_id: one.verdict == "behaviour" for one in diagnoses}).reindex(true.index)
    by_attainment = attainment.rank(method="first") <= by_diagnosis.sum()
    total = true.sum(axis=1)
    weak = total <= total.quantile(WEAK_SHARE)
    raw, shrunk = win_rate_errors(periods, case.seed)
    lines = {
        "fair peers": (found_share(true, fair), shrunk, *flag_figures(by_diagnosis, weak, people)),
        "company median, attainment": (found_share(true, median), raw, *flag_figures(by_attainment, weak, people)),
    }
    names = ("weakest found", "win rate error", "true positives", "first year", "group ratio")
    rows = [{"forecaster": name, **dict(zip(names, line, strict=True))} for name, line in lines.items()]
    return pd.DataFrame(rows).assign(
        world=case.world, reps=case.reps, seed=case.seed, flagged=float(by_diagnosis.mean()), **{"diagnosis s": seconds}
    )


def found_share(true: pd.DataFrame, estimated: pd.DataFrame) -> float:
    """Share of reps whose lowest true behaviour is also the lowest estimated one."""
    estimated = estimated[true.columns]
    return float((true.to_numpy().argmin(axis=1) == estimated.to_numpy().argmin(axis=1)).mean())


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures every size and seed, and writes the table anew after each."""
    parser = argparse.ArgumentParser(description="Diagnosis beside the truth of a simulated organisation.")
    parser.add_argument("--reps", default="200,1000", help="sizes, separated by commas")
    parser.add_argument("--seeds", default="1,2,3", help="seeds, separated by commas")
    parser.add_argument("--periods", type=int, default=12, help="finished periods")
    parser.add_argument("--cache", type=Path, default=Path("benchmarks/results/worlds"), help="where worlds are kept")
    parser.add_argument("--out", type=Path, help="Markdown file, written anew after each world")
    asked = parser.parse_args(arguments)
    lines: list[pd.DataFrame] = []
    for reps in map(int, asked.reps.split(",")):
        for seed in map(int, asked.seeds.split(",")):
            lines.append(measure(Case("natural", reps, asked.periods, seed, asked.cache)))
            if asked.out is not None:
                asked.out.parent.mkdir(parents=True, exist_ok=True)
                asked.out.write_text(summary(pd.concat(lines)), encoding="utf-8")
    print(summary(pd.concat(lines)))


if __name__ == "__main__":
    main()
