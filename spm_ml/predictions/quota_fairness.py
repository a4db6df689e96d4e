"""How hard quotas are, before and after a proposal: for everybody, by role and by tenure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, pstdev
from typing import Final, Literal

from spm_ml.predictions.disclosure import apart
from spm_ml.predictions.proposed_quota import ProposedQuota

Kind = Literal["everybody", "role", "tenure"]

_NOT_STATED: Final = "not stated"


@dataclass(frozen=True)
class QuotaFairness:
    """The chances of a group's people to reach their quotas.

    Attributes:
        kind: What makes it a group.
        name: Of the role or the band of tenure; empty for everybody.
        reps: How many they are.
        chance_before: Mean chance to reach the quota before, of those who had one; None where nobody had.
        chance: Mean chance to reach the proposal.
        spread_before: Standard deviation of the chances before; None where nobody had a quota.
        spread: Of those of the proposal: 0 is equally hard for all.
    """

    kind: Kind
    name: str
    reps: int
    chance_before: float | None
    chance: float
    spread_before: float | None
    spread: float


def fairness_of(quotas: Sequence[ProposedQuota], *, of_enough: bool) -> tuple[QuotaFairness, ...]:
    """Compares groups, the largest of a kind first.

    Args:
        quotas: Of the people to compare.
        of_enough: Leave out groups that alone, or subtracted from others, would tell of a few people.
    """
    groups: dict[tuple[Kind, str], list[ProposedQuota]] = {}
    for one in quotas:
        for key in _keys(one):
            groups.setdefault(key, []).append(one)
    order: dict[Kind, int] = {"everybody": 0, "role": 1, "tenure": 2}
    ranked = sorted(groups.items(), key=lambda item: (order[item[0][0]], -len(item[1]), item[0][1]))
    if of_enough:
        # What was told of a quota before is about fewer people than have one now: they are counted apart.
        told = set(_of_enough(ranked)) & set(_of_enough((key, _with_before(own)) for key, own in ranked))
        ranked = [(key, own) for key, own in ranked if key in told]
    return tuple(_fairness(kind, name, own) for (kind, name), own in ranked)


def _keys(one: ProposedQuota) -> tuple[tuple[Kind, str], ...]:
    return ("everybody", ""), ("role", one.role or _NOT_STATED), ("tenure", one.tenure or _NOT_STATED)


def _with_before(quotas: Iterable[ProposedQuota]) -> list[ProposedQuota]:
    return [one for one in quotas if one.chance_before is not None]


def _of_enough(groups: Iterable[tuple[tuple[Kind, str], Sequence[ProposedQuota]]]) -> list[tuple[Kind, str]]:
    members = [(key, {one.rep_id for one in own}) for key, own in groups]
    people = set().union(*(own for _, own in members))
    told = list(apart(members, dict.fromkeys(people, 0), {0: len(people)}))
    # A group in which nobody had a quota before tells nothing of any.
    return [*told, *(key for key, own in members if not own)]


def _fairness(kind: Kind, name: str, quotas: Sequence[ProposedQuota]) -> QuotaFairness:
    after = [one.chance for one in quotas]
    before = [one.chance_before for one in quotas if one.chance_before is not None]
    return QuotaFairness(
        kind=kind,
        name=name,
        reps=len(quotas),
        chance_before=fmean(before) if before else None,
        chance=fmean(after),
        spread_before=pstdev(before) if before else None,
        spread=pstdev(after),
    )
