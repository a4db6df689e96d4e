"""The list of accounts for admins, and the form that adds one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Final
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from serving import formats
from serving.access import on_store, require_reach, store_of
from serving.pages.frame import PagePrincipal, frame_of
from serving.pages.origin import same_origin
from serving.pages.queries import Pages
from serving.problem import ConflictError
from serving.routes.accounts import AccountIn, or_conflict
from serving.routes.answers import PRINTABLE
from serving.writing import FormKey, write_form
from spm_ml.predictions import Batch, PredictionStore, Principal, Role
from spm_ml.predictions.accounts import Account, AccountDraft

router = APIRouter(include_in_schema=False)

ROLES: Final[dict[Role, str]] = {
    "manager": "Manager",
    "rep": "Rep",
    "hr": "HR",
    "analyst": "Analyst",
    "admin": "Admin",
}
"""What pages call a role."""

_SOMEBODY: Final = "A manager or rep needs the id of the person in the data: it says whose numbers they see."
_PROBLEMS: Final[dict[str, str]] = {
    "label": "Give a name of up to 200 letters.",
    "role": "Choose a role.",
    "rep_id": "Give the id of the person as it stands in the data, or leave it empty.",
    "email": "Give an email address such as ana@example.com, or leave it empty.",
    "issuer": "Give the provider's address, or leave it empty.",
    "subject": "Give the name at the provider, or leave it empty.",
    "": _SOMEBODY,
}
_PAIR: Final = "The provider and the name there belong together: give both or neither."


@dataclass(frozen=True)
class RoleChoice:
    """A role in a form."""

    value: Role
    label: str
    chosen: bool


@dataclass(frozen=True)
class Fields:
    """What a form says of an account, as it was typed."""

    label: str = ""
    role: str = ""
    rep_id: str = ""
    email: str = ""
    issuer: str = ""
    subject: str = ""

    @classmethod
    def of(cls, account: Account) -> "Fields":
        """An account as a form shows it."""
        return cls(**{name: getattr(account, name) or "" for name in cls.__dataclass_fields__})

    @property
    def roles(self) -> tuple[RoleChoice, ...]:
        """Every role, with the chosen one."""
        return tuple(RoleChoice(role, label, role == self.role) for role, label in ROLES.items())

    def draft(self) -> AccountDraft:
        """The same for the store.

        Raises:
            ConflictError: It is no account; the detail says which field is wrong, and how.
        """
        said = {name: value for name, value in vars(self).items() if value}
        try:
            return AccountIn.model_validate(said).draft()
        except ValidationError as error:
            place = error.errors()[0]["loc"]
            if not place and bool(self.issuer) != bool(self.subject):
                raise ConflictError(_PAIR) from error
            raise ConflictError(_PROBLEMS[str(place[0]) if place else ""]) from error


_Typed = Annotated[str, StringConstraints(max_length=300, strip_whitespace=True, pattern=PRINTABLE)]


async def typed_fields(
    label: Annotated[_Typed, Form()] = "",
    role: Annotated[_Typed, Form()] = "",
    rep_id: Annotated[_Typed, Form()] = "",
    email: Annotated[_Typed, Form()] = "",
    issuer: Annotated[_Typed, Form()] = "",
    subject: Annotated[_Typed, Form()] = "",
) -> Fields:
    """The fields of a form; an empty one says nothing."""
    return Fields(label, role, rep_id, email, issuer, subject)


TypedFields = Annotated[Fields, Depends(typed_fields)]


@dataclass(frozen=True)
class AccountRow:
    """An account in the list; `mail` says since when it wants no weekly mail, empty: it does."""

    label: str
    href: str
    role: str
    person: str
    email: str
    tokens: str
    state: str
    mail: str


@dataclass(frozen=True)
class AccountsPage:
    """The list and the form.

    Attributes:
        problem: Why the form was not taken; empty: it was not sent.
    """

    rows: tuple[AccountRow, ...]
    pages: Pages
    search: str
    active: int
    fields: Fields
    problem: str


class AccountsQuery(BaseModel):
    """Which accounts: those whose name, person or email holds `q`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    q: Annotated[str, StringConstraints(max_length=100, strip_whitespace=True, pattern=PRINTABLE)] = ""
    page: int = Field(default=1, ge=1, le=10_000)

    def href(self, page: int) -> str:
        """The address of another page of the list."""
        return f"/accounts?{urlencode({'q': self.q, 'page': page} if self.q else {'page': page})}"


