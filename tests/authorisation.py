"""The authorisation oracle: what every principal gets from every route, by rules that know nothing of the scope's own.

The rules walk the organisation by hand. `Matrix.differences` asks the running application and tells where it disagrees;
planted faults are caught by the same function.
"""

import asyncio
import csv
import html
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote

import httpx
from fastapi import FastAPI
from sqlalchemy import update
from starlette.routing import BaseRoute, Route

from serving.app import create_app
from serving.settings import ServingSettings
from spm_ml.predictions import NewAgreement, NewCase, PredictionStore, Principal, Scope, schema
from spm_ml.predictions.agreements import OTHER
from spm_ml.predictions.engine import connect, writing
from spm_ml.predictions.pulses import QUESTIONS
from tests.prediction_world import NORTH, PEOPLE, PRINCIPALS, SOUTH, VP, World, make_outcomes
from tests.web import UNLIMITED

Objects = set[str] | None
"""What a principal reaches; None: the role may not ask at all."""
Sees = Mapping[str, Objects]

NORTH_TEAM = {"r-101", "r-102", "r-103", "r-104", "r-105", "r-106", "r-107"}
SOUTH_TEAM = {"r-201", "r-202", "r 203/ä", "r-204"}
REPS = NORTH_TEAM | SOUTH_TEAM
WITHOUT_OFFER = {"r-104", "r-201"}
"""Reps whose recommendation abstains."""
STRANGER, GONE = "r-999", "m-gone"
EARLIER = "2026Q1"
"""A period in which r-101 was in the other team; whoever sees whom follows the organisation as it is now."""

LIVING: Final[dict[str, Scope]] = PRINCIPALS | {
    "admin": Scope("admin"),
    "gone": Scope("manager", GONE),  # left the tree: nobody is below any more
    "hr_rep": Scope("hr", "r-102"),  # HR who is offered programs too
}
DEAD = ("nobody", "expired", "revoked", "disabled")
"""No access at all: no token, one that is over, one taken back, and one of a disabled account."""

_NOBODY_SEES: dict[str, Objects] = dict.fromkeys(LIVING)
SEES_PEOPLE: Sees = _NOBODY_SEES | {
    "vp": REPS,
    "north": NORTH_TEAM,
    "south": SOUTH_TEAM,
    "hr": REPS,
    "hr_rep": REPS,
    "rep": {"r-201"},
    "gone": set(),
}
SEES_FIGURES: Sees = {**SEES_PEOPLE, "hr": None, "hr_rep": None}
SEES_PAY: Sees = _NOBODY_SEES | {
    "vp": REPS | {VP, NORTH, SOUTH},
    "north": NORTH_TEAM | {NORTH},
    "south": SOUTH_TEAM | {SOUTH},
    "rep": {"r-201"},
    "gone": set(),
}
"""Pay: one's own, and that of everybody below; never HR's, an analyst's or an admin's to read."""
SEES_TEAMS: Sees = _NOBODY_SEES | {
    "vp": {VP, NORTH, SOUTH},
    "north": {NORTH},
    "south": {SOUTH},
    "analyst": {VP},  # South has four reps, and they would be what is left of the VP's without North
    "gone": set(),
}
SEES_GROUPS: Sees = _NOBODY_SEES | {
    "vp": {f"team/{VP}", f"team/{NORTH}", f"team/{SOUTH}", "region/EMEA", "region/Americas", "company/company"},
    "north": {f"team/{NORTH}"},
    "south": {f"team/{SOUTH}"},
    "analyst": {f"team/{VP}", "company/company"},
    "gone": set(),
}
SEES_OBJECTIVES: Sees = _NOBODY_SEES | {name: {"any"} for name in ("vp", "north", "south", "analyst", "rep", "gone")}
"""What is above is there for everybody who has something to reach; nobody else's figures are told, as traces show."""
SEES_PROPOSALS: Sees = _NOBODY_SEES | {
    name: {"any"} for name in ("vp", "north", "south", "gone", "hr", "hr_rep", "analyst")
}
NO_PROPOSAL: Sees = {name: None if reach is None else set() for name, reach in SEES_PROPOSALS.items()}
PLANS: Sees = {**SEES_PEOPLE, "rep": None}
DECIDES: Sees = {
    name: None if reach is None else reach - WITHOUT_OFFER - ({"r-102"} if name == "hr_rep" else set())
    for name, reach in PLANS.items()
}
"""Nobody in this organisation is a manager with an offer of their own; the store's tests cover that."""
DECLINES: Sees = {**SEES_PEOPLE, **{name: set() for name in ("vp", "north", "south", "hr")}, "hr_rep": {"r-102"}}
DECLINES = {name: None if reach is None else reach - WITHOUT_OFFER for name, reach in DECLINES.items()}
TAKES_BACK: Sees = {
    name: None if reach is None else reach | (DECIDES[name] or set()) for name, reach in DECLINES.items()
}
_SAYS: Sees = {"vp": REPS, "north": NORTH_TEAM, "south": SOUTH_TEAM, "rep": {"r-201"}, "gone": set()}
SUBMITS: Sees = _NOBODY_SEES | _SAYS
"""For whom one may enter a commit: managers for everybody below, reps for themselves."""
SUBMITS_OWN: Sees = _NOBODY_SEES | {name: set() for name in _SAYS} | {"rep": {"r-201"}}
OVERRIDES: Sees = SUBMITS | {"rep": None}
CASES: Final = {"1": "r-101", "2": "r-102", "3": "r-201"}
"""Cases in the store, by the rep; each is closed, so that an answer or a withdrawal that is allowed hears just that."""
CASE_IDS = (*CASES, "999")
SEES_CASES: Sees = {
    name: None if reach is None else {case for case, rep in CASES.items() if rep in reach}
    for name, reach in SEES_PEOPLE.items()
}
ANSWERS: Sees = {**SEES_CASES, "rep": None, "hr_rep": {"1", "3"}}
WITHDRAWS: Sees = {**{name: reach and set() for name, reach in SEES_CASES.items()}, "rep": {"3"}, "hr_rep": {"2"}}
OWN: Final = "own"
_HAVE_NUMBERS = ("vp", "north", "south", "rep", "hr_rep")
OPENS: Sees = _NOBODY_SEES | {name: {OWN} for name in _HAVE_NUMBERS} | {"hr": set(), "gone": set()}
"""Who has numbers of their own to say something about."""
SEES_RATINGS: Sees = {**SEES_PEOPLE, "hr": None, "hr_rep": None}
"""Ratings of skills lie between the rep and the managers above."""
WRITES_NOTES: Sees = {**SEES_RATINGS, "rep": None}
"""Managers about everybody below them; the matrix has no manager with a manager and a forecast."""
GIVES_PULSE: Sees = _NOBODY_SEES | {"vp": set(), "north": set(), "south": set(), "gone": set(), "rep": {OWN}}
WITHDRAWS_PULSE: Sees = {name: None if reach is None else {OWN} for name, reach in GIVES_PULSE.items()}
COUNTS_PULSE: Sees = _NOBODY_SEES | {name: {"any"} for name in ("hr", "hr_rep")}
AGREEMENTS: Final = {"1": "r-101", "2": "r-201"}
"""Agreements in the store, by the rep; each is dropped, so that a step that is allowed hears just that."""
AGREEMENT_IDS = (*AGREEMENTS, "999")
SEES_AGREEMENTS: Sees = {
    name: None if reach is None else {one for one, rep in AGREEMENTS.items() if rep in reach}
    for name, reach in SEES_RATINGS.items()
}
SEES_FAIRNESS: Sees = _NOBODY_SEES | {name: {"any"} for name in ("hr", "hr_rep")}
COUNTS_FEEDBACK: Sees = _NOBODY_SEES | {name: {"any"} for name in ("hr", "hr_rep", "analyst")}
EVERYONE: Sees = {name: {"any"} for name in LIVING}
GETS_MAIL: Sees = {name: None if reach is None else {"any"} for name, reach in SEES_PEOPLE.items()}
GIVES_ACCESS: Sees = _NOBODY_SEES | {"admin": {"any"}}
OWNS_NONE: Sees = {name: set() for name in LIVING}
"""Everybody may ask about their own, and what is asked about is nobody's."""

