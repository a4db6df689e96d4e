"""The sections of a batch's model evidence in the store: one row each, so that a page reads only its own."""

from collections.abc import Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import Connection, delete, select

from spm_ml.predictions import schema
from spm_ml.predictions.audit import record
from spm_ml.predictions.batch import Batch
from spm_ml.predictions.data_evidence import DataQuality, LeakageResult, Lineage
from spm_ml.predictions.encoding import Row, decode, encode
from spm_ml.predictions.model_evidence import Calibration, Drift, ModelEvidence
from spm_ml.predictions.rivals import Rivals
from spm_ml.predictions.voice_evidence import VoicesValue

KINDS: Final[Mapping[str, type[Any]]] = MappingProxyType(
    {
        "calibration": Calibration,
        "rivals": Rivals,
        "drift": Drift,
        "data_quality": DataQuality,
        "leakage": LeakageResult,
        "lineage": Lineage,
        "voices": VoicesValue,
    }
)
"""Section by what it holds; the names are those of the fields of `ModelEvidence`."""

_SECTION_OF: Final = {kind: section for section, kind in KINDS.items()}


def write_sections(connection: Connection, batch_id: str, evidence: ModelEvidence) -> tuple[str, ...]:
    """Puts the sections that are given in place of those that the batch has; gives their names."""
    table = schema.model_evidence
    given = {one.name: getattr(evidence, one.name) for one in fields(evidence)}
    written = tuple(section for section, content in given.items() if content is not None)
    for section in written:
        connection.execute(delete(table).where(table.c.batch_id == batch_id, table.c.section == section))
        row = {"batch_id": batch_id, "section": section, "body": encode(given[section])}
        connection.execute(table.insert().values(**row))
    return written


def publish_sections(connection: Connection, batch: Batch, evidence: ModelEvidence, actor: str) -> None:
    """The same for a published batch, with its line in the audit."""
    written = write_sections(connection, batch.batch_id, evidence)
    record(
        connection,
        actor=actor,
        action="model evidence published",
        subject=batch.batch_id,
        batch=batch,
        detail={"sections": list(written)},
    )


def read_section(connection: Connection, batch_id: str, kind: type[Row]) -> Row | None:
    """One section; None if it was not published."""
    table = schema.model_evidence.c
    query = select(table.body).where(table.batch_id == batch_id, table.section == _SECTION_OF[kind])
    body = connection.execute(query).scalar()
    return None if body is None else decode(kind, body)


def read_sections(connection: Connection, batch_id: str) -> ModelEvidence:
    """Every section that was published."""
    table = schema.model_evidence.c
    rows = connection.execute(select(table.section, table.body).where(table.batch_id == batch_id))
    return ModelEvidence(**{row.section: decode(KINDS[row.section], row.body) for row in rows})
