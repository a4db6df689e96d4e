"""gather(): the inputs of every rep for several windows, each table read once for all of them."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack

import pandas as pd

from spm_ml.history import SalesHistory
from spm_ml.metrics.deal_states import closed_before, deal_states, ledger_since, window_grid
from spm_ml.metrics.facts import MetricFacts
from spm_ml.metrics.fetching import of_window
from spm_ml.metrics.inputs_acquisition import Acquisition
from spm_ml.metrics.inputs_bookings import (
    booking_inputs,
    daily_bookings,
    quota_inputs,
    quota_versions,
    quotas_in_force,
    results_by_period,
    usual_share,
)
from spm_ml.metrics.inputs_closing import closed_deals, closing_inputs, cohort_inputs, created_inputs
from spm_ml.metrics.inputs_people import activity_inputs, employment, profile_spans, profiles_at, ramp_inputs
from spm_ml.metrics.inputs_pipeline import forecast_inputs, open_inputs, stage_win_rates
from spm_ml.metrics.inputs_submissions import first_submissions, submission_inputs
from spm_ml.metrics.waterfall import WATERFALL_PARTS, waterfall_inputs
from spm_ml.metrics.window import Window


def gather(
    history: SalesHistory,
    windows: Sequence[Window],
    paid: Mapping[str, pd.DataFrame],
    *,
    with_acquisition: bool,
    rates: pd.DataFrame | None = None,
) -> Iterator[MetricFacts]:
    """Computes the inputs of each window.

    Args:
        history: What is known on the windows' as-of day.
        windows: Different labels, one as-of day.
        paid: By label of a window what `pay_inputs` gives of it; where there is none, there are no metrics of pay.
        with_acquisition: Whether new customers and spend are wanted, which groups have and a rep does not.
        rates: What `stage_win_rates` gives of the same windows, where it is known; nothing is read then of deals that
            were closed before the windows, but how they ended.
    """
    as_of, zombie = windows[0].as_of, history.organisation.zombie_after_days
    grid = window_grid(windows)
    with ExitStack() as kept:
        ledger = before = None
        if rates is not None:
            ledger = kept.enter_context(ledger_since(history.ledger, min(one.eve for one in windows)).cache())
            before = kept.enter_context(closed_before(history.ledger, ledger).cache())
        states = kept.enter_context(deal_states(history, ledger).cache())
        closed = closed_deals(states, grid)
        rates = stage_win_rates(states, windows, zombie) if rates is None else rates
        from_deals = [
            created_inputs(states, grid),
            cohort_inputs(states, grid, as_of, before),
            open_inputs(states, grid, rates, zombie),
            _named(waterfall_inputs(states, grid, zombie)),
        ]
        forecast = forecast_inputs(states, grid, zombie)
        acquired = Acquisition.read(history, states, grid, before) if with_acquisition else None
    activities = activity_inputs(history, grid)
    spans, daily, versions = profile_spans(history), daily_bookings(history, as_of), quota_versions(history)
    submitted = first_submissions(history)
    for window in windows:
        label = window.period.label
        profiles = profiles_at(spans, window)
        in_force = quotas_in_force(versions, window.last)
        results = results_by_period(daily, in_force, window)
        closed_here = closed[closed["window"] == label]
        parts = [
            booking_inputs(daily, window),
            quota_inputs(in_force[in_force["rep_id"].isin(profiles.index)], window),
            employment(profiles, window),
            ramp_inputs(profiles, results, window),
            closing_inputs(closed_here),
            *(of_window(frame, label) for frame in from_deals),
            of_window(forecast, label) if window.single else None,
            None if activities is None else of_window(activities, label),
            submission_inputs(submitted, results, window),
            paid.get(label),
            None if acquired is None else acquired.of_reps(label),
        ]
        by_rep = pd.concat([profiles[[]], *(part for part in parts if part is not None)], axis=1)
        yield MetricFacts(
            window=window,
            profiles=profiles,
            by_rep=by_rep[by_rep.index.notna()],
            closed=closed_here,
            everywhere={
                "elapsed_days": window.elapsed_days,
                "period_days": window.period_days,
                "usual_share": usual_share(daily, window),
                "gross_margin": history.organisation.gross_margin,
            },
            acquired=acquired,
            rates=rates[rates["window"] == label],
        )


def _named(waterfall: pd.DataFrame) -> pd.DataFrame:
    return waterfall.rename(columns={part: f"waterfall_{part}" for part in WATERFALL_PARTS})
