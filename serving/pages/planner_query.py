"""What the addresses of the planner may ask for: limits, which lines, and which program is open."""

from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlencode

from fastapi import Depends, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError

from serving.previews import Wishes
from serving.routes.answers import PRINTABLE, Identifier

PLANNER: Final = "/planner"
PREVIEW: Final = "/planner/preview"
ACCEPT: Final = "/planner/accept"
PREVIEW_FILE: Final = "/exports/plan.csv"
PLAN_FILE: Final = "/exports/recommendations.csv"

Show = Literal["all", "open", "decided", "waiting", "none", "added", "dropped", "other", "same"]

SEATS: Final = "seats."
_LISTED: Final = {"period", "q", "show", "page", "about"}
HOLD_OUT: Final = 20
"""Percent that a hold-out draws unless somebody says otherwise."""


def _nothing_if_empty(value: Any) -> Any:
    return None if value == "" else value


_Empty: Final = BeforeValidator(_nothing_if_empty)
_Count = Annotated[int, Field(ge=0, le=1_000_000)]
_Search = Annotated[str, StringConstraints(max_length=100, strip_whitespace=True, pattern=PRINTABLE)]


class PlannerQuery(BaseModel):
    """Which plan, and which of its lines.

    Attributes:
        period: Whose published plan; None: the newest.
        q: Only reps with this in their name.
        show: Only lines of this kind.
        page: Of the lines.
        about: Program whose evidence is open.
        budget: Most to spend, in units of the currency; None: no limit.
        people: Most reps; None: no limit.
        seats: By program; None: as on record.
        min_share: Least share of each team, in percent.
        lot: Whether some are held out by lot.
        hold_out: Share that is, in percent.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    period: Annotated[Identifier | None, _Empty] = None
    q: Annotated[_Search | None, _Empty] = None
    show: Show = "all"
    page: int = Field(default=1, ge=1, le=100_000)
    about: Annotated[Identifier | None, _Empty] = None
    budget: Annotated[Annotated[float, Field(ge=0, le=1e12)] | None, _Empty] = None
    people: Annotated[_Count | None, _Empty] = None
    seats: dict[Identifier, Annotated[_Count | None, _Empty]] = Field(default={}, max_length=1_000)
    min_share: Annotated[int, Field(ge=0, le=100)] = 0
    lot: bool = False
    hold_out: Annotated[int, Field(ge=1, le=90)] = HOLD_OUT

    def wishes(self, seed: int) -> Wishes:
        """The limits."""
        seats = {program: number for program, number in self.seats.items() if number is not None}
        hold_out = self.hold_out / 100 if self.lot else 0.0
        return Wishes(self.budget, self.people, seats, self.min_share / 100, hold_out, seed)

    def limits(self) -> Iterator[tuple[str, str]]:
        """The limits as fields of a form."""
        for program, number in self.seats.items():
            yield f"{SEATS}{program}", "" if number is None else str(number)
        asked = self.model_dump(exclude_defaults=True, exclude={*_LISTED, "seats"})
        yield from ((name, written(value)) for name, value in asked.items())

    def href(self, path: str, **changes: object) -> str:
        """The address of the same with something changed; a change also goes back to the first page."""
        changed = self.model_copy(update={"page": 1} | changes)
        listed = changed.model_dump(exclude_defaults=True, include=_LISTED)
        query = urlencode([*((name, str(value)) for name, value in listed.items()), *changed.limits()])
        return f"{path}?{query}" if query else path

    def published(self) -> "PlannerQuery":
        """The same without limits."""
        return PlannerQuery(period=self.period, q=self.q)


async def planner_query(request: Request) -> PlannerQuery:
    """Reads an address; seats of a program are named after it, as no name may stand there twice.

    Raises:
        RequestValidationError: Something in it is unknown or out of range.
    """
    asked: dict[str, Any] = {"seats": {}}
    for name, value in request.query_params.items():
        if name.startswith(SEATS):
            asked["seats"][name.removeprefix(SEATS)] = value
        elif name == "seats":
            raise RequestValidationError([{"loc": ("query", name), "type": "extra_forbidden"}])
        else:
            asked[name] = value
    try:
        return PlannerQuery.model_validate(asked)
    except ValidationError as error:
        raise RequestValidationError([one | {"loc": ("query", *one["loc"])} for one in error.errors()]) from error


Asked = Annotated[PlannerQuery, Depends(planner_query)]


def written(value: object) -> str:
    """A value as a form or an address holds it.

    >>> written(True), written(2_000.0), written(0.5)
    ('1', '2000', '0.5')
    """
    if isinstance(value, bool):
        return "1" if value else ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
