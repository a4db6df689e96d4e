"""Rep-periods in which a program could be started, as arrays: who started which, and what came of the next period."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from spm_ml.coaching.funnel import USUAL_PASS_THROUGH, USUAL_PERIOD_BEFORE
from spm_ml.coaching.rep_periods import RepPeriods
from spm_ml.coaching.skills import SkillGaps
from spm_ml.coaching.uplift.behaviour import BEHAVIOURS, behaviour_of

Floats = npt.NDArray[np.float64]

EFFECT_AFTER: Final = 1
"""Periods from the start of a program to the one whose attainment it is judged by."""

_TAKEN_BEFORE: Final = (1, 2)
"""Periods back in which a program taken earlier is told apart: it may still take time, or work already."""

_RATIOS: Final = ("attainment_last_1", "attainment_last_2", "attainment_mean", "share_at_quota", "win_rate_364")
_PER_QUOTA: Final = ("bookings_last_1", "bookings_mean", "created_amount_91", "open_amount_in_period")
_LOGS: Final = ("quota", "territory_potential", "fte", "tenure_days", "average_deal_364", "cycle_days_364")
_COUNTS: Final = ("periods_of_history", "programs_taken", "created_count_91", "exposure")


@dataclass(frozen=True, eq=False)
class Episodes:
    """Every rep-period, whether its outcome is known or not.

    Attributes:
        rep_id, t: Of each row, (n,).
        attainment: Of the next period, (n,); NaN where it is not known.
        behaviour: From the next period on, see `Behaviour.after`, (n, behaviours); NaN likewise.
        started: 1 where the rep started the program in the period, (n, programs).
        need: What each program could give, from `SkillGaps.matched`, (n, programs).
        need_sd: What is not known about that, (n, programs).
        covariates: Standardised, without missing values, (n, k).
        modifiers: Tenure and trailing attainment, standardised and clipped to ±2, (n, 2).
        pass_through: Share of a gain in each behaviour that shows in the same period's attainment, (n, behaviours).
        time_lost: Share of the next period's bookings that each program costs, as nobody creates pipeline in class,
            (n, programs).
        programs: Ids, in the order of the columns.
    """

    rep_id: npt.NDArray[np.object_]
    t: npt.NDArray[np.int64]
    attainment: Floats
    behaviour: Floats
    started: Floats
    need: Floats
    need_sd: Floats
    covariates: Floats
    modifiers: Floats
    pass_through: Floats
    time_lost: Floats
    programs: tuple[str, ...]

    @property
    def known(self) -> npt.NDArray[np.bool_]:
        """(n,) rows whose attainment afterwards is known."""
        return np.isfinite(self.attainment)


def episodes_of(periods: RepPeriods, gaps: SkillGaps) -> Episodes:
    """Lays out the rep-periods of `periods.frame`, row by row in its order."""
    frame = periods.frame
    attainment = frame.set_index(["rep_id", "t"])["attainment"]
    behaviour = behaviour_of(periods, ahead=EFFECT_AFTER)
    after = pd.MultiIndex.from_arrays([frame["rep_id"], frame["t"] + EFFECT_AFTER])
    programs = tuple(program.program_id for program in periods.programs)
    started = np.stack([_started(periods, {program}) for program in programs], axis=1) if programs else _nothing(frame)
    needs = [gaps.matched(program).set_index(["rep_id", "t"]) for program in periods.programs]
    rows = pd.MultiIndex.from_frame(frame[["rep_id", "t"]])

    def stacked(name: str) -> Floats:
        columns = [need[name].reindex(rows).to_numpy(dtype=float) for need in needs]
        return np.nan_to_num(np.stack(columns, axis=1)) if columns else _nothing(frame)

    return Episodes(
        rep_id=frame["rep_id"].to_numpy(dtype=object),
        t=frame["t"].to_numpy(),
        attainment=attainment.reindex(after).to_numpy(dtype=float),
        behaviour=behaviour.after,
        started=started,
        need=stacked("need"),
        need_sd=stacked("need_sd"),
        covariates=_covariates(periods, gaps, behaviour.before),
        modifiers=_modifiers(frame),
        pass_through=_pass_through(periods),
        time_lost=_time_lost(periods),
        programs=programs,
    )


def _pass_through(periods: RepPeriods) -> Floats:
    days = periods.period_days
    shares = {"": USUAL_PASS_THROUGH} | {name: funnel.pass_through(days) for name, funnel in periods.funnels.items()}
    rows = pd.DataFrame(shares).T[list(BEHAVIOURS)]
    segment = periods.frame["segment"].where(periods.frame["segment"].isin(rows.index), "").fillna("")
    return rows.reindex(segment).to_numpy(dtype=np.float64)


def _time_lost(periods: RepPeriods) -> Floats:
    shares = {name: funnel.period_before for name, funnel in periods.funnels.items()}
    usual = shares.get("", np.nan)
    usual = usual if np.isfinite(usual) else USUAL_PERIOD_BEFORE
    carried = periods.frame["segment"].map(shares).astype("float64").fillna(usual).to_numpy()
    selling = periods.frame["period_selling_days"].to_numpy(dtype=float)
    days = np.array([program.days or 0.0 for program in periods.programs])
    return np.asarray(np.clip(days / np.maximum(selling, 1.0)[:, None], 0, 1) * carried[:, None])


def _nothing(frame: pd.DataFrame) -> Floats:
    return np.zeros((len(frame), 0))


def _started(periods: RepPeriods, programs: set[str], ago: int = 0) -> Floats:
    """(n,) 1 where the rep started one of the programs that many periods ago."""
    chosen = periods.starts[periods.starts["program_id"].isin(programs)]
    pairs = pd.MultiIndex.from_arrays([chosen["rep_id"], chosen["t"] + ago])
    rows = pd.MultiIndex.from_frame(periods.frame[["rep_id", "t"]])
    return np.asarray(rows.isin(pairs), dtype=np.float64)


def _covariates(periods: RepPeriods, gaps: SkillGaps, before: Floats) -> Floats:
    """Numbers known on the eve, with flags for the missing; skills; training before; segment and period."""
    frame = periods.frame
    quota = frame["quota"].where(frame["quota"] > 0)
    numbers = {name: frame[name] for name in (*_RATIOS, *_COUNTS) if name in frame}
    numbers |= {f"{name}_per_quota": frame[name] / quota for name in _PER_QUOTA if name in frame}
    numbers |= {f"log_{name}": np.log(frame[name].where(frame[name] > 0)) for name in _LOGS if name in frame}
    numbers |= {f"behaviour_{place}": pd.Series(column, frame.index) for place, column in enumerate(before.T)}
    table = pd.DataFrame(numbers, index=frame.index).astype("float64").replace([np.inf, -np.inf], np.nan)
    table = table.clip(table.quantile(0.01), table.quantile(0.99), axis=1)
    missing = table.isna()
    flags = missing.loc[:, missing.any()].add_suffix("_missing").astype("float64")
    filled = table.fillna(table.median()).fillna(0.0)
    skills = gaps.frame.pivot_table(index=["rep_id", "t"], columns="skill", values="gap")
    rows = pd.MultiIndex.from_frame(frame[["rep_id", "t"]])
    lacking = skills.reindex(rows).to_numpy(dtype=float) if len(skills.columns) else np.zeros((len(frame), 0))
    everything = {program.program_id for program in periods.programs}
    taken = np.stack([_started(periods, everything, ago) for ago in _TAKEN_BEFORE], axis=1)
    groups = pd.get_dummies(frame[["segment", "t"]].astype(str), dtype=float).to_numpy()
    design = np.column_stack([filled.to_numpy(), flags.to_numpy(), np.nan_to_num(lacking), taken, groups])
    spread = design.std(axis=0)
    kept = spread > 1e-12
    return np.asarray((design[:, kept] - design[:, kept].mean(axis=0)) / spread[kept])


def _modifiers(frame: pd.DataFrame) -> Floats:
    def standard(column: pd.Series) -> Floats:
        values = column.astype("float64")
        spread = values.std()
        scaled = (values - values.mean()) / spread if spread > 0 else values * 0.0
        return np.asarray(scaled.fillna(0.0).clip(-2, 2), dtype=np.float64)

    tenure = np.log1p(frame["tenure_days"].clip(lower=0) / 91) if "tenure_days" in frame else frame["t"] * 0.0
    trailing = frame["attainment_mean"] if "attainment_mean" in frame else frame["t"] * 0.0
    return np.stack([standard(tenure), standard(trailing)], axis=1)
