"""Currencies at the rate of their day, and quotas as they became known."""

from datetime import date

import pytest

from spm_ml.errors import DataError
from spm_ml.history.quota import COLUMNS
from spm_ml.settings import FiscalSettings
from tests.history_world import ORGANISATION, deal, event, history_of, in_order, rows_of

RATES = [
    {"currency": "EUR", "rate_on": "2026-01-01", "rate": 1.10},
    {"currency": "EUR", "rate_on": "2026-02-01", "rate": 1.20},
    {"currency": "eur", "rate_on": "2026-03-01", "rate": 1.50},
    {"currency": "JPY", "rate_on": "2026-01-01", "rate": 0.007},
    {"currency": "KWD", "rate_on": "2026-01-01", "rate": 3.25},
]


def test_an_amount_has_the_rate_of_the_day_on_which_it_was_stated_or_its_deal_closed() -> None:
    events = [
        event("2026-01-05", rep_id="ann", amount=100, outcome="open"),
        event("2026-02-05", stage="Propose"),
        event("2026-02-10", amount=200),
        event("2026-03-02", outcome="won"),
        event("2026-03-20", expected_close_on="2026-12-31"),
    ]
    with history_of(opportunities=[deal(currency="EUR")], opportunity_events=events, fx_rates=RATES) as history:
        assert in_order(history, "amount", "previous_amount") == [
            (11_000, None),
            (11_000, 11_000),
            (24_000, 11_000),
            (30_000, 24_000),
            (30_000, 30_000),
        ]
        assert [row["amount"] for row in rows_of(history.bookings)] == [30_000]


def test_a_late_entry_has_the_rate_of_its_event_day_and_a_reversal_takes_back_the_same_money() -> None:
    row = deal(currency="EUR", outcome="lost", closed_on="2026-02-27", recorded_at="2026-03-02")
    created = event("2026-01-05", rep_id="ann", amount=100, outcome="open")
    late = event("2026-03-02", outcome="won")
    changes = [event("2026-03-05", amount=110), event("2026-03-09", outcome="open")]
    with history_of(
        opportunities=[row | {"outcome": "won"}], opportunity_events=[created, late, *changes], fx_rates=RATES
    ) as history:
        assert in_order(history, "event_on", "amount")[1:] == [
            (date(2026, 2, 27), 12_000),
            (date(2026, 3, 5), 13_200),
            (date(2026, 3, 9), 16_500),
        ]
        assert sum(row["amount"] for row in rows_of(history.bookings)) == 0


def test_currencies_with_other_minor_units() -> None:
    rows = [
        deal(currency="JPY", amount=50_000, outcome="won", closed_on="2026-02-02"),
        deal("d2", currency="KWD", amount="12.345", outcome="won", closed_on="2026-02-02"),
        deal("d3", currency="JPY"),
    ]
    events = [event("2026-01-05", "d3", rep_id="ann", amount=1_000, outcome="open")]
    with history_of(opportunities=rows, opportunity_events=events, fx_rates=RATES) as history:
        booked = {row["opportunity_id"]: row["amount"] for row in rows_of(history.bookings)}
        assert booked == {"d1": 35_000, "d2": 4_012}
        assert in_order(history, "amount", opportunity_id="d3") == [(700,)]


