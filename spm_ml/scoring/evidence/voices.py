"""Whether ratings, pulses and submissions would make the champion's forecasts better, by its backtest.

Of each tested row only what was known at the end of its day counts: the submission as the backtest has it, the newest
ratings of the year before, and the newest pulse of the row's own period that its rep has not withdrawn.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from spm_ml.accuracy import Array
from spm_ml.backtest import Backtest
from spm_ml.backtest.signals import LEAST, SignalValue, value_of_signal
from spm_ml.backtest.track_record import KIND_OF
from spm_ml.hazards import Abstention
from spm_ml.history import SalesHistory
from spm_ml.predictions import PairedDifference, PredictionStore, PulseRow, VoiceSignal, VoicesValue, VoiceValue
from spm_ml.predictions.model_evidence import FEWER
from spm_ml.settings import QUANTILE_LEVELS, Workspace

_RATINGS_HOLD: Final = pd.Timedelta(days=366)
_ASSESSORS: Final[dict[str, VoiceSignal]] = {"self": "self_rating", "manager": "manager_rating"}
_MEDIAN: Final = QUANTILE_LEVELS.index(0.5)
_WIDTH: Final = (QUANTILE_LEVELS.index(0.1), QUANTILE_LEVELS.index(0.9))


def measure_voices(
    backtest: Backtest, forecaster: str, assessments: pd.DataFrame, pulses: Sequence[PulseRow]
) -> VoicesValue:
    """Measures each kind of words.

    Args:
        backtest: Of the champion.
        forecaster: Its slug.
        assessments: `rep_id, skill, assessed_on, score, assessor`.
        pulses: What stands; whoever withdrew is not among them.
    """
    keys = backtest.tested_rows()
    said: dict[VoiceSignal, Array] = {
        **dict(_submitted(backtest, forecaster)),
        **{signal: rated(keys, assessments, assessor) for assessor, signal in _ASSESSORS.items()},
        "pulse": answered(keys, pulses),
    }
    found = tuple(_named(signal, value_of_signal(backtest, forecaster, words)) for signal, words in said.items())
    return VoicesValue(forecaster, found)


def voices_of(workspace: Workspace, history: SalesHistory, backtest: Backtest, forecaster: str) -> VoicesValue:
    """Measures what is known of a workspace: its tables, and the pulses in its store."""
    pulses: tuple[PulseRow, ...] = ()
    if workspace.has_predictions:
        with PredictionStore.of(workspace) as store:
            pulses = store.pulses.standing_rows(history.organisation.timezone)
    return measure_voices(backtest, forecaster, history.table("assessments").execute(), pulses)


def rated(keys: pd.DataFrame, assessments: pd.DataFrame, assessor: str) -> Array:
    """(n,) mean over skills of the newest score that a kind of assessor had given by each row's day."""
    rows = assessments[(assessments["assessor"] == assessor) & assessments["score"].notna()]
    rows = rows.assign(known_on=_days(rows["assessed_on"]))
    by_skill = [
        _newest(keys, one.assign(said=one["score"].astype(float)), ["rep_id"], _RATINGS_HOLD)
        for _, one in rows.groupby("skill")
    ]
    if not by_skill:
        return np.full(len(keys), np.nan)
    table = np.column_stack(by_skill)
    given = np.isfinite(table)
    total = np.where(given, table, 0.0).sum(axis=1)
    mean: Array = np.divide(total, given.sum(axis=1), out=np.full(len(keys), np.nan), where=given.any(axis=1))
    return mean


def answered(keys: pd.DataFrame, pulses: Sequence[PulseRow]) -> Array:
    """(n,) mean of the answers that a rep had given about each row's period by its day."""
    if not pulses:
        return np.full(len(keys), np.nan)
    rows = pd.DataFrame(
        {
            "rep_id": [one.rep_id for one in pulses],
            "period": [one.period for one in pulses],
            "known_on": _days([one.answered_on for one in pulses]),
            "said": [float(np.mean(list(one.answers.values()))) for one in pulses],
        }
    )
    return _newest(keys, rows, ["rep_id", "period"], None)


def _submitted(backtest: Backtest, forecaster: str) -> Iterator[tuple[VoiceSignal, Array]]:
    """How far a submission was from the champion's median, in widths of its 80 % interval."""
    _, own = backtest.answers(forecaster)
    width = own[:, _WIDTH[1]] - own[:, _WIDTH[0]]
    width = np.where(width > 0, width, np.nan)
    kinds: dict[str, VoiceSignal] = {
        "commit": "commit",
        "best_case": "best_case",
        "manager_override": "manager_override",
    }
    for slug, kind in KIND_OF.items():
        words = np.full(len(own), np.nan)
        if slug in backtest.submissions:
            words = (backtest.answers(slug)[1][:, _MEDIAN] - own[:, _MEDIAN]) / width
        yield kinds[kind], words


def _newest(keys: pd.DataFrame, rows: pd.DataFrame, by: list[str], hold: pd.Timedelta | None) -> Array:
    left = keys[[*by, "as_of"]].assign(place=np.arange(len(keys)), as_of=_days(keys["as_of"]))
    found = pd.merge_asof(
        left.sort_values("as_of"),
        rows[[*by, "known_on", "said"]].sort_values("known_on", kind="stable"),
        left_on="as_of",
        right_on="known_on",
        by=by,
        tolerance=hold,
    )
    return found.sort_values("place")["said"].to_numpy(dtype=float)


def _days(days: Any) -> "pd.Series[pd.Timestamp]":
    return pd.to_datetime(pd.Series(days)).astype("datetime64[s]")


def _named(signal: VoiceSignal, found: SignalValue) -> VoiceValue:
    few = 0 < found.known < FEWER
    known = FEWER if few else found.known
    compared = found.comparison
    if compared is None or not compared.rows:
        detail = (
            f"{'Up to ' if few else ''}{known} of {LEAST} reps and periods that it takes have this and a known result."
            if found.known < LEAST
            else "No tested period has enough of this before it to learn from."
        )
        return VoiceValue(signal, None, None, known, LEAST, Abstention("too_few_words", detail))
    certain = bool(np.isfinite(compared.low))
    difference = PairedDifference(
        mean=compared.mean_difference,
        low=compared.low if certain else None,
        high=compared.high if certain else None,
        rows=compared.rows,
        reps=compared.reps,
        periods=compared.periods,
        same_backtest=True,
    )
    return VoiceValue(signal, difference, found.slope, known, LEAST)
