"""What the planner shows: programs, the plan and its limits, a page of its lines, and the audit by group."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from serving import formats
from serving.formats import Money
from serving.pages.effect_words import ProgramWords, between, overview, program_words
from serving.pages.fairness_words import FairnessWords, fairness_words
from serving.pages.plan import PlanWords, plan_words
from serving.pages.planner_limits import LimitsForm, against, binding, command, limits_form, power_words
from serving.pages.planner_lines import Line
from serving.pages.planner_query import ACCEPT, PLAN_FILE, PLANNER, PREVIEW, PREVIEW_FILE, PlannerQuery, Show
from serving.pages.planner_rows import LineRow, line_row
from serving.pages.programs import ProgramRow, lead_of, program_rows
from serving.pages.queries import Pages
from serving.previews import Ground, Preview
from serving.problem import NotYoursError
from serving.routes.effects import BLIND_SPOT
from spm_ml.predictions import BatchReader, PlanSummary, Principal

_ENDS: Final[dict[Show, str]] = {"waiting": "Waiting by lot", "none": "Without an offer"}
_PUBLISHED: Final[dict[Show, str]] = {"all": "Everybody", "open": "Open offers", "decided": "Decided", **_ENDS}
_PREVIEWED: Final[dict[Show, str]] = {
    "all": "Everybody",
    "added": "Added",
    "dropped": "Dropped",
    "other": "In another program",
    "same": "The same",
    **_ENDS,
}


@dataclass(frozen=True)
class Choice:
    """An entry of a list to choose from."""

    label: str
    value: str
    chosen: bool


@dataclass(frozen=True)
class PreviewWords:
    """What only a preview has.

    Attributes:
        against: What it changes against the published plan.
        gain: What it is expected to bring.
        binding: What keeps more people from a program.
        power: What its hold-out would see.
        gap: That the search ended before the best plan was proven; empty if it is.
        command: Publishes the same; empty for planners of a part of the organisation.
    """

    against: str
    gain: str
    binding: tuple[str, ...]
    power: tuple[str, ...]
    gap: str
    command: str


@dataclass(frozen=True)
class Lines:
    """The lines of a plan that a filter keeps, a page of them.

    Attributes:
        decided: How many offers were decided about, in a sentence; empty in a preview.
        back: Address of this very page.
        accept: Where the open offers of the page are accepted together.
        open: How many those are.
        hidden: Fields that a filter carries along.
    """

    rows: tuple[LineRow, ...]
    pages: Pages
    shows: tuple[Choice, ...]
    decided: str
    back: str
    download: str
    accept: str
    open: int
    hidden: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class PlannerPage:
    """Everything the page shows.

    Attributes:
        here: Path of the page.
        form: The limits; None for readers who decide about no plan.
        plan: The plan as a whole; None for readers of a part of the organisation, and where nothing was planned.
        preview: None for the published plan.
        lines: Who and why; None for readers who decide about no plan.
        about: The program whose evidence is open.
        fairness: None for readers out of its reach.
        published: Address of the published plan.
    """

    heading: str
    here: str
    currency: str
    query: PlannerQuery
    form: LimitsForm | None
    plan: PlanWords | None
    preview: PreviewWords | None
    lines: Lines | None
    programs: tuple[ProgramRow, ...]
    programs_lead: str
    programs_chart: Markup | None
    about: ProgramWords | None
    blind_spot: str
    fairness: FairnessWords | None
    published: str


def contents(
    batch: BatchReader,
    query: PlannerQuery,
    *,
    ground: Ground | None = None,
    made: Preview | None = None,
    lines: Lines | None = None,
    changes: Sequence[str | None] = (),
) -> PlannerPage:
    """Everything the page shows.

    Args:
        batch: As the reader may see it.
        query: What the address asks for.
        ground: What is planned from; None for readers who decide about no plan.
        made: The preview; None: the published plan is shown.
        lines: Of the plan.
        changes: Of every line against the published plan.

    Raises:
        NotYoursError: The program that is to be open is unknown.
    """
    money, findings, published = Money.of(batch.batch), batch.findings(), batch.plan_summary()
    names = {finding.program_id: finding.name for finding in findings}
    if query.about is not None and query.about not in names:
        raise NotYoursError
    summary = published if made is None else made.summary(batch.batch.period)
    beside = published if made is not None else None
    return PlannerPage(
        heading=f"{'Training planner' if ground else 'Programs'} {batch.batch.period}",
        here=PLANNER if made is None else PREVIEW,
        currency=money.currency,
        query=query,
        form=None if ground is None else limits_form(query, ground, money, previewed=made is not None),
        plan=None if summary is None else plan_words(summary, names, money, published=beside),
        preview=None if made is None else _preview_words(batch, query, made, changes, published),
        lines=lines,
        programs=program_rows(findings, money, query, PLANNER if made is None else PREVIEW),
        programs_lead=lead_of(findings) if findings else "",
        programs_chart=overview(findings) if any(row.effect is not None for row in findings) else None,
        about=next((program_words(row, "about", money) for row in findings if row.program_id == query.about), None),
        blind_spot=BLIND_SPOT,
        fairness=None if batch.scope.reach("fairness") == "none" else fairness_words(batch.fairness(), batch.batch),
        published=query.published().href(PLANNER),
    )


def _preview_words(
    batch: BatchReader,
    query: PlannerQuery,
    made: Preview,
    changes: Sequence[str | None],
    published: PlanSummary | None,
) -> PreviewWords:
    money, gap = Money.of(batch.batch), made.plan.gap
    whole = published is not None or batch.scope.reach("person") == "all"
    if gap is None:
        ended = "The search found no plan in time: offers were taken in the order of their gain. Ask for less at once."
    else:
        ended = f"The search ended in time: a better plan could be worth up to {formats.percent(gap, digits=1)} more."
    return PreviewWords(
        against=against(changes),
        gain=_gain(made),
        binding=binding(made, money),
        power=tuple(formats.sentence(words) for words in power_words(made.plan.design, made.limits.hold_out)),
        gap="" if gap is not None and gap < _PROVEN else ended,
        command=command(query, made, money, seed=made.ground.rules.seed) if whole else "",
    )


def _gain(made: Preview) -> str:
    value = made.plan.values[0]
    if value.value is None:
        return "No effect is claimed for it."
    interval = f" ({between(value.low, value.high)})" if value.people else ""
    return f"Expected gain in all: {formats.points(value.value)} points{interval}."


_PROVEN: Final = 1e-3
"""Share below which nobody would read a gap as one."""


def lines_of(
    every: Sequence[Line], query: PlannerQuery, principal: Principal, money: Money, *, page_size: int, is_preview: bool
) -> Lines:
    """The lines that the filter keeps, a page of them."""
    kept = kept_lines(every, query)
    path, first = PREVIEW if is_preview else PLANNER, (query.page - 1) * page_size
    rows = tuple(
        line_row(line, f"l{place}", principal, money) for place, line in enumerate(kept[first : first + page_size])
    )
    last = min(first + page_size, len(kept))
    return Lines(
        rows=rows,
        pages=Pages(
            first=min(first + 1, len(kept)),
            last=last,
            total=len(kept),
            previous=query.href(path, page=query.page - 1) if query.page > 1 else None,
            next=query.href(path, page=query.page + 1) if last < len(kept) else None,
        ),
        shows=tuple(
            Choice(label, show, show == query.show)
            for show, label in (_PREVIEWED if is_preview else _PUBLISHED).items()
        ),
        decided="" if is_preview else _decided(every),
        back=query.href(path, page=query.page),
        download=query.href(PREVIEW_FILE if is_preview else PLAN_FILE, about=None),
        accept=query.href(ACCEPT, page=query.page),
        open=sum(row.is_open for row in rows),
        hidden=tuple(query.limits()),
    )


def kept_lines(every: Sequence[Line], query: PlannerQuery) -> list[Line]:
    """The lines that a filter keeps, in their order."""
    search = (query.q or "").casefold()
    return [line for line in every if line.is_shown(query.show, search)]


def _decided(lines: Sequence[Line]) -> str:
    """How far the decisions have come."""
    counts = Counter(str(line.status) for line in lines if line.status is not None)
    if not counts:
        return ""
    said = (
        ("open", "open"),
        ("accepted", "accepted"),
        ("overridden", "overridden"),
        ("declined", "declined by the rep"),
        ("expired", "expired"),
    )
    words = ", ".join(f"{formats.whole(counts[status])} {word}" for status, word in said if counts[status])
    return f"{formats.whole(counts.total())} {'offer' if counts.total() == 1 else 'offers'}: {words}."