_PERSONAL: Final = frozenset({"own_quota", "p_hit_own", "deals", "submissions", "main_reason", "without_largest"})
FIGURE_KEYS: Final = (
    _PERSONAL
    | frozenset(
        ("quota", "booked", "distribution", "p_hit", "parts", "metrics", "change", "attainment", "history", "exposure")
    )
    | {"outcome", "outcome_versions", "final_bookings", "final_quota", "range_held", "left_early"}
)
FORBIDDEN_KEYS: Final[dict[str, frozenset[str]]] = {
    "hr": FIGURE_KEYS,
    "hr_rep": FIGURE_KEYS,
    "admin": FIGURE_KEYS,
    "analyst": _PERSONAL | {"rep_id"},
}
"""Fields that hold nothing in any answer to these principals."""


def _decision(world: World, rep_id: str | None, verdict: str) -> dict[str, object]:
    offered = {offer.rep_id: offer.program_id for offer in world.recommendations}
    program = offered.get(rep_id or "") or "p-none"
    return {"rep_id": rep_id, "program_id": program, "verdict": verdict, "reason": "so"}


def accepting(world: World, rep_id: str | None) -> dict[str, object]:
    """The body that accepts a rep's offer."""
    return _decision(world, rep_id, "accepted")


def accepting_together(world: World, rep_id: str | None) -> dict[str, object]:
    """The form that accepts several offers; this one holds one."""
    decision = _decision(world, rep_id, "accepted")
    offer = {"rep_id": rep_id, "program_id": decision["program_id"], "key": "together-1"}
    return {"offers": json.dumps([offer])}


def declining(world: World, rep_id: str | None) -> dict[str, object]:
    """The body that declines it."""
    return _decision(world, rep_id, "declined")


def taking_back(world: World, rep_id: str | None) -> dict[str, object]:
    """The body that takes a decision about it back."""
    return _decision(world, rep_id, "reversed")


def _submission(rep_id: str | None, kind: str) -> dict[str, object]:
    return {"rep_id": rep_id, "kind": kind, "amount": 100_000, "note": "so"}


def committing(_world: World, rep_id: str | None) -> dict[str, object]:
    """The body that enters a commit, on both doors."""
    return _submission(rep_id, "commit")


def hoping(_world: World, rep_id: str | None) -> dict[str, object]:
    """The body that enters a best case."""
    return _submission(rep_id, "best_case")


def overriding(_world: World, rep_id: str | None) -> dict[str, object]:
    """The body that enters a manager's override."""
    return _submission(rep_id, "manager_override")


def supposing(_world: World, rep_id: str | None) -> dict[str, object]:
    """The body that asks about another quota."""
    return {"rep_id": rep_id, "changes": [{"kind": "quota", "quota": 100_000.0}]}


def nothing(_world: World, _thing: str | None) -> dict[str, object]:
    """An empty body."""
    return {}


def opening(_world: World, _thing: str | None) -> dict[str, object]:
    """The body that opens a case, on both doors."""
    return {"kind": "view", "about": "forecast", "text": "Too low."}


def opening_on_a_page(_world: World, _thing: str | None) -> dict[str, object]:
    """The same in a form."""
    return {"topic": "view:forecast", "text": "Too low."}


