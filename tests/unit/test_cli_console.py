import json
from pathlib import Path

import click
import pandas as pd
import pytest
from click.testing import CliRunner

from spm_ml.cli.console import Console, ConsoleProgress, needs_application, on_workspace, records, write_table
from spm_ml.errors import NotReadyError, SpmError
from spm_ml.settings import Workspace


def a_console(*, as_json: bool = False) -> Console:
    return Console(Workspace(Path("unused")), as_json, ConsoleProgress())


def test_plain_lines_are_few_but_the_last_is_always_there(capsys: pytest.CaptureFixture[str]) -> None:
    progress = ConsoleProgress()
    for done in range(101):
        progress("rows", done, 100)
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["  rows: 0 of 100", "  rows: 100 of 100"]


def test_work_of_unknown_length_shows_that_it_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    ConsoleProgress()("reading", 1, 0)
    assert capsys.readouterr().err == "  reading …\n"


def test_a_bar_is_drawn_on_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    progress = ConsoleProgress()
    progress("rows", 1, 2)
    progress("rows", 2, 2)
    progress.close()
    assert "rows: " in capsys.readouterr().err


def test_json_is_the_only_thing_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    console = a_console(as_json=True)
    console.say("for people")
    console.log("for the log")
    console.table(pd.DataFrame({"a": [1.0, None], "day": pd.to_datetime(["2026-01-31", None])}), out=None)
    captured = capsys.readouterr()
    assert json.loads(captured.out) == [{"a": 1.0, "day": "2026-01-31T00:00:00.000"}, {"a": None, "day": None}]
    assert captured.err == "for the log\n"


def test_undefined_numbers_never_become_nan_in_json() -> None:
    assert records(pd.DataFrame({"x": [float("nan"), 0.1]})) == [{"x": None}, {"x": 0.1}]


def test_long_tables_say_how_much_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    a_console().table(pd.DataFrame({"n": range(50)}), out=None, most=10, title="Fifty")
    shown = capsys.readouterr().out
    assert shown.startswith("Fifty")
    assert "40 more rows" in shown
    a_console().table(pd.DataFrame({"n": []}), out=None)
    assert "(no rows)" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_tables_are_written_in_both_formats(tmp_path: Path, name: str) -> None:
    frame = pd.DataFrame({"rep_id": ["a"], "amount": [1.25]})
    write_table(frame, tmp_path / "new" / name)
    read = pd.read_csv if name.endswith("csv") else pd.read_parquet
    assert read(tmp_path / "new" / name).to_dict() == frame.to_dict()


def test_another_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpmError, match=r"ends in \.xlsx"):
        write_table(pd.DataFrame(), tmp_path / "t.xlsx")


def test_a_missing_application_is_explained_and_a_missing_package_is_not_hidden() -> None:
    with pytest.raises(NotReadyError, match="application that runs from a checkout"), needs_application("training"):
        raise ModuleNotFoundError("No module named 'training'", name="training")
    with pytest.raises(ModuleNotFoundError), needs_application("training"):
        raise ModuleNotFoundError("No module named 'other'", name="other")


def test_every_subcommand_takes_a_workspace_and_json() -> None:
    from spm_ml.cli.main import spm

    groups = [command for command in spm.commands.values() if isinstance(command, click.Group)]
    tenants = spm.commands["tenants"]
    assert isinstance(tenants, click.Group)
    inner = [(name, command) for group in groups if group is not tenants for name, command in group.commands.items()]
    outer = [(name, command) for name, command in spm.commands.items() if command not in groups]
    for name, command in outer + inner:
        options = {option for parameter in command.params for option in parameter.opts}
        assert {"--workspace", "--json"} <= options, name
    for name, command in tenants.commands.items():  # on all workspaces of a folder
        options = {option for parameter in command.params for option in parameter.opts}
        assert {"folder", "--json"} <= options, name
    contract = "demo simulate ingest metrics dataset check-leakage backtest train promote score replay"
    contract += " recommend effects assignments plan-value fairness serve access backup restore"
    assert set(spm.commands) >= set(contract.split())


def test_a_step_prints_its_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    @click.command()
    @on_workspace
    def command(console: Console) -> None:
        with console.step("count"):
            pass

    shown = CliRunner().invoke(command, [])
    assert shown.exit_code == 0
    assert "count: 0.0 s" in shown.stderr


def test_interrupts_and_failures_end_with_a_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from spm_ml.cli import main as main_module

    for error, words in (
        (SpmError("found this there"), "spm: found this there"),
        (KeyboardInterrupt(), "spm: stopped"),
        (RuntimeError("Query interrupted"), "spm: stopped"),
        (PermissionError("no right to write"), "spm: no right to write"),
    ):

        def fail(*_: object, error: BaseException = error, **__: object) -> None:
            raise error

        monkeypatch.setattr(main_module.spm, "main", fail)
        with pytest.raises(SystemExit) as stop:
            main_module.main()
        assert stop.value.code == 1
        assert words in capsys.readouterr().err
