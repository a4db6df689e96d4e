"""What the README tells people to type works, and what it shows exists."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.command import spm

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(?:sh|console)\n(.*?)```", README, flags=re.DOTALL)
LINES = [line.split("  #")[0].strip() for block in BLOCKS for line in block.splitlines() if line.strip()]


def test_make_targets_of_the_readme_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = {line.split()[1] for line in LINES if line.startswith("make ")}
    assert {"demo", "test"} <= targets
    for target in targets:
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), target


def test_files_and_pictures_of_the_readme_exist() -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / link).exists(), link


def test_spm_commands_of_the_readme_run_in_their_order(tmp_path: Path) -> None:
    """`spm serve` is covered by the demo; an export of your own is stood in for by the simulated one."""
    commands = [line for line in LINES if line.startswith("spm ") and not line.startswith(("spm serve", "spm demo"))]
    assert len(commands) >= 10
    for command in commands:
        spm(*shlex.split(command)[1:], cwd=tmp_path)


@pytest.mark.slow
def test_make_demo_serves_a_healthy_board_and_a_second_run_reuses_it(tmp_path: Path) -> None:
    options = f"WORKSPACE={tmp_path / 'spm'} PORT={_free_port()} DEMO=headless"
    small = "DEMO_OPTIONS=--reps 30 --periods 5"
    for run in range(2):
        done = subprocess.run(
            ["make", "demo", *options.split(), small], cwd=ROOT, capture_output=True, text=True, timeout=600
        )
        assert done.returncode == 0, done.stderr
        assert "The risk board is on http://127.0.0.1:" in done.stderr
        for role in ("manager", "hr", "analyst", "rep"):
            assert re.search(rf"^  {role} ", done.stderr, flags=re.MULTILINE), role
        assert ("is there already" in done.stderr) == bool(run)


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