def answering(_world: World, _thing: str | None) -> dict[str, object]:
    """The body that answers a case."""
    return {"status": "in_review", "text": "so"}


def rating(_world: World, rep_id: str | None) -> dict[str, object]:
    """The body that rates a skill that no program teaches here: whoever may rate hears just that."""
    return {"rep_id": rep_id, "ratings": [{"skill": "juggling", "score": 3}]}


def saying(_world: World, rep_id: str | None) -> dict[str, object]:
    """The body that gives feedback, on both doors."""
    return {"rep_id": rep_id, "about": "forecast", "verdict": "useful", "text": "so"}


def answering_the_pulse(_world: World, _thing: str | None) -> dict[str, object]:
    """The body that gives one's own pulse."""
    return {"answers": dict.fromkeys(QUESTIONS, 3), "consent": True}


def answering_the_pulse_on_a_page(_world: World, _thing: str | None) -> dict[str, object]:
    """The same in a form."""
    return dict.fromkeys(QUESTIONS, "3") | {"consent": "yes"}


def noting(_world: World, rep_id: str | None) -> dict[str, object]:
    """The body that writes a note, on both doors."""
    return {"rep_id": rep_id, "topic": "progress", "text": "so"}


def proposing(_world: World, rep_id: str | None) -> dict[str, object]:
    """The body that proposes an agreement, on both doors."""
    return {"rep_id": rep_id, "text": "so", "behaviour": "other", "due_on": "2099-01-01", "doer": "both"}


def agreeing(_world: World, _thing: str | None) -> dict[str, object]:
    """The body that agrees to one, on both doors."""
    return {"step": "agreed"}


def moving(_world: World, _thing: str | None) -> dict[str, object]:
    """The body that moves the day of one, on both doors."""
    return {"due_on": "2099-02-01", "text": "Later."}


def supposing_on_a_page(_world: World, rep_id: str | None) -> dict[str, object]:
    """The form that asks about another quota."""
    return {"rep_id": rep_id, "quota": "100000"}


def rating_on_a_page(_world: World, rep_id: str | None) -> dict[str, object]:
    """The form of `rating`."""
    return {"rep_id": rep_id, "skill:juggling": "3"}


def wanting_no_mail(_world: World, _thing: str | None) -> dict[str, object]:
    """The form that unsubscribes from the weekly mail."""
    return {"wanted": "no"}


def new_account(_world: World, _thing: str | None) -> dict[str, object]:
    """The body that makes or changes an account."""
    return {"label": "new", "role": "hr"}


Body = Callable[[World, str | None], dict[str, object]]
Key = Callable[[dict[str, Any]], str]


def rep_of(item: dict[str, Any]) -> str:
    """Whom an item of a list is about."""
    return str(item["rep_id"])


def team_of(item: dict[str, Any]) -> str:
    """Whose team it is."""
    return str(item["manager_id"])


def group_of(item: dict[str, Any]) -> str:
    """Which group it is."""
    return f"{item['level']}/{item['key']}"


@dataclass(frozen=True)
class Rule:
    """What the oracle says of a route.

    Attributes:
        sees: For each living principal the objects it reaches; None: forbidden.
        objects: What is asked for; empty for a list.
        page: Whether it is a page for people.
        open: Whether it needs no principal.
        body: Of a request that writes.
        done: Status of what is allowed; 0: 200 for reads, 201 for writes, 303 for forms.
        lists: What an item of the list is about: the items are exactly what is in reach.
        names: Whether the page names every rep in reach.
        tells: Whether the answer names people to whoever reaches it, as a list of accounts does.
        query: Asked for as well.
    """

    sees: Sees
    objects: tuple[str, ...] = ()
    page: bool = False
    open: bool = False
    body: Body = nothing
    done: int = 0
    lists: Key | None = None
    names: bool = False
    tells: bool = False
    query: str = ""


REP_IDS = ("r-101", "r-102", "r-104", "r-201", "r-202", "r 203/ä", VP, STRANGER)
"""Some of each team, with and without an offer, a principal's own, ids and names that need quoting, and nobody."""
SOME_REPS = ("r-101", "r-201", STRANGER)
TEAM_IDS = (VP, NORTH, SOUTH, "r-101", STRANGER)
GROUP_IDS = (*sorted(SEES_GROUPS["vp"] or ()), f"region/{NORTH}", "company/EMEA", f"team/{STRANGER}")

