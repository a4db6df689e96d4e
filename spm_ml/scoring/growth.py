"""How the metrics of growth went in the finished periods before, for every group, by their definitions everywhere."""

from collections.abc import Iterator, Mapping, Sequence, Set
from math import isfinite
from typing import Final

import pandas as pd

from spm_ml.history import SalesHistory
from spm_ml.metrics import METRIC_BY_SLUG
from spm_ml.metrics import Level as MetricLevel
from spm_ml.metrics.evaluate import rows_of
from spm_ml.metrics.facts import MetricFacts
from spm_ml.metrics.inputs_people import members_of
from spm_ml.predictions import GROWTH_SLUGS, Growth, MetricCourse
from spm_ml.predictions.disclosure import apart
from spm_ml.scoring.group_keys import GROUPS, GroupKey, group_key
from spm_ml.scoring.sellers import sellers

Told = tuple[float | None, str | None]
"""A value, or why there is none."""

PERIODS: Final = 4
"""Finished periods that are told, a year of quarters: each costs a fifth of what the running one does."""

_METRICS: Final = tuple(METRIC_BY_SLUG[slug] for slug in GROWTH_SLUGS)

_FIRST: Final[tuple[MetricLevel, ...]] = ("organisation", "region", "team", "segment")
"""Of groups of one size, what is given out first, as of those of the running period."""


def growth_of(history: SalesHistory, facts: Sequence[MetricFacts]) -> Mapping[GroupKey, Growth]:
    """Gives the course of every group of which a finished period is known, by level and key.

    A group is whoever belonged to it at the end of each period; everything is as known on the windows' day.

    Args:
        history: What is known on that day.
        facts: Of finished periods, oldest first.
    """
    selling = sellers(history) if facts else set()
    told: dict[GroupKey, dict[str, dict[str, Told]]] = {}
    of_enough: dict[str, set[GroupKey]] = {}
    for own in facts:
        label = own.window.period.label
        of_enough[label] = set(_large_enough(own, selling))
        for level in GROUPS:
            rows = rows_of(own, level, _METRICS)
            columns = (rows[name].tolist() for name in ("key", "slug", "value", "reason"))
            for key, slug, value, reason in zip(*columns, strict=True):
                result = (value, None) if isfinite(value) else (None, reason)
                told.setdefault(group_key(level, key), {}).setdefault(label, {})[slug] = result
    return {
        group: _growth([label for label in of_enough if label in periods], periods, group, of_enough)
        for group, periods in told.items()
    }


def _growth(
    labels: list[str],
    periods: Mapping[str, Mapping[str, Told]],
    group: GroupKey,
    of_enough: Mapping[str, set[GroupKey]],
) -> Growth:
    slugs = [slug for slug in GROWTH_SLUGS if slug in periods[labels[0]]]
    return Growth(
        tuple(labels),
        tuple(group in of_enough[label] for label in labels),
        tuple(
            MetricCourse(
                slug,
                tuple(periods[label][slug][0] for label in labels),
                tuple(periods[label][slug][1] for label in labels),
            )
            for slug in slugs
        ),
    )


def _large_enough(facts: MetricFacts, selling: Set[str]) -> Iterator[GroupKey]:
    """Groups with enough people who sell, alone and beside the others that are named, at the end of the window."""
    profiles, window = facts.profiles, facts.window
    hired = profiles["hired_on"] <= pd.Timestamp(window.last)
    stayed = profiles["left_on"].isna() | (profiles["left_on"] >= pd.Timestamp(window.period.start))
    people = set(profiles.index[hired & stayed]) & selling
    members = {
        (level, str(key)): people & set(own["rep_id"])
        for level in _FIRST
        for key, own in members_of(profiles, level, window, profiles.index[:0]).groupby("key")
    }
    ranked = sorted(
        members.items(), key=lambda one: (one[0][0] == "segment", -len(one[1]), _FIRST.index(one[0][0]), one[0][1])
    )
    named = ((group_key(*group), own) for group, own in ranked)
    yield from apart(named, dict.fromkeys(people, 0), {0: len(people)})
