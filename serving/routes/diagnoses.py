"""Diagnoses: why a rep's results are what they are, in parts that add up to the gap to plan."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from pydantic import Field

from serving.access import on_batch, reaching
from serving.problem import NotYoursError, documented
from serving.routes.answers import AbstentionOut, Answer, Identifier, Model, PeriodQuery, source
from spm_ml.predictions import BatchReader, Diagnosis, DiagnosisVerdict, Principal

router = APIRouter(prefix="/v1/diagnoses", tags=["coaching"])

SeesFigures = Annotated[Principal, Depends(reaching("figures"))]


class GapPartOut(Model):
    """One part of the gap; the parts add up to it."""

    kind: Literal["condition", "behaviour"] = Field(
        description="A condition is not in the rep's hands; a behaviour is what the rep does."
    )
    slug: str
    label: str
    points: float = Field(description="Attainment it adds or takes; 0.05 = 5 points.")
    text: str


class SkillOut(Model):
    """A skill beside that of peers."""

    skill: str
    gap: float = Field(description="Standard deviations of peers; positive: below them.")
    sd: float = Field(description="Standard error of the gap.")
    source: Literal["assessment", "kpi"]
    text: str


class DiagnosisOut(Model):
    """Why a rep's results are what they are."""

    rep_id: str
    span: str = Field(description="The finished periods that are diagnosed.")
    attainment: float | None
    gap: float | None = Field(description="attainment − 1.")
    parts: tuple[GapPartOut, ...]
    skills: tuple[SkillOut, ...]
    verdict: DiagnosisVerdict
    flag: bool = Field(description="Whether a person must decide about something; only `behaviour` is a flag.")
    headline: str
    evidence: str
    peers: str
    abstention: AbstentionOut | None

    @classmethod
    def of(cls, row: Diagnosis) -> "DiagnosisOut":
        """The same for the API."""
        return cls(
            rep_id=row.rep_id,
            span=row.period,
            attainment=row.attainment,
            gap=row.gap,
            parts=tuple(
                GapPartOut(kind=part.kind, slug=part.slug, label=part.label, points=part.points, text=part.text)
                for part in row.parts
            ),
            skills=tuple(
                SkillOut(skill=skill.skill, gap=skill.gap, sd=skill.sd, source=skill.source, text=skill.text)
                for skill in row.skills
            ),
            verdict=row.verdict,
            flag=row.verdict == "behaviour",
            headline=row.headline,
            evidence=row.evidence,
            peers=row.peers,
            abstention=AbstentionOut.of(row.abstention),
        )


class DiagnosisQuery(PeriodQuery):
    """Whose diagnosis."""

    rep_id: Identifier


class DiagnosisAnswer(Answer):
    """One rep's diagnosis."""

    diagnosis: DiagnosisOut | None = Field(description="Null: none is published for this rep.")


@router.get("", responses=documented(401, 403, 404, 422, 503))
async def get_diagnosis(
    request: Request, principal: SeesFigures, query: Annotated[DiagnosisQuery, Query()]
) -> DiagnosisAnswer:
    """Get one rep's diagnosis."""

    def build(batch: BatchReader) -> DiagnosisAnswer:
        if batch.prediction(query.rep_id) is None:
            raise NotYoursError
        found = batch.diagnosis(query.rep_id)
        return DiagnosisAnswer(**source(batch.batch), diagnosis=None if found is None else DiagnosisOut.of(found))

    return await on_batch(request, principal, build, period=query.period)
