"""Answers that are kept are those of the ordinary path, byte for byte, and only for whom it would give them to."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import httpx
import pytest
from sqlalchemy import update
from starlette.types import ASGIApp, Receive, Scope, Send

import serving.app
from serving.app import create_app
from serving.kept_answers import ABOUT_MANY, ABOUT_ONE, Kept, KeptAnswers, Shelf
from serving.settings import ServingSettings
from spm_ml.predictions import PredictionStore
from spm_ml.predictions.engine import connect, writing
from spm_ml.predictions.schema import accounts, tokens
from tests.prediction_world import NO_HISTORY, NO_QUOTA, NORTH, PEOPLE, SOUTH, issue_tokens, make_world

ASKED = ("r-101", NO_QUOTA, NO_HISTORY, "r 203/ä", NORTH, "r-999", "a/b")
LISTS = (
    "?limit=3",
    f"?manager_id={NORTH}&limit=3",
    f"?manager_id={SOUTH}&limit=2",
    "?limit=2&sort=name&period=2026Q2",
    "?period=1999Q1",
    "?limit=1&limit=2",
)
_ASKING = (("vp", "north", "south", "hr", "analyst", "rep"), ("north", "hr", "rep"))
_FULL = ("/v1/forecasts", "/v1/groups")
Ask = Callable[[httpx.AsyncClient], Awaitable[None]]


@pytest.fixture
def store(harbour_target: str) -> str:
    return harbour_target


@pytest.fixture
def logins(store: str) -> dict[str, str]:
    return issue_tokens(store)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The paths that the application itself answered."""
    paths: list[str] = []

    class Watched(KeptAnswers):
        def __init__(self, app: ASGIApp, **options: object) -> None:
            async def watched(scope: Scope, receive: Receive, send: Send) -> None:
                paths.append(scope["path"])
                await app(scope, receive, send)

            super().__init__(watched, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(serving.app, "KeptAnswers", Watched)
    return iter([paths]).__next__()


def asking(store: str, work: Ask, **settings: object) -> None:
    """Does the work with a client of the application, without a socket."""
    app = create_app(ServingSettings.model_validate({"store": str(store), **settings}))

    async def run() -> None:
        async with app.router.lifespan_context(app):
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                await work(client)

    asyncio.run(run())


def _bearer(token: str, encoding: str = "identity") -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", "Accept-Encoding": encoding}


def test_every_answer_is_that_of_the_ordinary_path(store: str, logins: dict[str, str], made: list[str]) -> None:
    paths = [f"{prefix}{quote(rep_id, safe='')}" for prefix in ABOUT_ONE for rep_id in ASKED]
    paths += [f"/v1/forecasts/r-101{query}" for query in ("?period=2026Q2", "?period=1999Q1", "?x=1")]
    paths += [f"{path}{query}" for path in sorted(ABOUT_MANY) for query in (LISTS if path in _FULL else LISTS[:1])]
    cases = [
        (path, _bearer(token, encoding))
        for path in paths
        for token in (*(logins[name] for name in _ASKING[store.startswith("postgresql")]), "spm_unknown")
        for encoding in (("identity", "gzip") if path in (paths[0], "/v1/forecasts") else ("identity",))
    ]
    seen: dict[str, list[tuple[object, ...]]] = {}

    def collect(*names: str) -> Ask:
        async def work(client: httpx.AsyncClient) -> None:
            for name in names:
                made.clear()
                answers = [await client.get(path, headers=headers) for path, headers in cases]
                seen[name] = [(one.status_code, sorted(one.headers.items()), one.content) for one in answers]

        return work

    asking(store, collect("ordinary"), kept_answers_bytes=0)
    assert not made, "without room there is no shelf"
    asking(store, collect("first", "again"))
    assert seen["first"] == seen["again"] == seen["ordinary"]
    kept = sum(
        status == 200 and ("?" not in path or path.partition("?")[0] in ABOUT_MANY)
        for (path, _), (status, *_) in zip(cases, seen["ordinary"], strict=True)
    )
    assert kept > 15
    assert len(made) == len(cases) - kept


@pytest.mark.parametrize("path", ["/v1/forecasts/r-101", f"/v1/forecasts?manager_id={NORTH}"])
def test_what_changes_about_access_counts_at_once(store: str, logins: dict[str, str], path: str) -> None:
    engine = connect(store)
    now = datetime.now(UTC)

    def change(table: object, **values: object) -> None:
        with writing(engine) as connection:
            connection.execute(update(table).values(**values))  # type: ignore[call-overload]

    async def work(client: httpx.AsyncClient) -> None:
        async def status() -> int:
            for name in ("vp", "north", "south"):
                answers[name] = await client.get(path, headers=_bearer(logins[name]))
            return answers["north"].status_code

        answers: dict[str, httpx.Response] = {}
        assert await status() == 200
        first = answers["north"].content
        assert await status() == 200
        assert answers["north"].content == first
        for table, values, back in (
            (tokens, {"revoked_at": now}, {"revoked_at": None}),
            (tokens, {"expires_at": now - timedelta(seconds=1)}, {"expires_at": now + timedelta(hours=1)}),
            (accounts, {"disabled_at": now}, {"disabled_at": None}),
        ):
            change(table, **values)
            assert await status() == 401
            change(table, **back)
            assert await status() == 200
            assert answers["north"].content == first
        for values, expected in (({"role": "hr"}, 403), ({"role": "rep", "rep_id": "r-201"}, 200)):
            change(accounts, **values)
            await status()
            assert answers["north"].content != first
            assert answers["north"].status_code == (404 if path.endswith("r-101") and expected == 200 else expected)
        change(accounts, role="manager", rep_id=NORTH)
        moved = tuple(
            type(one)(one.rep_id, one.name, SOUTH if one.rep_id == "r-101" else one.manager_id, one.role)
            for one in PEOPLE
        )
        with PredictionStore.open(store) as opened:
            make_world(weeks=2, batch_id="b-0002", people=moved).publish_into(opened)
        await status()
        assert answers["north"].status_code == (404 if path.endswith("r-101") else 200)
        assert answers["north"].content != first

    try:
        asking(store, work)
    finally:
        engine.dispose()


def test_a_closed_door_and_a_strange_header_are_left_to_the_ordinary_path(store: str, logins: dict[str, str]) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        path, token = "/v1/forecasts/r-101", logins["vp"]
        assert (await client.get(path, headers=_bearer(token))).status_code == 200
        for header in (token, f"Basic {token}", f"Bearer {token}x", "Bearer ", "Bearer \xff"):
            answer = await client.get(path, headers={"Authorization": header.encode("latin-1")})
            assert answer.status_code == 401
        assert (await client.head(path, headers=_bearer(token))).status_code == 405
        assert (await client.post(path, headers=_bearer(token))).status_code == 405

    asking(store, work)


def test_the_shelf_stays_within_its_bytes() -> None:
    shelf = Shelf(100_000)

    def key(number: int) -> tuple[str, bytes, bool, str, str, str | None]:
        return f"/v1/reps/{number}", b"", False, "b", "hr", None

    for number in range(500):
        shelf.put(key(number), Kept([], bytes(1_000), None))
        shelf.get(key(0))
    assert shelf.get(key(0)) is not None
    assert shelf.get(key(499)) is not None
    assert shelf.get(key(400)) is None
    assert 30 < sum(shelf.get(key(number)) is not None for number in range(500)) < 50
    shelf.put(key(500), Kept([], bytes(50_000), None))
    assert shelf.get(key(500)) is None
    for _ in range(200):
        shelf.put(key(0), Kept([], bytes(10), None))
    assert shelf.get(key(499)) is not None
