"""What-if questions: the distribution before and after changes. Nothing is stored and nothing is published."""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError, to_json
from starlette.datastructures import State

from serving.access import on_batch, on_store, reaching
from serving.problem import BrokenRule, NotYoursError, RefusedError, documented
from serving.routes.answers import Answer, Identifier, Model, source
from serving.routes.explanations import Distribution
from serving.what_if import LoadingError, UnavailableError
from spm_ml.predictions import Batch, BatchReader, PredictionStore, Principal, ProgramOption, RiskBand

PATH: Final = "/v1/what-if"

router = APIRouter(prefix=PATH, tags=["forecasts"])

SeesFigures = Annotated[Principal, Depends(reaching("figures"))]

MOST_CHANGES: Final = 10
MOST_KEPT_BYTES: Final = 8 * 1024 * 1024
RETRY_AFTER: Final = {"Retry-After": "5"}

_NO_FORECAST: Final = "There is no forecast of this rep to start from; the rule names the reason."
_WORDS: Final = {
    "busy": "Too many questions wait; ask again in a few seconds.",
    "loading": "The model is being loaded; ask again in a few seconds.",
    "unreadable": "The model that was kept with the batch cannot be read; run 'spm score' again.",
    "contradictory_changes": "Two changes are about the same quota, deal or program.",
    "failed": "Something went wrong here; it is logged.",
    "scored_without_what_if": "The batch was scored without what such questions start from; run 'spm score' again.",
    "model_reads_no_deals": "The model behind this batch does not forecast from deals: ask about quota or programs.",
    "outside_the_rest_of_the_period": "A deal can be won from the day after the as-of day to the period's last day.",
    "not_after_the_as_of_day": "An expected close lies after the as-of day.",
}


def _iso_day(value: object) -> date:
    """A day as ISO 8601 and nothing else: neither moments nor numbers of seconds."""
    if isinstance(value, str) and len(value) == len("2026-01-31"):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    raise PydanticCustomError("date_parsing", "give a day as YYYY-MM-DD")


Amount = Annotated[float, Field(gt=0, le=1e12)]
Day = Annotated[date, BeforeValidator(_iso_day)]


class _Change(Model):
    model_config = ConfigDict(strict=True)


class QuotaChanged(_Change):
    """Another quota."""

    kind: Literal["quota"]
    quota: Amount


class DealDropped(_Change):
    """An open deal is lost, or not pursued in this period."""

    kind: Literal["deal_dropped"]
    deal_id: Identifier


class DealWon(_Change):
    """An open deal is won in this period."""

    kind: Literal["deal_won"]
    deal_id: Identifier
    amount: Amount | None = Field(
        default=None, description="What the rep books from it. Null: what is usual for its stated amount."
    )
    won_on: Day | None = Field(default=None, description="After the as-of day, at most the period's last day.")


class CloseDateMoved(_Change):
    """The expected close of an open deal moves; a later day counts as one push more."""

    kind: Literal["close_date_moved"]
    deal_id: Identifier
    close_date: Day = Field(description="After the as-of day.")


class ProgramTaken(_Change):
    """The rep takes a program: its published effect for this rep, with its interval."""

    kind: Literal["program_taken"]
    program_id: Identifier


Change = Annotated[
    QuotaChanged | DealDropped | DealWon | CloseDateMoved | ProgramTaken,
    Field(discriminator="kind"),
]


def _contradict(changes: list[Change]) -> bool:
    """Whether two changes are about the same quota, deal or program."""
    about = {
        getattr(change, "deal_id", None) or (change.kind, getattr(change, "program_id", None)) for change in changes
    }
    return len(about) < len(changes)


class WhatIfIn(Model):
    """A rep and what is supposed, in order."""

    model_config = ConfigDict(strict=True)

    rep_id: Identifier
    changes: list[Change] = Field(
        min_length=1, max_length=MOST_CHANGES, description="No two about the same quota, deal or program."
    )


class Outlook(Model):
    """A forecast before or after the changes."""

    quota: float | None
    distribution: Distribution
    median_bookings: float
    median_attainment: float | None
    p_hit: float | None = Field(description="Probability that attainment reaches 1.")
    risk_band: RiskBand | None


class WhatIfPart(Model):
    """What one change moves; the parts add up to after − before, amounts to the minor unit."""

    kind: Literal["quota", "deal_dropped", "deal_won", "close_date_moved", "program_taken"]
    deal_id: str | None
    program_id: str | None
    median_bookings: float
    mean_bookings: float
    median_attainment: float | None = Field(description="Null where there is no quota before or after it.")
    p_hit: float | None
    mean_pay: float | None = Field(description="Of the expected payout; null where none is expected.")
    p_win_before: float | None = Field(description="Probability that the deal is won before the period ends.")
    p_win_after: float | None
    interval: tuple[float, float] | None = Field(description="90 % interval of what a program adds to bookings.")
    note: str


class ExpectedPayOut(Model):
    """Payouts at the period's end: one in ten is smaller than `p10`, half are smaller than `p50`."""

    p10: float
    p25: float
    p50: float
    p75: float
    p90: float
    mean: float


class WhatIfPay(Model):
    """Pay before and after the changes: every outcome goes through the rep's plan, tier by tier."""

    plan_id: str
    before: ExpectedPayOut
    after: ExpectedPayOut


class WhatIfAnswer(Answer):
    """The forecast before and after the changes."""

    rep_id: str
    method: Literal["sequential"] = Field(
        description="A part is what its change moves after those before it in the list; another order may divide the "
        "same difference otherwise."
    )
    before: Outlook = Field(description="As published.")
    after: Outlook
    parts: tuple[WhatIfPart, ...] = Field(description="One a change, in the order given.")
    pay: WhatIfPay | None = Field(
        description="Null where no payout is expected: no plan or quota, or a plan that pays for what others book."
    )