RULES: dict[tuple[str, str], Rule] = {
    ("GET", "/v1/periods"): Rule(EVERYONE),
    ("GET", "/v1/reps"): Rule(SEES_PEOPLE, lists=rep_of),
    ("GET", "/v1/reps/{rep_id:path}"): Rule(SEES_PEOPLE, REP_IDS),
    ("GET", "/v1/teams"): Rule(SEES_TEAMS, lists=team_of),
    ("GET", "/v1/teams/{manager_id:path}"): Rule(SEES_TEAMS, TEAM_IDS),
    ("GET", "/v1/groups"): Rule(SEES_GROUPS, lists=group_of),
    ("GET", "/v1/groups/{level}/{key:path}"): Rule(SEES_GROUPS, GROUP_IDS),
    ("GET", "/v1/objectives"): Rule(SEES_OBJECTIVES),
    ("GET", "/v1/quota-proposals"): Rule(SEES_PROPOSALS),
    ("GET", "/v1/quota-proposals/{proposal_id}"): Rule(NO_PROPOSAL, ("1",)),
    ("GET", "/v1/forecasts"): Rule(SEES_FIGURES, lists=rep_of),
    ("GET", "/v1/forecasts/{rep_id:path}"): Rule(SEES_FIGURES, REP_IDS),
    # The batch was scored without what such questions start from; how they are answered has tests of its own.
    ("POST", "/v1/what-if"): Rule(SEES_FIGURES, REP_IDS, body=supposing, done=409),
    ("GET", "/v1/recommendations"): Rule(SEES_PEOPLE, lists=rep_of),
    ("GET", "/v1/exports/reps.csv"): Rule(SEES_PEOPLE, names=True),
    ("GET", "/v1/exports/forecasts.csv"): Rule(SEES_FIGURES, names=True),
    ("GET", "/v1/exports/recommendations.csv"): Rule(SEES_PEOPLE, names=True),
    ("GET", "/v1/exports/decisions.csv"): Rule(SEES_PEOPLE),
    ("GET", "/v1/pay/statements"): Rule(SEES_PAY, REP_IDS),
    ("GET", "/v1/pay/statement"): Rule(SEES_PAY, REP_IDS),
    ("GET", "/v1/pay/costs"): Rule(SEES_PAY),
    ("GET", "/v1/pay/leavers"): Rule(SEES_PAY),
    ("GET", "/v1/exports/statement.csv"): Rule(SEES_PAY, REP_IDS),
    ("GET", "/exports/statement.csv"): Rule(SEES_PAY, REP_IDS, page=True),
    ("GET", "/pay"): Rule(SEES_PAY, REP_IDS, page=True),
    ("GET", "/v1/diagnoses"): Rule(SEES_FIGURES, REP_IDS),
    ("GET", "/v1/effects"): Rule(EVERYONE),
    ("GET", "/v1/fairness"): Rule(SEES_FAIRNESS),
    ("POST", "/v1/decisions"): Rule(DECIDES, REP_IDS, body=accepting),
    ("GET", "/v1/decisions"): Rule(SEES_PEOPLE),
    ("GET", "/v1/submissions"): Rule(SEES_FIGURES),
    ("POST", "/v1/submissions"): Rule(SUBMITS, REP_IDS, body=committing),
    ("GET", "/v1/exports/growth.csv"): Rule(SEES_TEAMS),
    ("GET", "/v1/exports/submissions.csv"): Rule(SEES_FIGURES),
    ("GET", "/v1/cases"): Rule(SEES_PEOPLE),
    ("GET", "/v1/cases/{case_id}"): Rule(SEES_CASES, CASE_IDS),
    ("POST", "/v1/cases"): Rule(OPENS, (OWN,), body=opening),
    ("POST", "/v1/cases/{case_id}/answers"): Rule(ANSWERS, CASE_IDS, body=answering, done=409),
    ("POST", "/v1/cases/{case_id}/withdrawal"): Rule(WITHDRAWS, CASE_IDS, done=409),
    ("GET", "/v1/assessments"): Rule(SEES_RATINGS),
    ("POST", "/v1/assessments"): Rule(SEES_RATINGS, REP_IDS, body=rating, done=422),
    ("GET", "/v1/feedback"): Rule(SEES_PEOPLE),
    ("POST", "/v1/feedback"): Rule(SEES_RATINGS, REP_IDS, body=saying),
    ("GET", "/v1/feedback/counts"): Rule(COUNTS_FEEDBACK),
    ("GET", "/v1/contests/counts"): Rule(COUNTS_FEEDBACK),
    ("GET", "/v1/pulses"): Rule(SEES_RATINGS),
    ("POST", "/v1/pulses"): Rule(GIVES_PULSE, (OWN,), body=answering_the_pulse),
    ("POST", "/v1/pulses/withdrawal"): Rule(WITHDRAWS_PULSE, (OWN,), done=200),
    ("GET", "/v1/pulses/counts"): Rule(COUNTS_PULSE),
    ("GET", "/v1/notes"): Rule(SEES_RATINGS),
    ("POST", "/v1/notes"): Rule(WRITES_NOTES, REP_IDS, body=noting),
    ("GET", "/v1/agreements"): Rule(SEES_RATINGS),
    ("POST", "/v1/agreements"): Rule(SEES_RATINGS, REP_IDS, body=proposing),
    ("POST", "/v1/agreements/{agreement_id}/steps"): Rule(SEES_AGREEMENTS, AGREEMENT_IDS, body=agreeing, done=409),
    ("POST", "/v1/agreements/{agreement_id}/due-days"): Rule(SEES_AGREEMENTS, AGREEMENT_IDS, body=moving, done=409),
    ("GET", "/v1/audit"): Rule(GIVES_ACCESS, tells=True),
    ("POST", "/v1/plans"): Rule(PLANS, done=200),
    ("GET", "/v1/me"): Rule(EVERYONE),
    ("DELETE", "/v1/tokens/{token_id}"): Rule(OWNS_NONE, (STRANGER,)),
    ("GET", "/v1/accounts"): Rule(GIVES_ACCESS, tells=True),
    ("POST", "/v1/accounts"): Rule(GIVES_ACCESS, body=new_account),
    ("PUT", "/v1/accounts/{account_id}"): Rule(GIVES_ACCESS, (STRANGER,), body=new_account),
    ("POST", "/v1/accounts/{account_id}/tokens"): Rule(GIVES_ACCESS, (STRANGER,)),
    ("POST", "/v1/accounts/{account_id}/disable"): Rule(GIVES_ACCESS, (STRANGER,)),
    ("POST", "/v1/accounts/{account_id}/enable"): Rule(GIVES_ACCESS, (STRANGER,)),
    ("POST", "/v1/accounts/{account_id}/sessions/end"): Rule(GIVES_ACCESS, (STRANGER,)),
    ("GET", "/v1/metrics"): Rule(EVERYONE),
    ("GET", "/v1/model"): Rule(EVERYONE),
    ("GET", "/v1/model/value-added"): Rule(EVERYONE),
    ("GET", "/v1/model/champions"): Rule(EVERYONE),
    ("GET", "/v1/model/calibration"): Rule(EVERYONE),
    ("GET", "/v1/model/drift"): Rule(EVERYONE),
    ("GET", "/v1/model/data-quality"): Rule(EVERYONE),
    ("GET", "/v1/model/leakage"): Rule(EVERYONE),
    ("GET", "/v1/model/lineage"): Rule(EVERYONE),
    # No account reaches these: whoever signs is a system (tests/unit/test_serving_events.py).
    ("POST", "/v1/events"): Rule({}, open=True),
    ("GET", "/v1/events/{receipt_id}"): Rule({}, open=True),
    ("GET", "/v1/model/voices"): Rule(EVERYONE),
    ("GET", "/model/voices"): Rule(EVERYONE, page=True),
    ("GET", "/v1/openapi.json"): Rule({}, open=True),
    ("GET", "/health/live"): Rule({}, open=True),
    ("GET", "/health/ready"): Rule({}, open=True),
    ("GET", "/"): Rule(EVERYONE, page=True, names=True),
    ("GET", "/me"): Rule(EVERYONE, page=True),
    ("GET", "/reps/{rep_id:path}"): Rule(SEES_FIGURES, REP_IDS, page=True),
    ("GET", "/value-added"): Rule(EVERYONE, page=True),
    ("GET", "/model"): Rule(EVERYONE, page=True),
    ("GET", "/model/calibration"): Rule(EVERYONE, page=True),
    ("GET", "/model/drift"): Rule(EVERYONE, page=True),
    ("GET", "/model/data"): Rule(EVERYONE, page=True),
    ("GET", "/model/lineage"): Rule(EVERYONE, page=True),
    ("GET", "/glossary"): Rule(EVERYONE, page=True),
    ("GET", "/recommendations"): Rule(SEES_PEOPLE, page=True),
    ("GET", "/cases"): Rule(SEES_PEOPLE, page=True),
    ("POST", "/cases"): Rule(OPENS, (OWN,), body=opening_on_a_page, page=True),
    ("POST", "/cases/{case_id}/answers"): Rule(ANSWERS, CASE_IDS, body=answering, done=409, page=True),
    ("POST", "/cases/{case_id}/withdrawal"): Rule(WITHDRAWS, CASE_IDS, done=409, page=True),
    ("POST", "/assessments"): Rule(SEES_RATINGS, REP_IDS, body=rating_on_a_page, done=422, page=True),
    ("POST", "/feedback"): Rule(SEES_RATINGS, REP_IDS, body=saying, page=True),
    ("POST", "/pulse"): Rule(GIVES_PULSE, (OWN,), body=answering_the_pulse_on_a_page, page=True),
    ("POST", "/pulse/withdrawal"): Rule(WITHDRAWS_PULSE, (OWN,), page=True),
    ("POST", "/notes"): Rule(WRITES_NOTES, REP_IDS, body=noting, page=True),
    ("GET", "/agreements"): Rule(SEES_RATINGS, page=True),
    ("POST", "/agreements"): Rule(SEES_RATINGS, REP_IDS, body=proposing, page=True),
    ("POST", "/agreements/{agreement_id}/steps"): Rule(
        SEES_AGREEMENTS, AGREEMENT_IDS, body=agreeing, done=409, page=True
    ),
    ("POST", "/agreements/{agreement_id}/due-days"): Rule(
        SEES_AGREEMENTS, AGREEMENT_IDS, body=moving, done=409, page=True
    ),
    ("POST", "/what-if"): Rule(SEES_FIGURES, REP_IDS, body=supposing_on_a_page, done=409, page=True),
    ("GET", "/programs"): Rule(EVERYONE, page=True),
    ("GET", "/planner"): Rule(EVERYONE, page=True),
    ("GET", "/planner/preview"): Rule(PLANS, page=True, names=True, query="?people=1&lot=1"),
    ("GET", "/planner/accept"): Rule(PLANS, page=True),
    ("POST", "/planner/accept"): Rule(DECIDES, REP_IDS, page=True, body=accepting_together),
    ("GET", "/exports/plan.csv"): Rule(PLANS, page=True, names=True),
    ("GET", "/exports/forecasts.csv"): Rule(SEES_FIGURES, page=True, names=True),
    ("GET", "/exports/growth.csv"): Rule(SEES_TEAMS, page=True),
    ("GET", "/exports/submissions.csv"): Rule(SEES_FIGURES, page=True),
    ("GET", "/submissions"): Rule(SEES_FIGURES, REP_IDS, page=True),
    ("POST", "/submissions"): Rule(SUBMITS, REP_IDS, body=committing, page=True),
    ("GET", "/exports/recommendations.csv"): Rule(SEES_PEOPLE, page=True, names=True),
    ("GET", "/teams"): Rule(SEES_TEAMS, page=True),
    ("GET", "/objectives"): Rule(SEES_OBJECTIVES, page=True),
    # Nothing is proposed in this organisation; what a proposal tells whom has tests of its own.
    ("GET", "/quotas"): Rule(SEES_PROPOSALS, page=True),
    ("GET", "/growth"): Rule(SEES_TEAMS, page=True),
    ("POST", "/decisions"): Rule(DECIDES, REP_IDS, page=True, body=accepting),
    ("GET", "/accounts"): Rule(GIVES_ACCESS, page=True, tells=True),
    ("POST", "/accounts"): Rule(GIVES_ACCESS, body=new_account, page=True),
    ("GET", "/accounts/{account_id}"): Rule(GIVES_ACCESS, (STRANGER,), page=True),
    ("POST", "/accounts/{account_id}"): Rule(GIVES_ACCESS, (STRANGER,), body=new_account, page=True),
    ("POST", "/accounts/{account_id}/tokens"): Rule(GIVES_ACCESS, (STRANGER,), page=True),
    ("POST", "/accounts/{account_id}/tokens/{token_id}/revoke"): Rule(GIVES_ACCESS, (STRANGER,), page=True),
    ("POST", "/accounts/{account_id}/disable"): Rule(GIVES_ACCESS, (STRANGER,), page=True),
    ("POST", "/accounts/{account_id}/enable"): Rule(GIVES_ACCESS, (STRANGER,), page=True),
    ("POST", "/accounts/{account_id}/sessions/end"): Rule(GIVES_ACCESS, (STRANGER,), page=True),
    ("GET", "/audit"): Rule(GIVES_ACCESS, page=True, tells=True),
    ("GET", "/digest"): Rule(GETS_MAIL, page=True),
    ("POST", "/digest"): Rule(GETS_MAIL, body=wanting_no_mail, page=True),
    # Whoever holds the link from a mail unsubscribes that account (tests/unit/test_serving_digest.py).
    ("GET", "/digest/unsubscribe/{account_id}/{signature}"): Rule({}, page=True, open=True),
    ("POST", "/digest/unsubscribe/{account_id}/{signature}"): Rule({}, page=True, open=True),
    ("GET", "/login"): Rule({}, page=True, open=True),
    ("POST", "/login"): Rule({}, page=True, open=True),
    ("GET", "/login/provider"): Rule({}, page=True, open=True),
    ("GET", "/login/callback"): Rule({}, page=True, open=True),
    ("POST", "/logout"): Rule({}, page=True, open=True),
    ("GET", "/static/{path}"): Rule({}, page=True, open=True),
    ("POST", "/v1/me/sessions/end"): Rule(EVERYONE, done=200),  # the last, for it does what it says
}
"""One rule for each route; a route without one fails the tests."""

