"""Who may use the service: access first-admin, add, list, token, revoke, disable, enable."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from spm_ml.cli.console import Console, on_workspace, out_option

if TYPE_CHECKING:
    from spm_ml.predictions import PredictionStore
    from spm_ml.predictions.scope import Role
    from spm_ml.predictions.tokens import IssuedToken

_days = click.option(
    "--days", type=click.IntRange(1, 366), default=90, show_default=True, help="How long the token holds."
)
_account = click.argument("account_id", metavar="ACCOUNT")

ROLES = ("manager", "hr", "analyst", "rep", "admin")
ACCOUNT_COLUMNS = ["account_id", "label", "role", "rep_id", "email", "active", "token_id", "holds_until"]


@click.group()
def access() -> None:
    """Give access to the service, and take it away."""


@contextmanager
def _store(console: Console) -> Iterator[PredictionStore]:
    from spm_ml.predictions import PredictionStore

    with PredictionStore.of(console.workspace) as store:
        yield store


def _print(console: Console, issued: IssuedToken) -> None:
    console.say(
        f"Token {issued.token_id} for account {issued.account_id}, until {issued.expires_at:%Y-%m-%d %H:%M} UTC."
    )
    console.say("It is shown once; only its hash is kept:")
    console.say(f"  {issued.token}")
    console.answer(asdict(issued) | {"expires_at": issued.expires_at.isoformat()})


@access.command("first-admin")
@click.option("--label", default="first admin", show_default=True, help="Who it is, as the audit names them.")
@click.option("--days", type=click.IntRange(1, 366), default=1, show_default=True, help="How long the token holds.")
@on_workspace
def first_admin(console: Console, label: str, days: int) -> None:
    """Make the first admin and print a token, once: it fails while there is an active admin.

    The admin gives access to others by the API, or by the other commands here.
    """
    with _store(console) as store:
        _print(console, store.tokens.for_first_admin(label=label, valid_for=timedelta(days=days)))


@access.command()
@click.option("--label", required=True, help="Who it is, as pages and the audit name them.")
@click.option("--role", type=click.Choice(ROLES), required=True)
@click.option("--rep-id", help="Who they are in the data; needed for managers and reps.")
@click.option("--email", help="Under which the identity provider or the trusted proxy knows them.")
@click.option("--issuer", help="The identity provider, together with --subject.")
@click.option("--subject", help="Their name at the provider.")
@click.option("--token/--no-token", default=True, help="Also print a token.")
@_days
@on_workspace
def add(
    console: Console,
    label: str,
    role: Role,
    rep_id: str | None,
    email: str | None,
    issuer: str | None,
    subject: str | None,
    token: bool,
    days: int,
) -> None:
    """Make an account, and print a token for it."""
    from spm_ml.predictions.accounts import AccountDraft

    try:
        draft = AccountDraft(label, role, rep_id, email, issuer, subject)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    with _store(console) as store:
        account = store.accounts.add(draft)
        console.log(f"account {account.account_id} for {label} ({role})")
        if token:
            _print(console, store.tokens.issue(account.account_id, valid_for=timedelta(days=days)))
        else:
            console.answer({"account_id": account.account_id})


@access.command("list")
@out_option
@on_workspace
def list_accounts(console: Console, out: Path | None) -> None:
    """Every account: who, in which role, with which tokens that are not revoked."""
    import pandas as pd

    with _store(console) as store:
        accounts = store.accounts.every()
    rows = []
    for account in accounts:
        known = (account.account_id, account.label, account.role, account.rep_id, account.email)
        live = [token for token in account.tokens if token.revoked_at is None]
        held = [(token.token_id, token.expires_at.isoformat(timespec="minutes")) for token in live]
        rows += [(*known, account.disabled_at is None, *one) for one in held or [("", "")]]
    console.table(pd.DataFrame(rows, columns=ACCOUNT_COLUMNS), out=out, title="Accounts, oldest first, a line a token")


@access.command()
@_account
@click.option("--label", help="What the token is for.")
@_days
@on_workspace
def token(console: Console, account_id: str, label: str | None, days: int) -> None:
    """Print another token for an account."""
    with _store(console) as store:
        _print(console, store.tokens.issue(account_id, valid_for=timedelta(days=days), label=label))


@access.command()
@click.argument("token_id", metavar="TOKEN_ID")
@on_workspace
def revoke(console: Console, token_id: str) -> None:
    """Revoke one token by its id; the sessions opened with it end."""
    from spm_ml.errors import DataError

    with _store(console) as store:
        if not store.tokens.revoke(token_id):
            raise DataError(f"there is no token {token_id!r}; 'spm access list' names them")
    console.say(f"Token {token_id} is revoked.")
    console.answer({"token_id": token_id, "revoked": True})


@access.command()
@_account
@on_workspace
def disable(console: Console, account_id: str) -> None:
    """Shut an account: its tokens are revoked and its sessions end at once."""
    with _store(console) as store:
        store.accounts.disable(account_id)
    console.say(f"Account {account_id} is disabled.")
    console.answer({"account_id": account_id, "active": False})


@access.command()
@_account
@on_workspace
def enable(console: Console, account_id: str) -> None:
    """Open a disabled account again; it needs a new token."""
    with _store(console) as store:
        store.accounts.enable(account_id)
    console.say(f"Account {account_id} is enabled; 'spm access token {account_id}' prints a token for it.")
    console.answer({"account_id": account_id, "active": True})


@access.command()
@_account
@click.option("--label")
@click.option("--role", type=click.Choice(ROLES))
@click.option("--rep-id")
@click.option("--email")
@click.option("--unbind", is_flag=True, help="Forget the identity at the provider; the next login by email binds anew.")
@on_workspace
def change(
    console: Console,
    account_id: str,
    label: str | None,
    role: Role | None,
    rep_id: str | None,
    email: str | None,
    unbind: bool,
) -> None:
    """Change what an account is; what is not named stays. Its sessions follow at their next request."""
    from spm_ml.predictions.accounts import AccountDraft

    with _store(console) as store:
        now = store.accounts.find(account_id)
        try:
            draft = AccountDraft(
                label or now.label,
                role or now.role,
                rep_id or now.rep_id,
                email or now.email,
                None if unbind else now.issuer,
                None if unbind else now.subject,
            )
        except ValueError as error:
            raise click.UsageError(str(error)) from error
        store.accounts.change(account_id, draft)
    console.say(f"Account {account_id} is now {draft.label} ({draft.role}).")
    console.answer({"account_id": account_id, "label": draft.label, "role": draft.role, "rep_id": draft.rep_id})
