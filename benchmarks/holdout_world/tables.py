"""The hold-out world as tables of the data contract."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pyarrow as pa

from benchmarks.holdout_world.law import SEGMENTS, STAGES
from benchmarks.holdout_world.ledger import snapshot, written_events
from benchmarks.holdout_world.quotas import quota_rows
from benchmarks.holdout_world.staff import NEVER, REGIONS, segments_of_teams
from benchmarks.holdout_world.submissions import KINDS, OVERRIDE, submission_rows
from benchmarks.holdout_world.truth import Truth
from spm_ml.settings import Organisation
from spm_ml.simulation.ledger import OUTCOME_NAMES, UNCHANGED
from spm_ml.simulation.names import people_names
from spm_ml.simulation.render import ArrowColumn, dates, money, numbered, timestamps, words
from spm_ml.simulation.world import Ints

_SOURCES = ("inbound", "outbound", "partner", "event")
_HEAD = "VP1"


def contract_tables(truth: Truth, settings: Organisation, rng: np.random.Generator) -> dict[str, pa.Table]:
    """Every table that is written, by name."""
    events = written_events(truth, rng)
    return {
        "reps": _reps(truth, rng),
        "quotas": _quotas(truth, settings, rng),
        "opportunities": _opportunities(truth, settings, events, rng),
        "opportunity_events": _events(truth, settings, events),
        "submissions": _submissions(truth, settings, rng),
    }


def _reps(truth: Truth, rng: np.random.Generator) -> pa.Table:
    """Sellers, a manager for each team, and the head."""
    staff, days, teams = truth.staff, truth.days, truth.staff.teams
    seller = np.flatnonzero([bool(rep_id) for rep_id in truth.rep_ids])
    segment = [SEGMENTS[code].name for code in segments_of_teams(teams)]
    team = [f"{REGIONS[number % len(REGIONS)]} {segment[number]} {number + 1}" for number in range(teams)]
    region = [REGIONS[number % len(REGIONS)] for number in range(teams)]
    managers = _manager_ids(truth)
    long_ago = pd.Timestamp(days.periods[0].start - timedelta(days=700)).date()
    stays = staff.left[seller] == NEVER
    left = np.where(stays, 0, days.calendar[np.where(stays, 0, staff.left[seller])])
    sellers = pd.DataFrame(
        {
            "rep_id": [truth.rep_ids[place] for place in seller],
            "role": "account executive",
            "team": [team[number] for number in staff.team[seller]],
            "region": [region[number] for number in staff.team[seller]],
            "segment": [segment[number] for number in staff.team[seller]],
            "manager_id": [managers[number] for number in staff.team[seller]],
            "hired_on": dates(staff.hired_on[seller]).to_pandas(),
            "left_on": dates(left, stays).to_pandas(),
        }
    )
    leaders = pd.DataFrame(
        {
            "rep_id": [*managers, _HEAD],
            "role": [*["manager"] * teams, "head of sales"],
            "team": [*team, None],
            "region": [*region, None],
            "segment": [*segment, None],
            "manager_id": [*[_HEAD] * teams, None],
            "hired_on": long_ago,
        }
    )
    rows = pd.concat([sellers, leaders], ignore_index=True)
    rows.insert(1, "name", people_names(len(rows), rng))
    text = [name for name in rows if name not in ("hired_on", "left_on")]
    types = dict.fromkeys(text, pa.string()) | dict.fromkeys(("hired_on", "left_on"), pa.date32())
    schema = pa.schema([(str(name), types[name]) for name in rows])
    return pa.Table.from_pandas(rows, schema=schema, preserve_index=False)


def _manager_ids(truth: Truth) -> list[str]:
    """The manager of each team."""
    return [f"M{number + 1:03d}" for number in range(truth.staff.teams)]


def _quotas(truth: Truth, settings: Organisation, rng: np.random.Generator) -> pa.Table:
    rep, period, amount, set_on = quota_rows(truth, rng)
    return pa.table(
        {
            "rep_id": words(truth.rep_ids, rep),
            "period": words([each.label for each in truth.days.periods], period),
            "amount": money(amount),
            "currency": words([settings.currency], np.zeros(len(rep), dtype=np.int64)),
            "set_on": dates(set_on),
        }
    )


def _opportunities(truth: Truth, settings: Organisation, events: dict[str, Ints], rng: np.random.Generator) -> pa.Table:
    last = snapshot(events)
    deal, closed_on = last["deal"], last["closed_on"]
    source = rng.integers(0, len(_SOURCES), len(truth.rounds.rep))
    return pa.table(
        {
            "opportunity_id": opportunity_ids(deal),
            "rep_id": words(truth.rep_ids, last["owner"]),
            "account_id": numbered("A", truth.deals.round[deal], 7),
            "source": words(_SOURCES, source[truth.deals.round[deal]]),
            "amount": money(last["amount"]),
            "currency": words([settings.currency], np.zeros(len(deal), dtype=np.int64)),
            "created_on": dates(truth.days.calendar[truth.deals.created[deal]]),
            "closed_on": dates(closed_on, closed_on < 0),
            "expected_close_on": dates(last["expected"]),
            "stage": words(STAGES, last["stage"]),
            "outcome": words(OUTCOME_NAMES, last["outcome"]),
            "recorded_at": _instants(last, settings),
        }
    )


def _events(truth: Truth, settings: Organisation, events: dict[str, Ints]) -> pa.Table:
    order = np.lexsort((events["deal"], events["seconds"], events["day"]))
    events = {name: column[order] for name, column in events.items()}
    return pa.table(
        {
            "opportunity_id": opportunity_ids(events["deal"]),
            "recorded_at": _instants(events, settings),
            "rep_id": words(truth.rep_ids, events["owner"]),
            "stage": words(STAGES, events["stage"]),
            "amount": money(events["amount"], events["amount"] == UNCHANGED),
            "expected_close_on": dates(events["expected"], events["expected"] == UNCHANGED),
            "outcome": words(OUTCOME_NAMES, events["outcome"]),
        }
    )


def _submissions(truth: Truth, settings: Organisation, rng: np.random.Generator) -> pa.Table:
    rep, period, day, kind, amount = submission_rows(truth, rng)
    seconds = rng.integers(17 * 3600, 20 * 3600, len(rep))
    who = np.where(kind == OVERRIDE, len(truth.rep_ids) + truth.staff.team[rep], rep)
    return pa.table(
        {
            "rep_id": words(truth.rep_ids, rep),
            "period": words([each.label for each in truth.days.periods], period),
            "submitted_at": _instants({"day": truth.days.calendar[day], "seconds": seconds}, settings),
            "kind": words(KINDS, kind),
            "amount": money(amount),
            "submitted_by": words([*truth.rep_ids, *_manager_ids(truth)], who),
        }
    )


def opportunity_ids(deal: Ints) -> ArrowColumn:
    """`D00000001` for the first deal."""
    return numbered("D", deal + 1, 8)


def _instants(events: dict[str, Ints], settings: Organisation) -> ArrowColumn:
    """UTC timestamps of local days and seconds after midnight; nothing happens while clocks are changed."""
    local = pd.DatetimeIndex((events["day"] * 86_400 + events["seconds"]).astype("datetime64[s]"))
    utc = local.tz_localize(settings.zone).tz_convert("UTC").tz_localize(None)
    return timestamps(utc.to_numpy().astype("datetime64[s]").astype(np.int64))