FURTHER: tuple[tuple[str, str, Rule], ...] = (
    # Nothing was decided before these ask, so whoever may take back at all hears that there is nothing to take back.
    ("POST", "/v1/decisions", Rule(TAKES_BACK, REP_IDS, body=taking_back, done=409)),
    ("POST", "/decisions", Rule(TAKES_BACK, REP_IDS, body=taking_back, done=409, page=True)),
    ("POST", "/v1/decisions", Rule(DECLINES, REP_IDS, body=declining)),
    ("POST", "/decisions", Rule(DECLINES, REP_IDS, body=declining, page=True)),
    ("POST", "/v1/submissions", Rule(SUBMITS_OWN, REP_IDS, body=hoping)),
    ("POST", "/v1/submissions", Rule(OVERRIDES, REP_IDS, body=overriding)),
    ("POST", "/submissions", Rule(SUBMITS_OWN, REP_IDS, body=hoping, page=True)),
    ("POST", "/submissions", Rule(OVERRIDES, REP_IDS, body=overriding, page=True)),
    # The order of figures would tell them, so who sees none may not ask for it.
    ("GET", "/v1/reps", Rule(SEES_FIGURES, lists=rep_of, query="?sort=booked")),
    ("GET", "/v1/recommendations", Rule(SEES_FIGURES, lists=rep_of, query="?sort=quota&descending=true")),
    ("GET", "/v1/forecasts", Rule(SEES_FIGURES, lists=rep_of, query=f"?period={EARLIER}")),
    ("GET", "/v1/reps/{rep_id:path}", Rule(SEES_PEOPLE, ("r-101", STRANGER), query=f"?period={EARLIER}")),
    # What came of an earlier period is told to those who may see what had been forecast.
    ("GET", "/v1/forecasts/{rep_id:path}", Rule(SEES_FIGURES, SOME_REPS, query=f"?period={EARLIER}")),
    ("GET", "/v1/exports/forecasts.csv", Rule(SEES_FIGURES, names=True, query=f"?period={EARLIER}")),
    ("GET", "/reps/{rep_id:path}", Rule(SEES_FIGURES, SOME_REPS, page=True, query=f"?period={EARLIER}")),
    ("GET", "/", Rule(EVERYONE, page=True, names=True, query=f"?period={EARLIER}")),
    ("GET", "/teams", Rule(SEES_TEAMS, page=True, query=f"?period={EARLIER}")),
    # Where a rep's number comes from is told to those who may see the number.
    ("GET", "/v1/model/lineage", Rule(SEES_FIGURES, REP_IDS)),
    ("GET", "/model/lineage", Rule(SEES_FIGURES, REP_IDS, page=True)),
)
"""What else is asked of some routes, before what `RULES` ask."""

