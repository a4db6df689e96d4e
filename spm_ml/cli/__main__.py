"""Lets `python -m spm_ml.cli` stand in for `spm`."""

from spm_ml.cli.main import main

main()
