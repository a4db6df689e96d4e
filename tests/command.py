"""The `spm` command in this process: importing everything anew takes longer than most commands do."""

import contextlib
import io
import subprocess
import sys
import warnings
from pathlib import Path
from unittest import mock

from spm_ml.cli.main import main


def spm(*arguments: object, expect: int = 0, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Runs `spm` with these arguments as the console script does, and checks how it ends."""
    command = ["spm", *map(str, arguments)]
    out, err, code = io.StringIO(), io.StringIO(), 0
    with (
        mock.patch.object(sys, "argv", command),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        contextlib.chdir(cwd or Path.cwd()),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        try:
            main()
        except SystemExit as stop:
            code = int(stop.code or 0)
    assert code == expect, f"{command}\n{out.getvalue()}\n{err.getvalue()}"
    return subprocess.CompletedProcess(command, code, out.getvalue(), err.getvalue())