Case = tuple[str, str, Rule]


def cases(keep: Callable[[str, str, Rule], bool] = lambda *_: True) -> tuple[Case, ...]:
    """Every route with a rule that needs a principal, or those that are kept."""
    every = (*FURTHER, *((method, route, rule) for (method, route), rule in RULES.items()))
    return tuple(case for case in every if not case[2].open and keep(*case))


def routes_of(routes: Iterable[BaseRoute]) -> Iterator[Route]:
    """Every route; newer versions of FastAPI keep included routers as they are."""
    for route in routes:
        included = getattr(route, "original_router", None)
        if included is not None:
            yield from routes_of(included.routes)
        else:
            assert isinstance(route, Route), f"{route} is of a kind without rules"
            yield route


def unruled(app: FastAPI) -> set[tuple[str, str]]:
    """Methods and routes of the application, or of its description, without a rule, and rules without a route."""
    served = {
        (method, route.path) for route in routes_of(app.routes) for method in route.methods or () if method != "HEAD"
    }
    described = {(method.upper(), path) for path, operations in app.openapi()["paths"].items() for method in operations}
    ruled = {(method, path.replace(":path}", "}")) for method, path in RULES}
    return (served ^ set(RULES)) | (described - ruled)


@dataclass(frozen=True)
class Access:
    """How a principal shows who it is."""

    token: str
    session: str


