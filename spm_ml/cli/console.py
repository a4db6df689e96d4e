"""What the command prints: results on stdout, progress and logs on stderr."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Concatenate, NoReturn, ParamSpec

import click

from spm_ml.errors import NotReadyError, SpmError
from spm_ml.settings import Workspace
from spm_ml.tenant import check_environment

if TYPE_CHECKING:
    import pandas as pd
    from tqdm import tqdm

Parameters = ParamSpec("Parameters")

LINE_EVERY_SECONDS = 2.0
"""Unfinished work says so this often where there is no terminal."""


@dataclass
class ConsoleProgress:
    """Shows progress as a bar on a terminal and as plain lines elsewhere (a `Progress`)."""

    _bar: tqdm[NoReturn] | None = None
    _label: str = ""
    _last_line: float = float("-inf")

    def __call__(self, label: str, done: int, total: int) -> None:
        """Draws `done` of `total` units of `label`."""
        if not sys.stderr.isatty():
            self._line(label, done, total)
            return
        bar = self._bar
        if bar is None or label != self._label:
            from tqdm import tqdm

            self.close()
            bar = tqdm(total=total or None, desc=label, leave=False, file=sys.stderr, dynamic_ncols=True)
            self._bar, self._label = bar, label
        bar.total = total or None
        bar.n = done
        bar.refresh()

    def _line(self, label: str, done: int, total: int) -> None:
        now = time.monotonic()
        finished = total > 0 and done >= total
        if not finished and now - self._last_line < LINE_EVERY_SECONDS:
            return
        self._last_line = now
        click.echo(f"  {label}: {done} of {total}" if total else f"  {label} …", err=True)

    def close(self) -> None:
        """Removes the bar."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


@dataclass(frozen=True)
class Console:
    """Where one run of a subcommand works and how it answers.

    Attributes:
        workspace: The folder it works on.
        as_json: Only JSON goes to stdout.
        progress: Passed to every long call.
    """

    workspace: Workspace
    as_json: bool
    progress: ConsoleProgress

    def say(self, text: str) -> None:
        """Prints a line for people; silent under `--json`."""
        if not self.as_json:
            click.echo(text)

    def log(self, text: str) -> None:
        """Prints a line to stderr."""
        click.echo(text, err=True)

    def answer(self, result: object) -> None:
        """Prints the result as JSON under `--json`."""
        if self.as_json:
            click.echo(json.dumps(result, default=_jsonable, allow_nan=False, indent=2))

    def table(
        self,
        frame: pd.DataFrame,
        *,
        out: Path | None,
        shown: pd.DataFrame | None = None,
        most: int = 40,
        title: str = "",
    ) -> None:
        """Prints a result table, and writes it whole when `--out` names a file.

        Args:
            frame: The result; what is written, and printed under `--json`.
            out: File to write to.
            shown: What people read on the screen instead.
            most: Rows that are printed at most.
            title: Line above.
        """
        if out is not None:
            write_table(frame, out)
            self.log(f"{len(frame)} rows written to {out}")
        if self.as_json:
            self.answer(records(frame))
            return
        if title:
            click.echo(title)
        frame = frame if shown is None else shown
        if frame.empty:
            click.echo("(no rows)")
            return
        click.echo(frame.head(most).to_string(index=False, na_rep="–", float_format=_readable))
        if len(frame) > most:
            click.echo(f"… {len(frame) - most} more rows; --out FILE writes all of them")

    @contextmanager
    def step(self, label: str) -> Iterator[None]:
        """Times a step and prints its seconds on stderr."""
        started = time.perf_counter()
        self.log(f"{label} …")
        try:
            yield
        finally:
            self.progress.close()
        self.log(f"{label}: {time.perf_counter() - started:.1f} s")


def _readable(value: float) -> str:
    """Whole numbers from a thousand on, four digits below."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _jsonable(value: object) -> object:
    return value.item() if hasattr(value, "item") else str(value)


def records(frame: pd.DataFrame) -> list[dict[str, object]]:
    """A frame as JSON-ready rows; undefined becomes null, dates ISO 8601."""
    rows: list[dict[str, object]] = json.loads(frame.to_json(orient="records", date_format="iso", double_precision=15))
    return rows


def write_table(frame: pd.DataFrame, path: Path) -> None:
    """Writes a result table as `.csv` or `.parquet`.

    Raises:
        SpmError: The file ends in something else.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".csv":
        frame.to_csv(path, index=False)
    elif path.suffix == ".parquet":
        frame.to_parquet(path, index=False)
    else:
        raise SpmError(f"--out {path} ends in {path.suffix or 'nothing'}: name a file that ends in .csv or .parquet")


@contextmanager
def needs_application(name: str) -> Iterator[None]:
    """Turns a missing application folder into a message; the wheel ships the library alone.

    Raises:
        NotReadyError: `training` or `serving` cannot be imported here.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise NotReadyError(
            f"{name}/ is an application that runs from a checkout or an image, and none is on the path: "
            f"install with 'make install' in a checkout, or put the checkout on PYTHONPATH"
        ) from error


def _check_out(context: click.Context, parameter: click.Parameter, value: Path | None) -> Path | None:
    if value is not None and value.suffix not in {".csv", ".parquet"}:
        raise click.BadParameter(f"{value} must end in .csv or .parquet", ctx=context, param=parameter)
    return value


out_option = click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    callback=_check_out,
    help="Also write the result table to this file (.csv or .parquet).",
)


def on_workspace(
    command: Callable[Concatenate[Console, Parameters], None],
) -> Callable[Parameters, None]:
    """Adds `--workspace` and `--json` to a subcommand and hands it a Console."""

    @click.option(
        "--workspace",
        type=click.Path(file_okay=False, path_type=Path),
        default=Path(".spm"),
        show_default=True,
        help="Folder that holds one organisation's data, models and predictions.",
    )
    @click.option("--json", "as_json", is_flag=True, help="Print only JSON on stdout.")
    @wraps(command)
    def run(workspace: Path, as_json: bool, *args: Parameters.args, **kwargs: Parameters.kwargs) -> None:
        check_environment(workspace)
        console = Console(Workspace(workspace), as_json, ConsoleProgress())
        try:
            command(console, *args, **kwargs)
        finally:
            console.progress.close()

    return run  # type: ignore[return-value]
