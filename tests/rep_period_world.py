"""A small sales organisation at rep-period level, for the tests of forecasters: deals move week by week, seeded."""

from dataclasses import replace

import numpy as np
import pandas as pd

from spm_ml.dataset import RepPeriodDataset
from spm_ml.dataset.deals import BOOKING_COLUMNS, DEAL_COLUMNS, states_of
from spm_ml.dataset.schema import DTYPES, DatasetColumn, dtypes

STAGES = ("Qualify", "Propose", "Negotiate")
WEEKS = 13
WIN, LOSE, ADVANCE = np.array([0.005, 0.02, 0.09]), np.array([0.05, 0.04, 0.03]), np.array([0.22, 0.18, 0.0])
HOCKEY = np.where(np.arange(WEEKS) >= 10, 2.2, 0.8)
CONTEXT = ("name", "role", "team", "region", "segment", "territory", "manager_id")


def make_dataset(reps: int, periods: int, seed: int = 0, *, quotas: bool = True) -> RepPeriodDataset:
    """Gives every weekly row of every rep and period; the last period is unfinished after its eighth week."""
    frame, deals, bookings = make_frames(reps, periods, seed, quotas=quotas)
    names = tuple(name for name in frame if name in _FEATURES or name.startswith(("open_amount", "open_count")))
    types = dtypes(names, len(STAGES))
    frame = frame.loc[:, list(types)].astype(types)
    watermark = frame["as_of"].max().date()
    name = f"world-{reps}-{periods}-{seed}"
    return RepPeriodDataset(frame, names, STAGES, "USD", 1, name, watermark, states_of(deals), bookings)


def with_submissions(dataset: RepPeriodDataset, seed: int = 0) -> RepPeriodDataset:
    """The same, with numbers that people submit on every day: hopeful, and more so for the best case."""
    frame, rng = dataset.frame.copy(), np.random.default_rng(seed)
    expected = frame["booked_to_date"] + 0.3 * frame["open_amount"]
    for column, hope in (("commit", 1.1), ("best_case", 1.6), ("manager_override", 1.0)):
        frame[column] = np.rint(hope * expected * rng.lognormal(0, 0.3, len(frame)))
    return replace(dataset, frame=frame)


_FEATURES = frozenset(
    {
        "bookings_last_1",
        "bookings_last_2",
        "bookings_same_last_year",
        "bookings_mean",
        "bookings_std",
        "attainment_last_1",
        "periods_of_history",
        "booked_share_of_quota",
        "elapsed_share",
        "period_number",
        "largest_open_amount",
        "won_amount_28",
        "tenure_days",
        "fte",
    }
)


def make_frame(reps: int, periods: int, seed: int, *, quotas: bool) -> pd.DataFrame:
    """The rows alone."""
    return make_frames(reps, periods, seed, quotas=quotas)[0]


