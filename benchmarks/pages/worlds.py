"""Stores of organisations with any number of reps on one manager's board."""

from datetime import timedelta
from pathlib import Path

from spm_ml.predictions import Person, PredictionStore
from tests.coaching_world import make_coaching
from tests.prediction_world import NORTH, PEOPLE, PRINCIPALS, SOUTH, make_world

_LEADERS = 3
"""Of the people of the small organisation, those who manage."""


def people(reps: int) -> tuple[Person, ...]:
    """The small organisation, and more reps in its two teams until there are so many."""
    more = range(max(0, reps - (len(PEOPLE) - _LEADERS)))
    return (
        *PEOPLE,
        *(Person(f"r-{1_000 + n}", f"Rep Number {n}", (NORTH, SOUTH)[n % 2], "account executive") for n in more),
    )


def filled(path: Path, reps: int) -> dict[str, str]:
    """Publishes nine weeks of a quarter and what coaching says; gives an open session for each principal.

    Args:
        path: Of a new store.
        reps: On the board of `vp`; at least those of the small organisation.
    """
    world = make_world(weeks=9, people=people(reps))
    with PredictionStore.open(path) as store:
        world.publish_into(store)
        store.publish_coaching(make_coaching(world), actor="benchmark")
        sessions = {}
        for name, scope in PRINCIPALS.items():
            token = store.credentials.issue(
                scope.role, rep_id=scope.rep_id, label=f"benchmark {name}", valid_for=timedelta(days=1)
            )
            sessions[name] = store.credentials.open_session(token) or ""
    return sessions
