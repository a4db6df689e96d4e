"""What holds for a source as a whole, kept with its derived tables, so that no history reads everything to find it."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any, Self

import ibis.expr.types as ir

from spm_ml.history.ledger import SourceFacts
from spm_ml.history.watermark import Tables, recorded_days, timestamp_range

_NAMED = {"owners_unrecorded": "rep_id", "amounts_unrecorded": "amount"}
"""Facts and the columns of events that they are about."""


@dataclass(frozen=True)
class KeptFacts:
    """What is told of all tables of one state.

    Attributes:
        source: What the source does not record.
        rated: Whether there are amounts that exchange rates are needed for.
        events: Whether there are any events.
        instants: First and last instant (UTC) of the tables, or of more than them.
    """

    source: SourceFacts
    rated: bool
    events: bool
    instants: tuple[datetime, datetime]

    @classmethod
    def read(cls, said: Mapping[str, Any] | None) -> Self | None:
        """Of what `text` gave; None if it is nothing."""
        if said is None:
            return None
        source = SourceFacts(**{**said["source"], "exported_on": date.fromisoformat(said["source"]["exported_on"])})
        first, last = map(datetime.fromisoformat, said["instants"])
        return cls(source, said["rated"], said["events"], (first, last))

    def text(self) -> dict[str, object]:
        """In terms of JSON."""
        said = asdict(self)
        said["source"]["exported_on"] = self.source.exported_on.isoformat()
        said["instants"] = [instant.isoformat() for instant in self.instants]
        return said

    def alike(self, facts: SourceFacts, *, rated: bool) -> bool:
        """Whether what holds for every deal is the same, but for the day of the export."""
        names = tuple(_NAMED)
        return self.rated == rated and all(getattr(self.source, name) == getattr(facts, name) for name in names)

    def instants_since(self, written: Tables) -> tuple[datetime, datetime]:
        """First and last instant of the tables once some rows were written, or of more than them.

        Args:
            written: By table what was written since.
        """
        first, last = timestamp_range(written)
        return min(first, self.instants[0]), max(last, self.instants[1])

    def since(
        self, written: Tables, newest: Tables, *, events_added: bool, local_day: Callable[[datetime], date]
    ) -> SourceFacts | None:
        """What the source does not record once some rows were written; None = that cannot be told of them alone.

        Args:
            written: By table what was written since.
            newest: What of it is sure to be in force.
            events_added: Every event among them is new.
            local_day: Local day of an instant.
        """
        known, sure = recorded_days(written, local_day), recorded_days(newest, local_day)
        if not sure or max(sure) < max(*known, self.source.exported_on):
            return None
        everything, in_force = _counts(written("opportunity_events")), _counts(newest("opportunity_events"))
        told = dict[str, bool]()
        for fact, column in _NAMED.items():
            if in_force[column] or (self.events and not getattr(self.source, fact) and events_added):
                told[fact] = False
            elif getattr(self.source, fact) and not everything[column]:
                told[fact] = True
            elif everything["rows"]:
                return None
            else:
                told[fact] = getattr(self.source, fact)
        return SourceFacts(max(sure), **told)


def _counts(events: ir.Table) -> dict[str, int]:
    counts = events.agg(rows=events.count(), **{name: events[name].count() for name in _NAMED.values()})
    found: dict[str, int] = counts.to_pyarrow().to_pylist()[0]
    return found
