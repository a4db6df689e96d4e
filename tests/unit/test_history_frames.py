"""Frames in outside types: what is read, and what is refused with which words."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from spm_ml.errors import DataError
from spm_ml.history.frames import arrow_tables, frames_hash
from spm_ml.settings import Organisation

ORGANISATION = Organisation(currency="EUR", timezone="Europe/Berlin")


def read(name: str, /, **columns: list[Any]) -> dict[str, list[Any]]:
    return arrow_tables({name: pd.DataFrame(columns)}, ORGANISATION)[name].to_pydict()


def reps(**columns: list[Any]) -> dict[str, list[Any]]:
    return read("reps", **{"rep_id": ["r"], "hired_on": ["2024-01-01"], **columns})


@pytest.mark.parametrize(
    "cell",
    [
        "2026-03-01",
        date(2026, 3, 1),
        datetime.fromisoformat("2026-03-01T15:00"),
        pd.Timestamp("2026-03-01"),
        np.datetime64("2026-03-01"),
    ],
)
def test_dates_however_they_are_held(cell: object) -> None:
    assert reps(hired_on=[cell])["hired_on"] == [date(2026, 3, 1)]


@pytest.mark.parametrize(
    ("cell", "utc"),
    [
        ("2026-03-01T12:00:00Z", "2026-03-01T12:00"),
        ("2026-03-01 12:00", "2026-03-01T12:00"),
        ("2026-03-01T12:00:00+02:00", "2026-03-01T10:00"),
        (pd.Timestamp("2026-03-01T12:00", tz="America/New_York"), "2026-03-01T17:00"),
        (pd.Timestamp("2026-03-01T12:00:00.000001500"), "2026-03-01T12:00:00.000001"),
        (datetime(2026, 3, 1, 12, tzinfo=UTC), "2026-03-01T12:00"),
        ("2026-03-01", "2026-02-28T23:00"),
        (date(2026, 3, 1), "2026-02-28T23:00"),
    ],
)
def test_timestamps_are_utc_and_bare_dates_local_midnights(cell: object, utc: str) -> None:
    table = read("activities", rep_id=["r"], kind=["call"], occurred_at=[cell])
    assert table["occurred_at"] == [datetime.fromisoformat(utc)]


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        (12.34, None, 1234),
        ("12.345", "EUR", 1235),
        (Decimal("-0.005"), "eur", -1),
        (1e6, "JPY", 1_000_000),
        (1.2345, "KWD", 1235),
        (np.int64(7), float("nan"), 700),
        (0.1 + 0.2, "EUR", 30),
    ],
)
def test_money_becomes_minor_units_of_the_rows_currency(amount: object, currency: object, minor: int) -> None:
    table = read("quotas", rep_id=["r"], period=["2026Q1"], amount=[amount], currency=[currency])
    assert table["amount"] == [minor]


def test_events_are_in_the_currency_of_their_deal() -> None:
    deals = pd.DataFrame(
        {"opportunity_id": ["d"], "rep_id": ["r"], "created_on": ["2026-01-01"], "stage": ["s"], "currency": ["JPY"]}
    )
    events = pd.DataFrame({"opportunity_id": ["d", "e"], "recorded_at": ["2026-01-01"] * 2, "amount": [500, 500]})
    tables = arrow_tables({"opportunity_events": events, "opportunities": deals}, ORGANISATION)
    assert tables["opportunity_events"]["amount"].to_pylist() == [500, 50_000]


def test_ids_keep_their_digits_and_missing_cells_their_defaults() -> None:
    table = reps(rep_id=[7.0], name=[" Ann "], team=[float("nan")], role=[pd.NA], region=[""])
    assert (table["rep_id"], table["name"], table["fte"]) == (["7"], ["Ann"], [1.0])
    assert (table["team"], table["role"], table["region"], table["left_on"]) == ([None], [None], [None], [None])


def test_an_empty_frame_has_every_column() -> None:
    table = read("programs", program_id=[], name=[], skill=[], seats=[])
    assert set(table) == {"program_id", "name", "skill", "cost", "seats", "days"}


@pytest.mark.parametrize(
    ("name", "columns", "says"),
    [
        ("opportunitys", {}, r"'opportunitys' is no table .*did you mean 'opportunities'"),
        ("protected_groups", {}, "kept apart from every history"),
        (
            "reps",
            {"rep_id": ["r"], "hired_on": ["2024-01-01"], "teem": ["x"]},
            r"no column 'teem' \(did you mean 'team'",
        ),
        ("quotas", {"rep_id": ["r"]}, "lacks its required columns period, amount"),
        ("reps", {"rep_id": ["r", None], "hired_on": ["2024-01-01"] * 2}, "row 1: rep_id is empty but required"),
        ("reps", {"rep_id": ["r"], "hired_on": ["01/02/2024"]}, "row 0: hired_on is '01/02/2024', which is no date"),
        ("reps", {"rep_id": ["r"], "hired_on": ["2024-01-01"], "fte": ["half"]}, "fte is 'half', which is no number"),
        ("quotas", {"rep_id": ["r"], "period": ["2026Q1"], "amount": ["a lot"]}, "which is no money"),
        (
            "programs",
            {"program_id": ["p"], "name": ["n"], "skill": ["s"], "seats": [1.5]},
            "no integer: it has decimals",
        ),
        ("spend", {"spent_on": ["2026-01-01"], "category": ["travel"], "amount": [1]}, "not one of sales, marketing"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_place(name: str, columns: dict[str, list[Any]], says: str) -> None:
    with pytest.raises(DataError, match=says):
        read(name, **columns)


def test_the_hash_names_the_content_and_not_its_order() -> None:
    def digest(**columns: list[Any]) -> str:
        return frames_hash(arrow_tables({"reps": pd.DataFrame(columns)}, ORGANISATION))

    one = digest(rep_id=["a", "b"], hired_on=["2024-01-01", "2024-01-02"])
    assert one == digest(rep_id=["b", "a"], hired_on=[date(2024, 1, 2), date(2024, 1, 1)])
    assert one != digest(rep_id=["b", "a"], hired_on=["2024-01-01", "2024-01-02"])
