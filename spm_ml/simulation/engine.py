"""Runs a world week by week and keeps what happened, as codes and day numbers."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from spm_ml.progress import Progress
from spm_ml.simulation.activity import Diary
from spm_ml.simulation.book import WON, Book, Rates, Week, credited, kept
from spm_ml.simulation.deals import LAST_STAGE, Kernel
from spm_ml.simulation.factors import Shocks, period_rates, steady_bookings, week_rates
from spm_ml.simulation.ledger import LOST, OPEN, UNCHANGED, Ledger, shares_of_week
from spm_ml.simulation.ledger import WON as OUTCOME_WON
from spm_ml.simulation.people import People, draw_people
from spm_ml.simulation.programs import Schooling
from spm_ml.simulation.quotas import QuotaSetter
from spm_ml.simulation.submissions import Submissions
from spm_ml.simulation.timeline import Timeline
from spm_ml.simulation.world import Floats, Ints, World

_STREAMS = ("people", "shocks", "schooling", "quotas", "deals", "colleagues", "clock", "diary", "submissions", "tables")
_SETTLED_DAYS = 60
_HANDOVER = 23 * 3600 + 59 * 60 + 30


def streams(seed: int) -> dict[str, np.random.Generator]:
    """An independent source of chance for each part, so that changing one leaves the others as they were."""
    children = np.random.SeedSequence(seed).spawn(len(_STREAMS))
    return {name: np.random.default_rng(child) for name, child in zip(_STREAMS, children, strict=True)}


@dataclass
class Course:
    """Everything that happened.

    Attributes:
        deals: Deals as they were created; a deal's number is its position.
        rates: Of each period, before ramp and presence.
        skills: Of each period, (P, K).
    """

    world: World
    timeline: Timeline
    people: People
    shocks: Shocks
    schooling: Schooling
    quotas: QuotaSetter
    ledger: Ledger
    submissions: Submissions
    deals: Book = field(default_factory=Book.empty)
    rates: list[Rates] = field(default_factory=list)
    skills: list[Floats] = field(default_factory=list)


def run(
    world: World,
    timeline: Timeline,
    seats: int,
    chance: dict[str, np.random.Generator],
    on_activities: Callable[[dict[str, Ints]], None],
    progress: Progress,
) -> Course:
    """Simulates every period; activities of each reported period are handed to `on_activities`."""
    people = draw_people(world, timeline, seats, chance["people"])
    course = Course(
        world=world,
        timeline=timeline,
        people=people,
        shocks=Shocks.draw(world, people, len(timeline.periods), chance["shocks"]),
        schooling=Schooling.start(world, people, chance["schooling"]),
        quotas=QuotaSetter.start(world, people, timeline),
        ledger=Ledger(world, timeline),
        submissions=Submissions.start(people, timeline, chance["submissions"]),
    )
    kernel, diary, created = Kernel(world, timeline), Diary(world, people, timeline), 0
    book, parts = Book.empty(), []
    for period in range(len(timeline.periods)):
        progress("simulate", period, len(timeline.periods))
        reported = period >= timeline.first_reported
        rates = _begin_period(course, period, chance)
        if period == timeline.first_reported:
            book = _open_crm(course, book)
        for week in timeline.weeks_of(period):
            now = week_rates(rates, world, people, timeline, week, chance["colleagues"])
            if reported:
                diary.add_week(week, book, course.shocks, chance["diary"])
            happened = kernel.step(book, now, people.segment, week, chance["deals"])
            happened.new.deal = created + np.arange(len(happened.new))
            created += len(happened.new)
            parts.append(happened.new.take(np.arange(len(happened.new))))
            _credit(course, period, happened)
            if reported:
                _log(course, book, happened, week, chance["clock"])
            book = happened.after.take(kept(happened)).with_new(happened.new)
            book = _reassign(course, book, week, reported, chance["colleagues"])
            if reported:
                course.submissions.add_week(week, course.quotas.bookings[period], book, chance["submissions"])
        if reported:
            on_activities(diary.take())
    course.deals = _joined(parts)
    forgotten = (course.deals.partner >= 0) & (people.left_on < timeline.report_start)[course.deals.partner]
    course.deals.partner[forgotten] = -1
    progress("simulate", len(timeline.periods), len(timeline.periods))
    return course


def _begin_period(course: Course, period: int, chance: dict[str, np.random.Generator]) -> Rates:
    """Skills move on, managers assess and send people to programs, quotas are set."""
    world, timeline, people, schooling = course.world, course.timeline, course.people, course.schooling
    fiscal, start = timeline.periods[period], timeline.start_of(period)
    schooling.next_period(period)
    present = (people.hired_on <= start) & (people.left_on > start + 30)
    lost = np.zeros(people.count)
    if period >= timeline.first_reported:
        half_year = max(len(world.seasonality) // 2, 1)
        if period == timeline.first_reported or (fiscal.number - 1) % half_year == 0:
            schooling.assess(int(timeline.next_selling_day(np.array([start + 12]))[0]), present, chance["schooling"])
        settled = present & (people.hired_on <= start - _SETTLED_DAYS)
        attainment, motivation = course.quotas.attainment(period - 1), course.shocks.motivation[period]
        lost = schooling.enrol(period, timeline, attainment, settled, motivation, chance["schooling"])
    skill = schooling.skill.copy()
    selling = timeline.week_load[timeline.weeks_of(period)].sum() * 5
    rates = period_rates(world, people, course.shocks, skill, period, fiscal.number, lost / selling)
    course.skills.append(skill)
    course.rates.append(rates)
    course.quotas.set_quotas(period, steady_bookings(world, rates, people.segment), chance["quotas"])
    return rates


def _open_crm(course: Course, book: Book) -> Book:
    """On the first reported morning the open pipeline is loaded into the CRM; what was closed before stays outside.

    So does a deal that was reopened after its owner had left: nobody the CRM knows has it.
    """
    gone = (course.people.left_on < course.timeline.report_start)[book.owner]
    book = book.take((book.stage > 0) & ~gone)
    book.partner[course.people.left_on[book.partner] < course.timeline.report_start] = -1
    day = np.full(len(book), course.timeline.report_start)
    course.ledger.add(
        "created", book.deal, day - 1, np.full(len(book), 6 * 3600), recorded_on=day,
        owner=book.owner, stage=book.stage, amount=book.amount, expected=book.expected, outcome=OPEN,
    )  # fmt: skip
    return book


def _credit(course: Course, period: int, happened: Week) -> None:
    undone = np.concatenate([happened.cancelled, happened.reopened])
    for chosen, sign in ((happened.won, 1), (undone, -1)):
        course.quotas.bookings[period] += credited(happened.after.take(chosen), 1, course.people.count, sign)


def _log(course: Course, before: Book, happened: Week, week: int, clock: np.random.Generator) -> None:
    ledger, timeline, after, new = course.ledger, course.timeline, happened.after, happened.new
    last_week = bool(timeline.progress[week] == 1)

    def when(count: int, closing: bool = False) -> Ints:
        return timeline.selling_day(week, shares_of_week(count, closing and last_week, clock))

    ledger.add(
        "created", new.deal, new.created_on, ledger.hours(len(new), clock),
        owner=new.owner, stage=new.stage, amount=new.amount, expected=new.expected, outcome=OPEN,
    )  # fmt: skip
    for kind, rows in (("advanced", happened.advanced), ("pushed", happened.pushed), ("resized", happened.resized)):
        deal, days, hours = before.deal[rows], when(len(rows)), ledger.hours(len(rows), clock)
        if kind == "advanced":
            ledger.add(kind, deal, days, hours, stage=after.stage[rows])
        elif kind == "pushed":
            ledger.add(kind, deal, days, hours, expected=after.expected[rows])
        else:
            ledger.add(kind, deal, days, hours, amount=after.amount[rows])
    closings = (
        ("won", happened.won, OUTCOME_WON),
        ("lost", happened.lost, LOST),
        ("cancelled", happened.cancelled, LOST),
    )
    for kind, rows, outcome in closings:
        days = when(len(rows), closing=True)
        # A cancellation is entered at once: its day would otherwise be known to nobody but the row's closed_on.
        entered = days if kind == "cancelled" else ledger.entry_days(days, clock)
        amount = np.where(after.amount[rows] != before.amount[rows], after.amount[rows], UNCHANGED)
        ledger.add(
            kind, before.deal[rows], days, ledger.closing_hours(days, clock),
            recorded_on=entered, amount=amount, outcome=outcome,
        )  # fmt: skip
    rows = happened.reopened
    ledger.add(
        "reopened", before.deal[rows], when(len(rows)), ledger.hours(len(rows), clock),
        stage=np.full(len(rows), LAST_STAGE), expected=after.expected[rows], outcome=OPEN,
    )  # fmt: skip


def _reassign(course: Course, book: Book, week: int, reported: bool, rng: np.random.Generator) -> Book:
    """Open deals of those whose last week this was go to active colleagues of the team (H04), or are lost."""
    people, timeline = course.people, course.timeline
    orphaned = np.flatnonzero((people.left_week == week)[book.owner] & (book.stage != WON))
    if not len(orphaned):
        return book
    period = int(timeline.week_period[week])
    heir = people.heirs(people.team[period, book.owner[orphaned]], week, period, rng)
    inherited = (heir >= 0) & course.world.knobs.inherit
    book.owner[orphaned[inherited]] = heir[inherited]
    day, evening = np.full(len(orphaned), timeline.week_end[week]), np.full(len(orphaned), _HANDOVER)
    if reported:
        course.ledger.add(
            "reassigned", book.deal[orphaned[inherited]], day[inherited], evening[inherited], owner=heir[inherited]
        )
        course.ledger.add("lost", book.deal[orphaned[~inherited]], day[~inherited], evening[~inherited], outcome=LOST)
    remaining = np.ones(len(book), dtype=np.bool_)
    remaining[orphaned[~inherited]] = False
    return book.take(remaining)


def _joined(parts: list[Book]) -> Book:
    whole = {name: np.concatenate([getattr(part, name) for part in parts]) for name in Book.__dataclass_fields__}
    return Book(**whole)