@dataclass(frozen=True)
class Start:
    """What an answer about a rep starts from; a published batch never changes, so it may be kept."""

    batch: Batch
    inputs: bytes


class Starts:
    """Starts within a number of bytes. Whoever takes one out was admitted to the rep by the store just before."""

    def __init__(self, most_bytes: int = MOST_KEPT_BYTES) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._kept: OrderedDict[tuple[str, str], Start] = OrderedDict()

    def get(self, batch_id: str, rep_id: str) -> Start | None:
        """The start of a rep, if it is kept."""
        key = (batch_id, rep_id)
        kept = self._kept.get(key)
        if kept is not None:
            self._kept.move_to_end(key)
        return kept

    def put(self, rep_id: str, start: Start) -> None:
        """Keeps a start; those unused for longest make room."""
        key = (start.batch.batch_id, rep_id)
        if key not in self._kept:
            self._kept[key] = start
            self._bytes += len(start.inputs)
        while self._bytes > self._most_bytes:
            self._bytes -= len(self._kept.popitem(last=False)[1].inputs)


@router.post("", response_model=WhatIfAnswer, responses=documented(400, 401, 403, 404, 408, 409, 413, 422, 503))
async def ask(request: Request, principal: SeesFigures, body: WhatIfIn) -> Response:
    """Ask what the forecast would be under other circumstances. All else is held as it is."""
    start, programs = await on_batch(request, principal, lambda batch: start_of(batch, body))
    starts: Starts = request.app.state.what_if_starts
    starts.put(body.rep_id, start)
    return await answered(request.app.state, start, body, programs)


async def answered(
    state: State, start: Start, body: WhatIfIn, programs: dict[str, Any], *, patience: float | None = None
) -> Response:
    """The answer to a question.

    Args:
        state: Of the application.
        start: What the answer starts from.
        body: The question.
        programs: What is published of each program that is named.
        patience: Seconds to wait at most for a model that is being loaded; None: as for any question.

    Raises:
        NotYoursError: 404, a deal is not among the rep's open ones.
        RefusedError: 409, 422 or 503, with the reason.
    """
    if _contradict(body.changes):
        raise _refused(422, "changes", "contradictory_changes")
    store: PredictionStore = state.store
    batch, what_if = start.batch, state.what_if

    async def load() -> str:
        return await on_store(store, lambda: store.what_if_model(batch.batch_id))

    try:
        question = _question(batch, body, programs)
        reply = await what_if.ask(batch.batch_id, load, question, start.inputs, patience=patience)
    except LoadingError as error:
        raise _refused(503, "what_if", "loading") from error
    except UnavailableError as error:
        raise _refused(503, "what_if", "busy") from error
    if reply.status == 200:
        return Response(_source(batch) + reply.text[1:], media_type="application/json")
    if reply.status == 404:
        raise NotYoursError
    broken = BrokenRule.model_validate_json(reply.text)
    raise _refused(reply.status, broken.where, broken.rule)


def _refused(status: int, where: str, rule: str) -> RefusedError:
    headers = RETRY_AFTER if status == 503 else None
    return RefusedError(status, where, rule, _WORDS.get(rule, _NO_FORECAST), headers=headers)


def start_of(batch: BatchReader, body: WhatIfIn) -> tuple[Start, dict[str, Any]]:
    """What the answer starts from, and what is published of the programs that are named.

    Raises:
        NotYoursError: 404, the rep is out of scope, or a program is not on record.
        RefusedError: 409, the batch was scored without it.
    """
    kept = batch.what_if(body.rep_id)
    if kept is None:
        raise NotYoursError
    if kept[0] is None:
        raise _refused(409, "rep_id", "scored_without_what_if")
    return Start(batch.batch, kept[0].encode()), _programs(batch, body)


def _question(batch: Batch, body: WhatIfIn, programs: dict[str, Any]) -> bytes:
    """The question as the process reads it."""
    return to_json(
        {
            "rep_id": body.rep_id,
            "changes": [_minor(change, 10**batch.minor_digits) for change in body.changes],
            "programs": programs,
            "digits": batch.minor_digits,
            "bands": {"high_below": batch.risk_high_below, "medium_below": batch.risk_medium_below},
        }
    )


def _minor(change: Change, unit: int) -> dict[str, Any]:
    """The change with amounts in minor units, at least one."""
    plain = change.model_dump()
    for name in ("quota", "amount"):
        if plain.get(name) is not None:
            plain[name] = max(round(plain[name] * unit), 1)
    return plain


def _programs(batch: BatchReader, body: WhatIfIn) -> dict[str, dict[str, Any] | None]:
    """What is published of each program that is named, for this rep; None if it is known, but not for this rep."""
    wanted = {change.program_id for change in body.changes if isinstance(change, ProgramTaken)}
    if not wanted:
        return {}
    options = {option.program_id: option for option in batch.options(rep_ids=(body.rep_id,))}
    if wanted - set(options) - {finding.program_id for finding in batch.findings()}:
        raise NotYoursError
    return {program_id: _effect(options.get(program_id)) for program_id in wanted}


def _effect(option: ProgramOption | None) -> dict[str, Any] | None:
    if option is None:
        return None
    return {name: getattr(option, name) for name in ("effect", "low", "high", "time_lost", "evidence")}


@lru_cache(4)
def _source(batch: Batch) -> bytes:
    """JSON text of where the numbers come from, open at its end."""
    return Answer(**source(batch)).model_dump_json().encode()[:-1] + b","
