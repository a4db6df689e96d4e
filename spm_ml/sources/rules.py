"""The contract's rules as SQL: how each type is read, and what makes a row bad.

Amounts are read as DECIMAL(38, 6) and rounded to the currency's minor unit, half away from zero (commercial rounding,
DIN 1333); no float is involved. A date cell with a time of day is a moment in UTC and becomes the organisation's day;
a time cell that holds only a date is the start of that day in the organisation's time zone.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from spm_ml.errors import did_you_mean
from spm_ml.history.store import quote_text
from spm_ml.settings import Organisation
from spm_ml.sources.raw import plain_name
from spm_ml.tables import Column, Table, minor_digits

_LARGEST_AMOUNT: Final = 9_000_000_000_000_000
_TYPE_RULES: Final = {
    "date": ("must be a date", "write YYYY-MM-DD (1900–2199), or declare date_formats in a mapping file"),
    "timestamp": ("must be a time", "write YYYY-MM-DDTHH:MM:SSZ in UTC, or declare date_formats in a mapping file"),
    "money": (
        "must be an amount",
        "write a decimal such as 1234.50, or declare decimal and thousands in a mapping file",
    ),
    "number": ("must be a number", "write a decimal such as 0.5, or declare decimal and thousands in a mapping file"),
    "integer": ("must be a whole number", "write digits only"),
}

Hint = Callable[[str], str]


@dataclass(frozen=True)
class Rule:
    """What a row must meet.

    Attributes:
        column: Column that is reported.
        name: What is expected.
        failing: SQL over the checked columns (`t_…` texts, `v_…` values) that is true for a bad row.
        remedy: What to do about it.
        hint: Adds to the remedy what is known about the value at hand.
        own: Looks at the table's own cells only; if no row meets it, the file is not what it seems and ingest stops.
    """

    column: str
    name: str
    failing: str
    remedy: str
    hint: Hint | None = None
    own: bool = True


@dataclass(frozen=True)
class RuleContext:
    """What the rules of a table depend on beyond its own cells.

    Attributes:
        organisation: Currency, time zone and stages.
        currencies: Currency codes that occur in the table.
        periods: Texts of the table that name a period.
        hints: Gives what is known about a value of `period` or of a referenced `table.column`.
        asides: Reason and remedy of each number of `_aside`.
    """

    organisation: Organisation
    currencies: tuple[str, ...] = ()
    periods: tuple[str, ...] = ()
    hints: Mapping[str, Hint] = field(default_factory=dict)
    asides: tuple[tuple[str, str], ...] = ()


def text_sql(column: Column, organisation: Organisation) -> str:
    """SQL of a cell's text with the contract's default."""
    if column.name == "currency":
        return f"coalesce(upper({column.name}), {quote_text(organisation.currency)})"
    return f"coalesce({column.name}, {quote_text(column.default)})" if column.default is not None else column.name


def value_sql(column: Column, context: RuleContext, scale: str) -> str:
    """SQL that reads the text `t_<column>` as the column's type; NULL if it cannot be.

    Args:
        column: The column.
        context: Gives the time zone.
        scale: SQL of the number of minor units in one unit of the row's currency.
    """
    text, zone = f"t_{column.name}", quote_text(context.organisation.timezone)
    match column.type:
        case "date":
            moment = _moment(text)
            day = f"CASE WHEN {moment} = date_trunc('day', {moment}) THEN {moment} ELSE {_local(moment, zone)} END"
            return _plausible(
                f"CASE WHEN length({text}) = 10 THEN try_cast({text} AS DATE) "
                f"WHEN length({text}) > 10 THEN ({day})::DATE END"
            )
        case "timestamp":
            start = f"timezone('UTC', timezone({zone}, try_cast({text} AS TIMESTAMP)))"
            return _plausible(
                f"CASE WHEN length({text}) > 10 THEN {_moment(text)} WHEN length({text}) = 10 THEN {start} END"
            )
        case "money":
            amount = _amount(text)
            return (
                f"CASE WHEN abs({amount}) < {_LARGEST_AMOUNT} THEN try_cast(round({amount} * ({scale})) AS BIGINT) END"
            )
        case "number":
            number = f"try_cast({text} AS DOUBLE)"
            return f"CASE WHEN isfinite({number}) AND NOT contains({text}, '_') THEN {number} END"
        case "integer":
            return f"CASE WHEN regexp_full_match({text}, '[+-]?[0-9]+([.]0+)?') THEN try_cast({text} AS BIGINT) END"
        case "choice":
            listed = ", ".join(quote_text(choice) for choice in column.choices)
            return f"CASE WHEN lower({text}) IN ({listed}) THEN lower({text}) END"
        case _:
            return text


def scale_sql(table: Table, context: RuleContext) -> str:
    """SQL of the number of minor units in one unit of the row's currency."""
    own = 10 ** minor_digits(context.organisation.currency)
    if any(column.name == "currency" for column in table.columns):
        cases = " ".join(f"WHEN {quote_text(code)} THEN {10 ** minor_digits(code)}" for code in context.currencies)
        return f"CASE t_currency {cases} ELSE {own} END" if cases else str(own)
    if table.name == "opportunity_events":
        return f"coalesce(deal_scale, {own})"
    return str(own)


