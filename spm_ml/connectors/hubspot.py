"""Fetches HubSpot's owners, deals with the history of their properties, and engagements."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

from spm_ml.connectors.export import write_export
from spm_ml.connectors.hubspot_client import HISTORY_PAGE, HubSpotClient, Page, ScopeMissingError, next_page
from spm_ml.connectors.hubspot_rates import RATE_FIELDS, RATES, account_rates, exchange_rate
from spm_ml.connectors.hubspot_records import (
    DEAL,
    HISTORY_COLUMNS,
    OWNER_COLUMNS,
    STAGE_COLUMNS,
    history,
    owner,
    record,
    stage,
)
from spm_ml.connectors.mirror import Mirror, Pass, Record
from spm_ml.connectors.passes import OVERLAP, begin
from spm_ml.connectors.patience import RefusedError
from spm_ml.connectors.rates import Rate, counts_in, currencies_met, write_rates
from spm_ml.connectors.report import FetchReport, ObjectReport
from spm_ml.connectors.wanted import currency_fields, fields_read, gaps, values_filtered
from spm_ml.errors import RemoteError
from spm_ml.progress import Progress
from spm_ml.settings import Organisation
from spm_ml.sources.mapping import Mapping as SourceMapping

CHANGED: Final = "hs_lastmodifieddate"
HISTORY: Final = "deal_property_history"
_LAST: Final = "-"
"""Where a whole pass has come to after its last page."""

ENGAGEMENTS: Final = ("calls", "emails", "meetings", "tasks", "notes", "communications")


@dataclass
class HubSpotFetch:
    """One fetch.

    Attributes:
        client: Who is asked.
        mirror: Where records are kept.
        mapping: What is read of them.
        folder: Where export files are written.
        progress: Is told about each kind of record.
        report: What it did.
        rates_for: Whose exchange rates are fetched too; None: nobody's.
        full: Everything anew.
        received: How many records of each kind arrived, and whether all were fetched.
    """

    client: HubSpotClient
    mirror: Mirror
    mapping: SourceMapping
    folder: Path
    progress: Progress
    report: FetchReport
    rates_for: Organisation | None
    full: bool = False
    received: dict[str, tuple[int, bool]] = field(default_factory=dict)

    def run(self) -> None:
        """Fetches every kind of record, and writes the export files once all of them are there.

        Raises:
            RemoteError: HubSpot refused or failed; the next fetch goes on where this one stopped.
        """
        try:
            self._fetch_owners()
            stages = self.client.stages()
            kinds = {"deals": self._properties("deals")}
            self._fetch("deals", kinds["deals"], values_filtered(self.mapping, f"{HISTORY}.csv", "name"))
        except ScopeMissingError as error:
            raise RemoteError(f"the token lacks scopes without which there are no reps or deals: {error}") from None
        for kind in ENGAGEMENTS:
            try:
                wanted = self._properties(kind)
                self._fetch(kind, wanted, ())
                kinds[kind] = wanted
            except ScopeMissingError as error:
                self.report.warnings.append(f"{kind} are not known, because the token lacks a scope: {error}")
        rates = self._rates(kinds["deals"])
        self._write(stages, kinds)
        if rates is not None:
            count, held = self.received[RATES][0], self.mirror.held(RATES)[0]
            self.report.objects.append(ObjectReport(RATES, count, held, 0, True, write_rates(self.folder, rates)))
        self.report.calls = self.client.calls

    def _properties(self, kind: str) -> tuple[str, ...]:
        known = self.client.properties(kind)
        if kind == "deals":
            missing = gaps(self.mapping, "deals.csv", known)
            if needed := [f"{gap.table}.{gap.column} ({' or '.join(gap.fields)})" for gap in missing if gap.required]:
                raise RemoteError(f"no property of deals gives what nothing works without: {'; '.join(needed)}")
            self.report.warn_of(kind, missing)
        return tuple(dict.fromkeys(("hs_object_id", CHANGED, *fields_read(self.mapping, f"{kind}.csv", known))))

    def _rates(self, properties: tuple[str, ...]) -> list[Rate] | None:
        """Fetches exchange rates where deals need them, all of them each time; None: there are none to be written."""
        if self.rates_for is None:
            return None
        fields = currency_fields(self.mapping, "deals.csv", properties)
        if currencies_met(self.mirror, "deals", fields) <= {self.rates_for.currency}:
            return None
        try:
            own = self.client.company_currency()
            if not counts_in(own, self.rates_for, self.report):
                return None
            self._fetch_listed(RATES, RATE_FIELDS, exchange_rate, (self.client.exchange_rates,))
        except ScopeMissingError as error:
            self.report.warnings.append(
                f"exchange rates are not known, because the token lacks a scope: {error}; amounts in other currencies "
                "need fx_rates from elsewhere"
            )
            return None
        except RefusedError as error:
            self.report.warnings.append(f"exchange rates stay as they were: {error}")
            return None
        return account_rates(self.mirror, own, self.rates_for.zone, self.report)

    def _fetch_owners(self) -> None:
        """All of them each time, those who left too: their deals are still theirs."""
        lists = [partial(self.client.owners, archived=archived) for archived in (False, True)]
        self._fetch_listed("owners", OWNER_COLUMNS, owner, lists)

    def _fetch_listed(
        self,
        kind: str,
        fields: tuple[str, ...],
        read: Callable[[dict[str, Any]], Record],
        lists: Iterable[Callable[[str | None], Page]],
    ) -> None:
        """Fetches all of a kind, whose changes leave no trace.

        Args:
            kind: Such as `owners`.
            fields: That are kept.
            read: Makes a record of what was said.
            lists: Each gives its page after a given one.
        """
        reached = begin(self.mirror.last_pass(kind), fields, full=True)
        count = 0
        for pages in lists:
            after: str | None = None
            while True:
                page = pages(after)
                count += self.mirror.take(kind, [read(each) for each in page["results"]], reached, also={})
                after = next_page(page)
                if after is None:
                    break
        self.mirror.end(kind, reached, sweep=True)
        self.received[kind] = (count, True)

    def _fetch(self, kind: str, properties: tuple[str, ...], past: tuple[str, ...]) -> None:
        """Fetches what is new of a kind of record, and what was deleted or brought back.

        Args:
            kind: Such as `deals`.
            properties: To be read.
            past: Properties whose history is read.
        """
        reached = begin(self.mirror.last_pass(kind), properties, full=self.full)
        whole = reached.since is None
        count = 0
        for rows, after in (
            self._whole(kind, properties, past, reached) if whole else self._new(kind, properties, past, reached)
        ):
            count += self._take(kind, rows, after)
            reached = after
            self.progress(f"fetch {kind}", count, 0)
        self._note_deleted(kind, properties, past, reached)
        self.mirror.end(kind, replace(reached, floor=reached.floor or reached.since), sweep=whole)
        if whole and past:
            self.mirror.forget_orphans(HISTORY, kind)
        self.received[kind] = (count, whole)

    def _whole(
        self, kind: str, properties: tuple[str, ...], past: tuple[str, ...], reached: Pass
    ) -> Iterator[tuple[list[dict[str, Any]], Pass]]:
        """Pages of all records by id, each with how far the pass has come after it."""
        after: str | None = reached.position[0] if reached.position else None
        while after != _LAST:
            page = self.client.listed(kind, properties, after=after, history=past, deals=not past)
            after = next_page(page) or _LAST
            reached = replace(reached, position=(after,), floor=reached.floor or self.client.now.isoformat())
            yield page["results"], reached

    def _new(
        self, kind: str, properties: tuple[str, ...], past: tuple[str, ...], reached: Pass
    ) -> Iterator[tuple[list[dict[str, Any]], Pass]]:
        """Pages of what changed, oldest first, each with how far the pass has come after it.

        Not by page numbers: a record that changes meanwhile moves to the end, and another would be skipped. Each page
        begins at the moment where the one before ended; only within one moment pages are counted.
        """
        if reached.position is not None:
            since = datetime.fromisoformat(reached.position[0])
        else:
            since = datetime.fromisoformat(str(reached.since)) - OVERLAP
        after: str | None = None
        while True:
            page = self.client.changed(
                kind, ("hs_object_id", CHANGED) if past else properties, since=since, after=after
            )
            floor = reached.floor or self.client.now.isoformat()
            after = next_page(page)
            if page["results"]:
                newest = datetime.fromisoformat(page["results"][-1]["properties"][CHANGED])
                rows = self._completed(kind, page["results"], properties, past)
                reached = replace(reached, position=(newest.isoformat(),), floor=floor)
                yield rows, reached
                if after is not None and newest > since:
                    since, after = newest, None
                    continue
            if after is None:
                return

    def _completed(
        self, kind: str, found: list[dict[str, Any]], properties: tuple[str, ...], past: tuple[str, ...]
    ) -> list[dict[str, Any]]:
        """Adds what a search does not say: the history of deals, and the deals of engagements."""
        ids = [str(each["id"]) for each in found]
        if past:
            return [
                row for some in _chunks(ids, HISTORY_PAGE) for row in self.client.read(kind, some, properties, past)
            ]
        deals = self.client.deals_of(kind, ids)
        return [
            each | {"associations": {"deals": {"results": [{"id": deals[each["id"]]}] if each["id"] in deals else []}}}
            for each in found
        ]

    def _take(self, kind: str, rows: list[dict[str, Any]], reached: Pass) -> int:
        also = {HISTORY: [one for each in rows for one in history(each)]}
        return self.mirror.take(kind, [record(each) for each in rows], reached, also=also)

    def _note_deleted(self, kind: str, properties: tuple[str, ...], past: tuple[str, ...], reached: Pass) -> None:
        """Empties what was deleted, and reads again what is not deleted any more; HubSpot's search knows neither."""
        now: set[str] = set()
        after: str | None = None
        while True:
            page = self.client.listed(kind, (), after=after, archived=True)
            gone = [str(each["id"]) for each in page["results"] if each["archived"]]
            self.mirror.take(kind, [Record(each, {}, deleted=True) for each in gone], reached, also={})
            now.update(gone)
            after = next_page(page)
            if after is None:
                break
        back = sorted(self.mirror.deleted(kind) - now)
        for ids in _chunks(back, HISTORY_PAGE):
            found = self.client.read(kind, ids, properties, past)
            if not past:
                found = self._completed(kind, found, properties, past)
            self._take(kind, found, reached)
            self.mirror.forget(kind, sorted(set(ids) - {str(each["id"]) for each in found}))

    def _write(self, stages: list[dict[str, Any]], kinds: Mapping[str, tuple[str, ...]]) -> None:
        self._export("owners", "owners.csv", OWNER_COLUMNS)
        write_export(self.folder / "pipeline_stages.csv", STAGE_COLUMNS, (stage(each) for each in stages))
        for kind, properties in kinds.items():
            self._export(kind, f"{kind}.csv", properties)
        rows = (content for _, content in self.mirror.live(HISTORY, parents="deals"))
        write_export(self.folder / f"{HISTORY}.csv", HISTORY_COLUMNS, rows)
        engaged = (
            {"engagement_id": each, DEAL: content[DEAL]}
            for kind in ENGAGEMENTS
            for each, content in self.mirror.live(kind)
            if DEAL in content
        )
        write_export(self.folder / "engagement_deals.csv", ("engagement_id", DEAL), engaged)

    def _export(self, kind: str, file: str, header: Sequence[str]) -> None:
        count, full = self.received[kind]
        held, deleted = self.mirror.held(kind)
        written = bool(held) or kind in ("owners", "deals") or (self.folder / file).exists()
        if written:
            write_export(self.folder / file, header, (content for _, content in self.mirror.live(kind)))
        self.report.objects.append(ObjectReport(kind, count, held, deleted, full, file if written else None))


def _chunks(ids: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (ids[start : start + size] for start in range(0, len(ids), size))
