"""What happened, as it was known on any day: the versioned tables and the views built from them."""

from spm_ml.history.sales_history import SalesHistory

__all__ = ["SalesHistory"]
