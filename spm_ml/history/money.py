"""Amounts in other currencies, at the rate of the day on which they were stated (H10)."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from spm_ml.errors import DataError
from spm_ml.history.engines import Engine
from spm_ml.tables import minor_digits


@dataclass(frozen=True)
class Rates:
    """The organisation's exchange rates, a row for every day from each currency's first rate to the last rate of all.

    A day's rate is the last one stated on or before it, so days after the last row have the last row's rate.

    Attributes:
        currency: The organisation's own.
        daily: `rate_currency`, `rate_on`, `factor`: organisation minor units for one minor unit.
        last: Day of the last row.
    """

    currency: str
    daily: ir.Table
    last: date

    @classmethod
    def of(cls, engine: Engine, rates: ir.Table, currency: str) -> "Rates":
        """Reads the rates that were stated.

        Args:
            engine: Keeps the daily rows.
            rates: The table `fx_rates`.
            currency: The organisation's own.
        """
        stated = sorted(
            (row["currency"].strip().upper(), row["rate_on"], row["rate"]) for row in rates.to_pyarrow().to_pylist()
        )
        last = max((rate_on for _, rate_on, _ in stated), default=date(1970, 1, 1))
        daily: dict[tuple[str, date], float] = {}
        for index, (code, rate_on, rate) in enumerate(stated):
            following = stated[index + 1] if index + 1 < len(stated) else None
            end = following[1] if following and following[0] == code else last + timedelta(days=1)
            factor = rate * 10.0 ** (minor_digits(currency) - minor_digits(code))
            for ahead in range((end - rate_on).days):
                daily[code, rate_on + timedelta(days=ahead)] = factor
        columns: dict[str, pa.Array[Any]] = {
            "rate_currency": pa.array([code for code, _ in daily], pa.string()),
            "rate_on": pa.array([day for _, day in daily], pa.date32()),
            "factor": pa.array(list(daily.values()), pa.float64()),
        }
        return cls(currency, engine.keep("daily_rates", pa.table(columns)), last)

    def with_factor(self, rows: ir.Table, *, currency: str, day: str) -> ir.Table:
        """Adds `factor`, 1 for the organisation's currency and NULL where no rate is known.

        Args:
            rows: Rows with a currency and a day.
            currency: Name of the column with the currency.
            day: Name of the column with the day of the rate.
        """
        keyed = rows.mutate(
            _currency=rows[currency].fill_null(self.currency).strip().upper(),
            _rate_day=ibis.least(rows[day], ibis.literal(self.last)),
        )
        joined = keyed.left_join(
            self.daily, [keyed._currency == self.daily.rate_currency, keyed._rate_day == self.daily.rate_on]
        )
        own = joined._currency == self.currency
        return joined.mutate(factor=ibis.ifelse(own, 1.0, joined.factor)).drop(
            "_currency", "_rate_day", "rate_currency", "rate_on"
        )

    def refuse_missing(self, rows: ir.Table, *, currency: str, day: str, what: str) -> None:
        """Stops where an amount has no rate.

        Args:
            rows: Rows with `factor`.
            currency: Name of the column with the currency.
            day: Name of the column with the day of the rate.
            what: The table, for the message.

        Raises:
            DataError: Names a currency, the earliest such day and what to add.
        """
        unknown = rows.filter(rows.factor.isnull())
        found = unknown.group_by(code=unknown[currency]).agg(first=unknown[day].min(), rows=unknown.count())
        missing = sorted(found.to_pyarrow().to_pylist(), key=lambda row: row["code"])
        if missing:
            listed = "; ".join(f"{row['code']} from {row['first']} ({row['rows']} rows)" for row in missing)
            raise DataError(
                f"{what} holds amounts without an exchange rate to {self.currency} on their day: {listed}. "
                f"Add rows to fx_rates with rate_on on or before these days"
            )


def converted(amount: ir.IntegerValue, factor: ir.FloatingValue) -> ir.IntegerValue:
    """Minor units of the organisation's currency, rounded half away from zero."""
    return ibis.ifelse(factor == 1.0, amount, rounded(amount * factor))


def rounded(value: ir.FloatingValue) -> ir.IntegerValue:
    """The nearest integer, half away from zero: spelled out, because PostgreSQL rounds a half to the even one."""
    return (value.sign() * (value.abs() + 0.5).floor()).cast("int64")
