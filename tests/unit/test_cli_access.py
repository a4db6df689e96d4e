"""`spm access` from the first admin on."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from spm_ml.cli.access import ROLES as CLI_ROLES
from spm_ml.cli.main import spm
from spm_ml.errors import DataError
from spm_ml.predictions import PredictionStore, Scope
from spm_ml.predictions.scope import ROLES
from spm_ml.settings import Workspace


def run(workspace: Path, *arguments: str) -> Result:
    return CliRunner().invoke(spm, ["access", *arguments, "--workspace", str(workspace)])


def told(workspace: Path, *arguments: str) -> Any:
    result = run(workspace, *arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_from_the_first_admin_to_a_disabled_account(tmp_path: Path) -> None:
    first = run(tmp_path, "first-admin")
    assert first.exit_code == 0
    token = first.stdout.split()[-1]
    again = run(tmp_path, "first-admin")
    assert isinstance(again.exception, DataError)
    assert "spm access token" in str(again.exception)

    made = told(tmp_path, "add", "--label", "Anna", "--role", "manager", "--rep-id", "m-1", "--email", "a@example.com")
    account, second = made["account_id"], told(tmp_path, "token", made["account_id"], "--days", "3")
    assert run(tmp_path, "add", "--label", "Bo", "--role", "rep").exit_code == 2, "a rep must be somebody"
    told(tmp_path, "add", "--label", "Cy", "--role", "hr", "--no-token")
    rows = told(tmp_path, "list")
    assert [(row["label"], row["role"]) for row in rows] == [
        ("first admin", "admin"), ("Anna", "manager"), ("Anna", "manager"), ("Cy", "hr")
    ]  # fmt: skip
    assert {row["token_id"] for row in rows} >= {made["token_id"], second["token_id"]}
    with PredictionStore.open(Workspace(tmp_path).predictions_database) as store:
        find = store.credentials.principal_of_token
        assert (admin := find(token)) is not None
        assert admin.scope == Scope("admin")
        told(tmp_path, "revoke", made["token_id"])
        assert find(made["token"]) is None
        told(tmp_path, "change", account, "--role", "rep", "--rep-id", "r-9", "--unbind")
        assert (anna := find(second["token"])) is not None
        assert (anna.label, anna.scope) == ("Anna", Scope("rep", "r-9"))
        told(tmp_path, "disable", account)
        assert find(second["token"]) is None
        told(tmp_path, "enable", account)
        assert find(second["token"]) is None
    assert "is enabled" in run(tmp_path, "enable", account).stdout


@pytest.mark.parametrize("arguments", [("revoke", "?"), ("disable", "?"), ("token", "?")])
def test_what_is_not_there_is_said_with_what_to_do(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    result = run(tmp_path, *arguments)
    assert isinstance(result.exception, DataError)
    assert "spm access list" in str(result.exception)


def test_the_command_knows_every_role() -> None:
    assert set(CLI_ROLES) == set(ROLES)
