"""Stores of organisations of any size, and requests that their managers send."""

import json
import random
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final
from urllib.parse import quote

from sqlalchemy import Table, select, text

from benchmarks.serving.load import request
from spm_ml.predictions import Person, PredictionStore, schema
from spm_ml.predictions.engine import connect, reading, writing
from spm_ml.predictions.what_if import WhatIfInputs
from tests.prediction_world import VP, World, make_world

TEAM: Final = 10
"""Reps of a manager."""
COPIED: Final = 200
"""Reps that are made one by one; a larger organisation is made of copies of them."""
ASKING: Final = 40
"""Managers who send requests."""


@dataclass(frozen=True)
class Stored:
    """A store, and who may ask it about whom.

    Attributes:
        target: Path or address.
        tokens: Of managers.
        teams: Of each manager the reps.
        offers: Of each manager a (rep, program) that may be decided about.
        deals: Of some managers a (rep, open deal) that what-if questions can be asked about.
    """

    target: str
    tokens: dict[str, str]
    teams: dict[str, list[str]]
    offers: dict[str, tuple[str, str]]
    deals: dict[str, tuple[str, str]]

    def single_reads(self) -> list[bytes]:
        """Each manager asks for each rep of the team, in no order."""
        asked = [(manager, rep) for manager, reps in self.teams.items() for rep in reps]
        random.Random(1).shuffle(asked)  # noqa: S311
        return [
            request(f"/v1/forecasts/{quote(rep, safe='')}", headers=bearer(self.tokens[manager]))
            for manager, rep in asked
        ]

    def lists(self) -> list[bytes]:
        """Each manager asks for the whole team."""
        return [request("/v1/forecasts", headers=bearer(token)) for token in self.tokens.values()]

    def decisions(self) -> list[bytes]:
        """Each manager accepts an offer."""
        return [
            request(
                "/v1/decisions",
                method="POST",
                headers=bearer(self.tokens[manager]),
                body=json.dumps({"rep_id": rep, "program_id": program, "verdict": "accepted"}).encode(),
            )
            for manager, (rep, program) in self.offers.items()
        ]

    def what_ifs(self) -> list[bytes]:
        """Some managers ask what if a deal were lost."""
        return [
            request(
                "/v1/what-if",
                method="POST",
                headers=bearer(self.tokens[manager]),
                body=json.dumps({"rep_id": rep, "changes": [{"kind": "deal_dropped", "deal_id": deal}]}).encode(),
            )
            for manager, (rep, deal) in self.deals.items()
        ]


def bearer(token: str) -> dict[str, str]:
    """The header that shows a token."""
    return {"Authorization": f"Bearer {token}"}


def made(target: str, reps: int, *, weeks: int, what_if: bool = False) -> None:
    """Fills an empty store with a published batch of so many reps under one head.

    Args:
        target: Path or address.
        reps: A multiple of `COPIED`, or fewer.
        weeks: Rows of each rep.
        what_if: Whether what-if questions can be asked about those who are no copies.
    """
    first = min(reps, COPIED)
    managers = [Person(f"m-{number:04}", f"Manager {number}", VP, "sales manager") for number in range(first // TEAM)]
    people = [Person(VP, "Vera Lindqvist", None, "VP sales"), *managers]
    people += [
        Person(f"r-{number:04}", f"Rep {number}", managers[number % len(managers)].rep_id, "account executive")
        for number in range(first)
    ]
    with PredictionStore.open(target) as store:
        world = make_world(weeks=weeks, people=tuple(people))
        store.publish(
            world.batch,
            world.predictions,
            world.teams,
            world.recommendations,
            world.model_card,
            people=world.people,
            what_if=_what_if(world) if what_if else WhatIfInputs(),
        )
    engine = connect(target)
    with writing(engine) as connection:
        for number in range(1, reps // first):
            for table in (schema.people, schema.predictions, schema.recommendations):
                connection.execute(text(_copying(table)), {"suffix": f"+{number:04}", "head": VP})
    engine.dispose()


def asked(target: str) -> Stored:
    """Gives tokens to some managers of a store, and finds out whom they may ask about."""
    people, offers, rows = schema.people.c, schema.recommendations.c, schema.predictions.c
    engine = connect(target)
    with reading(engine) as connection:
        below: dict[str, list[str]] = {}
        for rep, manager in connection.execute(
            select(people.rep_id, people.manager_id).where(people.manager_id.is_not(None), people.manager_id != VP)
        ):
            below.setdefault(manager, []).append(rep)
        chosen = random.Random(2).sample(sorted(below), min(ASKING, len(below)))  # noqa: S311
        programs = {
            manager: connection.execute(
                select(offers.rep_id, offers.program_id).where(
                    offers.rep_id.in_(below[manager]), offers.abstained.is_(False)
                )
            ).first()
            for manager in chosen
        }
        deals = {
            manager: connection.execute(
                select(rows.rep_id, rows.body)
                .join(schema.what_if_inputs, schema.what_if_inputs.c.rep_id == rows.rep_id)
                .join(schema.batches, schema.batches.c.as_of == rows.as_of)
                .where(rows.rep_id.in_(below[manager]))
            ).first()
            for manager in chosen
        }
    engine.dispose()
    with PredictionStore.open(target) as store:
        tokens = {
            manager: store.credentials.issue(
                "manager", rep_id=manager, label=f"benchmark {manager}", valid_for=timedelta(days=7)
            )
            for manager in chosen
        }
    return Stored(
        target,
        tokens,
        {manager: below[manager] for manager in chosen},
        {manager: (row.rep_id, row.program_id) for manager, row in programs.items() if row is not None},
        {
            manager: (row.rep_id, json.loads(row.body)["deals"][0]["opportunity_id"])
            for manager, row in deals.items()
            if row is not None
        },
    )


def _what_if(world: World) -> WhatIfInputs:
    from tests.what_if_world import make_what_if  # it fits a model

    return make_what_if(world)


def sqlite_store(folder: Path, reps: int, *, weeks: int, what_if: bool = False) -> Stored:
    """A store in a file; the same arguments find the file that was made before, with new tokens."""
    path = folder / f"reps-{reps}-weeks-{weeks}{'-what-if' if what_if else ''}.db"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        pending = path.with_suffix(".pending")
        pending.unlink(missing_ok=True)
        made(str(pending), reps, weeks=weeks, what_if=what_if)
        pending.replace(path)
    return asked(str(path))


def _copying(table: Table) -> str:
    """A statement that gives everybody but the head a double."""
    values = {column.name: column.name for column in table.columns} | {"rep_id": "rep_id || :suffix"}
    if "manager_id" in values:
        values["manager_id"] = "CASE WHEN manager_id = :head THEN manager_id ELSE manager_id || :suffix END"
    if "body" in values:
        values["body"] = """replace(body, '"rep_id"\\:"' || rep_id, '"rep_id"\\:"' || rep_id || :suffix)"""
    return (
        f"INSERT INTO {table.name} ({', '.join(values)}) SELECT {', '.join(values.values())} FROM {table.name} "
        "WHERE rep_id NOT LIKE '%+%' AND rep_id <> :head"
    )
