"""spm-ml: quota attainment forecasts, baseline metrics and coaching from a company's sales history."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("spm-ml")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0.0.0"

__all__ = ["__version__"]
