"""What a leak check found, to be printed, stored and shown beside a model."""

from dataclasses import asdict, dataclass
from datetime import date


@dataclass(frozen=True)
class LeakExample:
    """One value that changed although only the future did.

    Attributes:
        column: The feature or context column, or `rows` if a row itself came or went.
        rep_id: Rep of the row.
        as_of: As-of day of the row.
        day: Day after which records were changed.
        before: Value with the records as they are.
        after: Value with the changed records.
    """

    column: str
    rep_id: str
    as_of: date
    day: date
    before: str
    after: str


@dataclass(frozen=True)
class LeakageCertificate:
    """The result of a leak check.

    Attributes:
        days: Days after which records were altered, added and deleted.
        features_checked: Number of feature columns compared.
        context_checked: Number of context columns compared.
        rows_compared: Rows compared, over all days.
        records_changed: Records altered, added or deleted, over all days.
        differing: Names of the columns that read the future; empty if none does.
        examples: One example for each of them.
        seed: Seed by which records were chosen.
        data_hash: Hash of the tables.
    """

    days: tuple[date, ...]
    features_checked: int
    context_checked: int
    rows_compared: int
    records_changed: int
    differing: tuple[str, ...]
    examples: tuple[LeakExample, ...]
    seed: int
    data_hash: str

    @property
    def passed(self) -> bool:
        """Whether something was compared and nothing differed."""
        return not self.differing and self.rows_compared > 0

    def to_json(self) -> dict[str, object]:
        """The certificate as plain values for JSON; days as ISO text."""
        content = asdict(self)
        content["days"] = [day.isoformat() for day in self.days]
        for example in content["examples"]:
            example |= {"as_of": example["as_of"].isoformat(), "day": example["day"].isoformat()}
        return {"passed": self.passed} | content
