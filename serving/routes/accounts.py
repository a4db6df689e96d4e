"""Accounts and their tokens, for admins. A token is said once, where it is issued."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated, Final, TypeVar

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from pydantic import ConfigDict, Field, StringConstraints, model_validator

from serving.access import ApiPrincipal, on_store, reaching, store_of
from serving.problem import ConflictError, NotYoursError, documented
from serving.routes.answers import PRINTABLE, Identifier, IdentifierInPath, Model
from serving.writing import Write
from spm_ml.predictions import PredictionStore, Principal, Role
from spm_ml.predictions.accounts import (
    Account,
    AccountDraft,
    Accounts,
    AccountTakenError,
    DisabledAccountError,
    LastAdminError,
    TokenRecord,
    UnknownAccountError,
)

router = APIRouter(prefix="/v1", tags=["access"])

Result = TypeVar("Result")
Admin = Annotated[Principal, Depends(reaching("access"))]
Label = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True, pattern=PRINTABLE)]
Email = Annotated[str, StringConstraints(max_length=254, pattern=r"^[^@\s\x00-\x1f\x7f]+@[^@\s\x00-\x1f\x7f]+$")]

_CONFLICTS: Final[dict[type[Exception], str]] = {
    AccountTakenError: "Another account has this email, or this identity at the provider.",
    DisabledAccountError: "The account is disabled; enable it first.",
    LastAdminError: "This is the last active admin; add another one first.",
}


class AccountIn(Model):
    """Who is to have access; a manager or rep names who they are in the data."""

    model_config = ConfigDict(strict=True)

    label: Label = Field(description="Who it is, as pages and the audit name them.")
    role: Role
    rep_id: Identifier | None = None
    email: Email | None = Field(default=None, description="Under which the identity provider knows them.")
    issuer: Identifier | None = Field(default=None, description="The identity provider, together with `subject`.")
    subject: Identifier | None = None

    @model_validator(mode="after")
    def _somebody(self) -> "AccountIn":
        self.draft()
        return self

    def draft(self) -> AccountDraft:
        """The same for the store."""
        return AccountDraft(**self.model_dump())


class TokenIn(Model):
    """A token that is wanted."""

    model_config = ConfigDict(strict=True)

    days: int = Field(default=90, ge=1, le=366, description="How long it holds.")
    label: Label | None = Field(default=None, description="What it is for.")


class TokenOut(Model):
    """What is known of a token."""

    token_id: str
    label: str
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None

    @classmethod
    def of(cls, token: TokenRecord) -> "TokenOut":
        """The same for the API."""
        return cls(
            token_id=token.token_id,
            label=token.label,
            created_at=token.created_at,
            expires_at=token.expires_at,
            revoked_at=token.revoked_at,
        )


class NewToken(Model):
    """A new token."""

    token_id: str
    account_id: str
    token: str = Field(description="Said now and never again.")
    expires_at: datetime


class AccountOut(Model):
    """An account."""

    account_id: str
    label: str
    role: Role
    rep_id: str | None
    email: str | None
    issuer: str | None
    subject: str | None
    created_at: datetime
    disabled_at: datetime | None
    tokens: tuple[TokenOut, ...]

    @classmethod
    def of(cls, account: Account) -> "AccountOut":
        """The same for the API."""
        return cls(
            account_id=account.account_id,
            label=account.label,
            role=account.role,
            rep_id=account.rep_id,
            email=account.email,
            issuer=account.issuer,
            subject=account.subject,
            created_at=account.created_at,
            disabled_at=account.disabled_at,
            tokens=tuple(TokenOut.of(token) for token in account.tokens),
        )


class AccountList(Model):
    """Every account, oldest first."""

    items: tuple[AccountOut, ...]


class Me(Model):
    """Whom the token speaks for."""

    account_id: str
    label: str
    role: Role
    rep_id: str | None
    token_id: str | None = Field(description="The token of this request.")
    tokens: tuple[TokenOut, ...] = Field(description="All tokens of the account.")


class SessionsEnded(Model):
    """How many browser sessions were ended."""

    sessions: int


def or_conflict(work: Callable[[PredictionStore], Result]) -> Callable[[PredictionStore], Result]:
    """The same work, with what stands in its way as an answer: 404 without such an account, 409 otherwise."""

    def guarded(store: PredictionStore) -> Result:
        try:
            return work(store)
        except UnknownAccountError as error:
            raise NotYoursError from error
        except tuple(_CONFLICTS) as error:
            raise ConflictError(_CONFLICTS[type(error)]) from error

    return guarded


def _account(work: Callable[[Accounts], Account]) -> Callable[[PredictionStore], AccountOut]:
    return or_conflict(lambda store: AccountOut.of(work(store.accounts)))


@router.get("/accounts", dependencies=[Depends(reaching("access"))], responses=documented(401, 403))
async def accounts(request: Request) -> AccountList:
    """Every account with what is known of its tokens."""
    store = store_of(request)
    found = await on_store(store, store.accounts.every)
    return AccountList(items=tuple(AccountOut.of(account) for account in found))


@router.post(
    "/accounts",
    status_code=201,
    response_model=AccountOut,
    responses=documented(400, 401, 403, 408, 409, 413, 422),
)
async def add_account(principal: Admin, write: Write, body: AccountIn) -> Response:
    """Make an account. It opens nothing yet: issue a token, or let them log in through the identity provider."""
    return await write(principal, body, _account(lambda accounts: accounts.add(body.draft(), by=principal)))


@router.put(
    "/accounts/{account_id}",
    response_model=AccountOut,
    responses=documented(400, 401, 403, 404, 408, 409, 413, 422),
)
async def change_account(principal: Admin, write: Write, account_id: IdentifierInPath, body: AccountIn) -> Response:
    """Give an account another label, role, person or identity. Its sessions follow at their next request."""
    work = _account(lambda accounts: accounts.change(account_id, body.draft(), by=principal))
    return await write(principal, body, work, status=200)


@router.post(
    "/accounts/{account_id}/tokens",
    status_code=201,
    response_model=NewToken,
    responses=documented(400, 401, 403, 404, 408, 409, 413, 422),
)
async def issue_token(principal: Admin, write: Write, account_id: IdentifierInPath, body: TokenIn) -> Response:
    """Issue a token. It can be read in this answer alone, which is never repeated."""

    def work(store: PredictionStore) -> NewToken:
        valid_for = timedelta(days=body.days)
        issued = store.tokens.issue(account_id, valid_for=valid_for, label=body.label, by=principal)
        return NewToken(
            token_id=issued.token_id, account_id=issued.account_id, token=issued.token, expires_at=issued.expires_at
        )

    return await write(principal, body, or_conflict(work), secret=True)


@router.post(
    "/accounts/{account_id}/disable", response_model=AccountOut, responses=documented(401, 403, 404, 408, 409, 413, 422)
)
async def disable_account(principal: Admin, write: Write, account_id: IdentifierInPath) -> Response:
    """Shut an account: its tokens are revoked and its sessions end at once."""
    work = _account(lambda accounts: accounts.disable(account_id, by=principal))
    return await write(principal, None, work, status=200)


@router.post(
    "/accounts/{account_id}/enable", response_model=AccountOut, responses=documented(401, 403, 404, 408, 409, 413, 422)
)
async def enable_account(principal: Admin, write: Write, account_id: IdentifierInPath) -> Response:
    """Open an account again; its old tokens stay revoked."""
    work = _account(lambda accounts: accounts.enable(account_id, by=principal))
    return await write(principal, None, work, status=200)


@router.post(
    "/accounts/{account_id}/sessions/end",
    response_model=SessionsEnded,
    responses=documented(401, 403, 404, 408, 409, 413, 422),
)
async def end_sessions_of(principal: Admin, write: Write, account_id: IdentifierInPath) -> Response:
    """Log somebody out of every browser; their tokens stay."""

    def work(store: PredictionStore) -> SessionsEnded:
        store.accounts.find(account_id)
        return SessionsEnded(sessions=store.accounts.end_sessions(account_id, by=principal))

    return await write(principal, None, or_conflict(work), status=200)


@router.delete("/tokens/{token_id}", status_code=204, responses=documented(401, 404, 408, 409, 413, 422))
async def revoke_token(principal: ApiPrincipal, write: Write, token_id: IdentifierInPath) -> Response:
    """Revoke a token and end the sessions opened with it: admins any, everybody their own."""

    def work(store: PredictionStore) -> None:
        if not store.tokens.revoke(token_id, by=principal):
            raise NotYoursError

    return await write(principal, None, work, status=204)


@router.get("/me", responses=documented(401))
async def me(request: Request, principal: ApiPrincipal) -> Me:
    """Whom the token speaks for."""
    store = store_of(request)
    account = await on_store(store, lambda: store.accounts.find(principal.account_id))
    return Me(
        account_id=principal.account_id,
        label=principal.label,
        role=principal.scope.role,
        rep_id=principal.scope.rep_id,
        token_id=principal.token_id,
        tokens=tuple(TokenOut.of(token) for token in account.tokens),
    )


@router.post("/me/sessions/end", response_model=SessionsEnded, responses=documented(401, 408, 409, 413, 422))
async def end_sessions(principal: ApiPrincipal, write: Write) -> Response:
    """Log out of every browser."""

    def work(store: PredictionStore) -> SessionsEnded:
        return SessionsEnded(sessions=store.accounts.end_sessions(principal.account_id, by=principal))

    return await write(principal, None, work, status=200)
