"""The forecast of one who knows the truth: the best that any forecaster could do, and the yardstick for excess CRPS.

The oracle knows every rep's skills and energy, every deal's urgency, who will come and go, and by default the shared
shocks. It plays the rest of the period with the kernel that made the history, so it is calibrated by construction on
the weekly as-of days; on other days the week under way is played for its remaining selling days only.
"""

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from spm_ml.errors import DataError
from spm_ml.settings import QUANTILE_LEVELS
from spm_ml.simulation import ledger
from spm_ml.simulation.book import CANCEL_WEEKS, WON, Book, Rates, Week, credited, kept
from spm_ml.simulation.deals import LAST_STAGE, Kernel
from spm_ml.simulation.factors import lucky, week_rates
from spm_ml.simulation.timeline import Timeline, day_number, day_of
from spm_ml.simulation.truth import Truth, read_truth
from spm_ml.simulation.world import Floats, Ints

_DEALS_AT_ONCE = 400_000
_DRAWS_A_SHOCK = 8
QUANTILE_COLUMNS: tuple[str, ...] = tuple(f"q{round(100 * level):02d}" for level in QUANTILE_LEVELS)


def oracle_forecast(
    truth: Path | Truth, as_of: date, draws: int = 400, seed: int = 0, *, know_shocks: bool = True
) -> pd.DataFrame:
    """Distribution of the final bookings of every rep employed in the period, as of the end of a day.

    Args:
        truth: The folder `truth/` of a simulation, or what `read_truth` gave.
        as_of: Local day; the weekly as-of days are exact.
        draws: Futures played.
        seed: Of the futures.
        know_shocks: False: the period's and the teams' shocks are drawn from their prior, as for one who knows the
            reps and the deals but not the times.

    Returns:
        One row a rep: rep_id, period, as_of, quota (in force at the period's end, minor units, NaN = none), booked
        and mean_bookings (minor units), `q05` … `q95`, mean and p_hit of attainment (NaN without quota).

    Raises:
        DataError: The day lies outside the reported periods.
    """
    truth = read_truth(truth) if isinstance(truth, Path) else truth
    timeline, presence = truth.timeline, truth.presence
    period, week = _place(timeline, day_number(as_of))
    final = sample_bookings(truth, as_of, draws, seed, know_shocks=know_shocks)
    label = timeline.periods[period].label
    asked = truth.outcomes[truth.outcomes["period"] == label].set_index("rep_id")
    index = {rep_id: place for place, rep_id in enumerate(truth.rep_ids) if rep_id}
    there = np.array([index[rep_id] for rep_id in asked.index], dtype=np.int64)
    there = there[presence.left_week[there] >= week]
    rep_ids = [truth.rep_ids[place] for place in there]
    quota = asked.loc[rep_ids, "quota_final"].replace(0.0, np.nan).to_numpy(dtype=np.float64)
    attainment = final[:, there] / quota
    quantiles = np.quantile(attainment, QUANTILE_LEVELS, axis=0)
    return pd.DataFrame(
        {
            "rep_id": rep_ids,
            "period": label,
            "as_of": pd.Timestamp(as_of),
            "quota": quota,
            "booked": booked_by(truth, period, day_number(as_of))[there],
            "mean_bookings": final[:, there].mean(axis=0),
            **dict(zip(QUANTILE_COLUMNS, quantiles, strict=True)),
            "mean": attainment.mean(axis=0),
            "p_hit": np.where(np.isnan(quota), np.nan, (attainment >= 1).mean(axis=0)),
        }
    )