def test_tables_hold_the_organisations_currency() -> None:
    rows = [
        deal(currency="EUR", amount=100, outcome="won", closed_on="2026-02-02"),
        deal("d2", currency="usd", amount=100),
        deal("d3", currency="EUR", created_on="2026-03-05", recorded_at="2026-03-05"),
    ]
    events = [event("2026-03-05", "d3", rep_id="ann", amount=10), event("2026-03-05", "d3", rep_id="bob")]
    quotas = [{"rep_id": "ann", "period": "2026Q1", "amount": 1000, "currency": "EUR"}]
    with history_of(opportunities=rows, opportunity_events=events, quotas=quotas, fx_rates=RATES) as history:
        deals = history.table("opportunities")
        assert {(row["opportunity_id"], row["amount"]) for row in rows_of(deals)} == {
            ("d1", 12_000),
            ("d2", 10_000),
            ("d3", None),
        }
        assert {row["currency"] for row in rows_of(deals)} == {"USD"}
        assert [row["amount"] for row in rows_of(history.table("opportunity_events"))] == [1_500, None]
        assert "currency" not in history.table("opportunity_events").columns
        assert [(row["amount"], row["currency"]) for row in rows_of(history.table("quotas"))] == [(110_000, "USD")]
        assert [row["amount"] for row in rows_of(history.quotas)] == [110_000]
        assert [row["amount"] for row in rows_of(history.source("opportunities"))].count(10_000) == 2


def test_a_missing_rate_names_currency_day_and_remedy() -> None:
    rows = [
        deal(currency="EUR", amount=1, created_on="2025-12-30", closed_on="2025-12-31", outcome="won"),
        deal("d2", currency="CHF", amount=1),
    ]
    says = r"exchange rate to USD on their day: CHF from 2026-01-05.*; EUR from 2025-12-30.*Add rows to fx_rates"
    with history_of(opportunities=rows, fx_rates=RATES) as history:
        for ask in (lambda: history.ledger, lambda: history.bookings):
            with pytest.raises(DataError, match=says):
                ask()
        with pytest.raises(DataError, match="opportunities holds amounts without an exchange rate"):
            history.table("opportunities")


def test_a_quota_without_a_rate_is_refused_as_well() -> None:
    quotas = [{"rep_id": "ann", "period": "2026Q1", "amount": 1, "currency": "CHF"}]
    with history_of(quotas=quotas) as history, pytest.raises(DataError, match=r"quotas holds .* CHF from 2026-01-01"):
        _ = history.quotas


def test_every_version_of_a_quota_is_kept_with_the_day_it_became_known() -> None:
    quotas = [
        {"rep_id": "ann", "period": "2026Q1", "amount": 100},
        {"rep_id": "ann", "period": "2026-01-01", "amount": 120, "set_on": "2026-02-10"},
        {"rep_id": "ann", "period": "2026Q2", "amount": 0, "set_on": "2026-02-01"},
        {"rep_id": "bob", "period": "2026q1", "amount": 90, "set_on": "2026-01-01"},
        {"rep_id": "bob", "period": "2026Q1", "amount": 70},
    ]
    with history_of(quotas=quotas) as history:
        assert {name: str(kind) for name, kind in history.quotas.schema().items()} == COLUMNS
        rows = rows_of(history.quotas)
        assert [(row["rep_id"], row["period"], row["amount"], row["known_on"]) for row in rows] == [
            ("ann", "2026Q1", 10_000, date(2026, 1, 1)),
            ("ann", "2026Q1", 12_000, date(2026, 2, 10)),
            ("ann", "2026Q2", 0, date(2026, 2, 1)),
            ("bob", "2026Q1", 9_000, date(2026, 1, 1)),
        ]
        assert {(row["period_start"], row["period_end"]) for row in rows[:2]} == {(date(2026, 1, 1), date(2026, 3, 31))}
        assert [row["amount"] for row in rows_of(history.as_of(date(2026, 1, 31)).quotas)] == [10_000, 9_000]
        assert {row["period"] for row in rows_of(history.table("quotas"))} == {"2026Q1", "2026Q2"}


def test_a_period_of_another_length_is_refused() -> None:
    fiscal = FiscalSettings(period="month")
    quotas = [{"rep_id": "ann", "period": "2026Q1", "amount": 1}]
    organisation = ORGANISATION.model_copy(update={"fiscal": fiscal})
    with (
        history_of(organisation=organisation, quotas=quotas) as history,
        pytest.raises(DataError, match="is a quarter"),
    ):
        _ = history.quotas
