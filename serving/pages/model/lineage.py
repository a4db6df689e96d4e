"""Lineage: from one number to its batch, the model version, the rows and the files they come from."""

from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from serving import formats
from serving.access import on_batch, require_reach
from serving.formats import Money
from serving.pages.frame import PagePrincipal, frame_of, rep_href
from serving.pages.model.room import RoomLink, room_links
from serving.problem import NotYoursError
from serving.routes.answers import Identifier
from spm_ml.predictions import COMPANY, Batch, BatchReader, DatasetFacts, Lineage

router = APIRouter(include_in_schema=False)

PATH: Final = "/model/lineage"

_NO_ADDRESS: Final = (
    "The run is in MLflow. To link to it from here, set mlflow_ui in serving.yaml to the address of MLflow's pages."
)


@dataclass(frozen=True)
class Number:
    """A number of the batch: whose it is, what it says, and its page."""

    owner: str
    text: str
    href: str


@dataclass(frozen=True)
class Fact:
    """A fact in words; `code` is for what is copied letter by letter."""

    name: str
    value: str
    code: bool = False
    href: str = ""


@dataclass(frozen=True)
class FileRow:
    """A file that was read."""

    name: str
    records: str
    sha256: str


@dataclass(frozen=True)
class IngestRow:
    """An ingest with its files."""

    version: str
    when: str
    mapping: str
    files: tuple[FileRow, ...]


@dataclass(frozen=True)
class LineagePage:
    """Everything the page shows, from the number down.

    Attributes:
        number: None for those who see none.
        batch: What was published.
        model: What made the number.
        mlflow: How to open the run where no address is set; empty where the facts link to it.
        learnt: What the model was fitted on.
        forecast: The rows that were forecast.
        ingests: Where they come from, newest first.
        missing: Why the lower steps are missing; empty otherwise.
    """

    rooms: tuple[RoomLink, ...]
    number: Number | None
    batch: tuple[Fact, ...]
    model: tuple[Fact, ...]
    mlflow: str
    learnt: tuple[Fact, ...]
    forecast: tuple[Fact, ...]
    ingests: tuple[IngestRow, ...]
    missing: str


@router.get(PATH)
async def lineage(
    request: Request, principal: PagePrincipal, rep_id: Annotated[Identifier | None, Query()] = None
) -> Response:
    """The page, for every role; the number of a rep for those who may see it.

    Raises:
        ForbiddenError: A rep's number is asked for by a role that sees none.
        NotYoursError: There is no such rep in scope.
    """
    if rep_id is not None:
        require_reach(principal, "figures")

    def build(batch: BatchReader) -> Response:
        page = page_of(batch, rep_id, request.app.state.settings.mlflow_ui)
        frame = frame_of(request, "Lineage", principal=principal, batch=batch.batch)
        response: Response = request.app.state.templates.page("model_lineage.html", page, frame)
        return response

    return await on_batch(request, principal, build)


def page_of(batch: BatchReader, rep_id: str | None, mlflow: str | None) -> LineagePage:
    """The context of the page.

    Args:
        batch: As the principal sees it.
        rep_id: Whose number; None: the company's, or nobody's.
        mlflow: Where MLflow's pages are; None: nowhere that is known.
    """
    found = batch.evidence(Lineage)
    return LineagePage(
        rooms=room_links(PATH),
        number=_number(batch, rep_id),
        batch=_batch(batch.batch),
        model=_model(batch, found, mlflow),
        mlflow="" if mlflow else _NO_ADDRESS,
        learnt=() if found is None else _dataset(found.learnt_from),
        forecast=() if found is None else _dataset(found.forecast_from),
        ingests=() if found is None else tuple(_ingests(found)),
        missing=""
        if found is not None
        else "The rows and files below the model were not published with this batch: run 'spm score'.",
    )


def _number(batch: BatchReader, rep_id: str | None) -> Number | None:
    money = Money.of(batch.batch)
    if rep_id is not None:
        row = batch.prediction(rep_id)
        if row is None:
            raise NotYoursError
        said = row.abstention.detail if row.abstention else ""
        median = row.quantile(0.5)
        text = said if median is None else f"{money.full(median)} by the period's end (P50)"
        return Number(row.name, text, rep_href(row.rep_id))
    group = batch.group("company", COMPANY)
    if group is None or (median := group.quantile(0.5)) is None:
        return None
    return Number(group.label, f"{money.full(median)} by the period's end (P50)", "/teams")


def _batch(batch: Batch) -> tuple[Fact, ...]:
    return (
        Fact("Batch", batch.batch_id, code=True),
        Fact("Period", batch.period),
        Fact("As of", formats.day(batch.as_of)),
        Fact("Scored", f"{formats.moment(batch.created_at, 'UTC')} UTC"),
        Fact("Rebuild it", f"spm replay --as-of {batch.as_of}", code=True),
    )


def _model(batch: BatchReader, found: Lineage | None, mlflow: str | None) -> tuple[Fact, ...]:
    card = batch.model_card()
    version_page = f"{mlflow}/#/models/{card.name}/versions/{card.version}" if mlflow else ""
    facts = (
        Fact("Model version", f"{card.name} version {card.version}", href=version_page),
        Fact("Forecaster", card.forecaster, code=True),
        Fact("Trained", formats.day(card.trained_at.date())),
        Fact("spm-ml", card.spm_version),
    )
    if found is None:
        return facts
    run_page = ""
    if mlflow and found.experiment_id:
        run_page = f"{mlflow}/#/experiments/{found.experiment_id}/runs/{found.run_id}"
    return (
        *facts,
        Fact("Registry", found.registry),
        Fact("Run", found.run_id, code=True, href=run_page),
    )


def _dataset(facts: DatasetFacts) -> tuple[Fact, ...]:
    return (
        Fact("Rows", _count(facts.rows)),
        Fact("Feature columns", _count(facts.columns)),
        Fact("Data version", _count(facts.data_version)),
        Fact("Rows, SHA-256", facts.content_hash or "not on record", code=True),
        Fact("Tables, hash", facts.data_hash, code=True),
    )


def _count(value: int | None, unknown: str = "not on record") -> str:
    return unknown if value is None else formats.whole(value)


def _ingests(found: Lineage) -> list[IngestRow]:
    return [
        IngestRow(
            str(one.version),
            f"{formats.moment(one.ingested_at, 'UTC')} UTC",
            one.mapping or "none",
            tuple(FileRow(file.name, _count(file.records, formats.NOTHING), file.sha256) for file in one.files),
        )
        for one in found.ingests
    ]