def account_href(account_id: str) -> str:
    """The address of an account's page."""
    return f"/accounts/{quote(account_id, safe='')}"


@router.get("/accounts")
async def accounts(request: Request, principal: PagePrincipal, query: Annotated[AccountsQuery, Query()]) -> Response:
    """Every account, in order of their names."""
    require_reach(principal, "access")
    return await _shown(request, principal, query)


@router.post("/accounts", dependencies=[Depends(same_origin)])
async def add_account(request: Request, principal: PagePrincipal, fields: TypedFields, key: FormKey = "") -> Response:
    """Makes an account and shows it."""
    require_reach(principal, "access")
    made: list[Account] = []

    def work(store: PredictionStore) -> None:
        made.append(store.accounts.add(fields.draft(), by=principal))

    try:
        await write_form(request, principal, key, tuple(vars(fields).values()), or_conflict(work))
    except ConflictError as error:
        return await _shown(request, principal, AccountsQuery(), fields, error.detail)
    return RedirectResponse(account_href(made[0].account_id) if made else "/accounts", 303)


def token_words(account: Account, now: datetime) -> str:
    """How many tokens hold, and until when."""
    holding = [token for token in account.tokens if token.revoked_at is None and token.expires_at > now]
    if not holding:
        return "none"
    last = formats.day(max(token.expires_at for token in holding).date())
    return f"until {last}" if len(holding) == 1 else f"{len(holding)}, until {last}"


def state_words(account: Account) -> str:
    """Whether an account opens anything."""
    return "active" if account.disabled_at is None else f"disabled {formats.day(account.disabled_at.date())}"


async def _shown(
    request: Request,
    principal: Principal,
    query: AccountsQuery,
    fields: Fields = Fields(),
    problem: str = "",
) -> Response:
    store, size = store_of(request), request.app.state.settings.page_size
    every, refused, batch = await on_store(
        store, lambda: (store.accounts.every(), store.digests.refused(), store.published_batch())
    )
    page = _page(every, refused, query, size, fields, problem)
    return rendered(request, "accounts.html", page, "Accounts", principal, batch, status=409 if problem else 200)


def _page(
    every: Sequence[Account],
    refused: Mapping[str, datetime],
    query: AccountsQuery,
    size: int,
    fields: Fields,
    problem: str,
) -> AccountsPage:
    wanted, now = query.q.casefold(), datetime.now(UTC)
    found = [
        one
        for one in sorted(every, key=lambda one: (one.disabled_at is not None, one.label.casefold(), one.account_id))
        if not wanted or any(wanted in (text or "").casefold() for text in (one.label, one.rep_id, one.email))
    ]
    first, last = (query.page - 1) * size, min(query.page * size, len(found))
    return AccountsPage(
        rows=tuple(
            AccountRow(
                label=one.label,
                href=account_href(one.account_id),
                role=ROLES[one.role],
                person=one.rep_id or formats.NOTHING,
                email=one.email or "",
                tokens=token_words(one, now),
                state=state_words(one),
                mail=f"no weekly mail since {formats.day(refused[one.account_id].date())}"
                if one.account_id in refused
                else "",
            )
            for one in found[first:last]
        ),
        pages=Pages(
            first=min(first + 1, len(found)),
            last=last,
            total=len(found),
            previous=query.href(query.page - 1) if query.page > 1 else None,
            next=query.href(query.page + 1) if last < len(found) else None,
        ),
        search=query.q,
        active=sum(one.disabled_at is None for one in every),
        fields=fields,
        problem=problem,
    )


def rendered(
    request: Request, name: str, page: object, title: str, principal: Principal, batch: Batch | None, *, status: int
) -> Response:
    """A page of the admin's, under the name of the organisation once a batch says it."""
    frame = frame_of(request, title, principal=principal, batch=batch)
    response: Response = request.app.state.templates.page(name, page, frame, status=status)
    return response
