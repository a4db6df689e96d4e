"""Promotion: the gate judges a registered version on the evidence it was registered with, then the alias moves."""

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from spm_ml.backtest import Backtest
from spm_ml.champion import make_champion, reconcile_workspace
from spm_ml.errors import ConfigurationError, GateRefusedError, NotReadyError
from spm_ml.fairness import ProtectedGroups
from spm_ml.predictions import PredictionStore
from spm_ml.progress import Progress, silent
from spm_ml.registry import CHALLENGER, CHAMPION, ModelVersion, Registry
from spm_ml.settings import Workspace
from training.gate import judge
from training.protected import protected_test
from training.verdict import GateVerdict


@dataclass(frozen=True)
class Promotion:
    """A version that became champion.

    Attributes:
        version: The new champion.
        replaced: The champion before, if any.
        verdict: What the gate found.
        force_reason: Why it was promoted although the gate refused; empty if it passed.
    """

    version: ModelVersion
    replaced: ModelVersion | None
    verdict: GateVerdict
    force_reason: str = ""

    def text(self) -> str:
        """What a person reads after it."""
        before = f", in place of version {self.replaced.version}" if self.replaced else ""
        forced = f"\nForced against the gate: {self.force_reason}" if self.force_reason else ""
        name = f"{self.version.name} version {self.version.version}"
        return f"{name} ({self.version.forecaster}) is champion{before}.{forced}\n{self.verdict.text()}"

    def to_json(self) -> dict[str, Any]:
        """The same for machines."""
        return {
            "name": self.version.name,
            "version": self.version.version,
            "forecaster": self.version.forecaster,
            "replaced": self.replaced.version if self.replaced else None,
            "gate": list(self.verdict.rows()),
            "force_reason": self.force_reason or None,
        }


def promote(
    workspace: Workspace,
    *,
    version: int | None = None,
    force_reason: str | None = None,
    progress: Progress = silent,
) -> Promotion:
    """Makes a version the champion if it passes the gate.

    The gate's rows are written into the version's tags whether it passes or not.

    Args:
        workspace: Whose registry.
        version: Number of the version; default: the challenger.
        force_reason: Promotes it even if the gate refuses, and keeps this reason with the version.
        progress: Told while it runs.

    Raises:
        NotReadyError: There is no such version; the message names the command that makes one.
        GateRefusedError: It failed a test; the message names each, with its numbers.
        ConfigurationError: The reason for forcing is blank.
    """
    reason = (force_reason or "").strip()
    if force_reason is not None and not reason:
        raise ConfigurationError("forcing a promotion needs a reason in words: it is kept with the model version")
    registry = Registry(workspace, progress=progress)
    with suppress(NotReadyError):  # a version on record that is gone must not keep another from its place
        reconcile_workspace(workspace)
    candidate = registry.required(CHALLENGER) if version is None else registry.version(version)
    champion = registry.by_alias(CHAMPION)
    registry.load(candidate)  # an unreadable model must not become champion
    backtest = Backtest.read(registry.artifact(candidate, "backtest.parquet"))
    other = champion if champion is not None and champion.version != candidate.version else None
    in_use = other.forecaster if other else None
    by_group = protected_test(
        backtest, candidate.forecaster, in_use, ProtectedGroups.read(workspace), workspace.organisation()
    )
    verdict = judge(backtest, candidate.forecaster, champion=in_use).beside(by_group)
    tags = {"gate": json.dumps(verdict.rows()), "gate_passed": str(verdict.passed).lower()}
    if not verdict.passed and not reason:
        registry.annotate(candidate, tags)
        failed = "\n".join(f"  {test.test}: {test.detail}" for test in verdict.failures)
        raise GateRefusedError(
            f"{candidate.name} version {candidate.version} ({candidate.forecaster}) was not promoted; it failed:\n"
            f"{failed}\nTrain another one ('spm train' takes the best that passes), or give a reason with --force"
        )
    forced = "" if verdict.passed else reason
    registry.annotate(candidate, {**tags, "promoted_at": datetime.now(UTC).isoformat(), "force_reason": forced})
    with PredictionStore.of(workspace) as store:
        named = make_champion(registry, store, candidate, reason=forced or "passed the gate")
    return Promotion(named, other, verdict, forced)
