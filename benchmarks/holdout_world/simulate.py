"""Draws a hold-out world and writes its tables, its settings and its truth."""

import json
from datetime import date
from pathlib import Path

import numpy as np

from benchmarks.holdout_world.days import organisation
from benchmarks.holdout_world.law import STAGES, DecisionDays
from benchmarks.holdout_world.rounds import Deals, Rounds
from benchmarks.holdout_world.staff import Climate, Rates, Staff
from benchmarks.holdout_world.tables import contract_tables
from benchmarks.holdout_world.truth import Truth, days_of
from spm_ml.simulation import DEFAULT_END
from spm_ml.simulation.write import TRUTH, TableWriter, clear


def simulate_holdout(out: Path, *, reps: int, periods: int, seed: int, end: date = DEFAULT_END) -> Truth:
    """Writes an organisation of `reps` seats over `periods` finished quarters and part of a running one.

    Args:
        out: Folder for the Parquet tables, `organisation.yaml` and `truth/`; an earlier simulation in it is replaced.
        reps: Seats of quota-carrying reps.
        periods: Finished quarters.
        seed: Of every chance in it; the same arguments give the same rows.
        end: Last day of the history, in the running period.

    Raises:
        ConfigurationError: The folder holds tables that no simulation wrote.
    """
    clear(out)
    happened, written = (np.random.default_rng(stream) for stream in np.random.SeedSequence(seed).spawn(2))
    truth = draw_truth(reps, periods, end, happened)
    settings = organisation(STAGES)
    for name, table in contract_tables(truth, settings, written).items():
        with TableWriter(out, name, "parquet") as writer:
            writer.write(table)
    settings.write(out / "organisation.yaml")
    truth.write(out / TRUTH)
    frame = {"generator": __package__, "reps": reps, "periods": periods, "seed": seed, "end": end.isoformat()}
    (out / TRUTH / "world.json").write_text(json.dumps(frame, indent=1) + "\n", encoding="utf-8")
    return truth


def draw_truth(reps: int, periods: int, end: date, rng: np.random.Generator) -> Truth:
    """Draws people, climate, rounds and deals."""
    days = days_of(periods, end)
    law = DecisionDays(days)
    staff = Staff.draw(days, reps, rng)
    climate = Climate.draw(staff, int(days.month.max()) + 1, rng)
    rounds = Rounds.draw(days, staff, Rates.of(days, staff, climate), law, rng)
    return Truth(periods, end, staff, climate, rounds, Deals.draw(days, staff, rounds, rng))
