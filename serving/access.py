"""Who is asking: bearer tokens for the API, sessions for the pages, and logins for the demo."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Final, TypeVar

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from serving.limits import Limiter, kind_of
from serving.problem import ForbiddenError, TooManyError
from spm_ml.errors import NotReadyError
from spm_ml.predictions import (
    BatchReader,
    PredictionStore,
    Principal,
    Role,
    Scope,
    Selection,
    StoreUnavailableError,
)
from spm_ml.predictions.scope import Subject

Answer = TypeVar("Answer")

SESSION_COOKIE: Final = "spm_session"
DEMO_LABEL: Final = "demo "
DEMO_VALID_FOR: Final = timedelta(days=30)

_bearer = HTTPBearer(auto_error=False, description="An access token as printed by `spm serve --logins`.")


@dataclass(frozen=True)
class Login:
    """A fresh demo token and whom it is for."""

    role: Role
    name: str
    token: str


def store_of(request: Request) -> PredictionStore:
    """The store that the application opened."""
    store: PredictionStore = request.app.state.store
    return store


async def on_store(store: PredictionStore, work: Callable[[], Answer]) -> Answer:
    """Does a read on the store without holding up other requests.

    An embedded store answers in less time than handing the work to a thread takes; a server is waited for in one.
    """
    return work() if store.is_embedded else await run_in_threadpool(_once_more, work)


def _once_more(work: Callable[[], Answer]) -> Answer:
    """Reads again on a fresh connection if the first broke, as on a restart or a failover of the server."""
    try:
        return work()
    except StoreUnavailableError as error:
        if not error.lost:
            raise
        return work()


async def on_batch(
    request: Request, principal: Principal, build: Callable[[BatchReader], Answer], *, period: str | None = None
) -> Answer:
    """Builds something from one snapshot of a period's batch, seen through the principal's scope.

    Raises:
        UnknownPeriodError: Nothing is published for the period.
        NotReadyError: Nothing is published at all.
    """
    return await on_store(store_of(request), reading_batch(request, principal, build, period=period))


def reading_batch(
    request: Request, principal: Principal, build: Callable[[BatchReader], Answer], *, period: str | None = None
) -> Callable[[], Answer]:
    """The same as something to be called, for what takes so long that it must be done in a thread of its own."""
    store = store_of(request)

    def read() -> Answer:
        with store.read(principal.scope, period=period) as batch:
            request.state.batch_id = batch.batch.batch_id  # an answer that is kept is kept for this batch
            return build(batch)

    return read


async def api_principal(
    request: Request, bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Principal:
    """The holder of the bearer token.

    Raises:
        HTTPException: 401 without a valid token.
    """
    if bearer is not None:
        store, token = store_of(request), bearer.credentials
        principal = await on_store(store, lambda: store.credentials.principal_of_token(token))
        if principal is not None:
            request.state.principal = principal
            count(request, principal)
            return principal
    count_refusal(request)
    raise HTTPException(401, headers={"WWW-Authenticate": "Bearer"})


def count(request: Request, principal: Principal) -> None:
    """Counts a request of an account.

    Raises:
        TooManyError: 429.
    """
    if wait := limiter_of(request).wait(kind_of(request.method, request.scope["path"]), principal.account_id):
        raise TooManyError(wait)


def count_refusal(request: Request) -> None:
    """Counts a request without valid access, by the address it comes from; those who have access are not held up.

    Raises:
        TooManyError: 429.
    """
    if wait := limiter_of(request).wait("refusals", peer_of(request)):
        raise TooManyError(wait)


def limiter_of(request: Request) -> Limiter:
    """What the application counts with."""
    limiter: Limiter = request.app.state.limiter
    return limiter


def peer_of(request: Request) -> str:
    """The address a request comes from: what a header says of it is not believed."""
    return "" if request.client is None else request.client.host


ApiPrincipal = Annotated[Principal, Depends(api_principal)]


def reaching(subject: Subject) -> Callable[[ApiPrincipal], Coroutine[Any, Any, Principal]]:
    """A dependency that lets pass whose role reaches anything of the subject at all; the scope then narrows it.

    Raises:
        ForbiddenError: The role reaches nothing of it, whomever it is about.
    """

    async def principal(principal: ApiPrincipal) -> Principal:
        require_reach(principal, subject)
        return principal

    return principal


def require_reach(principal: Principal, subject: Subject) -> None:
    """Stops a role that reaches nothing of the subject.

    Raises:
        ForbiddenError: It does not.
    """
    if principal.scope.reach(subject) == "none":
        raise ForbiddenError


def require_any_reach(principal: Principal, *subjects: Subject) -> None:
    """Stops a role that reaches nothing of any of the subjects.

    Raises:
        ForbiddenError: It does not.
    """
    if all(principal.scope.reach(subject) == "none" for subject in subjects):
        raise ForbiddenError


def create_demo_logins(store: PredictionStore) -> tuple[Login, ...]:
    """Makes tokens for a manager, HR, an analyst and a rep of the published batch; earlier demo tokens are revoked.

    The manager is the one with the most direct reports who are forecast, the rep one of those.

    Raises:
        NotReadyError: Nothing is published.
    """
    with store.read(Scope("hr")) as batch:
        reps = batch.reps(Selection(sort="name", limit=100_000)).items
        names = {person.rep_id: person.name for person in batch.people()}
    if not reps:
        raise NotReadyError("the published batch holds no rep, so there is nobody to log in as; run 'spm score' again")
    direct: dict[str, list[str]] = {}
    for rep in reps:
        if rep.manager_id is not None:
            direct.setdefault(rep.manager_id, []).append(rep.rep_id)
    store.credentials.retire(label_prefix=DEMO_LABEL)
    wanted: list[tuple[Role, str | None, str]] = [("hr", None, "HR"), ("analyst", None, "analyst")]
    rep_id = reps[0].rep_id
    if direct:
        manager_id = max(sorted(direct), key=lambda manager: len(direct[manager]))
        rep_id = direct[manager_id][0]
        wanted.insert(0, ("manager", manager_id, names.get(manager_id, manager_id)))
    wanted.append(("rep", rep_id, names[rep_id]))
    return tuple(
        Login(
            role,
            name,
            store.credentials.issue(role, rep_id=person, label=_demo_label(role, name), valid_for=DEMO_VALID_FOR),
        )
        for role, person, name in wanted
    )


def _demo_label(role: Role, name: str) -> str:
    return DEMO_LABEL + (f"{role} {name}" if role in ("manager", "rep") else name)
