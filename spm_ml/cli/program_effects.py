"""What the programs have caused so far: effects."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from spm_ml.cli.console import Console, on_workspace, out_option

if TYPE_CHECKING:
    from spm_ml.predictions.coaching import EffectCheck, ProgramFinding

EFFECT_COLUMNS = [
    "program_id",
    "n_enrolled",
    "trained",
    "controls",
    "trimmed_share",
    "att",
    "att_low",
    "att_high",
    "naive_before_after",
    "naive_difference",
    "placebo_att",
    "placebo_low",
    "placebo_high",
    "verdict",
    "detail",
    "fading",
    "naive_words",
    "checks",
]
SHOWN = ["program_id", "n_enrolled", "att", "att_low", "att_high", "naive_before_after", "naive_difference", "verdict"]


@click.command()
@out_option
@on_workspace
def effects(console: Console, out: Path | None) -> None:
    """What each program has caused so far, in attainment points, beside the naive figures."""
    import pandas as pd

    from spm_ml.coaching.effects import estimate_effects
    from spm_ml.coaching.rep_periods import opening_rows, rep_periods
    from spm_ml.dataset import read_current
    from spm_ml.history import SalesHistory

    dataset = read_current(console.workspace, opening_rows, progress=console.progress)
    with SalesHistory.open(console.workspace) as history, console.step("effects"):
        found = estimate_effects(rep_periods(history, dataset), progress=console.progress)
    frame = pd.DataFrame([_row(finding) for finding in found], columns=EFFECT_COLUMNS)
    console.table(frame, out=out, shown=frame[SHOWN].round(1), title="Effects in attainment points")
    for finding in found:
        console.say(f"{finding.program_id} {finding.name}: {finding.verdict}. {finding.detail}.")


def _row(finding: ProgramFinding) -> dict[str, object]:
    from spm_ml.coaching.effects import PLACEBO_PERIODS

    placebo = next((point for point in finding.event_study if point.lag == -PLACEBO_PERIODS), None)
    return {
        "program_id": finding.program_id,
        "n_enrolled": finding.enrolled,
        "trained": finding.trained,
        "controls": finding.controls,
        "trimmed_share": finding.trimmed_share,
        "att": _points(finding.effect),
        "att_low": _points(finding.effect_low),
        "att_high": _points(finding.effect_high),
        "naive_before_after": _points(finding.naive_before_after),
        "naive_difference": _points(finding.naive_difference),
        "placebo_att": _points(placebo.effect) if placebo else None,
        "placebo_low": _points(placebo.low) if placebo else None,
        "placebo_high": _points(placebo.high) if placebo else None,
        "verdict": finding.verdict,
        "detail": finding.detail,
        "fading": finding.fading,
        "naive_words": finding.naive_words,
        "checks": " ".join(_told(check) for check in finding.checks),
    }


def _points(share: float | None) -> float | None:
    return None if share is None else 100 * share


def _told(check: EffectCheck) -> str:
    passed = {True: "passed", False: "failed", None: "open"}[check.passed]
    return f"{check.label} ({passed}): {check.text}"
