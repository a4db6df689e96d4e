"""What stands around every page: navigation, notices, and the footer that says where the numbers come from."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated, Final
from urllib.parse import quote, urlencode

from fastapi import Depends, Request
from starlette.exceptions import HTTPException

from serving import formats
from serving.access import count, on_store, store_of
from serving.identity.person import NoAccountError
from serving.identity.proxy import ProxyHeader
from serving.renewals import Renewals
from serving.settings import ServingSettings
from spm_ml.predictions import Batch, Principal, Scope
from spm_ml.predictions.scope import Subject


@dataclass(frozen=True)
class Link:
    """A link of the navigation."""

    label: str
    href: str
    current: bool


@dataclass(frozen=True)
class Provenance:
    """Where the numbers of a page come from."""

    period: str
    as_of: str
    watermark: str
    model: str
    scored: str
    batch_id: str


@dataclass(frozen=True)
class Frame:
    """The surroundings of a page.

    Attributes:
        title: Of the page.
        organisation: Shown at the top.
        links: The places the role has.
        who: Who is logged in; None: nobody.
        notice: What the reader must know before trusting the numbers.
        provenance: None where no batch is shown.
    """

    title: str
    organisation: str
    links: tuple[Link, ...]
    who: str | None
    notice: str | None
    provenance: Provenance | None


_PLACES: Final[tuple[tuple[str, str, Subject | None], ...]] = (
    ("Risk board", "/", "figures"),
    ("Objectives", "/objectives", "objective"),
    ("Teams", "/teams", "team"),
    ("Growth", "/growth", "team"),
    ("Quotas", "/quotas", "proposal"),
    ("Pay", "/pay", "pay"),
    ("Planner", "/planner", "decision"),
    ("Cases", "/cases", "answer"),
    ("Agreed actions", "/agreements", "agreement"),
    ("Accounts", "/accounts", "access"),
    ("Audit", "/audit", "access"),
    ("Programs", "/planner", None),
    ("Model", "/model", None),
    ("Quotas", "/quotas", "proposal_sums"),
    ("Glossary", "/glossary", None),
    ("Weekly mail", "/digest", "person"),
)


def cookie_name(settings: ServingSettings) -> str:
    """The session cookie; over HTTPS the prefix makes browsers refuse it from anywhere else."""
    return "__Host-spm_session" if settings.secure_cookies else "spm_session"


async def proxied_principal(request: Request) -> Principal | None:
    """Whom a trusted proxy names; None where there is none, or it names nobody.

    Raises:
        NoAccountError: 403, it names somebody who has no active account here.
    """
    proxy: ProxyHeader | None = request.app.state.proxy
    name = None if proxy is None else proxy.name_in(request)
    if name is None:
        return None
    store = store_of(request)
    principal = await on_store(store, lambda: store.credentials.principal_of_identity(name))
    if principal is None:
        raise NoAccountError
    return principal


async def known_principal(request: Request) -> Principal | None:
    """Whom a trusted proxy names, or else whose session the browser shows; None: nobody.

    Raises:
        NoAccountError: The proxy names somebody who has no active account here.
    """
    proxied = await proxied_principal(request)
    key = request.cookies.get(cookie_name(request.app.state.settings))
    if proxied is not None or not key:
        return proxied
    store = store_of(request)
    principal = await on_store(store, lambda: store.credentials.principal_of_session(key))
    if principal is not None and principal.session is not None:
        renewals: Renewals = request.app.state.renewals
        renewals.note(store, key, principal.session)
    return principal


async def page_principal(request: Request) -> Principal:
    """Whom a trusted proxy names, or else whose session the browser shows.

    Raises:
        NoAccountError: 403, the proxy names somebody who has no active account here.
        TooManyError: 429, the account asks too often.
        HTTPException: 401 without a valid session; people are sent to the login page.
    """
    principal = await known_principal(request)
    if principal is None:
        raise HTTPException(401)
    request.state.principal = principal  # error pages keep the navigation
    count(request, principal)
    return principal


PagePrincipal = Annotated[Principal, Depends(page_principal)]


def rep_href(rep_id: str, **looking_back: date | str | None) -> str:
    """The address of a rep's page: now, or as of an earlier period or day."""
    asked = urlencode({name: value for name, value in looking_back.items() if value is not None})
    return f"/reps/{quote(rep_id, safe='')}{'?' if asked else ''}{asked}"


def home_of(scope: Scope) -> str:
    """The page on which a role lands."""
    if scope.role == "rep":
        return rep_href(scope.rep_id or "")
    return {"manager": "/", "hr": "/planner", "analyst": "/model", "admin": "/accounts"}[scope.role]


def frame_of(
    request: Request, title: str, *, principal: Principal | None, batch: Batch | None, as_of: date | None = None
) -> Frame:
    """The surroundings of a page for one principal and batch; `as_of` where it is about an earlier day."""
    settings: ServingSettings = request.app.state.settings
    return Frame(
        title=title,
        organisation=batch.organisation_name if batch else "spm-ml",
        links=() if principal is None else _links(principal.scope, request.url.path),
        who=None if principal is None else principal.label,
        notice=None if batch is None else _notice(batch, settings),
        provenance=None if batch is None else _provenance(batch, as_of or batch.as_of),
    )


def _links(scope: Scope, path: str) -> tuple[Link, ...]:
    links: list[Link] = []
    for label, href, subject in _PLACES:
        if subject is not None and scope.reach(subject) == "none":
            continue
        if subject is None and any(link.href == href for link in links):
            continue  # under another name already
        own = scope.role == "rep"
        if own and href == "/":
            label, href = "My forecast", home_of(scope)
        if own and href == "/pay":
            label = "My pay"
        here = quote(path) == href or path == href or (href != "/" and path.startswith(f"{href}/"))
        links.append(Link(label, href, here))
    return tuple(links)


def _notice(batch: Batch, settings: ServingSettings) -> str | None:
    if settings.stale_after is None or datetime.now(UTC) - batch.created_at <= settings.stale_after:
        return None
    return (
        f"These forecasts were made {formats.age(batch.created_at)}, which is older than the "
        f"{settings.stale_after_days} days this organisation allows. Load newer data and run 'spm score'."
    )


def _provenance(batch: Batch, as_of: date) -> Provenance:
    return Provenance(
        period=batch.period,
        as_of=formats.day(as_of),
        watermark=formats.day(batch.watermark),
        model=f"{batch.model_name} version {batch.model_version}",
        scored=formats.age(batch.created_at),
        batch_id=batch.batch_id,
    )
