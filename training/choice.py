"""Which forecaster a training run fits: the one that was asked for, or the one that the backtest speaks for."""

from dataclasses import dataclass
from typing import Final

from spm_ml.backtest import Backtest
from spm_ml.errors import ConfigurationError, did_you_mean
from training.gate import judge
from training.verdict import GateVerdict

AUTO: Final = "auto"
"""Asks for the forecaster that the backtest speaks for."""


@dataclass(frozen=True)
class Choice:
    """A forecaster, why it, what the gate says of it, and beside which champion."""

    forecaster: str
    because: str
    verdict: GateVerdict
    champion: str | None = None


def choose(backtest: Backtest, wanted: str = AUTO, *, champion: str | None = None) -> Choice:
    """Chooses a forecaster.

    `auto` tries learners first, then baselines, each kind by CRPS, and takes the first that passes the gate. So a
    learner is taken only where it beats every baseline clear of chance, and the best simple rule where none does. If
    nobody passes, the lowest CRPS is taken and the gate will say what is wrong. What people submitted is never chosen:
    it is there to be compared with.

    Args:
        backtest: Rolling-origin rows of every forecaster.
        wanted: Slug of a forecaster, or `auto`.
        champion: Slug of the forecaster in use, if any.

    Raises:
        ConfigurationError: There is no such forecaster in the backtest.
    """
    measured = backtest.value_added().dropna(subset=["crps"])["forecaster"]
    ranked = [str(name) for name in measured if name not in backtest.submissions]
    names = sorted(set(backtest.frame["forecaster"]) - set(backtest.submissions))
    if wanted in backtest.submissions:
        raise ConfigurationError(
            f"{wanted!r} is what people submit, which no training can repeat: name one of {', '.join(names)}, or {AUTO}"
        )
    if wanted != AUTO:
        if wanted not in names:
            raise ConfigurationError(
                f"there is no forecaster {wanted!r}{did_you_mean(wanted, [AUTO, *names])}; "
                f"name one of {', '.join(names)}, or {AUTO}"
            )
        return Choice(wanted, "It was asked for by name.", judge(backtest, wanted, champion=champion), champion)
    if not ranked:
        raise ConfigurationError(
            "no forecaster made a single forecast that could be measured: load more finished periods, then try again"
        )
    learners = [name for name in ranked if name not in backtest.baselines]
    rules = [name for name in ranked if name in backtest.baselines]
    refused: list[str] = []
    for name in (*learners, *rules):
        verdict = judge(backtest, name, champion=champion)
        if verdict.passed:
            return Choice(name, _because(name in rules, refused), verdict, champion)
        refused.append(f"{name} failed {', '.join(test.test for test in verdict.failures)}")
    best = ranked[0]
    return Choice(
        best,
        f"It has the lowest CRPS, but no forecaster passes the gate: {'; '.join(refused)}.",
        judge(backtest, best, champion=champion),
        champion,
    )


def _because(is_rule: bool, refused: list[str]) -> str:
    if not is_rule:
        return "It beats every simple baseline clear of chance."
    if not refused:
        return "It is the best of the simple baselines; no learner was tested."
    return f"It is the best simple baseline that passes; {'; '.join(refused)}."
