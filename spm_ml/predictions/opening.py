"""Opening a store: its tables are made or brought up to date, and a tenant's is that tenant's."""

from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.exc import DatabaseError

from spm_ml.errors import ConfigurationError
from spm_ml.predictions.engine import StoreUnavailableError, connect
from spm_ml.predictions.migrations import migrate
from spm_ml.predictions.ownership import claim


def opened(target: Path | str, tenant: str | None) -> Engine:
    """The engine of a store that can be used.

    Args:
        target: SQLite path or database URL.
        tenant: Whose store it must be, or becomes while it is nobody's; None: anybody's.

    Raises:
        ConfigurationError: It cannot be reached, is no such store, a newer spm-ml wrote it, or it is of another tenant.
    """
    engine = connect(target)
    try:
        migrate(engine)
        if tenant is not None:
            claim(engine, tenant)
    except (DatabaseError, StoreUnavailableError) as error:
        engine.dispose()
        said = error.said if isinstance(error, StoreUnavailableError) else error.orig
        raise ConfigurationError(
            f"the prediction store {engine.url.render_as_string()} cannot be used: {said}; check that it is "
            f"reachable and is a database that spm-ml made"
        ) from error
    except ConfigurationError:
        engine.dispose()
        raise
    return engine
