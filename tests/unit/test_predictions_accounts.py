"""Accounts on each database: what they open, who may change them, and what the audit says of it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from spm_ml.predictions import PredictionStore, Principal, Scope, schema
from spm_ml.predictions.accounts import (
    AccountDraft,
    AccountTakenError,
    DisabledAccountError,
    LastAdminError,
    UnknownAccountError,
)
from spm_ml.predictions.credentials import SESSION_LENGTH
from spm_ml.predictions.engine import connect, writing

DAY = timedelta(days=1)
ISSUER = "https://login.example"


@pytest.fixture
def store(store_target: str) -> Iterator[PredictionStore]:
    with PredictionStore.open(store_target) as opened:
        yield opened


def principal_of(store: PredictionStore, token: str) -> Principal:
    principal = store.credentials.principal_of_token(token)
    assert principal is not None
    return principal


def test_the_first_admin_is_made_once_even_by_many_at_once(store: PredictionStore) -> None:
    def attempt(_: int) -> str | None:
        try:
            return store.tokens.for_first_admin(label="Ada", valid_for=DAY).token
        except LastAdminError:
            return None

    with ThreadPoolExecutor(4) as pool:
        tokens = [token for token in pool.map(attempt, range(4)) if token]
    assert len(tokens) == 1
    admin = principal_of(store, tokens[0])
    assert admin.scope == Scope("admin")
    with pytest.raises(LastAdminError, match="last active admin"):
        store.accounts.disable(admin.account_id, by=admin)
    with pytest.raises(LastAdminError):
        store.accounts.change(admin.account_id, AccountDraft("Ada", "hr"), by=admin)
    second = store.accounts.add(AccountDraft("Bo", "admin"), by=admin)
    assert store.accounts.disable(admin.account_id).disabled_at is not None
    with pytest.raises(LastAdminError):
        store.accounts.disable(second.account_id)


def test_a_session_follows_its_account_at_the_next_request(store: PredictionStore) -> None:
    access, accounts = store.credentials, store.accounts
    account = accounts.add(AccountDraft("Anna", "manager", "m-1"))
    token = store.tokens.issue(account.account_id, valid_for=DAY).token
    session = access.open_session(token)
    assert session is not None
    accounts.change(account.account_id, AccountDraft("Anna", "rep", "r-7"))
    for principal in (access.principal_of_session(session), access.principal_of_token(token)):
        assert principal is not None
        assert principal.scope == Scope("rep", "r-7")
    accounts.disable(account.account_id)
    assert access.principal_of_session(session) is None
    assert access.principal_of_token(token) is None
    with pytest.raises(DisabledAccountError, match="spm access enable"):
        store.tokens.issue(account.account_id, valid_for=DAY)
    accounts.enable(account.account_id)
    assert access.principal_of_session(session) is None, "what was revoked stays so"
    assert access.principal_of_token(token) is None
    assert access.principal_of_token(store.tokens.issue(account.account_id, valid_for=DAY).token) is not None


def test_everybody_revokes_their_own_tokens_and_admins_any(store: PredictionStore) -> None:
    access, accounts = store.credentials, store.accounts
    admin = principal_of(store, store.tokens.for_first_admin(label="Ada", valid_for=DAY).token)
    account = accounts.add(AccountDraft("Hanna", "hr"))
    first, second = (store.tokens.issue(account.account_id, valid_for=DAY) for _ in range(2))
    hanna = principal_of(store, first.token)
    other = principal_of(store, access.issue("hr", label="Omar", valid_for=DAY))
    session = access.open_session(first.token)
    assert session is not None
    assert not store.tokens.revoke(first.token_id, by=other), "somebody else's"
    assert not store.tokens.revoke("unknown", by=admin)
    assert store.tokens.revoke(first.token_id, by=hanna)
    assert store.tokens.revoke(first.token_id, by=hanna), "it is revoked, as was asked"
    assert access.principal_of_token(first.token) is None
    assert access.principal_of_session(session) is None
    assert access.principal_of_token(second.token) is not None
    assert store.tokens.revoke(second.token_id, by=admin)
    assert access.principal_of_token(second.token) is None


def test_ending_sessions_leaves_tokens_and_other_people_alone(store: PredictionStore) -> None:
    access = store.credentials
    tokens = [access.issue("hr", label=name, valid_for=DAY) for name in ("Hanna", "Omar")]
    sessions = [access.open_session(token) or "" for token in (tokens[0], tokens[0], tokens[1])]
    assert len(set(sessions)) == 3, "each login has a key of its own"
    hanna = principal_of(store, tokens[0])
    assert store.accounts.end_sessions(hanna.account_id, by=hanna) == 2
    assert [access.principal_of_session(session) is not None for session in sessions] == [False, False, True]
    assert store.accounts.end_sessions(hanna.account_id, by=hanna) == 0


def test_a_session_ends_by_itself_and_so_does_an_unused_token(store: PredictionStore, store_target: str) -> None:
    access = store.credentials
    token = access.issue("hr", label="Hanna", valid_for=DAY)
    session = access.open_session(token)
    assert session is not None
    engine = connect(store_target)
    with writing(engine) as connection:
        ends = connection.execute(select(schema.sessions.c.expires_at)).scalar_one()
        assert abs(ends - datetime.now(UTC) - SESSION_LENGTH) < timedelta(minutes=5)
        connection.execute(update(schema.sessions).values(expires_at=datetime.now(UTC)))
    assert access.principal_of_session(session) is None
    with writing(engine) as connection:
        connection.execute(update(schema.tokens).values(expires_at=datetime.now(UTC)))
    engine.dispose()
    assert access.principal_of_token(token) is None


def test_a_verified_email_binds_an_account_once_and_the_subject_counts_from_then_on(store: PredictionStore) -> None:
    access, accounts = store.credentials, store.accounts
    account = accounts.add(AccountDraft("Anna", "manager", "m-1", email=" Anna@Example.com"))
    assert access.open_provider_session(issuer=ISSUER, subject="s-1", email=None) is None
    session = access.open_provider_session(issuer=ISSUER, subject="s-1", email="anna@example.COM")
    assert session is not None
    principal = access.principal_of_session(session)
    assert principal is not None
    assert (principal.account_id, principal.token_id) == (account.account_id, None)
    again = access.open_provider_session(issuer=ISSUER, subject="s-1", email="new@example.com")
    assert again not in (None, session)
    for issuer, subject in ((ISSUER, "s-2"), ("https://other.example", "s-1")):
        assert access.open_provider_session(issuer=issuer, subject=subject, email="anna@example.com") is None
    accounts.disable(account.account_id)
    assert access.principal_of_session(session) is None
    assert access.open_provider_session(issuer=ISSUER, subject="s-1", email="anna@example.com") is None


def test_a_trusted_proxy_names_people_by_email_or_as_its_own_subject(store: PredictionStore) -> None:
    accounts, find = store.accounts, store.credentials.principal_of_identity
    anna = accounts.add(AccountDraft("Anna", "manager", "m-1", email="anna@example.com"))
    omar = accounts.add(AccountDraft("Omar", "hr", issuer="proxy", subject="omar"))
    accounts.add(AccountDraft("Eve", "hr", issuer=ISSUER, subject="eve"))
    assert (found := find("ANNA@example.com")) is not None
    assert found.account_id == anna.account_id
    assert (found := find("omar")) is not None
    assert found.account_id == omar.account_id
    accounts.disable(omar.account_id)
    assert [find(value) for value in ("omar", "eve", "Omar", "", "\ud800")] == [None] * 5


def test_what_belongs_to_one_account_is_refused_to_another(store: PredictionStore) -> None:
    accounts = store.accounts
    first = accounts.add(AccountDraft("Anna", "hr", email="a@example.com", issuer=ISSUER, subject="s"))
    second = accounts.add(AccountDraft("Bo", "hr"))
    for draft in (
        AccountDraft("Cy", "hr", email="A@example.com"),
        AccountDraft("Cy", "hr", issuer=ISSUER, subject="s"),
    ):
        with pytest.raises(AccountTakenError, match=first.account_id):
            accounts.add(draft)
        with pytest.raises(AccountTakenError):
            accounts.change(second.account_id, draft)
    assert accounts.change(first.account_id, AccountDraft("Anne", "hr", email="a@example.com")).label == "Anne"
    for wrong in (lambda: accounts.disable("?"), lambda: store.tokens.issue("?", valid_for=DAY)):
        with pytest.raises(UnknownAccountError, match="spm access list"):
            wrong()
    with pytest.raises(ValueError, match="belong together"):
        AccountDraft("Cy", "hr", issuer=ISSUER)


def test_each_change_is_audited_with_who_made_it(store: PredictionStore) -> None:
    admin = principal_of(store, store.tokens.for_first_admin(label="Ada", valid_for=DAY).token)
    accounts = store.accounts
    account = accounts.add(AccountDraft("Hanna", "hr", email="h@example.com"), by=admin)
    token = store.tokens.issue(account.account_id, valid_for=DAY, by=admin)
    accounts.change(account.account_id, AccountDraft("Hanna", "analyst", email="h@example.com"), by=admin)
    store.credentials.open_provider_session(issuer=ISSUER, subject="s", email="h@example.com")
    accounts.end_sessions(account.account_id, by=admin)
    store.tokens.revoke(token.token_id, by=admin)
    accounts.disable(account.account_id, by=admin)
    accounts.enable(account.account_id, by=admin)
    trail = tuple(store.audit.entries())[2:]
    assert [line.action for line in trail] == [
        "account added",
        "token issued",
        "account changed",
        "identity bound",
        "logged in",
        "sessions ended",
        "token revoked",
        "account disabled",
        "account enabled",
    ]
    by_admin = {line.action for line in trail if line.account_id == admin.account_id and line.actor == "Ada"}
    assert by_admin == {line.action for line in trail} - {"identity bound", "logged in"}
    assert not any(secret in str(line) for line in trail for secret in (token.token, "h@example.com"))
