"""Fetches Salesforce's standard objects, in the order in which they changed."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from spm_ml.connectors.export import write_export
from spm_ml.connectors.mirror import Mirror, Pass, Record
from spm_ml.connectors.passes import OVERLAP, begin
from spm_ml.connectors.patience import RefusedError
from spm_ml.connectors.rates import Rate, counts_in, currencies_met, write_rates
from spm_ml.connectors.report import FetchReport, ObjectReport
from spm_ml.connectors.salesforce_client import LocatorExpiredError, SalesforceClient
from spm_ml.connectors.salesforce_rates import (
    CURRENCY_TYPE,
    DATED,
    FIELDS,
    corporate_currency,
    dated_rates,
    undated_rates,
)
from spm_ml.connectors.wanted import currency_fields, fields_read, gaps
from spm_ml.errors import RemoteError
from spm_ml.progress import Progress
from spm_ml.settings import Organisation
from spm_ml.sources.mapping import Mapping

BIN_DAYS: Final = 14
"""The recycle bin keeps deleted records for 15 days; after a longer pause only a whole pass finds out what is gone."""


@dataclass(frozen=True)
class SObject:
    """One object.

    Attributes:
        name: In SOQL.
        breaks: What cannot be done without it.
        changed: Its field that says when a record last changed, deleting included.
        whole: Fetched whole each time, because deleting leaves no trace.
        required: Nothing can be done without it.
        parent: Its field that names the opportunity whose history it is; such records are never changed, and stay here
            also when the source has cleared old ones away.
        related: Fields of related objects.
        lacks: Columns of the contract that the mapping reads of other exporters' files and the object never has.
    """

    name: str
    breaks: str
    changed: str = "SystemModstamp"
    whole: bool = False
    required: bool = False
    parent: str | None = None
    related: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()

    @property
    def file(self) -> str:
        """The export file, as the vendor names it."""
        return f"{self.name}.csv"


OBJECTS: Final = (
    SObject("User", "there are no reps", required=True, related=("UserRole.Name",)),
    SObject(
        "OpportunityStage", "stages of closed deals are known by the names Closed Won and Closed Lost alone", whole=True
    ),
    SObject("Opportunity", "there are no deals", required=True),
    SObject(
        "OpportunityHistory",
        "the past of deals is rebuilt from their present state",
        parent="OpportunityId",
        lacks=("rep_id",),
    ),
    SObject(
        "OpportunityFieldHistory",
        "changes of owner and of tracked fields are not known",
        changed="CreatedDate",
        parent="OpportunityId",
    ),
    SObject("ForecastingQuota", "attainment abstains until quotas are ingested from elsewhere", whole=True),
    SObject("Task", "calls, emails and other tasks are not known"),
    SObject("Event", "meetings are not known"),
)
RATES: Final = tuple(
    SObject(name, "amounts in other currencies need fx_rates from elsewhere", whole=True)
    for name in (CURRENCY_TYPE, DATED)
)


@dataclass
class SalesforceFetch:
    """One fetch.

    Attributes:
        client: Who is asked.
        mirror: Where records are kept.
        mapping: What is read of them.
        folder: Where export files are written.
        progress: Is told about each object.
        report: What it did.
        rates_for: Whose exchange rates are fetched too; None: nobody's.
        full: Everything anew.
    """

    client: SalesforceClient
    mirror: Mirror
    mapping: Mapping
    folder: Path
    progress: Progress
    report: FetchReport
    rates_for: Organisation | None
    full: bool = False

    def run(self) -> None:
        """Fetches every object, and writes the export files once all of them are there.

        Raises:
            RemoteError: Salesforce refused or failed; the next fetch goes on where this one stopped.
        """
        chosen = [(each, fields) for each in OBJECTS if (fields := self._fields(each)) is not None]
        received = {each.name: self._fetch(each, fields) for each, fields in chosen}
        for each, _ in chosen:
            if each.parent is not None and received[each.name][1]:
                self.mirror.forget_orphans(each.name, "Opportunity")
        rates = self._rates(chosen, received)
        for each, fields in chosen:
            count, full = received[each.name]
            held, deleted = self.mirror.held(each.name)
            file = each.file if each.required or held or (self.folder / each.file).exists() else None
            if file is not None:
                parents = "Opportunity" if each.parent else None
                rows = (content for _, content in self.mirror.live(each.name, parents=parents))
                write_export(self.folder / file, fields, rows)
            self.report.objects.append(ObjectReport(each.name, count, held, deleted, full, file))
        if rates is not None:
            file = write_rates(self.folder, rates)
            for each in RATES:
                if each.name in received:
                    held, _ = self.mirror.held(each.name)
                    self.report.objects.append(ObjectReport(each.name, received[each.name][0], held, 0, True, file))
        self.report.calls = self.client.calls

    def _fields(self, each: SObject) -> tuple[str, ...] | None:
        """The fields to fetch of an object; None if it may not be read.

        Raises:
            RemoteError: Nothing can be done without it.
        """
        known = self.client.fields(each.name)
        if known is None:
            if each.required:
                raise RemoteError(f"the user may not read {each.name}: {each.breaks}; give read permission for it")
            self.report.warnings.append(f"the user may not read {each.name}: {each.breaks}")
            return None
        related = [name for name in each.related if f"{name.partition('.')[0]}Id" in known]
        known = (*known, *related)
        missing = gaps(self.mapping, each.file, known)
        if needed := [gap for gap in missing if gap.required and each.required]:
            listed = "; ".join(f"{gap.table}.{gap.column} ({' or '.join(gap.fields)})" for gap in needed)
            raise RemoteError(f"the user may not read fields of {each.name} that nothing works without: {listed}")
        self.report.warn_of(each.name, [gap for gap in missing if gap.column not in each.lacks])
        always = ["Id", each.changed, *([each.parent] if each.parent else [])]
        deleted = ["IsDeleted"] if "IsDeleted" in known else []
        read = fields_read(self.mapping, each.file, known)
        return tuple(dict.fromkeys((*always, *deleted, *read)))

    def _rates(
        self, chosen: list[tuple[SObject, tuple[str, ...]]], received: dict[str, tuple[int, bool]]
    ) -> list[Rate] | None:
        """Fetches exchange rates where amounts need them, and adds what arrived; None: there are none to be written."""
        if self.rates_for is None:
            return None
        met = {
            code
            for each, fields in chosen
            for code in currencies_met(self.mirror, each.name, currency_fields(self.mapping, each.file, fields))
        }
        if met <= {self.rates_for.currency}:
            return None
        try:
            for each in RATES:
                if set(FIELDS[each.name]) <= set(self.client.fields(each.name) or ()):
                    received[each.name] = self._fetch(each, FIELDS[each.name])
        except RefusedError as error:
            self.report.warnings.append(f"exchange rates stay as they were: {error}")
            return None
        own = corporate_currency(self.mirror) if CURRENCY_TYPE in received else None
        if own is None:
            self.report.warnings.append(f"the user may not read {CURRENCY_TYPE}: {RATES[0].breaks}")
            return None
        if not counts_in(own, self.rates_for, self.report):
            return None
        if dated := dated_rates(self.mirror, own, self.report):
            if DATED not in received:
                self.report.warnings.append(f"the user may not read {DATED} any more: its rates stay as they were")
            return dated
        self.report.warnings.append(
            "Salesforce gives its exchange rates no dates (advanced currency management is off, or its rates may not "
            "be read): the first that were fetched hold for all days before, changed ones from the day of the change"
        )
        return undated_rates(self.mirror, own, self.rates_for.zone, self.report)

    def _fetch(self, each: SObject, fields: tuple[str, ...]) -> tuple[int, bool]:
        """Fetches what is new of an object; gives how many records arrived, and whether the pass was whole."""
        last = self.mirror.last_pass(each.name)
        stale = last is not None and last.ended is not None and _age(last.ended) > timedelta(days=BIN_DAYS)
        reached = begin(last, fields, full=self.full or each.whole or (stale and each.parent is None))
        count = 0
        fresh = True
        while fresh:
            fresh = False
            first = reached.floor is None
            for records in self._pages(each, fields, reached):
                if records is None:
                    fresh = True  # the server has forgotten the query; a new one begins after the last record
                    break
                position = (str(records[-1][each.changed]), str(records[-1]["Id"]))
                reached = replace(reached, position=position, floor=position[0] if first else reached.floor)
                count += self.mirror.take(each.name, [self._record(each, one) for one in records], reached, also={})
                self.progress(f"fetch {each.name}", count, 0)
        if reached.floor is None:
            reached = replace(reached, floor=reached.since)
        self.mirror.end(each.name, reached, sweep=reached.since is None and each.parent is None)
        return count, reached.since is None

    def _pages(self, each: SObject, fields: tuple[str, ...], reached: Pass) -> Iterator[list[dict[str, Any]] | None]:
        """Pages of records from where the pass has come to; None where the server has forgotten the query."""
        page = self.client.query(_soql(each, fields, reached))
        while True:
            if page["records"]:
                yield page["records"]
            if page["done"]:
                return
            try:
                page = self.client.more(page)
            except LocatorExpiredError:
                yield None
                return

    def _record(self, each: SObject, said: dict[str, Any]) -> Record:
        content = _flat(said)
        parent = str(content[each.parent]) if each.parent else None
        deleted = content.get("IsDeleted") is True and each.parent is None
        return Record(str(content["Id"]), content, deleted, parent)


def _soql(each: SObject, fields: tuple[str, ...], reached: Pass) -> str:
    if reached.position is not None:
        moment, last = _literal(reached.position[0]), reached.position[1]
        where = f"WHERE {each.changed} > {moment} OR ({each.changed} = {moment} AND Id > '{last}')"
    elif reached.since is not None:
        where = f"WHERE {each.changed} >= {_literal(reached.since, earlier=OVERLAP)}"
    else:
        where = ""
    return " ".join(
        f"SELECT {', '.join(fields)} FROM {each.name} {where} ORDER BY {each.changed} ASC, Id ASC".split()  # noqa: S608
    )


def _literal(moment: str, *, earlier: timedelta = timedelta(0)) -> str:
    read = datetime.fromisoformat(moment) - earlier
    return read.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{read.microsecond // 1000:03}Z"


def _age(moment: str) -> timedelta:
    return datetime.now(UTC) - datetime.fromisoformat(moment)


def _flat(said: dict[str, Any]) -> dict[str, Any]:
    """A record without what describes it; fields of related records are named `UserRole.Name`."""
    flat: dict[str, Any] = {}
    for name, value in said.items():
        if name == "attributes":
            continue
        if isinstance(value, dict):
            flat |= {f"{name}.{inner}": each for inner, each in value.items() if inner != "attributes"}
        else:
            flat[name] = value
    return flat
