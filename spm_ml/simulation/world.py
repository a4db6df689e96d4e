"""What is true in a simulated sales organisation: its numbers, frozen, and written to `truth/world.json`.

A world built from the defaults alone is clean: nobody leaves, nothing is pushed, backdated or split. Each natural
hazard of `simulation.hazards` turns some of the knobs in `Knobs`.
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

from spm_ml.settings import FiscalSettings, Organisation, StageSettings

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

STAGES = ("prospecting", "qualification", "proposal", "negotiation")
SKILLS = ("prospecting", "qualification", "negotiation", "value_selling")
HOCKEY_STICK = (0.35, 0.40, 0.45, 0.50, 0.60, 0.70, 0.80, 0.90, 1.05, 1.30, 1.80, 2.80, 4.80)
"""Relative chance that a deal closes, by thirteenths of the period: bookings land at the end (H24)."""


@dataclass(frozen=True)
class Segment:
    """How deals of a market segment behave; rates are a week of five selling days, at average skill.

    Attributes:
        name: As in the tables.
        team_share: Share of the teams.
        created: Deals that a fully ramped rep creates.
        advance: Hazards of leaving stage 1, 2, 3 for the next.
        lose: Hazards of being lost in stage 1 … 4.
        win: Hazards of being won in stage 1 … 4.
        median_amount: Currency units.
        amount_spread: Standard deviation of the log amount.
        cycle_days: Typical days from creation to close.
    """

    name: str
    team_share: float
    created: float
    advance: tuple[float, float, float]
    lose: tuple[float, float, float, float]
    win: tuple[float, float, float, float]
    median_amount: float
    amount_spread: float
    cycle_days: float


@dataclass(frozen=True)
class TrueProgram:
    """A training program and what it truly does.

    Attributes:
        program_id: As in the tables.
        name: As in the tables.
        skills: What it claims to teach.
        effect: Skill points gained for each point of gap below `World.skill_target`; 0 is a dud.
        cost: Currency units a seat.
        seats_share: Seats a period as a share of the reps.
        days: Selling days it takes.
    """

    program_id: str
    name: str
    skills: tuple[str, ...]
    effect: float
    cost: float
    seats_share: float
    days: int


SEGMENTS = (
    Segment("SMB", 0.35, 3.1, (0.42, 0.42, 0.40), (0.22, 0.18, 0.13, 0.09), (0, 0, 0.03, 0.36), 6_000, 0.42, 45),
    Segment(
        "Mid-Market", 0.40, 1.9, (0.30, 0.30, 0.28), (0.13, 0.10, 0.08, 0.06), (0, 0, 0.01, 0.27), 21_000, 0.42, 75
    ),
    Segment(
        "Enterprise", 0.25, 1.3, (0.20, 0.20, 0.19), (0.075, 0.06, 0.05, 0.035), (0, 0, 0, 0.20), 72_000, 0.42, 110
    ),
)

PROGRAMS = (
    TrueProgram("P1", "Pipeline Builder", ("prospecting",), 0.55, 2_400, 0.10, 3),
    TrueProgram("P2", "Discovery Lab", ("qualification",), 0.50, 1_800, 0.10, 2),
    TrueProgram("P3", "Negotiation Clinic", ("negotiation",), 0.50, 3_200, 0.08, 3),
    TrueProgram("P4", "Value Selling Workshop", ("value_selling",), 0.50, 2_900, 0.08, 2),
    TrueProgram("P5", "Closing Secrets", ("negotiation",), 0.0, 1_500, 0.10, 1),
    TrueProgram("P6", "Sales Fundamentals", ("prospecting", "qualification"), 0.20, 1_200, 0.10, 2),
)


@dataclass(frozen=True)
class Knobs:
    """How often what happens; zero switches it off. The hazard that turns each is named in `simulation.hazards`.

    Attributes:
        late_entry: Share of closes recorded one to eight days after the day they count for.
        push: Chance a week that the close date of an overdue deal is moved; below 1 deals stay overdue.
        inherit: Open deals of a leaver go to colleagues (else they are lost).
        split, overlay: Shares of deals with a second revenue rep, with an overlay rep.
        quota_change, quota_missing, quota_zero: Shares of rep-periods.
        growth: Share of seats first filled during the history.
        ramp_days: Days until a new hire creates pipeline at full rate; 0: from the first day.
        part_time: Share of reps below full time; as many change their hours once.
        attrition: Chance a year that a rep leaves.
        moves: Chance a period that a rep changes territory and, where there is another of the segment, team.
        manager_change: Chance a period that a team gets another manager.
        late_hours: Share of closes recorded in the evening, doubled on the last day of a period.
        cancel: Chance a week that a deal won two to ten weeks ago is cancelled (seven in ten) or reopened.
        dormant: Share of deals that are forgotten without being closed.
        whale: Share of deals six times the usual size.
        selection: How strongly managers send reps after a bad period, in logits for each missing unit of attainment.
        proxy: How much worse territories are for one group, in log units.
        hockey_stick: 1 = bookings land at the end as in `HOCKEY_STICK`, 0 = evenly.
        flagged: Share of enrolments of the last periods that followed a flag of an earlier model.
        gamed: Share of reps who triple their logged activity in the last two periods.
        foreign: Share of teams that sell in other currencies.
        mixed_basis: Share of deals whose amount is a twelfth of the others': a month's revenue.
        renamed_stage: Share of the history after which the third stage got its name; 0: it always had it.
        duplicates: Share of deals that are exported twice, half of them with another amount.
        newcomers: Share of seats filled only in the last two periods.
        missing_days: Days before the end after which no record was loaded.
        motivation: What a standard deviation of a motivation that nobody sees adds to the log rates of creating and of
            winning deals.
        volunteering: What the same adds to the chance of being sent to a program, in logits.
    """

    late_entry: float = 0.0
    push: float = 1.0
    inherit: bool = False
    split: float = 0.0
    overlay: float = 0.0
    quota_change: float = 0.0
    quota_missing: float = 0.0
    quota_zero: float = 0.0
    growth: float = 0.0
    ramp_days: int = 0
    part_time: float = 0.0
    attrition: float = 0.0
    moves: float = 0.0
    manager_change: float = 0.0
    late_hours: float = 0.0
    cancel: float = 0.0
    dormant: float = 0.0
    whale: float = 0.0
    selection: float = 0.0
    proxy: float = 0.0
    hockey_stick: float = 0.0
    flagged: float = 0.0
    gamed: float = 0.0
    foreign: float = 0.0
    mixed_basis: float = 0.0
    renamed_stage: float = 0.0
    duplicates: float = 0.0
    newcomers: float = 0.0
    missing_days: int = 0
    motivation: float = 0.0
    volunteering: float = 0.0


@dataclass(frozen=True)
class World:
    """Everything that does not depend on chance.

    Attributes:
        loadings: Effect of one point of each skill on the log rate it drives, in the order of `SKILLS`: deals
            created, speed through the stages, won against lost, size.
        skill_target: Skill above which programs teach nothing new.
        fade: Share of a program's gain lost each period.
        period_shock, team_shock, effort_spread: Standard deviations, log units: of everybody's win rate in a period,
            of a team's, and of a rep's energy (first-order autoregressive).
        urgency_spread: Standard deviation of the log urgency of deals, known to nobody.
        seasonality: Log units on creation by quarter of the fiscal year.
        enrolment_rate: Share of reps sent to a program each period.
        activities: Calls, mails and meetings a rep and week.
        gain_by: What decides how much a program gives: the gap in the skill, or how new the rep is.
    """

    organisation: Organisation
    segments: tuple[Segment, ...] = SEGMENTS
    programs: tuple[TrueProgram, ...] = PROGRAMS
    loadings: tuple[float, ...] = (0.20, 0.15, 0.20, 0.18)
    skill_target: float = 0.8
    fade: float = 0.06
    period_shock: float = 0.08
    team_shock: float = 0.06
    effort_spread: float = 0.12
    urgency_spread: float = 0.50
    seasonality: tuple[float, ...] = (-0.06, 0.0, -0.02, 0.08)
    enrolment_rate: float = 0.08
    activities: float = 40.0
    team_size: int = 8
    effects: float = 1.0
    gain_by: Literal["gap", "tenure"] = "gap"
    burn_in: int = 5
    knobs: Knobs = field(default_factory=Knobs)
    planted: tuple[str, ...] = ()

    @classmethod
    def clean(cls, effects: float = 1.0) -> Self:
        """A world without hazards; `effects` multiplies what the programs do."""
        organisation = Organisation(
            name="Simulated sales organisation",
            currency="USD",
            timezone="America/New_York",
            fiscal=FiscalSettings(holidays="US"),
            stages=tuple(StageSettings(name=stage) for stage in STAGES),
        )
        return cls(organisation=organisation, effects=effects)

    def effect_of(self, program: TrueProgram) -> float:
        """Skill points gained for each point of gap, in this world."""
        return program.effect * self.effects

    def write(self, path: Path) -> None:
        """Writes the world as JSON."""
        content = asdict(self) | {"organisation": self.organisation.model_dump(mode="json")}
        path.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Self:
        """Reads what `write` wrote."""
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        content["organisation"] = Organisation.parse(content["organisation"], where=str(path))
        content["segments"] = tuple(Segment(**_tuples(segment)) for segment in content["segments"])
        content["programs"] = tuple(TrueProgram(**_tuples(program)) for program in content["programs"])
        content["knobs"] = Knobs(**content["knobs"])
        return cls(**_tuples(content))


def _tuples(content: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in content.items()}
