"""What happened to deals between two days, counted on histories made by hand."""

from datetime import date

from spm_ml.scoring.events import Happened, events_between
from spm_ml.scoring.words import MoneyWords
from tests.history_world import deal, event, history_of

SINCE, AS_OF, PERIOD_END = date(2026, 2, 1), date(2026, 2, 8), date(2026, 3, 31)
USD = MoneyWords("USD")


def opened(opportunity_id: str, rep_id: str = "ann", day: str = "2026-01-05", **state: object) -> dict[str, object]:
    known = {"rep_id": rep_id, "stage": "Qualify", "amount": 100.0, "outcome": "open"}
    return event(day, opportunity_id, **(known | {"expected_close_on": "2026-03-01"} | state))


def events(*rows: dict[str, object]) -> dict[str, Happened]:
    names = sorted({str(row["opportunity_id"]) for row in rows})
    deals = [deal(name, amount=1.0, created_on="2026-01-05") for name in names]
    with history_of(opportunities=deals, opportunity_events=list(rows)) as history:
        return events_between(history, SINCE, AS_OF, PERIOD_END)


class TestEvents:
    def test_each_kind_is_counted_with_its_amount_and_stage(self) -> None:
        happened = events(
            *(opened(name) for name in ("won", "lost", "pushed", "moved", "before", "after")),
            opened("pulled", expected_close_on="2026-05-01"),
            event("2026-02-03", "won", outcome="won", amount=120.0),
            event("2026-02-03", "lost", outcome="lost"),
            event("2026-02-03", "pushed", expected_close_on="2026-04-02"),
            event("2026-02-08", "pulled", expected_close_on="2026-03-31"),
            event("2026-02-03", "moved", stage="Propose"),
            event("2026-02-01", "before", outcome="won"),
            event("2026-02-09", "after", outcome="won"),
        )
        assert happened["ann"].tally == {
            ("won", 1): (1, 120_00.0),
            ("lost", 1): (1, 100_00.0),
            ("pushed", 1): (1, 100_00.0),
            ("pulled", 1): (1, 100_00.0),
            ("left", 1): (1, 100_00.0),
            ("entered", 2): (1, 100_00.0),
        }

    def test_created_and_won_at_once_is_both(self) -> None:
        deals = [deal("new", created_on="2026-02-02"), deal("quick", created_on="2026-02-03")]
        rows = [
            opened("new", day="2026-02-02", amount=70.0),
            opened("quick", day="2026-02-03"),
            event("2026-02-05", "quick", outcome="won"),
        ]
        with history_of(opportunities=deals, opportunity_events=rows) as history:
            happened = events_between(history, SINCE, AS_OF, PERIOD_END)["ann"]
        assert happened.of("created") == (2, 170_00.0)
        assert happened.of("created", 1) == (1, 70_00.0)
        assert happened.of("won") == (1, 100_00.0)

    def test_what_was_undone_in_between_is_not_told(self) -> None:
        assert "ann" not in events(
            opened("d1"),
            event("2026-02-03", outcome="won"),
            event("2026-02-04", outcome="open", stage="Qualify"),
        )

    def test_a_win_that_is_taken_back_and_a_deal_that_changes_hands(self) -> None:
        happened = events(
            opened("undone"),
            event("2026-01-20", "undone", outcome="won", amount=90.0),
            event("2026-02-03", "undone", outcome="lost"),
            opened("given"),
            event("2026-02-04", "given", rep_id="bob"),
        )
        assert happened["ann"].of("undone") == (1, 90_00.0)
        assert happened["ann"].of("handed_over", 1) == (1, 100_00.0)
        assert happened["bob"].tally == {("taken_over", 1): (1, 100_00.0)}

    def test_a_quiet_week(self) -> None:
        assert events(opened("d1")) == {}


class TestHappened:
    one = Happened({("won", 2): (1, 50_00.0), ("won", 3): (2, 10_00.0), ("lost", 1): (1, 0.0)})

    def test_several_add_up(self) -> None:
        both = Happened.together([self.one, self.one])
        assert both.of("won") == (6, 120_00.0)
        assert both.of("won", 2) == (2, 100_00.0)

    def test_in_words(self) -> None:
        assert self.one.told(("lost", "won", "pushed"), USD) == "3 won (60), 1 lost"
        assert self.one.told(("won",), USD, 2) == "1 won (50)"
        assert self.one.told(("pushed",), USD) == ""
        assert self.one.news(USD, good=True) == "3 won (60)"
        assert Happened().news(USD, good=False) == ""
