"""The last certificate of a workspace: kept as a file, shown beside the model without persons and values."""

import json
from datetime import UTC, date, datetime
from typing import Any

from spm_ml.errors import DataError
from spm_ml.leakage.certificate import LeakageCertificate
from spm_ml.predictions import LeakageResult
from spm_ml.settings import Workspace
from spm_ml.whole_file import write_whole


def keep_certificate(workspace: Workspace, certificate: LeakageCertificate) -> None:
    """Writes the certificate with the moment of the check (UTC) in place of the one before."""
    content = certificate.to_json() | {"checked_at": datetime.now(UTC).isoformat()}
    write_whole(workspace.leakage_file, json.dumps(content))


def kept_result(workspace: Workspace) -> LeakageResult | None:
    """What the last check found, without its examples, which name reps; None if none was run.

    Raises:
        DataError: The file was damaged by something else.
    """
    if not workspace.leakage_file.exists():
        return None
    try:
        content: dict[str, Any] = json.loads(workspace.leakage_file.read_text(encoding="utf-8"))
        return LeakageResult(
            checked_at=datetime.fromisoformat(content["checked_at"]),
            passed=bool(content["passed"]),
            days=tuple(date.fromisoformat(day) for day in content["days"]),
            features=int(content["features_checked"]),
            context=int(content["context_checked"]),
            rows=int(content["rows_compared"]),
            records_changed=int(content["records_changed"]),
            differing=tuple(content["differing"]),
            seed=int(content["seed"]),
            data_hash=str(content["data_hash"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{workspace.leakage_file} is damaged ({error}): run 'spm check-leakage' again") from error
