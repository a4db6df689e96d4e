"""Keeps whole answers about a published batch, and sends one again only after the store let the request pass.

A published batch never changes, so neither does an answer that is made of its rows alone. What is asked anew for every
request, in one statement of the store, is everything else: whether the token is valid, whose it is, which role that
account has, which batch is published, and whether the scope takes in the person. All of that is in the key, or must
hold before the kept answer is looked at. Whatever is not a plain success goes the ordinary way, which makes the answer.

    about one person    subject in scope now, by the store; key: path, batch, role, oneself or not
    about many people   key: path and query, batch, role, who is asking (the scope is a function of these)

An answer enters only if the ordinary path says it read the same batch for the same role and person. Its bytes and
headers are those that the ordinary path sent, so that both ways answer alike.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.limits import Limiter
from serving.problem import problem_response
from spm_ml.predictions import Principal
from spm_ml.predictions.admission import Admission, Door
from spm_ml.predictions.scope import Subject

ABOUT_ONE: Final[dict[str, Subject]] = {"/v1/reps/": "person", "/v1/forecasts/": "figures"}
ABOUT_MANY: Final = frozenset({"/v1/reps", "/v1/forecasts", "/v1/teams", "/v1/groups"})

_OVERHEAD: Final = 1_000
"""Bytes of an entry beside its body and its key, about."""

Key = tuple[str, bytes, bool, str, str, str | None]


@dataclass(frozen=True, slots=True)
class Question:
    """A request whose answer may be kept.

    Attributes:
        subject: What is read about.
        token: The bearer token.
        person: Whom it is about; empty: many.
        query: As it was sent.
        zipped: Whether the client takes gzip.
    """

    path: str
    subject: Subject
    token: str
    person: str
    query: bytes
    zipped: bool

    def key(self, admission: Admission) -> Key:
        """What the answer depends on."""
        asker = admission.rep_id
        if self.person and asker != self.person:
            asker = None  # about another person, and in scope: the same for everybody of the role
        return self.path, self.query, self.zipped, admission.batch_id, admission.role, asker


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer as it was sent, and the route that made it."""

    headers: list[tuple[bytes, bytes]]
    body: bytes
    route: Any


class Shelf:
    """Answers within a number of bytes; those unused for longest make room."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._kept: OrderedDict[Key, Kept] = OrderedDict()

    def get(self, key: Key) -> Kept | None:
        """The answer, if it is kept."""
        kept = self._kept.get(key)
        if kept is not None:
            self._kept.move_to_end(key)
        return kept

    def put(self, key: Key, kept: Kept) -> None:
        """Keeps an answer, unless it would take up a large part of the room."""
        if _size(key, kept) > self._most_bytes // 8:
            return
        if (earlier := self._kept.pop(key, None)) is not None:
            self._bytes -= _size(key, earlier)
        self._kept[key] = kept
        self._bytes += _size(key, kept)
        while self._bytes > self._most_bytes:
            self._bytes -= _size(*self._kept.popitem(last=False))


class KeptAnswers:
    """Answers from the shelf what the store admits, and puts on it what the application answers."""

    def __init__(self, app: ASGIApp, *, door: Door, limiter: Limiter, most_bytes: int) -> None:
        self._app = app
        self._door = door
        self._limiter = limiter
        self._shelf = Shelf(most_bytes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one ASGI connection."""
        question = question_of(scope)
        if question is None:
            await self._app(scope, receive, send)
            return
        admission = await self._door.ask(question.subject, question.token, question.person)
        if admission is None or (question.person and not admission.sees):
            await self._app(scope, receive, send)
            return
        key = question.key(admission)
        kept = self._shelf.get(key)
        if kept is None:
            await self._answer(scope, receive, send, key, admission)
            return
        if wait := self._limiter.wait("reads", admission.account_id):
            headers = {"Retry-After": str(wait)}
            await problem_response(429, headers=headers)(scope, receive, send)
            return
        scope["route"] = kept.route
        scope.setdefault("state", {})["account_id"] = admission.account_id
        # A list of its own: what stands around adds to it.
        await send({"type": "http.response.start", "status": 200, "headers": kept.headers.copy()})
        await send({"type": "http.response.body", "body": kept.body})

    async def _answer(self, scope: Scope, receive: Receive, send: Send, key: Key, admission: Admission) -> None:
        """Lets the application answer, and keeps what it says."""
        headers: list[tuple[bytes, bytes]] | None = None

        async def listen(message: Message) -> None:
            nonlocal headers
            if message["type"] == "http.response.start":
                headers = message["headers"].copy() if message["status"] == 200 else None
            elif headers is not None and not message.get("more_body", False) and _is_same(scope, admission):
                self._shelf.put(key, Kept(headers, message["body"], scope.get("route")))
            else:
                headers = None  # in pieces, or not about the same
            await send(message)

        await self._app(scope, receive, listen)


def question_of(scope: Scope) -> Question | None:
    """What is asked, if the answer may be kept."""
    if scope["type"] != "http" or scope["method"] != "GET" or scope.get("root_path"):
        return None
    path: str = scope["path"]
    if path in ABOUT_MANY:
        subject, person = ABOUT_ONE.get(f"{path}/", "figures"), ""
    else:
        prefix = path[: path.find("/", 4) + 1]
        if prefix not in ABOUT_ONE or scope["query_string"]:
            return None
        subject, person = ABOUT_ONE[prefix], path[len(prefix) :]
        if not person:
            return None
    token, encodings = "", b""
    for name, value in scope["headers"]:
        if name == b"authorization":
            if token or value[:7].lower() != b"bearer ":
                return None
            token = value[7:].decode("latin-1")
        elif name == b"accept-encoding":
            encodings = encodings or value
    return Question(path, subject, token, person, scope["query_string"], b"gzip" in encodings) if token else None


def _is_same(scope: Scope, admission: Admission) -> bool:
    """Whether the application answered about the batch, to the role and to the person that were admitted."""
    state = scope.get("state", {})
    principal: Principal | None = state.get("principal")
    return (
        principal is not None
        and state.get("batch_id") == admission.batch_id
        and (principal.account_id, principal.scope.role, principal.scope.rep_id)
        == (admission.account_id, admission.role, admission.rep_id)
    )


def _size(key: Key, kept: Kept) -> int:
    return len(kept.body) + len(key[0]) + len(key[1]) + _OVERHEAD
