"""What a fetch did, and what was in its way."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field

from spm_ml.connectors.wanted import Gap


@dataclass(frozen=True)
class ObjectReport:
    """One kind of record.

    Attributes:
        name: As the source calls it.
        received: Records that arrived in this fetch.
        held: Records that are there now.
        deleted: Of them, how many the source has deleted and may still bring back.
        full: Everything was fetched, not only what changed.
        file: Export file that was written; None: it was left as it was.
    """

    name: str
    received: int
    held: int
    deleted: int
    full: bool
    file: str | None


@dataclass
class FetchReport:
    """One fetch.

    Attributes:
        system: `salesforce` or `hubspot`.
        folder: Where the export files are.
        objects: What was fetched.
        warnings: What could not be read, and what breaks by it.
        calls: Requests that were sent.
    """

    system: str
    folder: str
    objects: list[ObjectReport] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    calls: int = 0

    def warn_of(self, name: str, found: Iterable[Gap]) -> None:
        """Takes note of columns that stay empty."""
        for gap in found:
            self.warnings.append(
                f"no field of {name} that may be read gives {gap.table}.{gap.column} ({' or '.join(gap.fields)}): "
                "it stays empty; give the user permission to read the field, or name another in a mapping"
            )

    def text(self) -> str:
        """For people."""
        lines = [
            f"  {each.name:<28} {each.received:>9,} received {each.held:>9,} held"
            f"{f', {each.deleted:,} deleted' if each.deleted else ''}{', all anew' if each.full else ''}"
            for each in self.objects
        ]
        lines += [f"  warning: {each}" for each in self.warnings]
        return "\n".join([*lines, f"export files are in {self.folder} ({self.calls:,} requests)"])

    def to_json(self) -> dict[str, object]:
        """As JSON."""
        return asdict(self)
