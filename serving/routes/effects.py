"""Effects: what each program has caused so far, how that is known, and the naive figures beside it."""

from typing import Annotated, Final, Literal

from fastapi import APIRouter, Query, Request
from pydantic import Field

from serving.access import ApiPrincipal, on_batch
from serving.problem import documented
from serving.routes.answers import Answer, Model, PeriodQuery, major_or_none, source
from spm_ml.predictions import Batch, BatchReader, EffectCheck, EffectPoint, EffectVerdict, ProgramFinding

router = APIRouter(prefix="/v1/effects", tags=["coaching"])

BLIND_SPOT: Final = (
    "No check can see a cause that is not in the data: if people were sent for a reason that nobody recorded and that "
    "also moves results, the effect is wrong by it, and every check may still pass. Only a draw by lot rules it out."
)


class EventOut(Model):
    """One period of an event study."""

    lag: int = Field(description="Periods since the program was taken; below 0 before it.")
    effect: float
    low: float
    high: float
    trained: int

    @classmethod
    def of(cls, point: EffectPoint) -> "EventOut":
        """The same for the API."""
        return cls(lag=point.lag, effect=point.effect, low=point.low, high=point.high, trained=point.trained)


class CheckOut(Model):
    """A test of whether an effect can be believed."""

    slug: Literal["placebo", "permutation", "negative_control", "own_kpi", "confounding", "overlap"]
    label: str
    passed: bool | None = Field(description="Null: the data did not allow the test.")
    value: float | None
    text: str

    @classmethod
    def of(cls, check: EffectCheck) -> "CheckOut":
        """The same for the API."""
        return cls(slug=check.slug, label=check.label, passed=check.passed, value=check.value, text=check.text)


class FindingOut(Model):
    """What a program has caused, and what a naive reading would say."""

    program_id: str
    name: str
    skills: tuple[str, ...]
    cost: float | None = Field(description="Of a seat; null: unknown.")
    seats: int | None = Field(description="A period; null: no limit is known.")
    days: float | None = Field(description="Selling days that the training itself takes.")
    enrolled: int
    trained: int = Field(description="Trained rep-periods that the effect rests on.")
    controls: int = Field(description="Rep-periods not trained yet, beside them.")
    trimmed_share: float | None = Field(description="Share of the trained left out: nobody is comparable.")
    verdict: EffectVerdict
    detail: str
    effect: float | None = Field(
        description="On the attainment of those who took it, first full period after; 0.03 = 3 points. Null: unknown."
    )
    effect_low: float | None = Field(description="Lower end of its 95 % interval.")
    effect_high: float | None
    naive_before_after: float | None = Field(description="Misleads: regression to the mean counts as an effect.")
    naive_difference: float | None = Field(description="Misleads: the choice of people counts as an effect.")
    naive_words: str
    event_study: tuple[EventOut, ...]
    fading: str
    checks: tuple[CheckOut, ...]

    @classmethod
    def of(cls, row: ProgramFinding, batch: Batch) -> "FindingOut":
        """The same for the API."""
        return cls(
            program_id=row.program_id,
            name=row.name,
            skills=row.skills,
            cost=major_or_none(row.cost, batch),
            seats=row.seats,
            days=row.days,
            enrolled=row.enrolled,
            trained=row.trained,
            controls=row.controls,
            trimmed_share=row.trimmed_share,
            verdict=row.verdict,
            detail=row.detail,
            effect=row.effect,
            effect_low=row.effect_low,
            effect_high=row.effect_high,
            naive_before_after=row.naive_before_after,
            naive_difference=row.naive_difference,
            naive_words=row.naive_words,
            event_study=tuple(EventOut.of(point) for point in row.event_study),
            fading=row.fading,
            checks=tuple(CheckOut.of(check) for check in row.checks),
        )


class Findings(Answer):
    """Every program."""

    blind_spot: str = Field(description="What no check can see.")
    items: tuple[FindingOut, ...]


@router.get("", responses=documented(401, 404, 422, 503))
async def list_effects(request: Request, principal: ApiPrincipal, query: Annotated[PeriodQuery, Query()]) -> Findings:
    """List what each program has caused so far; it names nobody."""

    def build(batch: BatchReader) -> Findings:
        items = tuple(FindingOut.of(row, batch.batch) for row in batch.findings())
        return Findings(**source(batch.batch), blind_spot=BLIND_SPOT, items=items)

    return await on_batch(request, principal, build, period=query.period)