def issue_access(path: Path | str) -> dict[str, Access]:
    """Makes a token and a session for each principal, the dead ones included."""
    given = {}
    scopes = LIVING | {name: Scope("manager", VP) for name in DEAD if name != "nobody"}
    with PredictionStore.open(path) as store:
        for name, scope in scopes.items():
            token = store.credentials.issue(
                scope.role, rep_id=scope.rep_id, label=f"test {name}", valid_for=timedelta(hours=8)
            )
            session = store.credentials.open_session(token)
            assert session is not None
            given[name] = Access(token, session)
        revoked = store.credentials.principal_of_token(given["revoked"].token)
        assert revoked is not None
        store.tokens.revoke(revoked.token_id or "")
    engine = connect(path)
    with writing(engine) as connection:
        tokens, accounts, now = schema.tokens, schema.accounts, datetime.now(UTC)
        connection.execute(update(tokens).where(tokens.c.label == "test expired").values(expires_at=now))
        connection.execute(update(accounts).where(accounts.c.label == "test disabled").values(disabled_at=now))
    engine.dispose()
    return given


def publish_earlier(path: Path | str, world: World) -> None:
    """Adds the period before and what came of it, with another tree; the current one stays the published one."""
    moved = tuple(replace(one, manager_id=SOUTH) if one.rep_id == "r-101" else one for one in world.people)
    earlier = replace(world, batch=replace(world.batch, batch_id="b-0000", period=EARLIER), people=moved)
    with PredictionStore.open(path) as store:
        earlier.publish_into(store)
        store.publish_outcomes(world.batch, [replace(one, period=EARLIER) for one in make_outcomes(world)])
        store.flip(world.batch)


def say_something(path: Path | str) -> None:
    """Opens `CASES` and closes them, and proposes `AGREEMENTS` and drops them."""
    with PredictionStore.open(path) as store:
        vera = Principal("vera", "Vera Lindqvist", Scope("manager", VP))
        for case_id, rep_id in CASES.items():
            case = store.cases.open(
                Principal(rep_id, "the rep", Scope("rep", rep_id)), NewCase("contest", "forecast", "Too low.")
            )
            assert case is not None
            assert case.case_id == int(case_id)
            store.cases.answer(vera, case.case_id, "rejected", "No.")
        for agreement_id, rep_id in AGREEMENTS.items():
            made = store.agreements.propose(vera, NewAgreement(rep_id, "So.", OTHER, date(2099, 1, 1), "both"))
            assert made is not None
            assert made.agreement_id == int(agreement_id)
            store.agreements.take(vera, made.agreement_id, "dropped", "No.")


class Matrix:
    """Asks an application over one store, in this process, as every principal.

    Attributes:
        app: The application.
        asked: How many requests were sent.
    """

    def __init__(self, store: Path | str, world: World, **settings: object) -> None:
        publish_earlier(store, world)
        say_something(store)
        self.asked = 0
        self._access = issue_access(store)
        self._world = world
        self._people = {person.rep_id: _person_traces(person.rep_id, person.name) for person in PEOPLE}
        self._figures = {rep: _figure_traces(world, rep) for rep in REPS}
        self.app = create_app(ServingSettings.model_validate({"store": str(store), "limits": UNLIMITED, **settings}))
        self._runner = asyncio.Runner()
        self._lifespan = self.app.router.lifespan_context(self.app)

    def __enter__(self) -> Self:
        self._runner.run(self._lifespan.__aenter__())
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
        self._client = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._runner.run(self._client.aclose())
        self._runner.run(self._lifespan.__aexit__(kind, error, trace))
        self._runner.close()

    def send(
        self,
        principal: str,
        method: str,
        address: str,
        *,
        page: bool = False,
        body: dict[str, object] | None = None,
        site: str = "same-origin",
        content: bytes | None = None,
        extra: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Sends a request with the principal's token, or as its browser would from a page of some site.

        `content` is a body as it is, in place of one that is made from `body`.
        """
        headers = {}
        access = self._access.get(principal)
        if page:
            headers["Sec-Fetch-Site"] = site
            if access is not None:
                headers["Cookie"] = f"spm_session={access.session}"
        elif access is not None:
            headers["Authorization"] = f"Bearer {access.token}"
        sent: dict[str, Any] = {} if body is None else {"data" if page else "json": body}
        if content is not None:
            sent["content"] = content
        headers |= extra or {}
        self.asked += 1
        return self._runner.run(self._client.request(method, address, headers=headers, **sent))

    @property
    def tokens(self) -> dict[str, str]:
        """The token of each principal."""
        return {name: access.token for name, access in self._access.items()}

    def differences(self, asked: Iterable[Case]) -> Iterator[str]:
        """What the application answers otherwise than the oracle says, as it is found."""
        for method, route, rule in asked:
            for principal in (*LIVING, *DEAD):
                yield from self._differences(principal, method, route, rule)

    def _differences(self, principal: str, method: str, route: str, rule: Rule) -> Iterator[str]:
        things = rule.objects or (None,)
        missing = None
        for thing in things[:1] if principal in DEAD else things:
            body = rule.body(self._world, thing) if method in ("POST", "PUT") else None
            answer = self.send(principal, method, _address(method, route, rule, thing), page=rule.page, body=body)
            where = f"{principal}: {method} {route}{rule.query} {thing or ''}: "
            expected = _expected(principal, method, rule, thing)
            if answer.status_code not in expected:
                yield f"{where}{answer.status_code} instead of {expected[0]}"
            elif principal in DEAD:
                if rule.page and answer.headers["location"] != "/login":
                    yield f"{where}not sent to the login page"
            elif answer.status_code == 404:
                seen = (answer.content, [item for item in answer.headers.multi_items() if item[0] != "date"])
                missing = missing or seen
                if seen != missing:
                    yield f"{where}out of scope and non-existent differ"
            elif answer.is_success:
                yield from (where + leak for leak in self._leaks(principal, rule, answer))
        if rule.lists is not None and principal in LIVING and rule.sees[principal] is not None:
            yield from self._narrowed(principal, route, rule)

    def _leaks(self, principal: str, rule: Rule, answer: httpx.Response) -> Iterator[str]:
        """What an answer tells beyond the principal's reach, or keeps back of it."""
        document = answer.json() if answer.headers["content-type"] == "application/json" else None
        text = html.unescape(answer.text) if document is None else json.dumps(document, ensure_ascii=False)
        people, figures = SEES_PEOPLE[principal] or set(), SEES_FIGURES[principal] or set()
        if not rule.tells:
            for rep in sorted(REPS):
                if rep not in people and self._people[rep].are_in(text):
                    yield f"names {rep}"
                if rep not in figures and self._figures[rep].are_in(text):
                    yield f"holds a figure of {rep}"
        if document is not None:
            yield from _forbidden(principal, _filled(document))
        elif answer.headers["content-type"].startswith("text/csv"):
            rows = csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline=""))
            yield from _forbidden(principal, (key for row in rows for key, value in row.items() if value))
        if document is not None and rule.lists is not None:
            listed, reach = [rule.lists(item) for item in document["items"]], rule.sees[principal] or set()
            if sorted(listed) != sorted(reach) or document.get("total", len(reach)) != len(reach):
                yield f"lists {sorted(listed)} of {document.get('total')} instead of {sorted(reach)}"
        if rule.names:
            yield from (f"does not name {rep}" for rep in sorted(people) if not self._people[rep].are_in(text))

    def _narrowed(self, principal: str, route: str, rule: Rule) -> Iterator[str]:
        """Asking for somebody else's team widens nothing."""
        assert rule.lists is not None
        for other in (VP, SOUTH, STRANGER):
            answer = self.send(principal, "GET", f"{route}{rule.query or '?'}&manager_id={other}".replace("?&", "?"))
            if answer.status_code == 422:
                return  # this list has no such filter
            if answer.status_code != 200:
                yield f"{principal}: {route} of the team of {other}: {answer.status_code} instead of 200"
                return
            beyond = {rule.lists(item) for item in answer.json()["items"]} - (rule.sees[principal] or set())
            if beyond:
                yield f"{principal}: {route} of the team of {other} lists {sorted(beyond)}"


