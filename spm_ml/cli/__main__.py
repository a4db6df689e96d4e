"""Lets `python -m spm_ml.cli` stand in for `spm`."""

from spm_ml.cli.main import main

if __name__ == "__main__":  # the service's workers import this module again
    main()
