"""What the README shows exists, and the demo it begins with works; `test_line` types its other commands."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.readme import LINES, README, ROOT


def test_make_targets_of_the_readme_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = {line.split()[1] for line in LINES if line.startswith("make ")}
    assert {"demo", "test"} <= targets
    for target in targets:
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), target


def test_files_and_pictures_of_the_readme_exist() -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / link).exists(), link


@pytest.mark.slow
def test_make_demo_serves_a_healthy_board_and_a_second_run_reuses_it(tmp_path: Path) -> None:
    options = f"WORKSPACE={tmp_path / 'spm'} PORT={_free_port()} DEMO=headless"
    small = "DEMO_OPTIONS=--reps 12 --periods 4"
    for run in range(2):
        done = subprocess.run(
            ["make", "demo", *options.split(), small], cwd=ROOT, capture_output=True, text=True, timeout=600
        )
        assert done.returncode == 0, done.stderr
        assert "The risk board is on http://127.0.0.1:" in done.stderr
        for role in ("manager", "hr", "analyst", "rep"):
            assert re.search(rf"^  {role} ", done.stderr, flags=re.MULTILINE), role
        for said in ("is there already", "was trained on this data", "is of the same data and model"):
            assert (said in done.stderr) == bool(run)


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
