"""Data: what the ingests took and set aside, which hazards the rows carry, and the leak check."""

from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from serving import formats
from serving.access import on_batch
from serving.pages.frame import PagePrincipal, frame_of
from serving.pages.model.room import NOT_PUBLISHED, RoomLink, room_links
from spm_ml.hazards import HAZARD_BY_CODE
from spm_ml.predictions import Batch, BatchReader, DataQuality, HazardCount, LeakageResult
from spm_ml.predictions.model_evidence import FEWER

router = APIRouter(include_in_schema=False)

PATH: Final = "/model/data"

_SMALLEST: Final = 0.001


@dataclass(frozen=True)
class TableRow:
    """A table in words."""

    table: str
    latest: str
    read: str
    records: str
    accepted: str
    quarantined: str


@dataclass(frozen=True)
class RuleRow:
    """A rule that was broken, in words."""

    table: str
    column: str
    rule: str
    remedy: str
    count: str


@dataclass(frozen=True)
class HazardRow:
    """A hazard in words."""

    code: str
    label: str
    rule: str
    now: str
    learnt: str


@dataclass(frozen=True)
class LeakageCard:
    """The certificate in words.

    Attributes:
        passed: None: no check was run.
        lead: The result in a sentence.
        facts: Name and value of what was done.
    """

    passed: bool | None
    lead: str
    facts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class DataPage:
    """Everything the page shows.

    Attributes:
        empty: Why there is nothing about the data; None otherwise.
        lead: What came in and what did not, in a sentence.
    """

    rooms: tuple[RoomLink, ...]
    empty: str | None
    leakage: LeakageCard
    watermark: str
    lead: str = ""
    version: str = ""
    tables: tuple[TableRow, ...] = ()
    rules: tuple[RuleRow, ...] = ()
    hazards: tuple[HazardRow, ...] = ()


@router.get(PATH)
async def data(request: Request, principal: PagePrincipal) -> Response:
    """The page, for every role: it is about nobody."""

    def build(batch: BatchReader) -> Response:
        page = page_of(batch.batch, batch.evidence(DataQuality), batch.evidence(LeakageResult))
        frame = frame_of(request, "Data", principal=principal, batch=batch.batch)
        response: Response = request.app.state.templates.page("model_data.html", page, frame)
        return response

    return await on_batch(request, principal, build)


def page_of(batch: Batch, found: DataQuality | None, leakage: LeakageResult | None) -> DataPage:
    """The context of the page."""
    card, watermark = _leakage(batch, leakage), formats.day(batch.watermark)
    if found is None:
        return DataPage(room_links(PATH), NOT_PUBLISHED, card, watermark)
    quarantined, records = (sum(getattr(one, name) for one in found.tables) for name in ("quarantined", "records"))
    return DataPage(
        rooms=room_links(PATH),
        empty=None,
        leakage=card,
        watermark=watermark,
        lead=_lead(quarantined, records),
        version=str(found.version),
        tables=tuple(
            TableRow(
                one.table,
                formats.NOTHING if one.latest is None else formats.day(one.latest),
                f"version {one.version}, {formats.day(one.read_at.date())}",
                formats.whole(one.records),
                formats.whole(one.accepted),
                formats.whole(one.quarantined),
            )
            for one in found.tables
        ),
        rules=tuple(
            RuleRow(
                one.table,
                one.column or "whole record",
                one.rule,
                formats.sentence(one.remedy),
                " and ".join(
                    f"{formats.whole(count)} {noun}{'' if count == 1 else 's'}"
                    for count, noun in ((one.records, "record"), (one.cells, "cell"))
                    if count
                ),
            )
            for one in found.broken_rules
        ),
        hazards=tuple(_hazard(one) for one in found.hazards),
    )


def _lead(quarantined: int, records: int) -> str:
    if not quarantined:
        return f"All {formats.whole(records)} records that were read last met every rule."
    share = quarantined / records
    part = (
        f"less than {formats.percent(_SMALLEST, digits=1)}" if share < _SMALLEST else formats.percent(share, digits=1)
    )
    return (
        f"{formats.whole(quarantined)} of {formats.whole(records)} records that were read last were set aside "
        f"({part}). Nothing was thrown away: they lie in the quarantine of the workspace, each with its file and line."
    )


def _hazard(found: HazardCount) -> HazardRow:
    known = HAZARD_BY_CODE.get(found.code)
    return HazardRow(
        found.code,
        known.label if known else found.code,
        known.rule if known else "",
        _of(found.now, found.now_of),
        formats.NOTHING if found.learnt is None or not found.learnt_of else _of(found.learnt, found.learnt_of),
    )


def _of(count: int, whole: int) -> str:
    if 0 < count <= FEWER:
        return f"up to {FEWER} of {formats.whole(whole)}"
    return f"{formats.whole(count)} of {formats.whole(whole)}"


def _leakage(batch: Batch, found: LeakageResult | None) -> LeakageCard:
    if found is None:
        return LeakageCard(None, "No leak check was run on these data. Run 'spm check-leakage': it takes some minutes.")
    days = ", ".join(formats.day(day) for day in found.days)
    facts = (
        ("Checked", formats.day(found.checked_at.date())),
        ("Future changed after", days),
        ("Records altered, added, deleted", formats.whole(found.records_changed)),
        ("Rows compared, bit for bit", formats.whole(found.rows)),
        ("Columns compared", f"{found.features} features and {found.context} others"),
        ("Data", found.data_hash[:12]),
        ("Seed", str(found.seed)),
    )
    other = (
        ""
        if found.data_hash == batch.data_hash
        else " It is of other data than this batch: run 'spm check-leakage' again."
    )
    if found.passed:
        return LeakageCard(True, f"No feature changed by a bit when only the future was changed.{other}", facts)
    return LeakageCard(
        False,
        f"These columns read the future: {', '.join(found.differing) or 'nothing was compared'}. Do not trust a "
        f"backtest of this model until that is mended.{other}",
        facts,
    )