def rules_of(table: Table, context: RuleContext) -> tuple[Rule, ...]:
    """Every rule of a table, in the order in which a reader meets its columns.

    A record that the export itself sets aside is not examined further.
    """
    rules: list[Rule] = []
    for column in table.columns:
        rules += _column_rules(column, context)
    for order in table.order_rules:
        name, remedy = f"must not lie before {order.earlier}", f"correct {order.earlier} or {order.later}"
        rules.append(Rule(order.later, name, f"v_{order.earlier} > v_{order.later}", remedy))
    rules += _currency_rules(table, context)
    rules += _stage_rules(table, context.organisation)
    if not context.asides:
        return tuple(rules)
    asides = (
        Rule("", reason, f"_aside = {number}", remedy, own=False)
        for number, (reason, remedy) in enumerate(context.asides)
    )
    return (*asides, *(replace(rule, failing=f"_aside IS NULL AND ({rule.failing})") for rule in rules))


def _column_rules(column: Column, context: RuleContext) -> Iterable[Rule]:
    text, value = f"t_{column.name}", f"v_{column.name}"
    if column.required:
        yield Rule(column.name, "must be filled", f"{text} IS NULL", f"fill in {column.name}, or leave the row out")
    if column.type == "choice":
        listed = ", ".join(column.choices)
        unknown = f"{text} IS NOT NULL AND {value} IS NULL"
        yield Rule(column.name, f"must be one of {listed}", unknown, f"write one of {listed}", close_to(column.choices))
    elif column.type != "text":
        name, remedy = _TYPE_RULES[column.type]
        yield Rule(column.name, name, f"{text} IS NOT NULL AND {value} IS NULL", remedy)
    if column.minimum is not None:
        comparison, words = ("<=", "above") if column.above_minimum else ("<", "at least")
        yield Rule(
            column.name, f"must be {words} {column.minimum:g}", f"{value} {comparison} {column.minimum!r}", "correct it"
        )
    if column.maximum is not None:
        yield Rule(
            column.name,
            f"must be at most {column.maximum:g}",
            f"{value} > {column.maximum!r}",
            "correct it; shares are 0–1",
        )
    if column.name == "period":
        listed = ", ".join(quote_text(each) for each in context.periods)
        unknown = f"{text} NOT IN ({listed})" if listed else f"{text} IS NOT NULL"
        yield Rule(column.name, "must be a period", unknown, "mend it", context.hints.get("period"))
    if column.references:
        other = column.references.split(".")[0]
        yield Rule(
            column.name,
            f"must occur in {other}",
            f"{text} IS NOT NULL AND known_{column.name} IS NULL",
            f"add it to {other}, or correct it",
            context.hints.get(column.references),
            own=False,
        )


def _currency_rules(table: Table, context: RuleContext) -> Iterable[Rule]:
    if not any(column.name == "currency" for column in table.columns):
        return
    yield Rule(
        "currency",
        "must be an ISO 4217 code",
        "NOT regexp_full_match(t_currency, '[A-Z]{3}')",
        "write a code such as EUR",
    )
    if table.name != "fx_rates":
        own = context.organisation.currency
        day = " OR first_rate_on > v_created_on" if table.name == "opportunities" else ""
        yield Rule(
            "currency",
            "must have an exchange rate from that day or before" if day else "must have an exchange rate",
            f"t_currency <> {quote_text(own)} AND (first_rate_on IS NULL{day})",
            f"add a row to fx_rates that gives its value in {own}, then ingest again",
            own=False,
        )


def _stage_rules(table: Table, organisation: Organisation) -> Iterable[Rule]:
    if not organisation.stages or table.name not in {"opportunities", "opportunity_events"}:
        return
    names = [name for stage in organisation.stages for name in (stage.name, *(alias.name for alias in stage.aliases))]
    listed = ", ".join(quote_text(name) for name in names)
    open_stage = " AND closed_stage IS NULL" if table.name == "opportunity_events" else ""
    yield Rule(
        "stage",
        "must be a stage of the organisation",
        f"t_stage NOT IN ({listed}) AND coalesce(v_outcome, 'open') = 'open'{open_stage}",
        "add it to stages in organisation.yaml, or as an alias of one",
        close_to(names),
        own=False,
    )


def _moment(text: str) -> str:
    return f"timezone('UTC', try_cast({text} AS TIMESTAMPTZ))"


def _local(moment: str, zone: str) -> str:
    return f"timezone({zone}, timezone('UTC', {moment}))"


def _plausible(value: str) -> str:
    return f"CASE WHEN year({value}) BETWEEN 1900 AND 2199 THEN {value} END"


def _amount(text: str) -> str:
    return f"CASE WHEN NOT contains({text}, '_') THEN try_cast({text} AS DECIMAL(38, 6)) END"


def close_to(known: Sequence[str]) -> Hint:
    """A hint that names the closest of the known words."""
    return lambda value: did_you_mean(value, known)


def close_id(known: Sequence[str]) -> Hint:
    """A hint that names the id that differs in case, blanks or punctuation only; ids that look alike mean nothing.

    >>> close_id(["R-001", "R-002"])("r001")
    " (did you mean 'R-001'?)"
    """
    plain = {plain_name(each): each for each in known}
    return lambda value: f" (did you mean {plain[plain_name(value)]!r}?)" if plain_name(value) in plain else ""
