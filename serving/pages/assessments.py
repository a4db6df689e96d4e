"""How skills are rated: by the rep, by managers and by what the data show; and the form to rate them."""

from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response
from starlette.exceptions import HTTPException

from serving import formats
from serving.access import require_reach
from serving.pages.diagnosis import beside_peers
from serving.pages.frame import PagePrincipal, rep_href
from serving.pages.origin import same_origin
from serving.routes.answers import Identifier
from serving.routes.assessments import record_ratings
from serving.writing import FormKey, write_form
from spm_ml.predictions import Assessment, Assessor, BatchReader, Diagnosis, Prediction, PredictionStore, SkillRating

router = APIRouter(include_in_schema=False, dependencies=[Depends(same_origin)])

SCALE: Final[dict[str, str]] = {
    "1": "1 – just starting",
    "2": "2 – with help",
    "3": "3 – alone, most of the time",
    "4": "4 – reliably, in hard cases too",
    "5": "5 – helps others with it",
    "unsure": "Not sure",
}
"""What may be chosen, in the order of the form."""

_FIELD: Final = "skill:"
_MOST_SKILLS: Final = 100


@dataclass(frozen=True)
class RatedSkill:
    """One skill in three views.

    Attributes:
        field: Name of its field in the form.
        own: The rep's own rating.
        manager: That of a manager, and whose it is.
        shown: What the data show, with how sure that is.
    """

    field: str
    label: str
    own: str
    manager: str
    manager_name: str
    shown: str
    detail: str


@dataclass(frozen=True)
class AssessmentWords:
    """The ratings of a rep as a reader sees them.

    Attributes:
        own: Whether the reader is the rep.
        name: Of the rep.
        choices: The scale by the value that is sent.
        rated_from_data: Whether something of what the data show already contains ratings.
    """

    rep_id: str
    name: str
    own: bool
    skills: tuple[RatedSkill, ...]
    choices: dict[str, str]
    rated_from_data: bool


def assessment_words(batch: BatchReader, row: Prediction, diagnosis: Diagnosis | None) -> AssessmentWords | None:
    """The ratings of a rep; None for readers who see none."""
    if batch.scope.reach("assessment") == "none":
        return None
    standing: dict[tuple[str, Assessor], Assessment] = {
        (one.skill, one.assessor): one for one in batch.standing_assessments(row.rep_id)
    }
    found = {} if diagnosis is None else {skill.skill: skill for skill in diagnosis.skills}
    return AssessmentWords(
        rep_id=row.rep_id,
        name=row.name,
        own=batch.scope.rep_id == row.rep_id,
        skills=tuple(
            _skill(skill, standing.get((skill, "self")), standing.get((skill, "manager")), found.get(skill))
            for skill in batch.skills()
        ),
        choices=SCALE,
        rated_from_data=any(skill.source == "assessment" for skill in found.values()),
    )


def _skill(skill: str, own: Assessment | None, manager: Assessment | None, found: SkillRating | None) -> RatedSkill:
    return RatedSkill(
        field=_FIELD + skill,
        label=skill.replace("_", " ").capitalize(),
        own=_rated(own),
        manager=_rated(manager),
        manager_name="" if manager is None else f"{manager.assessed_by}, {formats.short_day(manager.assessed_on)}",
        shown=formats.NOTHING if found is None else _shown(found),
        detail="nothing is known" if found is None else beside_peers(found),
    )


def _rated(one: Assessment | None) -> str:
    if one is None:
        return formats.NOTHING
    return SCALE["unsure" if one.score is None else str(one.score)]


def _shown(found: SkillRating) -> str:
    """A gap counts from two standard errors on: one in twenty is as large by chance."""
    if abs(found.gap) < 2 * found.sd:
        return "about like peers"
    return "below peers" if found.gap > 0 else "above peers"


@router.post("/assessments")
async def rate(
    request: Request,
    principal: PagePrincipal,
    rep_id: Annotated[Identifier, Form()],
    key: FormKey = "",
) -> Response:
    """Records the ratings that were chosen and goes back to where they are shown; nothing chosen is nothing said."""
    require_reach(principal, "assess")
    ratings = _ratings({name: value for name, value in (await request.form()).items() if isinstance(value, str)})
    today = request.app.state.settings.today()

    def work(store: PredictionStore) -> None:
        record_ratings(store, principal, rep_id, ratings, today=today)

    if ratings:
        said = (rep_id, *(f"{skill}={score}" for skill, score in sorted(ratings.items())))
        await write_form(request, principal, key, said, work)
    return RedirectResponse(f"{rep_href(rep_id)}#assessment", 303)


def _ratings(fields: dict[str, str]) -> dict[str, int | None]:
    """The ratings of a form by skill.

    Raises:
        HTTPException: 422, something is not on the scale.
    """
    chosen = {name.removeprefix(_FIELD): value for name, value in fields.items() if name.startswith(_FIELD) and value}
    if len(chosen) > _MOST_SKILLS or not set(chosen.values()) <= SCALE.keys():
        raise HTTPException(422)
    return {skill: None if value == "unsure" else int(value) for skill, value in chosen.items()}
