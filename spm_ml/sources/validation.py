# ruff: noqa: S608 — every name, text and path is quoted
"""Validates one table after another inside DuckDB, set-based: typed rows, findings, repeated keys, known ids."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import duckdb

from spm_ml.errors import DataError
from spm_ml.fiscal import FiscalCalendar
from spm_ml.history.store import quote_text
from spm_ml.settings import Organisation
from spm_ml.sources.findings import FindingLog
from spm_ml.sources.rules import Hint, Rule, RuleContext, close_id, rules_of, scale_sql, text_sql, value_sql
from spm_ml.sources.splits import set_aside_oversplit
from spm_ml.sources.stages import note_closed_stages
from spm_ml.tables import TABLES, Table, minor_digits

_MOST_HINT_IDS: Final = 5000
_MOST_PERIODS: Final = 100_000
REFERENCED: Final = {
    column.references.split(".")[0]: column.references.split(".")[1]
    for table in TABLES
    for column in table.columns
    if column.references
}
"""Column of each table that other tables refer to."""


@dataclass(frozen=True)
class TableInput:
    """Records of the files as rows of one table, still as text.

    Attributes:
        table: Table of the contract.
        relation: Rows as `RecordSelect` gives them.
        rejected: Records that could not be split into cells.
        asides: Reason and remedy of each number of `_aside`.
    """

    table: Table
    relation: str
    rejected: int = 0
    asides: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Checked:
    """What validation found out about one table.

    Attributes:
        table: Table of the contract.
        accepted: Relation of the accepted rows: contract columns, `_occurrence`, `_source`, `_line`.
        rows_in: Records.
        quarantined: Records that were set aside.
        unmet: For each rule that not one row meets, what to tell.
    """

    table: Table
    accepted: str
    rows_in: int
    quarantined: int
    unmet: tuple[str, ...] = ()

    @property
    def accepted_rows(self) -> int:
        """Records that meet every rule."""
        return self.rows_in - self.quarantined


class Validator:
    """Checks tables in the order of their references.

    Args:
        connection: DuckDB database that holds the records.
        log: Receives what is wrong.
        organisation: Currency, calendar, time zone and stages.
        state: SELECT of the rows in force before, for each table that has any.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        log: FindingLog,
        organisation: Organisation,
        state: Mapping[str, str],
    ) -> None:
        self._connection = connection
        self._log = log
        self._organisation = organisation
        self._state = state
        self._calendar = FiscalCalendar.of(organisation)
        connection.execute("CREATE TABLE closed_stages (closed_stage VARCHAR)")

    def check(self, given: TableInput, *, keep_state: bool = True) -> Checked:
        """Types and checks every row of a table, and takes note of what is wrong.

        Args:
            given: The rows.
            keep_state: Rows in force before stay in force.
        """
        table, context = given.table, self._context(given)
        if table.name == "opportunity_events":
            note_closed_stages(self._connection, "known_deals", given.relation)
        rules = rules_of(table, context)
        checked, typed, bad = f"checked_{table.name}", f"typed_{table.name}", f"bad_{table.name}"
        self._connection.execute(f"CREATE VIEW {checked} AS {self._checked_sql(given, context)}")
        values = ", ".join(f"v_{column.name} AS {column.name}" for column in table.columns)
        failing = " OR ".join(f"({rule.failing})" for rule in rules) or "false"
        self._connection.execute(
            f"CREATE TABLE {typed} AS "
            f"SELECT _source, _line, {values}, coalesce({failing}, false) AS _bad FROM {checked}"
        )
        rows, broken = self._row(f"SELECT count(*), count(*) FILTER (WHERE _bad) FROM {typed}")
        unmet: list[str] = []
        if broken:
            self._connection.execute(
                f"CREATE TABLE {bad} AS SELECT * FROM {checked} "
                f"SEMI JOIN (SELECT _source, _line FROM {typed} WHERE _bad) USING (_source, _line)"
            )
            (aside,) = self._row(f"SELECT count(*) FROM {bad} WHERE _aside IS NOT NULL")
            for rule in rules:
                count = self._log.add(table.name, rule, bad)
                if rule.own and count == rows - aside and count:
                    unmet.append(self._unmet(table, rule, count))
        if given.rejected and not rows:
            unmet.append(f"no record of {table.name} can be split into the cells of its header")
        repeated = self._note_repeats(table)
        accepted = f"accepted_{table.name}"
        self._connection.execute(f"CREATE VIEW {accepted} AS {_accepted_sql(table, repeated > 0)}")
        doubled = 0 if table.ledger else repeated
        if table.name == "credits":
            before = self._state.get("credits") if keep_state else None
            broken += set_aside_oversplit(self._connection, self._log, before)
        result = Checked(table, accepted, rows + given.rejected, broken + doubled + given.rejected, tuple(unmet))
        (counted,) = self._row(f"SELECT count(*) FROM {accepted}")
        if counted != result.accepted_rows:
            raise DataError(
                f"{table.name}: {result.rows_in} records in are not {counted} accepted and {result.quarantined} "
                "quarantined; nothing was stored, please report this with the file"
            )
        return result

    def remember(self, table: Table, accepted: str | None, *, keep_state: bool) -> None:
        """Makes the ids, rates and currencies of a table known to the tables after it.

        Args:
            table: Table of the contract.
            accepted: Relation of its accepted rows; None if the source does not hold it.
            keep_state: Rows in force before stay in force.
        """
        names = ", ".join(column.name for column in table.columns)
        relations = [accepted] if accepted else []
        if keep_state and table.name in self._state:
            relations.append(f"({self._state[table.name]})")
        union = " UNION ALL ".join(f"SELECT {names} FROM {relation}" for relation in relations)
        if not relations:
            union = f"SELECT {', '.join(f'NULL AS {column.name}' for column in table.columns)} WHERE false"
        if table.name in REFERENCED:
            key = REFERENCED[table.name]
            self._connection.execute(
                f"CREATE TABLE known_{table.name} AS SELECT DISTINCT {key}::VARCHAR AS id FROM ({union})"
            )
        if table.name == "fx_rates":
            self._connection.execute(
                "CREATE TABLE first_rates AS SELECT currency::VARCHAR AS currency, min(rate_on)::DATE AS first_rate_on "
                f"FROM ({union}) GROUP BY ALL"
            )
        if table.name == "opportunities":
            self._connection.execute(
                "CREATE VIEW known_deals AS SELECT opportunity_id::VARCHAR AS opportunity_id, stage::VARCHAR AS stage, "
                f"outcome::VARCHAR AS outcome FROM ({union})"
            )
            own = 10 ** minor_digits(self._organisation.currency)
            codes = self._column(f"SELECT DISTINCT currency::VARCHAR FROM ({union})")
            scales = {code: 10 ** minor_digits(code) for code in codes if 10 ** minor_digits(code) != own}
            cases = " ".join(f"WHEN {quote_text(code)} THEN {scale}" for code, scale in scales.items())
            scale = f"CASE currency {cases} END" if cases else "NULL"
            self._connection.execute(
                f"CREATE TABLE deal_scales AS SELECT DISTINCT opportunity_id::VARCHAR AS opportunity_id, "
                f"{scale}::INTEGER AS deal_scale FROM ({union}) WHERE {scale} IS NOT NULL"
            )

    def known_ids(self, table: str) -> list[str]:
        """Ids among which a misspelt one is looked for; none if there are too many to be quick."""
        ids = self._column(f"SELECT id FROM known_{table} ORDER BY id LIMIT {_MOST_HINT_IDS}")
        return ids if len(ids) < _MOST_HINT_IDS else []

    def _context(self, given: TableInput) -> RuleContext:
        names = {column.name for column in given.table.columns}
        context = RuleContext(self._organisation, asides=given.asides, hints=self._hints(given.table))
        if "currency" in names:
            found = self._column(f"SELECT DISTINCT upper(currency) FROM {given.relation} WHERE currency IS NOT NULL")
            context = replace(context, currencies=tuple(sorted(found)))
        if "period" in names:
            texts = self._column(
                f"SELECT DISTINCT period FROM {given.relation} WHERE period IS NOT NULL LIMIT {_MOST_PERIODS}"
            )
            context = replace(context, periods=tuple(sorted(text for text in texts if not self._period_problem(text))))
        return context

    def _hints(self, table: Table) -> dict[str, Hint]:
        hints: dict[str, Hint] = {"period": self._period_problem}
        for reference in {column.references for column in table.columns if column.references}:
            hints[reference] = close_id(self.known_ids(reference.split(".")[0]))
        return hints

    def _period_problem(self, text: str) -> str:
        try:
            self._calendar.parse(text)
        except DataError as error:
            return f": {error}"
        return ""

    def _checked_sql(self, given: TableInput, context: RuleContext) -> str:
        table = given.table
        names = {column.name for column in table.columns}
        texts = [f"{text_sql(column, self._organisation)} AS t_{column.name}" for column in table.columns]
        scale = scale_sql(table, context)
        values = [f"{value_sql(column, context, scale)} AS v_{column.name}" for column in table.columns]
        joins, known = [], []
        for column in table.columns:
            if column.references:
                other = f"known_{column.references.split('.')[0]}"
                known.append(f"of_{column.name}.id AS known_{column.name}")
                joins.append(f"LEFT JOIN {other} AS of_{column.name} ON of_{column.name}.id = t_{column.name}")
        if "currency" in names and table.name != "fx_rates":
            known.append("first_rate_on")
            joins.append("LEFT JOIN first_rates ON first_rates.currency = t_currency")
        if table.name == "opportunity_events":
            known.append("closed_stage")
            joins.append("LEFT JOIN closed_stages ON closed_stage = t_stage")
            joins.append("LEFT JOIN deal_scales ON deal_scales.opportunity_id = t_opportunity_id")
        return (
            f"SELECT _source, _line, _aside, {', '.join(f't_{name.name}' for name in table.columns)}, "
            f"{', '.join([*values, *known])} "
            f"FROM (SELECT _source, _line, _aside, {', '.join(texts)} FROM {given.relation}) {' '.join(joins)}"
        )

    def _unmet(self, table: Table, rule: Rule, rows: int) -> str:
        first = self._log.example(table.name, rule.column, rule.name)
        which = "the only row" if rows == 1 else f"none of the {rows:,} rows"
        return (
            f"{which} of {table.name} meets the rule that {rule.column} {rule.name}: "
            f"{first.file}, line {first.line} holds {first.value!r}; {first.remedy}"
        )

    def _note_repeats(self, table: Table) -> int:
        """Numbers the rows that share a key; all but the first are quarantined, except in a ledger."""
        typed, repeats = f"typed_{table.name}", f"repeats_{table.name}"
        key = ", ".join(table.key)
        # Grouping by a hash takes a fraction of the memory of grouping by the key; then only the repeats are looked at.
        self._connection.execute(
            f"CREATE TABLE {repeats} AS WITH shared AS ("
            f"SELECT hash({key}) AS hash FROM {typed} WHERE NOT _bad GROUP BY ALL HAVING count(*) > 1) "
            f"SELECT _source, _line, row_number() OVER same - 1 AS number, first_value(_line) OVER same AS first_line, "
            f"first_value(_source) OVER same AS first_source, concat_ws(' / ', {key}) AS found "
            f"FROM {typed} SEMI JOIN shared ON shared.hash = hash({key}) WHERE NOT _bad "
            f"WINDOW same AS (PARTITION BY {key} ORDER BY _source, _line) QUALIFY number > 0"
        )
        (count,) = self._row(f"SELECT count(*) FROM {repeats}")
        if count and not table.ledger:
            self._log.add_repeats(table, repeats)
        return int(count)

    def _row(self, sql: str) -> tuple[Any, ...]:
        return self._connection.execute(sql).fetchone() or ()

    def _column(self, sql: str) -> list[str]:
        return [row[0] for row in self._connection.execute(sql).fetchall()]


def _accepted_sql(table: Table, repeated: bool) -> str:
    typed = f"typed_{table.name}"
    columns = ", ".join(f"{typed}.{column.name}" for column in table.columns)
    if not repeated:
        return f"SELECT {columns}, 0 AS _occurrence, _source, _line FROM {typed} WHERE NOT _bad"
    occurrence = "coalesce(number, 0)::INTEGER" if table.ledger else "0"
    once = "" if table.ledger else " AND number IS NULL"
    return (
        f"SELECT {columns}, {occurrence} AS _occurrence, _source, _line FROM {typed} "
        f"LEFT JOIN repeats_{table.name} USING (_source, _line) WHERE NOT _bad{once}"
    )
