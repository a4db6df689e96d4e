"""The ledger of deals: events filled forward, what is rebuilt, and on which day a change counts."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from spm_ml.errors import DataError
from spm_ml.history import SalesHistory
from spm_ml.history.engines import DuckDBEngine
from spm_ml.history.ledger import COLUMNS
from spm_ml.settings import StageAlias, StageSettings
from tests.history_world import ORGANISATION, Rows, deal, event, history_of, in_order

CREATED = event("2026-01-05", rep_id="ann", stage="Qualify", amount=100, expected_close_on="2026-03-01", outcome="open")
EXPORTED_ON = date(2026, 6, 30)

ROWS: Rows = []
EVENTS: Rows = [event("2026-06-30", "last", rep_id="ann")]


def scenario(row: dict[str, Any], *events: dict[str, Any]) -> str:
    """Adds a deal to the history that the tests share, which takes a second to build; gives its id."""
    name = f"d{len(ROWS)}"
    ROWS.append(row | {"opportunity_id": name})
    EVENTS.extend(each | {"opportunity_id": name} for each in events)
    return name


@pytest.fixture(scope="module")
def history() -> Iterator[SalesHistory]:
    rows = [*ROWS, deal("last", created_on="2026-06-30")]
    with history_of(opportunities=rows, opportunity_events=EVENTS) as built:
        yield built


def test_the_columns_and_types_are_the_declared_ones(history: SalesHistory) -> None:
    assert {name: str(kind) for name, kind in history.ledger.schema().items()} == COLUMNS


FILLED = scenario(
    deal(),
    CREATED,
    event("2026-01-20", stage="Propose"),
    event("2026-02-01", amount=150, expected_close_on="2026-03-09"),
)


def test_empty_cells_mean_unchanged_and_every_row_knows_the_state_before(history: SalesHistory) -> None:
    state = ("event_number", "rep_id", "stage", "stage_position", "amount", "expected_close_on")
    assert in_order(history, *state, opportunity_id=FILLED) == [
        (0, "ann", "Qualify", 1, 10_000, date(2026, 3, 1)),
        (1, "ann", "Propose", 2, 10_000, date(2026, 3, 1)),
        (2, "ann", "Propose", 2, 15_000, date(2026, 3, 9)),
    ]
    before = [name for name in COLUMNS if name.startswith("previous_")]
    assert in_order(history, *before, opportunity_id=FILLED) == [
        (None, None, None, None, None, None),
        ("ann", 1, "open", 10_000, date(2026, 3, 1), date(2026, 1, 5)),
        ("ann", 2, "open", 10_000, date(2026, 3, 1), date(2026, 1, 20)),
    ]
    constant = in_order(history, "created_on", "history_reconstructed", opportunity_id=FILLED)
    assert set(constant) == {(date(2026, 1, 5), False)}


SIMULTANEOUS = scenario(deal(), CREATED, *(event("2026-01-20", amount=amount) for amount in (3, 1, 2)))


def test_events_of_one_instant_keep_the_order_in_which_they_were_written(history: SalesHistory) -> None:
    assert in_order(history, "amount", opportunity_id=SIMULTANEOUS) == [(10_000,), (300,), (100,), (200,)]


AT_MIDNIGHT = scenario(
    deal(), CREATED, event("2026-04-01T03:59:59Z", outcome="won"), event("2026-04-01T04:00:00Z", outcome="open")
)


def test_events_are_cut_off_in_the_organisations_zone(history: SalesHistory) -> None:
    days = in_order(history, "recorded_on", opportunity_id=AT_MIDNIGHT)
    assert days == [(date(2026, 1, 5),), (date(2026, 3, 31),), (date(2026, 4, 1),)]


BACKDATED = {
    scenario(
        deal(outcome="won", closed_on=closed_on, recorded_at=recorded_at),
        CREATED,
        event("2026-04-02T12:00:00Z", outcome="won"),
    ): (event_on, why)
    for recorded_at, closed_on, event_on, why in [
        ("2026-04-02T12:00:00Z", "2026-03-30", date(2026, 3, 30), "stated with the close"),
        ("2026-04-09T12:00:00Z", "2026-03-30", date(2026, 4, 2), "stated later: may have been overwritten"),
        (None, "2026-03-30", date(2026, 4, 2), "nobody knows when it was stated"),
        ("2026-04-02T12:00:00Z", "2026-04-20", date(2026, 4, 2), "no close is known before it happens"),
        ("2026-04-02T12:00:00Z", None, date(2026, 4, 2), "not stated"),
    ]
}


@pytest.mark.parametrize("name", BACKDATED)
def test_a_close_counts_on_its_stated_day_only_if_that_was_stated_with_it(history: SalesHistory, name: str) -> None:
    event_on, why = BACKDATED[name]
    last = in_order(history, "event_on", "recorded_on", opportunity_id=name)[-1]
    assert last == (event_on, date(2026, 4, 2)), why


REOPENED = scenario(
    deal(outcome="won", closed_on="2026-02-25", recorded_at="2026-03-02"),
    CREATED,
    event("2026-02-01", outcome="lost"),
    event("2026-02-10", outcome="open"),
    event("2026-03-02", outcome="won"),
    event("2026-03-20", outcome="lost"),
)


def test_only_the_close_that_the_row_describes_is_backdated(history: SalesHistory) -> None:
    assert in_order(history, "outcome", "event_on", opportunity_id=REOPENED) == [
        ("open", date(2026, 1, 5)),
        ("lost", date(2026, 2, 1)),
        ("open", date(2026, 2, 10)),
        ("won", date(2026, 2, 25)),
        ("lost", date(2026, 3, 20)),
    ]


REFUNDED = scenario(
    deal(outcome="lost", closed_on="2026-02-01", recorded_at="2026-03-20"),
    CREATED,
    event("2026-02-01", outcome="won"),
    event("2026-03-20", outcome="lost"),
)


def test_a_refund_counts_when_it_was_recorded(history: SalesHistory) -> None:
    assert in_order(history, "outcome", "event_on", opportunity_id=REFUNDED)[-1] == ("lost", date(2026, 3, 20))


RENAMED_AFTER_CLOSE = scenario(
    deal(),
    CREATED,
    event("2026-01-20", stage="Negotiate"),
    event("2026-02-01", stage="Closed Won", outcome="won"),
    event("2026-02-03", stage="Won - invoiced"),
    event("2026-02-20", outcome="open"),
)


def test_closed_deals_have_position_0_and_reopened_ones_their_last_open_stage(history: SalesHistory) -> None:
    assert in_order(history, "stage", "stage_position", "outcome", opportunity_id=RENAMED_AFTER_CLOSE)[1:] == [
        ("Negotiate", 3, "open"),
        ("Closed Won", 0, "won"),
        ("Won - invoiced", 0, "won"),
        ("Negotiate", 3, "open"),
    ]


CLOSED_WITHOUT_EVENTS = scenario(
    deal(outcome="won", closed_on="2026-02-10", amount=100, stage="Closed", expected_close_on="2026-02-09")
)


def test_a_closed_deal_without_events_is_rebuilt_as_created_and_closed(history: SalesHistory) -> None:
    columns = ("recorded_on", "event_on", "rep_id", "stage", "stage_position", "outcome", "amount", "expected_close_on")
    assert in_order(history, *columns, "history_reconstructed", opportunity_id=CLOSED_WITHOUT_EVENTS) == [
        (date(2026, 1, 5), date(2026, 1, 5), "ann", "Qualify", 1, "open", 0, None, True),
        (date(2026, 2, 10), date(2026, 2, 10), "ann", "Closed", 0, "won", 10_000, date(2026, 2, 9), True),
    ]


CLOSED_AND_DATED = scenario(deal(outcome="won", closed_on="2026-02-10", amount=100, recorded_at="2026-02-14"))


def test_what_a_row_says_is_known_when_it_was_recorded_and_not_before(history: SalesHistory) -> None:
    assert in_order(history, "recorded_on", "event_on", "rep_id", "outcome", opportunity_id=CLOSED_AND_DATED) == [
        (date(2026, 1, 5), date(2026, 1, 5), None, "open"),
        (date(2026, 2, 14), date(2026, 2, 10), "ann", "won"),
    ]


OPEN_WITHOUT_EVENTS = scenario(deal(amount=100, stage="Negotiate"))


def test_an_open_deal_without_events_shows_its_amount_on_the_day_of_the_export(history: SalesHistory) -> None:
    assert history.watermark == EXPORTED_ON
    assert in_order(history, "recorded_on", "stage_position", "amount", opportunity_id=OPEN_WITHOUT_EVENTS) == [
        (date(2026, 1, 5), 1, 0),
        (EXPORTED_ON, 3, 10_000),
    ]


NEW = scenario(deal(amount=100, recorded_at="2026-01-05"))


def test_an_open_deal_recorded_on_its_first_day_is_one_row(history: SalesHistory) -> None:
    assert in_order(history, "recorded_on", "rep_id", "amount", opportunity_id=NEW) == [
        (date(2026, 1, 5), "ann", 10_000)
    ]


OLDER_THAN_ITS_EVENTS = scenario(
    deal(created_on="2025-11-03", recorded_at="2026-02-01", outcome="won", closed_on="2026-02-01"),
    CREATED,
    event("2026-02-01", outcome="won"),
)


def test_what_happened_before_the_first_event_is_rebuilt_and_marked(history: SalesHistory) -> None:
    columns = ("recorded_on", "rep_id", "amount", "history_reconstructed")
    assert in_order(history, *columns, opportunity_id=OLDER_THAN_ITS_EVENTS) == [
        (date(2025, 11, 3), None, 0, True),
        (date(2026, 1, 5), "ann", 10_000, False),
        (date(2026, 2, 1), "ann", 10_000, False),
    ]


def test_periods_start_with_what_was_observed_and_not_with_a_rebuilt_creation(history: SalesHistory) -> None:
    assert [period.label for period in history.periods()] == ["2026Q1", "2026Q2"]


CLOSED_BEFORE_ITS_EVENTS = scenario(
    deal(outcome="won", closed_on="2026-01-20", amount=100, recorded_at="2026-01-21"),
    event("2026-03-01", outcome="open"),
)


def test_a_row_recorded_before_the_first_event_keeps_its_close(history: SalesHistory) -> None:
    columns = ("recorded_on", "outcome", "amount", "history_reconstructed")
    assert in_order(history, *columns, opportunity_id=CLOSED_BEFORE_ITS_EVENTS) == [
        (date(2026, 1, 5), "open", 0, True),
        (date(2026, 1, 21), "won", 10_000, True),
        (date(2026, 3, 1), "open", 10_000, False),
    ]


NO_AMOUNT = scenario(
    deal(outcome="won", amount=100, closed_on="2026-02-01", recorded_at="2026-02-01"),
    event("2026-01-05", rep_id="ann"),
    event("2026-02-01", outcome="won"),
)


def test_an_amount_that_no_event_stated_comes_from_the_row_once_that_was_recorded(history: SalesHistory) -> None:
    assert in_order(history, "outcome", "amount", "history_reconstructed", opportunity_id=NO_AMOUNT) == [
        ("open", 0, False),
        ("won", 10_000, False),
    ]


OUT_OF_ORDER = scenario(
    deal(created_on="2026-05-01", outcome="won", closed_on="2026-02-10", amount=100, recorded_at="2026-02-11")
)
CREATED_AFTER_ITS_EVENTS = scenario(deal(created_on="2026-05-01"), event("2026-01-01", rep_id="ann"))


def test_robust_to_dates_out_of_order(history: SalesHistory) -> None:
    assert in_order(history, "recorded_on", "outcome", opportunity_id=OUT_OF_ORDER) == [
        (date(2026, 2, 11), "open"),
        (date(2026, 2, 11), "won"),
    ]
    assert in_order(history, "recorded_on", opportunity_id=CREATED_AFTER_ITS_EVENTS) == [(date(2026, 1, 1),)]


def test_owners_and_amounts_come_from_the_rows_where_no_event_names_any() -> None:
    events = [event("2026-01-05", stage="Qualify", outcome="open"), event("2026-02-01", outcome="won")]
    row = deal(outcome="won", amount=100, closed_on="2026-02-01", recorded_at="2026-05-05")
    with history_of(opportunities=[row], opportunity_events=events) as history:
        assert in_order(history, "rep_id", "outcome", "amount", "history_reconstructed") == [
            ("ann", "open", 0, True),
            ("ann", "won", 10_000, True),
        ]


def test_stage_names_are_read_without_case_and_through_dated_aliases() -> None:
    stages = (
        StageSettings(name="Demo", aliases=(StageAlias(name="Propose", valid_to=date(2026, 1, 10)),)),
        StageSettings(name="Propose", aliases=(StageAlias(name="Quote", valid_to=date(2026, 1, 31)),)),
        StageSettings(
            name="Negotiate",
            aliases=(StageAlias(name="quote", valid_from=date(2026, 2, 1)), StageAlias(name="Verbal")),
        ),
    )
    names = {"2026-01-10": "Propose", "2026-01-11": "Propose", "2026-01-31": " QUOTE", "2026-02-01": "Quote"}
    events = [event(day, stage=name) for day, name in {**names, "2026-02-09": "verbal "}.items()]
    with history_of(
        organisation=ORGANISATION.model_copy(update={"stages": stages}),
        opportunities=[deal(stage="Propose", created_on="2026-01-10")],
        opportunity_events=events,
    ) as history:
        read = [stage for (stage,) in in_order(history, "stage")]
    assert read == ["Demo", "Propose", "Propose", "Negotiate", "Negotiate"]


@pytest.mark.parametrize("outcome", [None, "open"])
def test_an_open_deal_in_an_unknown_stage_stops_with_the_nearest_name(outcome: str | None) -> None:
    events = [CREATED, event("2026-01-20", stage="Proposee", outcome=outcome)]
    with (
        history_of(opportunities=[deal()], opportunity_events=events) as history,
        pytest.raises(DataError, match=r"'Proposee' \(did you mean 'Propose'\?\).*organisation.yaml"),
    ):
        _ = history.ledger


def test_stages_are_taken_from_the_data_where_none_is_declared() -> None:
    events = [event("2026-01-05", stage="Start"), event("2026-02-05", stage="Middle")]
    events.append(event("2026-03-01", stage="Won", outcome="won"))
    with history_of(
        organisation=ORGANISATION.model_copy(update={"stages": ()}),
        opportunities=[deal(stage="Won", outcome="won"), deal("d2", stage="Odd")],
        opportunity_events=events,
    ) as history:
        assert [stage.name for stage in history.organisation.stages] == ["Start", "Middle", "Odd"]


def test_of_many_changes_some_deals_are_derived_at_a_time(
    history: SalesHistory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DuckDBEngine, "rows_at_once", 10)
    rows = [*ROWS, deal("last", created_on="2026-06-30")]
    with history_of(opportunities=rows, opportunity_events=EVENTS) as other:
        some, whole = (one.ledger.order_by("opportunity_id", "event_number").to_pyarrow() for one in (other, history))
    assert len(whole) > 10
    assert some.equals(whole)
