"""What the addresses of list pages may ask for; an empty field of a form asks for nothing."""

from typing import Annotated, Any, Final, Self
from urllib.parse import urlencode

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from serving.routes.answers import PRINTABLE, Day, Identifier
from spm_ml.predictions import Selection
from spm_ml.predictions.selection import BandChoice, Sort


def _nothing_if_empty(value: Any) -> Any:
    return None if value == "" else value


_LARGEST_FIRST: Final = frozenset({"quota", "forecast"})
_Search = Annotated[str, StringConstraints(max_length=100, strip_whitespace=True, pattern=PRINTABLE)]
_Optional: Final = BeforeValidator(_nothing_if_empty)


class RepListQuery(BaseModel):
    """Which reps a list page shows, in what order."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    period: Annotated[Identifier | None, _Optional] = None
    team: Annotated[Identifier | None, _Optional] = None
    band: Annotated[BandChoice | None, _Optional] = None
    q: Annotated[
        Annotated[str, StringConstraints(max_length=100, strip_whitespace=True, pattern=PRINTABLE)] | None, _Optional
    ] = None
    sort: Sort = "risk"
    reverse: bool = False
    page: int = Field(default=1, ge=1, le=10_000)

    @property
    def descending(self) -> bool:
        """Whether the largest comes first: amounts do, chances and names do not, and `reverse` turns it round."""
        return (self.sort in _LARGEST_FIRST) != self.reverse

    def selection(self, page_size: int) -> Selection:
        """The same for the store."""
        return Selection(
            manager_id=self.team,
            band=self.band,
            search=self.q,
            sort=self.sort,
            descending=self.descending,
            limit=page_size,
            offset=(self.page - 1) * page_size,
        )

    def href(self, path: str, **changes: object) -> str:
        """The address of the same list with something changed; a change also goes back to the first page."""
        changed = self.model_copy(update={"page": 1} | changes)
        asked = changed.model_dump(exclude_defaults=True)
        query = urlencode({name: "1" if value is True else value for name, value in asked.items()})
        return f"{path}?{query}" if query else path


class DayQuery(BaseModel):
    """As of which day a page is.

    Attributes:
        as_of: An earlier day of the period; None: the newest.
        shown: Period of which the form offered days: another period than the one that is asked for has others.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    as_of: Annotated[Day | None, _Optional] = None
    shown: Annotated[Identifier | None, _Optional] = None

    def settled(self, period: str) -> Self:
        """The same without the day if that was picked for another period than the one that is shown."""
        picked_elsewhere = self.shown is not None and self.shown != period
        return self.model_copy(update={"shown": None} | ({"as_of": None} if picked_elsewhere else {}))


class BoardQuery(RepListQuery, DayQuery):
    """Which reps the risk board shows, as of which day."""


class PeriodOfPage(BaseModel):
    """Which period a page is about; None: the published one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    period: Annotated[Identifier | None, _Optional] = None


class ObjectivesPageQuery(PeriodOfPage):
    """Which period, and the people of which manager; None: the reader's own."""

    team: Annotated[Identifier | None, _Optional] = None


class QuotasQuery(BaseModel):
    """Which quota proposal, None: the newest, and which page of its reps."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    proposal: Annotated[int | None, _Optional] = Field(default=None, ge=1, le=2**31 - 1)
    page: int = Field(default=1, ge=1, le=10_000)

    def href(self, page: int) -> str:
        """The address of another page of the same proposal."""
        asked = {} if self.proposal is None else {"proposal": self.proposal}
        return f"/quotas?{urlencode(asked | {'page': page})}"


class RepPageQuery(PeriodOfPage, DayQuery):
    """Which period a rep's page is about, as of which day."""


class Pages(BaseModel):
    """Where in a longer list a page is."""

    model_config = ConfigDict(frozen=True)

    first: int
    last: int
    total: int
    previous: str | None
    next: str | None


def pages_of(query: RepListQuery, path: str, *, total: int, page_size: int) -> Pages:
    """The neighbours of a page and what it holds."""
    last = min(query.page * page_size, total)
    return Pages(
        first=min((query.page - 1) * page_size + 1, total),
        last=last,
        total=total,
        previous=query.href(path, page=query.page - 1) if query.page > 1 else None,
        next=query.href(path, page=query.page + 1) if last < total else None,
    )
