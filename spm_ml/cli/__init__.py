"""The `spm` command; nothing else imports it.

Each module holds the subcommands of one stretch of the line.
Exit codes: 0 done, 1 failed with a message, 2 wrong usage.
"""

from spm_ml.cli.main import main

__all__ = ["main"]