def sample_bookings(truth: Truth, as_of: date, draws: int, seed: int, *, know_shocks: bool = True) -> Floats:
    """(draws, P) final bookings of the period in minor units, jointly drawn, so that rows may be added up."""
    day = day_number(as_of)
    period, week = _place(truth.timeline, day)
    start, rng = open_book(truth, day, week), np.random.default_rng(seed)
    rates, luck = truth.rates[period], truth.luck[period]
    booked = booked_by(truth, period, day)
    at_once = max(1, min(draws, _DEALS_AT_ONCE // max(len(start), 1)))
    at_once = at_once if know_shocks else min(at_once, _DRAWS_A_SHOCK)
    parts = []
    for first in range(0, draws, at_once):
        scenarios = min(at_once, draws - first)
        now = rates if know_shocks else lucky(rates, _draw_luck(truth, period, rng) - luck)
        parts.append(booked + play(truth, start, now, period, (day, week), scenarios, rng))
    return np.concatenate(parts)


def booked_by(truth: Truth, period: int, day: int) -> Floats:
    """(P,) credited bookings of the period by the end of a day, whether or not they were entered yet."""
    columns = truth.events
    seen = (columns["event_on"] <= day) & (columns["event_on"] >= truth.timeline.start_of(period))
    kinds = {name: code for code, name in enumerate(ledger.KINDS)}
    owner, amount = ledger.running(columns["owner"]), ledger.running(columns["amount"])
    total = np.zeros(truth.presence.count)
    for kind, sign in (("won", 1), ("cancelled", -1), ("reopened", -1)):
        rows = np.flatnonzero(seen & (columns["kind"] == kinds[kind]))
        book = _book(truth, columns["deal"][rows], owner[rows], amount[rows], np.zeros(len(rows), dtype=np.int64))
        total += credited(book, 1, truth.presence.count, sign)
    return total


def open_book(truth: Truth, day: int, week: int) -> Book:
    """Deals in play at the end of a day, with what nobody else knows about them; `week` is the next to be played."""
    seen = truth.events["event_on"] <= day
    events = {name: column[seen] for name, column in truth.events.items()}
    order = np.lexsort((events["seconds"], events["event_on"], events["deal"]))
    events = {name: column[order] for name, column in events.items()}
    ends = ledger.run_ends(events["deal"])
    last = {name: ledger.running(events[name])[ends] for name in ("owner", "stage", "amount", "expected", "outcome")}
    changed_on = ledger.running(np.where(events["outcome"] != ledger.UNCHANGED, events["event_on"], ledger.UNCHANGED))[
        ends
    ]
    won_week = np.searchsorted(truth.timeline.week_start, changed_on, side="right") - 1
    won = last["outcome"] == ledger.WON
    age = np.where(won, week - 1 - won_week, 0)
    stage = np.where(won, WON, np.minimum(last["stage"], LAST_STAGE))
    book = _book(truth, events["deal"][ends], last["owner"], last["amount"], stage)
    book.expected, book.age = last["expected"], age
    return book.take((last["outcome"] == ledger.OPEN) | (won & (age <= CANCEL_WEEKS[1])))


def _book(truth: Truth, deal: Ints, owner: Ints, amount: Ints, stage: Ints) -> Book:
    return replace(truth.deals.take(deal), deal=deal, owner=owner, amount=amount, stage=stage)


def _place(timeline: Timeline, day: int) -> tuple[int, int]:
    """The period that a forecast as of the day is for, and its first week that is not over.

    The eve of a period belongs to that period: nothing of it is seen yet.
    """
    week = int(np.searchsorted(timeline.week_end, day, side="right"))
    if week >= timeline.weeks or day < timeline.report_start - 1:
        first, last = timeline.periods[timeline.first_reported].start, timeline.periods[-1].end
        raise DataError(
            f"{day_of(day)} lies outside the simulated periods: take a day from the eve of {first} to the eve of {last}"
        )
    return int(timeline.week_period[week]), week


def play(
    truth: Truth, start: Book, rates: Rates, period: int, now: tuple[int, int], scenarios: int, rng: np.random.Generator
) -> Floats:
    """(scenarios, P) bookings from the day after `now` to the end of the period.

    Args:
        truth: For the world and its people.
        start: Deals in play.
        rates: Of the period.
        period: Index.
        now: The day, and the first week that is not over.
        scenarios: Independent futures.
        rng: Source of chance.
    """
    timeline, presence, kernel = truth.timeline, truth.presence, Kernel(truth.world, truth.timeline)
    day, first = now
    book = start.take(np.tile(np.arange(len(start)), scenarios))
    book.scenario = np.repeat(np.arange(scenarios), len(start))
    total = np.zeros(scenarios * presence.count)
    for week in timeline.weeks_of(period):
        if week < first:
            continue
        rates_now = week_rates(rates, truth.world, presence, timeline, week, rng)
        load = float(timeline.remaining_load(week, day))
        happened = kernel.step(book, rates_now, presence.segment, week, rng, load=load, scenarios=scenarios)
        total += _gained(happened, scenarios, presence.count)
        book = happened.after.take(kept(happened)).with_new(happened.new)
        book = _inherit(truth, book, week, period, rng)
    return total.reshape(scenarios, presence.count)


def _gained(happened: Week, scenarios: int, people: int) -> Floats:
    undone = np.concatenate([happened.cancelled, happened.reopened])
    won = credited(happened.after.take(happened.won), scenarios, people)
    return won + credited(happened.after.take(undone), scenarios, people, sign=-1)


def _inherit(truth: Truth, book: Book, week: int, period: int, rng: np.random.Generator) -> Book:
    presence = truth.presence
    orphaned = np.flatnonzero((presence.left_week == week)[book.owner] & (book.stage != WON))
    heir = presence.heirs(presence.team[period, book.owner[orphaned]], week, period, rng)
    heir = np.where(truth.world.knobs.inherit, heir, -1)
    book.owner[orphaned] = np.where(heir >= 0, heir, book.owner[orphaned])
    remaining = np.ones(len(book), dtype=np.bool_)
    remaining[orphaned[heir < 0]] = False
    return book.take(remaining)


def _draw_luck(truth: Truth, period: int, rng: np.random.Generator) -> Floats:
    world, team = truth.world, truth.presence.team[period]
    return np.asarray(world.period_shock * rng.normal() + world.team_shock * rng.normal(size=int(team.max()) + 1)[team])
