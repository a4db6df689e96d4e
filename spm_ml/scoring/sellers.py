"""Who sells."""

from spm_ml.history import SalesHistory


def sellers(history: SalesHistory) -> set[str]:
    """Whoever owned a deal or was credited with one."""
    owners, credited = history.ledger.select("rep_id"), history.bookings.select("rep_id")
    names = owners.union(credited).distinct().to_pyarrow()["rep_id"].to_pylist()
    return {name for name in names if name is not None}
