"""The pages for operators hold what they promise: tests, settings, commands, metrics and files that exist."""

import re
from pathlib import Path

import click
import pytest

from serving.settings import ServingSettings
from spm_ml.cli.main import spm

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
SECURITY = (DOCS / "security.md").read_text(encoding="utf-8")
OPERATIONS = (DOCS / "operations.md").read_text(encoding="utf-8")
NAMED = re.findall(r"`((?:unit|contracts|browser|property|acceptance|golden)/test_\w+\.py)(?:::(\w+))?`", SECURITY)


def test_every_test_that_shows_a_measure_exists() -> None:
    assert len(NAMED) > 80
    for file, name in NAMED:
        path = ROOT / "tests" / file
        assert path.exists(), file
        assert not name or re.search(rf"^(?:async )?def {name}\(", path.read_text("utf-8"), re.MULTILINE), (file, name)


def test_the_table_covers_every_chapter_that_applies() -> None:
    asvs, gaps = SECURITY.split("## OWASP ASVS 5.0.0")[1].split("## Gaps")
    rows = [line for line in asvs.splitlines() if re.match(r"\| \d", line)]
    assert all(re.match(r"\| \d+\.\d+\.\d+(, \d+\.\d+\.\d+)* \| .+ \| `.+` \|$", row) for row in rows)
    chapters = {int(chapter) for row in rows for chapter in re.findall(r"(\d+)\.\d+\.\d+", row.split("|")[1])}
    assert chapters == set(range(1, 17)) - {5}, "5: nobody uploads a file; 17: no WebRTC"
    assert re.findall(r"^\| \d+\.\d+\.\d+", gaps, re.MULTILINE)


@pytest.mark.parametrize("page", [SECURITY, OPERATIONS], ids=["security", "operations"])
def test_links_and_commands_lead_somewhere(page: str) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page):
        assert (DOCS / target).exists(), target
    for words in re.findall(r"(?<![\w/-])spm ((?:[a-z][a-z-]* ?)+)", " ".join(re.findall(r"`[^`]+`|^.*$", page, re.M))):
        first, *others = words.split()
        command = spm.commands.get(first)
        if command is None:
            continue  # the word itself, not the command
        if isinstance(command, click.Group):
            assert not others or others[0] in command.commands, words


def test_the_commands_of_an_operator_are_those_there_are() -> None:
    for words in re.findall(r"^spm ([a-z-]+(?: [a-z-]+)?)", OPERATIONS, re.MULTILINE):
        first, *others = words.split()
        command = spm.commands[first]
        if isinstance(command, click.Group):
            assert others[0] in command.commands, words


def test_every_metric_is_on_the_page_and_none_besides() -> None:
    source = (ROOT / "serving" / "observing" / "prometheus.py").read_text(encoding="utf-8")
    made = set(re.findall(r'"(spm_\w+)"', source))
    table = OPERATIONS.split("| metric | meaning |")[1].split("\n\n")[0]
    assert {name.removesuffix("_total") for name in re.findall(r"`(spm_\w+)", table)} == made
    alerts = OPERATIONS.split("Alerts to begin with")[1].split("```")[1]
    for name in re.findall(r"\bspm_\w+", alerts):
        assert name.removesuffix("_bucket").removesuffix("_total") in made, name


def test_every_reason_of_readiness_is_explained() -> None:
    health = (ROOT / "serving" / "routes" / "health.py").read_text(encoding="utf-8")
    reasons = set(re.findall(r'reason="(\w+)"', health))
    assert len(reasons) == 4
    assert all(f"| `{reason}` |" in OPERATIONS for reason in reasons)


def test_settings_of_the_page_exist() -> None:
    settings = set(ServingSettings.model_fields)
    assert {"secure_cookies", "oidc", "proxy", "metrics", "telemetry", "workers", "token_login"} <= settings
    for name in re.findall(r"`([a-z_]+)\.[a-z_]+`", OPERATIONS):
        assert name in settings | {"organisation", "serving", "sources", "predictions", "mlflow"}, name