def make_frames(reps: int, periods: int, seed: int, *, quotas: bool) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Simulates deals that are created, advance, are won and lost; the rows are weekly as-of days."""
    rng = np.random.default_rng(seed)
    pace, size = rng.lognormal(-0.2, 0.35, reps), rng.lognormal(np.log(2_000_000), 0.4, reps)
    owner, amount, won_at = np.zeros(0, int), np.zeros(0), np.zeros(0)
    open_ids, stage, made_at, moved_at = (np.zeros(0, int) for _ in range(4))
    shots, booked = [], np.zeros((periods, WEEKS + 1, reps))
    for week in range(periods * WEEKS):
        shots.append((open_ids, stage, moved_at[open_ids]))
        made = np.repeat(np.arange(reps), rng.poisson(pace))
        open_ids = np.concatenate([open_ids, len(owner) + np.arange(len(made))])
        stage = np.concatenate([stage, np.zeros(len(made), int)])
        owner = np.concatenate([owner, made])
        amount = np.concatenate([amount, np.rint(size[made] * rng.lognormal(0, 0.6, len(made)))])
        won_at = np.concatenate([won_at, np.full(len(made), np.inf)])
        made_at = np.concatenate([made_at, np.full(len(made), week)])
        moved_at = np.concatenate([moved_at, np.full(len(made), week)])
        draw = rng.uniform(size=len(open_ids))
        won = draw < WIN[stage] * HOCKEY[week % WEEKS]
        lost = draw > 1 - LOSE[stage]
        won_at[open_ids[won]] = week
        steps = rng.uniform(size=len(stage)) < ADVANCE[stage]
        moved_at = moved_at.copy()
        moved_at[open_ids[steps]] = week
        stage = np.where(steps, stage + 1, stage)
        period, inside = divmod(week, WEEKS)
        gained = np.bincount(owner[open_ids[won]], amount[open_ids[won]], reps)
        booked[period, inside + 1] = booked[period, inside] + gained
        open_ids, stage = open_ids[~(won | lost)], stage[~(won | lost)]
    target = np.rint(booked[:, -1].mean(axis=0) * rng.lognormal(0, 0.2, reps))
    rows, opened = [], []
    for week, (ids, at, moved) in enumerate(shots):
        period, inside = divmod(week, WEEKS)
        if period == periods - 1 and inside > 8:
            break
        later = (won_at[ids] >= week) & (won_at[ids] < (period + 1) * WEEKS)
        columns = _context(period, inside, reps)
        columns |= _lags(booked[:, -1], period, target) | {"booked_to_date": booked[period, inside].astype("int64")}
        columns["quota"] = target if quotas else np.full(reps, np.nan)
        columns["actual_bookings"] = booked[period, -1] if period < periods - 1 else np.full(reps, np.nan)
        columns["won_amount_28"] = booked[period, inside] - booked[period, max(inside - 4, 0)]
        columns["largest_open_amount"] = np.zeros(reps)
        np.maximum.at(columns["largest_open_amount"], owner[ids], amount[ids])
        for number in range(len(STAGES)):
            here = at == number
            columns[f"open_amount_stage_{number + 1}"] = np.bincount(owner[ids[here]], amount[ids[here]], reps)
            columns[f"open_count_stage_{number + 1}"] = np.bincount(owner[ids[here]], minlength=reps).astype(float)
            taken = ids[here & later]
            columns[f"label_won_stage_{number + 1}"] = np.bincount(owner[taken], amount[taken], reps)
        columns["open_amount"] = np.bincount(owner[ids], amount[ids], reps)
        rows.append(pd.DataFrame(columns))
        finished = period < periods - 1
        opened.append(
            _deals(week, ids, at, owner, amount, made_at, moved, np.where(later, won_at[ids], np.nan), finished)
        )
    frame = pd.concat(rows, ignore_index=True)
    frame["quota_original"] = frame["quota_final"] = frame["quota"]
    frame["actual_attainment"] = frame["actual_bookings"] / frame["quota"]
    frame["booked_share_of_quota"] = frame["booked_to_date"] / frame["quota"]
    frame["abstention"] = "" if quotas else "quota_missing"
    won = np.flatnonzero(won_at < (periods - 1) * WEEKS + 8)
    deals = pd.concat(opened, ignore_index=True).sort_values(["period_start", "rep_id", "as_of"], kind="stable")
    return frame, _typed(deals, DEAL_COLUMNS), _typed(_bookings(won, owner, amount, made_at, won_at), BOOKING_COLUMNS)


def _typed(frame: pd.DataFrame, columns: tuple[DatasetColumn, ...]) -> pd.DataFrame:
    types = {column.name: DTYPES[column.kind] for column in columns}
    return frame.loc[:, list(types)].astype(types).reset_index(drop=True)


def _monday(week: np.ndarray) -> pd.Series:
    return pd.Series(pd.Timestamp("2022-01-03") + pd.to_timedelta(7 * np.asarray(week, dtype=float), unit="D"))


def _deals(week: int, ids: np.ndarray, stage: np.ndarray, owner: np.ndarray, amount: np.ndarray, made: np.ndarray,
           moved: np.ndarray, won: np.ndarray, finished: bool) -> pd.DataFrame:  # fmt: skip
    period = week // WEEKS
    age, due = 7.0 * (week - made[ids]), 7.0 * ((period + 1) * WEEKS - week)
    return pd.DataFrame(
        {
            "rep_id": [f"R{rep:03d}" for rep in owner[ids]],
            "period_start": pd.Timestamp("2022-01-03") + pd.Timedelta(weeks=WEEKS * period),
            "as_of": pd.Timestamp("2022-01-03") + pd.Timedelta(weeks=week) - pd.Timedelta(days=1),
            "opportunity_id": [f"D{deal:05d}" for deal in ids],
            "stage": stage + 1,
            "amount": amount[ids],
            "age_days": age,
            "stage_days": 7.0 * (week - moved),
            "idle_days": np.minimum(7.0 * (week - moved), 60.0),
            "due_days": due,
            "due_after_period": 0.0,
            "pushes": 0,
            "steps": stage,
            "amount_growth": 1.0,
            "inherited": False,
            "reconstructed": False,
            "booked_later": np.where(np.isnan(won), 0.0, amount[ids]) if finished else np.nan,
            "won_on": (_monday(won) + pd.Timedelta(days=2)).to_numpy() if finished else pd.NaT,
        }
    )


def _bookings(
    won: np.ndarray, owner: np.ndarray, amount: np.ndarray, made: np.ndarray, won_at: np.ndarray
) -> pd.DataFrame:
    day = _monday(won_at[won]) + pd.Timedelta(days=2)
    return pd.DataFrame(
        {
            "rep_id": [f"R{rep:03d}" for rep in owner[won]],
            "opportunity_id": [f"D{deal:05d}" for deal in won],
            "period_start": _monday(won_at[won] // WEEKS * WEEKS),
            "booked_on": day,
            "recorded_on": day,
            "created_on": _monday(made[won]),
            "amount": amount[won],
            "overlay": False,
        }
    )


def _context(period: int, week: int, reps: int) -> dict[str, object]:
    start = pd.Timestamp("2022-01-03") + pd.Timedelta(weeks=WEEKS * period)
    columns: dict[str, object] = {column: [f"{column} {rep % 3}" for rep in range(reps)] for column in CONTEXT}
    return columns | {
        "rep_id": [f"R{rep:03d}" for rep in range(reps)],
        "period": f"{2022 + period // 4}Q{period % 4 + 1}",
        "as_of": (start + pd.Timedelta(weeks=week) - pd.Timedelta(days=1)).as_unit("s"),
        "week": week,
        "period_start": start.as_unit("s"),
        "period_end": (start + pd.Timedelta(weeks=WEEKS) - pd.Timedelta(days=1)).as_unit("s"),
        "period_selling_days": 5 * WEEKS,
        "elapsed_selling_days": 5 * week,
        "elapsed_share": week / WEEKS,
        "period_number": float(period % 4 + 1),
        "tenure_days": 400.0 + 7 * (WEEKS * period + week),
        "fte": 1.0,
        "commit": np.nan,
        "best_case": np.nan,
        "manager_override": np.nan,
        "exposure": 1.0,
        "censored": False,
        "hazards": "",
        "history_reconstructed": False,
    }


def _lags(finals: np.ndarray, period: int, target: np.ndarray) -> dict[str, np.ndarray]:
    past, missing = finals[:period], np.full(finals.shape[1], np.nan)
    return {
        "bookings_last_1": past[-1] if period >= 1 else missing,
        "bookings_last_2": past[-2] if period >= 2 else missing,
        "bookings_same_last_year": past[-4] if period >= 4 else missing,
        "bookings_mean": past.mean(axis=0) if period else missing,
        "bookings_std": past.std(axis=0, ddof=1) if period >= 2 else missing,
        "attainment_last_1": past[-1] / target if period else missing,
        "periods_of_history": np.full(finals.shape[1], float(period)),
    }
