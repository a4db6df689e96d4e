"""The `spm` command; nothing else imports it.

Each module holds the subcommands of one stretch of the line; `main` gathers them.
"""
