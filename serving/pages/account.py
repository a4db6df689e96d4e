"""One account: its tokens, and the forms that change, shut or open it. A new token is shown once."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from serving import formats
from serving.access import on_store, require_reach, store_of
from serving.pages.accounts import ROLES, Fields, TypedFields, account_href, rendered, state_words
from serving.pages.frame import PagePrincipal
from serving.pages.origin import same_origin
from serving.problem import ConflictError, NotYoursError
from serving.routes.accounts import or_conflict
from serving.routes.answers import IdentifierInPath
from serving.writing import FormKey, write_form
from spm_ml.predictions import PredictionStore, Principal
from spm_ml.predictions.accounts import Account, TokenRecord
from spm_ml.predictions.tokens import IssuedToken

router = APIRouter(include_in_schema=False)
forms = APIRouter(include_in_schema=False, dependencies=[Depends(same_origin)])

SHOWN_BEFORE: Final = "That token was shown before, and is not kept. If nobody noted it, revoke it and issue another."


@dataclass(frozen=True)
class TokenRow:
    """A token as it is known: not the token."""

    token_id: str
    label: str
    made: str
    state: str
    holds: bool


@dataclass(frozen=True)
class AccountPage:
    """Everything the page shows.

    Attributes:
        facts: What the account is, by label.
        last_admin: Nobody else can give access, so that it can neither be shut nor become something else.
        is_own: It is the reader's.
        token: A token that was issued just now.
        token_until: Its last day.
        problem: Why the last form was not taken; empty: it was.
    """

    account_id: str
    label: str
    facts: tuple[tuple[str, str], ...]
    active: bool
    last_admin: bool
    is_own: bool
    tokens: tuple[TokenRow, ...]
    fields: Fields
    token: str
    token_until: str
    problem: str


@router.get("/accounts/{account_id}")
async def account(request: Request, principal: PagePrincipal, account_id: IdentifierInPath) -> Response:
    """One account."""
    require_reach(principal, "access")
    return await _shown(request, principal, account_id)


@forms.post("/accounts/{account_id}")
async def change_account(
    request: Request, principal: PagePrincipal, account_id: IdentifierInPath, fields: TypedFields, key: FormKey = ""
) -> Response:
    """Gives an account another name, role, person or identity."""

    def work(store: PredictionStore) -> None:
        store.accounts.find(account_id)  # what does not exist is nobody's to see, whatever the form says
        store.accounts.change(account_id, fields.draft(), by=principal)

    sent = tuple(vars(fields).values())
    return await _done(request, principal, account_id, key, work, fields=fields, sent=sent)


@forms.post("/accounts/{account_id}/disable")
async def disable(
    request: Request, principal: PagePrincipal, account_id: IdentifierInPath, key: FormKey = ""
) -> Response:
    """Shuts an account with its tokens and sessions."""

    def work(store: PredictionStore) -> None:
        store.accounts.disable(account_id, by=principal)

    return await _done(request, principal, account_id, key, work)


@forms.post("/accounts/{account_id}/enable")
async def enable(
    request: Request, principal: PagePrincipal, account_id: IdentifierInPath, key: FormKey = ""
) -> Response:
    """Opens an account again."""

    def work(store: PredictionStore) -> None:
        store.accounts.enable(account_id, by=principal)

    return await _done(request, principal, account_id, key, work)


@forms.post("/accounts/{account_id}/sessions/end")
async def end_sessions(
    request: Request, principal: PagePrincipal, account_id: IdentifierInPath, key: FormKey = ""
) -> Response:
    """Logs somebody out of every browser."""

    def work(store: PredictionStore) -> None:
        store.accounts.find(account_id)
        store.accounts.end_sessions(account_id, by=principal)

    return await _done(request, principal, account_id, key, work)


@forms.post("/accounts/{account_id}/tokens")
async def issue_token(
    request: Request,
    principal: PagePrincipal,
    account_id: IdentifierInPath,
    days: Annotated[int, Form(ge=1, le=366)] = 90,
    key: FormKey = "",
) -> Response:
    """Issues a token and shows it: this answer is the only place where it stands."""
    require_reach(principal, "access")
    issued: list[IssuedToken] = []

    def work(store: PredictionStore) -> None:
        issued.append(store.tokens.issue(account_id, valid_for=timedelta(days=days), by=principal))

    try:
        await write_form(request, principal, key, (account_id, str(days)), or_conflict(work))
    except ConflictError as error:
        return await _shown(request, principal, account_id, problem=error.detail)
    if not issued:
        return await _shown(request, principal, account_id, problem=SHOWN_BEFORE)
    return await _shown(request, principal, account_id, issued=issued[0])


@forms.post("/accounts/{account_id}/tokens/{token_id}/revoke")
async def revoke_token(
    request: Request,
    principal: PagePrincipal,
    account_id: IdentifierInPath,
    token_id: IdentifierInPath,
    key: FormKey = "",
) -> Response:
    """Revokes a token and ends the sessions that were opened with it."""

    def work(store: PredictionStore) -> None:
        known = any(token.token_id == token_id for token in store.accounts.find(account_id).tokens)
        if not known or not store.tokens.revoke(token_id, by=principal):
            raise NotYoursError

    return await _done(request, principal, account_id, key, work)


async def _done(
    request: Request,
    principal: Principal,
    account_id: str,
    key: str,
    work: Callable[[PredictionStore], None],
    *,
    fields: Fields | None = None,
    sent: tuple[str, ...] = (),
) -> Response:
    """Does what a form says and shows the account, with what stood in the way."""
    require_reach(principal, "access")
    try:
        await write_form(request, principal, key, sent, or_conflict(work))
    except ConflictError as error:
        return await _shown(request, principal, account_id, problem=error.detail, fields=fields)
    return RedirectResponse(account_href(account_id), 303)


async def _shown(
    request: Request,
    principal: Principal,
    account_id: str,
    *,
    problem: str = "",
    fields: Fields | None = None,
    issued: IssuedToken | None = None,
) -> Response:
    store = store_of(request)
    every, batch = await on_store(store, lambda: (store.accounts.every(), store.published_batch()))
    found = next((one for one in every if one.account_id == account_id), None)
    if found is None:
        raise NotYoursError
    admins = [one for one in every if one.role == "admin" and one.disabled_at is None]
    now = datetime.now(UTC)
    page = AccountPage(
        account_id=account_id,
        label=found.label,
        facts=_facts(found),
        active=found.disabled_at is None,
        last_admin=admins == [found],
        is_own=principal.account_id == account_id,
        tokens=tuple(_token(token, now) for token in reversed(found.tokens)),
        fields=fields or Fields.of(found),
        token=issued.token if issued else "",
        token_until=formats.day(issued.expires_at.date()) if issued else "",
        problem=problem,
    )
    return rendered(request, "account.html", page, found.label, principal, batch, status=409 if problem else 200)


def _facts(account: Account) -> tuple[tuple[str, str], ...]:
    identity = f"{account.subject} at {account.issuer}" if account.subject else ""
    facts = (
        ("Role", ROLES[account.role]),
        ("Person in the data", account.rep_id or "nobody"),
        ("State", state_words(account)),
        ("Email", account.email or ""),
        ("Name at the provider", identity),
        ("Made", formats.day(account.created_at.date())),
        ("Id", account.account_id),
    )
    return tuple(fact for fact in facts if fact[1])


def _token(token: TokenRecord, now: datetime) -> TokenRow:
    if token.revoked_at is not None:
        state = f"revoked {formats.day(token.revoked_at.date())}"
    else:
        state = ("holds until " if token.expires_at > now else "over since ") + formats.day(token.expires_at.date())
    made = formats.day(token.created_at.date())
    holds = token.revoked_at is None and token.expires_at > now
    return TokenRow(token.token_id, token.label, made, state, holds)