def _address(method: str, route: str, rule: Rule, thing: str | None) -> str:
    address = route.replace("{level}/{key:path}", quote(thing or ""))
    for name in re.findall(r"\{\w+(?::path)?\}", address):
        address = address.replace(name, quote(thing or "", safe=""))
    if thing is not None and method == "GET" and "{" not in route:
        address += f"?rep_id={quote(thing, safe='')}"
    return address + rule.query


def _expected(principal: str, method: str, rule: Rule, thing: str | None) -> tuple[int, ...]:
    """The status that the oracle says, or those of which a page may choose."""
    if principal in DEAD:
        return (303,) if rule.page else (401,)
    reach = rule.sees[principal]
    if reach is None:
        return (403,)
    if thing is not None and thing not in reach:
        return (404,)
    if rule.done:
        return (rule.done,)
    if method == "GET":
        return (200, 303) if rule.page and thing is None else (200,)  # some roles are sent to their own page
    return (303,) if rule.page else (201,)


def _forbidden(principal: str, keys: Iterable[str]) -> Iterator[str]:
    """The fields that should hold nothing for this principal."""
    yield from (f"has the field {key}" for key in sorted(set(keys) & FORBIDDEN_KEYS.get(principal, frozenset())))


def _filled(value: object) -> Iterator[str]:
    """The keys of a document that hold something, at any depth."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if inner not in (None, [], {}):
                yield key
            yield from _filled(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _filled(inner)


@dataclass(frozen=True)
class Traces:
    """Texts that betray a person, or the person's figures, when they stand by themselves."""

    texts: tuple[str, ...]

    def are_in(self, text: str) -> bool:
        """Whether one of them is there; only then a slow search rules out a part of something else."""
        return any(
            trace in text and re.search(rf"(?<![\w-]){re.escape(trace)}(?!\w)", text) is not None
            for trace in self.texts
        )


def _person_traces(rep_id: str, name: str) -> Traces:
    return Traces((rep_id, quote(rep_id, safe=""), name))


def _figure_traces(world: World, rep_id: str) -> Traces:
    """Numbers and deals that are this rep's alone, as the API and the pages write them."""
    row = next(row for row in world.predictions if row.rep_id == rep_id and row.as_of == world.batch.as_of)
    # Quotas are round and may be a team's total; bookings are not. Chances of 0 and 1 are everybody's.
    traces = {f"{row.booked / 100}", f"{round(row.booked / 100):,}".replace(",", "\N{NO-BREAK SPACE}")}
    ended = next(one.bookings for one in make_outcomes(world) if one.rep_id == rep_id)
    traces |= {f"{ended / 100}", f"{round(ended / 100):,}".replace(",", "\N{NO-BREAK SPACE}")}
    traces |= {f"{said.amount / 100}" for said in row.submissions}
    traces |= {deal.opportunity_id for deal in row.deals}
    traces |= {f"{row.p_hit}"} if row.p_hit is not None and 0.001 < row.p_hit < 0.999 else set()
    return Traces(tuple(sorted(traces)))
