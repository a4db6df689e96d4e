"""Quotas as they became known: every version of every rep's target (H06)."""

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from spm_ml.fiscal import FiscalCalendar
from spm_ml.history.engines import Engine

COLUMNS = {
    "rep_id": "string",
    "period": "string",
    "period_start": "date",
    "period_end": "date",
    "amount": "int64",
    "known_on": "date",
}
"""Columns of the quotas and their types, in order."""


def build_quotas(engine: Engine, quotas: ir.Table) -> ir.Table:
    """Every version of a quota.

    `known_on` is `set_on`, or the period's first day. Of two rows of the same rep, period and day the one that states
    `set_on` holds. The quota in force on a day is the latest one known by then; the original is the first.

    Args:
        engine: Where they are kept.
        quotas: The table `quotas` with periods by their labels and amounts in the organisation's currency.
    """
    rows = quotas.mutate(known_on=known_on(quotas))
    same = ibis.window(
        group_by=["rep_id", "period", "known_on"], order_by=[rows.set_on.asc(nulls_first=False), rows.written]
    )
    rows = rows.mutate(place=ibis.row_number().over(same))
    rows = rows.filter(rows.place == 0)
    return engine.keep("quotas", rows.select(**{name: rows[name].cast(kind) for name, kind in COLUMNS.items()}))


def known_on(quotas: ir.Table) -> ir.DateValue:
    """The day on which each quota became known: `set_on`, else the first day of its period."""
    return ibis.coalesce(quotas.set_on, quotas.period_start)


def named_periods(engine: Engine, rows: ir.Table, calendar: FiscalCalendar) -> ir.Table:
    """Replaces `period`, however it is written, by its label, and adds `period_start`, `period_end` and `written`.

    Raises:
        DataError: A period cannot be read.
    """
    texts = rows.select("period").distinct().to_pyarrow()["period"].to_pylist()
    periods = {text: calendar.parse(text) for text in sorted(texts)}
    names = pa.table(
        {
            "written": pa.array(periods, pa.string()),
            "label": pa.array([period.label for period in periods.values()], pa.string()),
            "period_start": pa.array([period.start for period in periods.values()], pa.date32()),
            "period_end": pa.array([period.end for period in periods.values()], pa.date32()),
        }
    )
    kept = engine.keep("period_names", names)
    joined = rows.rename(written_period="period").inner_join(kept, [("written_period", "written")])
    return joined.rename(period="label").drop("written_period")
