"""The data contract, version 1: columns, types, keys and rules of every table.

This list is the only place that knows them; ingest, history, the simulator and the docs derive from it.
"""

from dataclasses import dataclass
from typing import Final, Literal

ColumnType = Literal["text", "date", "timestamp", "money", "number", "integer", "choice"]
"""`money` is decimal outside and integer minor units inside; `timestamp` is UTC; `choice` is closed."""

CONTRACT_VERSION: Final = 1

_THREE_DECIMALS: Final = frozenset({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"})
_NO_DECIMALS: Final = frozenset(
    {"BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"}
)


def minor_digits(currency: str) -> int:
    """Decimal digits of a currency's minor unit (ISO 4217).

    >>> minor_digits("USD"), minor_digits("JPY"), minor_digits("KWD")
    (2, 0, 3)
    """
    if currency in _NO_DECIMALS:
        return 0
    return 3 if currency in _THREE_DECIMALS else 2


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes:
        name: As in the contract.
        type: How it is read and held.
        description: What it means, with its unit.
        required: The table cannot be used without it, and no row may leave it empty.
        choices: The values of a `choice`.
        minimum: Smallest value of a number or amount.
        maximum: Largest value of a number.
        above_minimum: The minimum itself is excluded.
        references: `table.column` in which the value must occur.
        default: Value of an empty cell or missing column.
        added: It joined the contract after version 1 was released, so tables that were stored before lack it.
    """

    name: str
    type: ColumnType
    description: str
    required: bool = False
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    above_minimum: bool = False
    references: str | None = None
    default: str | None = None
    added: bool = False


@dataclass(frozen=True)
class OrderRule:
    """`earlier` must not lie after `later` in the same row, where both are given."""

    earlier: str
    later: str


@dataclass(frozen=True)
class Table:
    """One table of the contract.

    Attributes:
        name: File stem of the CSV or Parquet.
        description: What a row is.
        columns: In the contract's order.
        key: Columns that name a row. Rows of a `ledger` with the same key are told apart by their order.
        required: Ingest stops without this table.
        ledger: Append-only events: identical rows are separate events, not duplicates.
        order_rules: Pairs of dates that must be in order.
    """

    name: str
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    required: bool = False
    ledger: bool = False
    order_rules: tuple[OrderRule, ...] = ()

    def column(self, name: str) -> Column:
        """The column of that name.

        Raises:
            KeyError: The table has no such column.
        """
        return {column.name: column for column in self.columns}[name]

    @property
    def required_columns(self) -> tuple[str, ...]:
        """Names of the columns without which the table cannot be used."""
        return tuple(column.name for column in self.columns if column.required)


OUTCOMES: Final = ("won", "lost", "open")

MOST_SHARED: Final = 1.000001
"""Sum of a deal's revenue shares; three of 0.333333 and more decimals are a whole."""

_REP = Column("rep_id", "text", "The rep.", required=True, references="reps.rep_id")
_RECORDED = Column("recorded_at", "timestamp", "When the source system knew it (UTC).")
_CURRENCY = Column("currency", "text", "ISO 4217 code; the organisation's by default.")

TABLES: Final[tuple[Table, ...]] = (
    Table(
        "reps",
        "A rep; several rows with effective_from are the history of manager, team and territory.",
        (
            Column("rep_id", "text", "The rep.", required=True),
            Column("name", "text", "Shown on pages."),
            Column("role", "text", "Job role, for example account executive or manager."),
            Column("team", "text", "Team."),
            Column("region", "text", "Region."),
            Column("segment", "text", "Market segment."),
            Column("manager_id", "text", "The manager's rep_id."),
            Column("hired_on", "date", "First day of employment.", required=True),
            Column("left_on", "date", "Last day of employment."),
            Column("fte", "number", "Full-time equivalent.", minimum=0, maximum=1, above_minimum=True, default="1"),
            Column("territory", "text", "Territory."),
            Column("territory_potential", "number", "Potential of the territory, 1 = average.", minimum=0),
            Column("effective_from", "date", "From when the row holds; empty: since hired."),
        ),
        key=("rep_id", "effective_from"),
        required=True,
        order_rules=(OrderRule("hired_on", "left_on"),),
    ),
    Table(
        "quotas",
        "A rep's target for a period; several rows with set_on are changes.",
        (
            _REP,
            Column("period", "text", "`2026Q1`, `2026-03` or the period's start date.", required=True),
            Column("amount", "money", "The target; 0 counts as no quota.", required=True, minimum=0),
            _CURRENCY,
            Column("set_on", "date", "When it became known; empty: at the period's start."),
        ),
        key=("rep_id", "period", "set_on"),
        required=True,
    ),
    Table(
        "opportunities",
        "A deal as it stands now.",
        (
            Column("opportunity_id", "text", "The deal.", required=True),
            _REP,
            Column("account_id", "text", "The customer."),
            Column("product", "text", "What is sold."),
            Column("kind", "choice", "Kind of business.", choices=("new", "expansion", "renewal")),
            Column("source", "text", "Lead source."),
            Column("amount", "money", "Value; negative for refunds."),
            _CURRENCY,
            Column("created_on", "date", "Day the deal was created.", required=True),
            Column("closed_on", "date", "Day it was won or lost."),
            Column("expected_close_on", "date", "Forecast close day."),
            Column("stage", "text", "Stage of the pipeline.", required=True),
            Column("outcome", "choice", "How it ended.", choices=OUTCOMES, default="open"),
            _RECORDED,
        ),
        key=("opportunity_id",),
        required=True,
        order_rules=(OrderRule("created_on", "closed_on"),),
    ),
    Table(
        "opportunity_events",
        "The ledger of changes of deals; only appended. Empty cells mean unchanged.",
        (
            Column("opportunity_id", "text", "The deal.", required=True, references="opportunities.opportunity_id"),
            Column("recorded_at", "timestamp", "When the change was recorded (UTC).", required=True),
            Column("rep_id", "text", "Owner from now on.", references="reps.rep_id"),
            Column("stage", "text", "Stage from now on."),
            Column("amount", "money", "Value from now on."),
            Column("expected_close_on", "date", "Forecast close day from now on."),
            Column("outcome", "choice", "Outcome from now on.", choices=OUTCOMES),
        ),
        key=("opportunity_id", "recorded_at"),
        ledger=True,
    ),
    Table(
        "credits",
        "A rep's share in a deal.",
        (
            Column("opportunity_id", "text", "The deal.", required=True, references="opportunities.opportunity_id"),
            _REP,
            Column("share", "number", "Share of the deal's value.", required=True, minimum=0, maximum=1),
            Column(
                "kind", "choice", "Revenue shares sum to the deal.", choices=("revenue", "overlay"), default="revenue"
            ),
        ),
        key=("opportunity_id", "rep_id", "kind"),
    ),
    Table(
        "activities",
        "Something a rep did.",
        (
            _REP,
            Column("occurred_at", "timestamp", "When (UTC).", required=True),
            Column("kind", "text", "call, email, meeting, demo …", required=True),
            Column("opportunity_id", "text", "The deal, if any."),
            Column("minutes", "number", "Duration.", minimum=0),
            _RECORDED,
        ),
        key=("rep_id", "occurred_at", "kind", "opportunity_id"),
        ledger=True,
    ),
    Table(
        "programs",
        "A training program a rep can take.",
        (
            Column("program_id", "text", "The program.", required=True),
            Column("name", "text", "Shown on pages.", required=True),
            Column("skill", "text", "Skills it teaches, separated by `;`.", required=True),
            Column("cost", "money", "Cost a seat.", minimum=0),
            Column("seats", "integer", "Seats a period.", minimum=0),
            Column("days", "number", "Selling days it takes.", minimum=0),
        ),
        key=("program_id",),
    ),
    Table(
        "enrolments",
        "A rep's taking of a program.",
        (
            _REP,
            Column("program_id", "text", "The program.", required=True, references="programs.program_id"),
            Column("started_on", "date", "First day.", required=True),
            Column("completed_on", "date", "Last day; empty: not completed."),
            Column("score", "number", "Result."),
            Column("assigned_by", "text", "Who decided."),
            Column("reason", "text", "Why."),
        ),
        key=("rep_id", "program_id", "started_on"),
        order_rules=(OrderRule("started_on", "completed_on"),),
    ),
    Table(
        "assessments",
        "A skill rating of a rep.",
        (
            _REP,
            Column("skill", "text", "The skill.", required=True),
            Column("assessed_on", "date", "When.", required=True),
            Column("score", "number", "Rating; one scale for each skill.", required=True),
            Column("assessor", "choice", "Who rated.", choices=("manager", "self", "quiz"), default="manager"),
        ),
        key=("rep_id", "skill", "assessed_on", "assessor"),
    ),
    Table(
        "spend",
        "Sales and marketing spend. A row counts for the groups that it names, and a level that it leaves empty gets "
        "nothing of it: nothing is spread.",
        (
            Column("spent_on", "date", "When.", required=True),
            Column("category", "choice", "Whose budget.", required=True, choices=("sales", "marketing")),
            Column("amount", "money", "How much.", required=True),
            Column("team", "text", "Team it was spent on, as in `reps.team`; empty: none in particular.", added=True),
            Column("region", "text", "Region, as in `reps.region`; empty: none in particular.", added=True),
            Column("segment", "text", "Segment, as in `reps.segment`; empty: none in particular.", added=True),
        ),
        key=("spent_on", "category"),
        ledger=True,
    ),
    Table(
        "submissions",
        "A human forecast. Those entered on the pages come from `spm submissions --out submissions/entered.csv`, "
        "beside the source's own `submissions/*.csv`; they do not move the watermark.",
        (
            _REP,
            Column("period", "text", "`2026Q1`, `2026-03` or the period's start date.", required=True),
            Column("submitted_at", "timestamp", "When (UTC).", required=True),
            Column(
                "kind", "choice", "Whose number.", required=True, choices=("commit", "best_case", "manager_override")
            ),
            Column("amount", "money", "Forecast bookings of the period.", required=True),
            Column("submitted_by", "text", "Who."),
        ),
        key=("rep_id", "period", "submitted_at", "kind"),
    ),
    Table(
        "fx_rates",
        "Value of one unit of a currency in the organisation's currency.",
        (
            Column("currency", "text", "ISO 4217 code.", required=True),
            Column("rate_on", "date", "From when it holds.", required=True),
            Column(
                "rate", "number", "Organisation's currency for one unit.", required=True, minimum=0, above_minimum=True
            ),
        ),
        key=("currency", "rate_on"),
    ),
    Table(
        "protected_groups",
        "Kept in a separate store, read by the fairness audit alone, never by a feature.",
        (
            _REP,
            Column("attribute", "text", "Protected attribute.", required=True),
            Column("value", "text", "The rep's group.", required=True),
        ),
        key=("rep_id", "attribute"),
    ),
)

TABLE_BY_NAME: Final[dict[str, Table]] = {table.name: table for table in TABLES}

PROTECTED_TABLES: Final = frozenset({"protected_groups"})
"""Tables that SalesHistory never opens."""
