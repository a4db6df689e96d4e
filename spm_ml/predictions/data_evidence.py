"""What speaks for and against the data behind a batch: what came in, whether it leaks, and where it comes from.

Published as sections of `ModelEvidence`, under the same rules: about nobody, and for everybody.
"""

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True)
class BrokenRuleCount:
    """How often a rule was broken.

    Attributes:
        table: Table of the contract.
        column: Column of the contract; empty: the whole record.
        rule: What is expected.
        remedy: What to do about it.
        records: Records set aside.
        cells: Cells left out of records that were accepted.
    """

    table: str
    column: str
    rule: str
    remedy: str
    records: int
    cells: int


@dataclass(frozen=True)
class TableQuality:
    """What became of one table when it was last read.

    Attributes:
        table: Table of the contract.
        version: Data version that read it last.
        read_at: UTC.
        records: Records in the files.
        accepted: Rows that meet every rule.
        quarantined: Rows set aside.
        latest: Latest day in its own day column; None where it has none.
    """

    table: str
    version: int
    read_at: datetime
    records: int
    accepted: int
    quarantined: int
    latest: date | None


@dataclass(frozen=True)
class HazardCount:
    """How often rows carry a data hazard.

    Attributes:
        code: Of `spm_ml.hazards.HAZARDS`.
        learnt: Rep-periods among those that the model learnt from.
        learnt_of: All of them.
        now: Reps forecast now.
        now_of: All of them.
    """

    code: str
    learnt: int | None
    learnt_of: int | None
    now: int
    now_of: int


@dataclass(frozen=True)
class DataQuality:
    """What came in, what did not, and what misleads in what did.

    Attributes:
        version: Data version of the batch.
        tables: In the contract's order.
        broken_rules: Those of the records that were read last, the most frequent first.
        hazards: Codes that any row carries.
    """

    version: int
    tables: tuple[TableQuality, ...]
    broken_rules: tuple[BrokenRuleCount, ...]
    hazards: tuple[HazardCount, ...]


@dataclass(frozen=True)
class LeakageResult:
    """What the leak check found; see `spm_ml.leakage`.

    Attributes:
        checked_at: UTC.
        passed: Something was compared and nothing differed.
        days: Days after which records were altered, added and deleted.
        features: Feature columns compared.
        context: Context columns compared.
        rows: Rows compared, over all days.
        records_changed: Records altered, added or deleted.
        differing: Columns that read the future.
        seed: By which records were chosen.
        data_hash: Of the tables.
    """

    checked_at: datetime
    passed: bool
    days: tuple[date, ...]
    features: int
    context: int
    rows: int
    records_changed: int
    differing: tuple[str, ...]
    seed: int
    data_hash: str


@dataclass(frozen=True)
class SourceFile:
    """A file that was read.

    Attributes:
        name: Relative to the folder that was read.
        sha256: Of its bytes.
        records: In it; None: not on record.
    """

    name: str
    sha256: str
    records: int | None


@dataclass(frozen=True)
class Ingest:
    """One ingest that changed the data."""

    version: int
    ingested_at: datetime
    mapping: str | None
    files: tuple[SourceFile, ...]


@dataclass(frozen=True)
class DatasetFacts:
    """Rows of a rep-period dataset.

    Attributes:
        content_hash: Of everything in it.
        rows: How many; None: not on record.
        columns: Features of a row; None: not on record.
        data_version: Version of the tables it was built from; None: not on record.
        data_hash: Of those tables.
    """

    content_hash: str
    rows: int | None
    columns: int | None
    data_version: int | None
    data_hash: str


@dataclass(frozen=True)
class Lineage:
    """From the batch to the files.

    Attributes:
        run_id: MLflow run that made the model.
        experiment_id: Its experiment; empty: unknown.
        registry: Where the model is registered.
        learnt_from: What the model was fitted on.
        forecast_from: The rows that were forecast.
        hindsight: The model learnt from what came of the period that is forecast: the numbers show what it would
            have said, not how good it is.
        ingests: Of the batch's data version and before, newest first.
    """

    run_id: str
    experiment_id: str
    registry: str
    learnt_from: DatasetFacts
    forecast_from: DatasetFacts
    hindsight: bool
    ingests: tuple[Ingest, ...]
