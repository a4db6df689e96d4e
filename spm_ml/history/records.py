"""All that was recorded: the tables of one version in the organisation's currency, and what is derived from them."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property, partial
from typing import Final

import ibis
import ibis.expr.types as ir

from spm_ml.errors import DataError, did_you_mean
from spm_ml.fiscal import FiscalCalendar
from spm_ml.history.credit import bookings_of
from spm_ml.history.derived import NAMES, Derive, DerivedTables
from spm_ml.history.earlier import OF_DEALS, Earlier
from spm_ml.history.engines import DuckDBEngine, Engine
from spm_ml.history.kept_facts import KeptFacts
from spm_ml.history.ledger import LedgerSources, SourceFacts, ledger_of
from spm_ml.history.local_days import LocalDays
from spm_ml.history.money import Rates, converted
from spm_ml.history.quota import build_quotas, named_periods
from spm_ml.history.stages import StageMap
from spm_ml.history.watermark import facts_of, timestamp_range
from spm_ml.settings import Organisation
from spm_ml.tables import PROTECTED_TABLES

ACTIVITY_COLUMNS = {
    "rep_id": "string",
    "occurred_on": "date",
    "recorded_on": "date",
    "kind": "string",
    "opportunity_id": "string",
    "minutes": "float64",
}
"""Columns of the activity and their types, in order."""

ACTIVITY_DAY_COLUMNS = {
    "rep_id": "string",
    "occurred_on": "date",
    "recorded_on": "date",
    "activities": "int64",
    "meetings": "int64",
    "on_deals": "int64",
}
"""Columns of the activity counted by day and their types, in order; `on_deals` counts those that name a deal."""

MEETING_KINDS: Final = ("meeting", "demo")
"""Kinds of activity in which a rep and a customer talk at length, in lower case."""

SUBMISSION_COLUMNS = {
    "rep_id": "string",
    "period": "string",
    "period_start": "date",
    "period_end": "date",
    "known_on": "date",
    "submitted_at": "timestamp(6)",
    "kind": "string",
    "amount": "int64",
    "submitted_by": "string",
}
"""Columns of the submissions and their types, in order."""


_LEDGER_ORDER: Final = ("rep_id", "opportunity_id", "event_number")
_BOOKING_ORDER: Final = ("rep_id", "recorded_on", "opportunity_id")
_ACTIVITY_ORDER: Final = ("rep_id", "recorded_on", "occurred_on")


@dataclass
class Records:
    """The tables as they were loaded, and derived ones that are computed on first use and kept.

    Attributes:
        organisation: What the organisation declares, with at least one stage.
        engine: Where everything is kept.
        sources: Every table of the contract that a history may read, in internal types; ledgers with `_occurrence`.
        version: Version of the tables; 0 for frames.
        data_hash: SHA-256 that names the content.
        stated_facts: What the source does not record, where it was found before; None: found on first use.
        derived: Where derived tables are kept for the next history of the same tables; None: nowhere.
        earlier: What was derived of an earlier version of them; None: nothing.
    """

    organisation: Organisation
    engine: Engine
    sources: Mapping[str, ir.Table]
    version: int
    data_hash: str
    stated_facts: SourceFacts | None = None
    derived: DerivedTables | None = None
    earlier: Earlier | None = None
    _rows: dict[str, ir.Table] = field(default_factory=dict, init=False, repr=False)

    @cached_property
    def calendar(self) -> FiscalCalendar:
        """The organisation's fiscal calendar."""
        return FiscalCalendar.of(self.organisation)

    @cached_property
    def stages(self) -> StageMap:
        """Names of the stages over time."""
        return StageMap(self.organisation.stages)

    @cached_property
    def days(self) -> LocalDays:
        """Local days of the timestamps that the tables hold."""
        return LocalDays.of(self.organisation.timezone, *self._instants)

    @cached_property
    def _kept(self) -> KeptFacts | None:
        """What was told of these tables when they were derived."""
        return KeptFacts.read(self.derived.facts) if self.derived is not None else None

    @cached_property
    def _instants(self) -> tuple[datetime, datetime]:
        """First and last instant of the tables, or of more than them."""
        if self._kept is not None:
            return self._kept.instants
        if self.earlier is not None:
            return self.earlier.facts.instants_since(self._written)
        return timestamp_range(self.source)

    def _written(self, name: str, *, in_force: bool = False) -> ir.Table:
        if self.earlier is None:
            return self.source(name)
        return self.earlier.written(name, self.source(name), in_force=in_force)

    @cached_property
    def facts(self) -> SourceFacts:
        """What the source as a whole does not record."""
        if self.stated_facts is not None:
            return self.stated_facts
        if self._kept is not None:
            return self._kept.source
        told, local_day = None, self.calendar.local_day
        if self.earlier is not None:
            added = "opportunity_events" in self.earlier.appended or "opportunity_events" not in self.earlier.changed
            told = self.earlier.facts.since(
                self._written, partial(self._written, in_force=True), events_added=added, local_day=local_day
            )
        return told or facts_of(self.source, local_day)

    @cached_property
    def rates(self) -> Rates | None:
        """Exchange rates; None when no amount needs one."""
        own = self.organisation.currency
        if self._kept is not None and not self._kept.rated:
            return None
        codes = [self.source(name).select("currency").distinct().to_pyarrow() for name in ("opportunities", "quotas")]
        foreign = {str(code).strip().upper() for table in codes for code in table["currency"].to_pylist() if code}
        return Rates.of(self.engine, self.source("fx_rates"), own) if foreign - {own} else None

    @cached_property
    def ledger(self) -> ir.Table:
        """Every change of every deal.

        Raises:
            DataError: An open deal is in a stage that the organisation does not have, or an amount has no rate.
        """
        if self.derived is not None and self.derived.facts is None:
            events = len(self.source("opportunity_events").limit(1).to_pyarrow()) > 0
            kept = KeptFacts(self.facts, self.rates is not None, events, self._instants)
            self.derived.state(kept.text())
        earlier, some = self.earlier, self._of_touched
        if earlier is not None and some is not None:
            ledger = earlier.ledger(self._touched, some.ledger, _LEDGER_ORDER)
            if ledger is not None:
                return ledger
        return self._derived("ledger", self._ledger, _LEDGER_ORDER)

    def _ledger(self) -> AbstractContextManager[ir.Table]:
        self._refuse_unknown_stages()
        events, deals = self.source("opportunity_events"), self.source("opportunities")
        sources = LedgerSources(events, deals, self.days.day, self.stages, self.facts)
        return ledger_of(self.engine, sources, self.rates)

    @cached_property
    def bookings(self) -> ir.Table:
        """Credited amounts."""
        earlier, some = self.earlier, self._of_touched
        if earlier is not None and some is not None:
            bookings = earlier.bookings(self._touched, some._bookings, _BOOKING_ORDER)
            if bookings is not None:
                return bookings
        return self._derived("bookings", self._bookings, _BOOKING_ORDER)

    def _bookings(self) -> AbstractContextManager[ir.Table]:
        return nullcontext(bookings_of(self.ledger, self.source("credits")))

    @cached_property
    def _of_touched(self) -> "Records | None":
        """The records of the deals of which anything may differ from the earlier version; None: of any of them."""
        if self._touched is None:
            return None
        tables = {each: self.source(each).semi_join(self._touched, "opportunity_id") for each in OF_DEALS}
        kept = {name: self.engine.keep(f"touched_{name}", rows) for name, rows in tables.items()}
        some = replace(self, sources={**self.sources, **kept}, stated_facts=self.facts, derived=None, earlier=None)
        vars(some)["days"] = self.days
        return some

    @cached_property
    def _touched(self) -> ir.Table | None:
        """The deals of which anything may differ from the earlier version; None: any of them."""
        if self.earlier is None or not self.earlier.alike(self.facts, rated=self.rates is not None):
            return None
        return self.earlier.touched(self.source("opportunities"), self.facts)

    @cached_property
    def quotas(self) -> ir.Table:
        """Every version of every quota."""
        return build_quotas(self.engine, self.rows("quotas"))

    @cached_property
    def activity(self) -> ir.Table:
        """What reps did, by local day."""
        rows = self.source("activities")
        occurred = self.days.day(rows.occurred_at)
        recorded = self.days.day(ibis.coalesce(rows.recorded_at, rows.occurred_at))
        rows = rows.mutate(occurred_on=occurred, recorded_on=recorded)
        return rows.select(**{name: rows[name].cast(kind) for name, kind in ACTIVITY_COLUMNS.items()})

    @cached_property
    def activity_days(self) -> ir.Table:
        """The activity counted by rep and days."""
        days = None if self.earlier is None else self._changed_activity(self.earlier)
        if days is not None:
            return days
        return self._derived("activity_days", lambda: nullcontext(_counted(self.activity)), _ACTIVITY_ORDER)

    def _changed_activity(self, earlier: Earlier) -> ir.Table | None:
        """What was counted of an earlier version, with what was written since; None where that cannot be written."""
        if "activities" not in earlier.changed:
            return earlier.same("activity_days", _ACTIVITY_ORDER)
        written = earlier.changed["activities"].select(self.source("activities").columns)
        new = replace(self, sources={**self.sources, "activities": written})
        vars(new)["days"] = self.days
        if "activities" in earlier.appended:
            counted = self.engine.keep("counted", _counted(new.activity))
            return earlier.activity_days(counted, counted.select(*_ACTIVITY_ORDER), _ACTIVITY_ORDER, added=True)
        days = self.engine.keep("touched_days", new.activity.select("rep_id", "occurred_on").distinct())
        counted = _counted(self.activity.semi_join(days, ["rep_id", "occurred_on"]))
        return earlier.activity_days(self.engine.keep("counted", counted), days, _ACTIVITY_ORDER, added=False)

    @cached_property
    def submissions(self) -> ir.Table:
        """What reps and managers said they would book, by local day."""
        rows = self.rows("submissions")
        rows = rows.mutate(known_on=self.days.day(rows.submitted_at))
        return rows.select(**{name: rows[name].cast(kind) for name, kind in SUBMISSION_COLUMNS.items()})

    def _derived(self, name: str, derive: Derive, order: Sequence[str]) -> ir.Table:
        if self.derived is None or not isinstance(self.engine, DuckDBEngine):
            with derive() as rows:
                return self.engine.keep(name, rows)
        return self.derived.table(self.engine, name, derive, order)

    def with_sources(self, tables: Mapping[str, ir.Table], version: int) -> "Records":
        """The same with an earlier version's rows in some tables that neither deals nor activities follow from."""
        others = replace(
            self,
            sources={**self.sources, **tables},
            version=version,
            stated_facts=self.facts,
            derived=None,
            earlier=None,
        )
        vars(others).update(days=self.days, rates=self.rates)
        return others

    def differing_since(self, version: int) -> ir.Table | None:
        """What differs of derived tables since a version; None = it is not on record."""
        if self.derived is None or not isinstance(self.engine, DuckDBEngine):
            return None
        found = [self.derived.differing(self.engine, name, version) for name in NAMES]
        told = [rows for rows in found if rows is not None]
        return ibis.union(*told) if len(told) == len(NAMES) else None

    def source(self, name: str) -> ir.Table:
        """A table as it was loaded.

        Raises:
            DataError: There is no such table, or no history may read it.
        """
        if name in PROTECTED_TABLES:
            raise DataError(f"table {name!r} is kept apart from every history (H23): only the fairness audit reads it")
        if name not in self.sources:
            raise DataError(f"{name!r} is no table of the data contract{did_you_mean(name, self.sources)}")
        return self.sources[name]

    def rows(self, name: str) -> ir.Table:
        """A table's rows with money in the organisation's minor units and periods by their labels.

        Beside the contract's columns there may be others: `period_start` and `period_end` of quotas and submissions.

        Raises:
            DataError: There is no such table, a period cannot be read, or an amount has no exchange rate on its day.
        """
        if name not in self._rows:
            rows = self.source(name)
            if name in ("quotas", "submissions"):
                rows = named_periods(self.engine, rows, self.calendar)
            if self.rates is not None and name in ("opportunities", "opportunity_events", "quotas"):
                rows = self._in_own_currency(name, rows, self.rates)
            self._rows[name] = rows
        return self._rows[name]

    def _in_own_currency(self, name: str, rows: ir.Table, rates: Rates) -> ir.Table:
        if name == "opportunities":
            closed_on = ibis.ifelse(rows.outcome == "open", ibis.null("date"), rows.closed_on)
            rows = rows.mutate(rate_day=ibis.coalesce(closed_on, self.days.day(rows.recorded_at), rows.created_on))
        elif name == "quotas":
            rows = rows.mutate(rate_day=ibis.coalesce(rows.set_on, rows.period_start))
        else:
            currencies = self.source("opportunities").select("opportunity_id", "currency")
            rows = rows.mutate(rate_day=self.days.day(rows.recorded_at)).inner_join(currencies, "opportunity_id")
        rated = self.engine.keep(name, rates.with_factor(rows, currency="currency", day="rate_day"))
        rates.refuse_missing(rated.filter(rated.amount.notnull()), currency="currency", day="rate_day", what=name)
        return rated.mutate(amount=converted(rated.amount, rated.factor), currency=ibis.literal(rates.currency))

    def _refuse_unknown_stages(self) -> None:
        """Stops where an open deal is in a stage that is none of the organisation's."""
        events, deals = self.source("opportunity_events"), self.source("opportunities")
        closings = events.filter(events.outcome.isin(["won", "lost"]))
        closings = closings.group_by("opportunity_id").agg(closed_at=closings.recorded_at.min())
        events = events.left_join(closings, "opportunity_id")
        in_pipeline = events.outcome.isnull() & ~(events.closed_at <= events.recorded_at).fill_null(False)
        stated = events.filter(in_pipeline | (events.outcome == "open"))
        present = deals.filter(deals.outcome.fill_null("open") == "open")
        written_on = ibis.coalesce(self.days.day(present.recorded_at), ibis.literal(self.facts.exported_on))
        rows = ibis.union(
            stated.select("stage", day=self.days.day(stated.recorded_at)), present.select("stage", day=written_on)
        )
        unknown = rows.filter(rows.stage.notnull() & self.stages.canonical(rows.stage, rows.day).isnull())
        names = unknown.select("stage").distinct().limit(5).to_pyarrow()["stage"].to_pylist()
        if names:
            known = self.stages.names
            listed = ", ".join(f"{name!r}{did_you_mean(name, known)}" for name in sorted(names))
            raise DataError(
                f"open deals are in stages that the organisation does not have: {listed}. Its stages are "
                f"{', '.join(known)}: add the name as a stage or as an alias under stages in organisation.yaml"
            )


def _counted(activity: ir.Table) -> ir.Table:
    """The activity counted by rep and days."""
    counted = activity.group_by("rep_id", "occurred_on", "recorded_on").agg(
        activities=activity.count(),
        meetings=activity.count(where=activity.kind.lower().isin(MEETING_KINDS)),
        on_deals=activity.opportunity_id.count(),
    )
    return counted.select(**{name: counted[name].cast(kind) for name, kind in ACTIVITY_DAY_COLUMNS.items()})
