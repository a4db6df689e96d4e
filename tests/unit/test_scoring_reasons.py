"""Scoring in its parts: which period, which phrase, which drivers."""

from datetime import date
from typing import ClassVar

import pandas as pd
import pytest

from spm_ml.features import FEATURES
from spm_ml.fiscal import FiscalCalendar
from spm_ml.forecasting.deal_level import arrival_inputs
from spm_ml.forecasting.deal_level.deal_inputs import GROUPS
from spm_ml.forecasting.deal_level.explaining import SHARED, USUAL_CHANCE, USUAL_COUNT
from spm_ml.forecasting.inputs import DERIVED
from spm_ml.hazards import Abstention
from spm_ml.predictions import Driver, ForecastChange, ForecastPart, WithoutLargest
from spm_ml.scoring.drivers import SHOWN, drivers_of
from spm_ml.scoring.events import Happened
from spm_ml.scoring.explained import Explained
from spm_ml.scoring.groups import OTHER, group_of, sentence_about
from spm_ml.scoring.reasons import main_reason
from spm_ml.scoring.target import scoring_target
from spm_ml.scoring.words import MoneyWords
from spm_ml.settings import FiscalSettings

USD = MoneyWords("USD")
QUARTERS = FiscalCalendar(FiscalSettings())
MONTHS = FiscalCalendar(FiscalSettings(period="month"))
STAGES = ("Qualify", "Propose")


def plain(text: str) -> str:
    return text.replace("\N{NO-BREAK SPACE}", " ")


class TestTarget:
    def test_the_running_period_with_its_weeks_and_the_day_itself(self) -> None:
        target = scoring_target(QUARTERS, date(2026, 1, 22))
        assert (target.period.label, target.as_of) == ("2026Q1", date(2026, 1, 22))
        assert target.days == (
            date(2025, 12, 31),
            date(2026, 1, 7),
            date(2026, 1, 14),
            date(2026, 1, 21),
            date(2026, 1, 22),
        )
        assert target.note == ""

    def test_on_the_last_day_the_next_period_is_forecast(self) -> None:
        target = scoring_target(MONTHS, date(2017, 12, 31))
        assert target.period.label == "2018-01"
        assert target.days == (date(2017, 12, 31),)
        assert "2017-12 ends on 2017-12-31" in target.note

    def test_a_day_before_the_watermark_is_replayed(self) -> None:
        target = scoring_target(MONTHS, date(2017, 12, 31), date(2017, 12, 15))
        assert target.period.label == "2017-12"
        assert target.as_of == target.days[-1] == date(2017, 12, 15)
        assert target.note == ""

    def test_a_day_after_the_watermark_is_answered_as_of_the_watermark(self) -> None:
        target = scoring_target(QUARTERS, date(2026, 2, 10), date(2026, 3, 20))
        assert target.as_of == date(2026, 2, 10)
        assert "data end on 2026-02-10" in target.note


class TestMainReason:
    row: ClassVar = {
        "quota": 100_000_00.0,
        "booked_to_date": 40_000_00,
        "elapsed_selling_days": 40,
        "period_selling_days": 60,
        "open_amount_in_period": 30_000_00.0,
        "bookings_last_1": 90_000_00.0,
    }

    def reason(self, *, band: str | None = "high", abstention: Abstention | None = None, **changed: object) -> str:
        return plain(
            main_reason(
                {**self.row, **changed},
                median=80_000_00.0,
                risk_band=band,  # type: ignore[arg-type]
                abstention=abstention,
                money=USD,
            )
        )

    def test_behind(self) -> None:
        assert self.reason() == "Needs 3 000 a day, books 1 000; open deals due this period cover 50% of the rest"

    def test_behind_but_with_enough_pipeline(self) -> None:
        text = self.reason(band="low", open_amount_in_period=150_000_00.0)
        assert text == "Needs 3 000 a day, books 1 000; open deals due this period are 2.5 times the rest"
        assert self.reason(open_amount_in_period=150_000_00.0) == "Needs 3 000 a day, books 1 000"

    def test_without_pipeline_known(self) -> None:
        assert self.reason(open_amount_in_period=float("nan")) == "Needs 3 000 a day, books 1 000"

    def test_on_pace(self) -> None:
        assert self.reason(booked_to_date=90_000_00) == "On pace: books 2 250 a day, needs 500"

    def test_reached(self) -> None:
        assert self.reason(booked_to_date=100_000_00) == "Quota reached: booked 100 000 of 100 000"

    def test_before_the_first_day(self) -> None:
        begin = {"elapsed_selling_days": 0, "booked_to_date": 0}
        assert self.reason(**begin) == "Needs 1 667 a day; booked 1 500 a day last period"
        assert self.reason(**begin, bookings_last_1=float("nan")) == "Needs 1 667 a day from the first day on"

    def test_no_day_left(self) -> None:
        assert self.reason(elapsed_selling_days=60) == "60 000 short of the quota and no selling day left"

    def test_without_quota_the_bookings_are_said(self) -> None:
        missing = self.reason(abstention=Abstention("quota_missing"), quota=float("nan"))
        assert missing == "No quota is known; bookings of 80 000 are forecast"
        zero = self.reason(abstention=Abstention("quota_zero"), quota=0.0)
        assert zero == "The quota is zero; bookings of 80 000 are forecast"

    def test_a_leaver(self) -> None:
        assert self.reason(abstention=Abstention("left")) == Abstention("left").detail


class TestStrongReasons:
    row = TestMainReason.row

    def reason(self, why: Explained, median: float = 80_000_00.0, **changed: object) -> str:
        row = {**self.row, **changed}
        return plain(main_reason(row, median=median, risk_band="high", abstention=None, money=USD, why=why))

    def change(self, before: float) -> ForecastChange:
        return ForecastChange(date(2026, 5, 5), before, ())

    def test_one_deal_that_decides(self) -> None:
        why = Explained(without_largest=WithoutLargest("O1", 30_000_00, 55_000_00.0, 0.1))
        assert self.reason(why) == "Without deal O1 the forecast falls from 80% to 55% of the quota"
        small = Explained(without_largest=WithoutLargest("O1", 30_000_00, 75_000_00.0, 0.1))
        assert self.reason(small).startswith("Needs 3 000 a day")

    def test_the_event_that_moved_the_forecast(self) -> None:
        happened = Happened({("lost", 2): (2, 41_000_00.0), ("pushed", 3): (1, 9_000_00.0), ("won", 3): (1, 1_00.0)})
        down = Explained(change=self.change(95_000_00.0), happened=happened)
        assert self.reason(down) == "Forecast down 15 points since 5 May: 2 lost (41 000)"
        up = Explained(change=self.change(60_000_00.0), happened=happened)
        assert self.reason(up) == "Forecast up 20 points since 5 May: 1 won (1)"
        assert self.reason(Explained(change=self.change(75_000_00.0), happened=happened)).startswith("Needs")
        assert self.reason(Explained(change=self.change(95_000_00.0))).startswith("Needs")

    def test_a_pipeline_that_is_large_but_not_likely(self) -> None:
        parts = (ForecastPart("open_stage_2", "Open pipeline in Propose", 15_000_00.0, None, ""),)
        said = self.reason(Explained(parts=parts), open_amount_in_period=150_000_00.0)
        assert said == "Needs 3 000 a day, books 1 000; open deals are expected to bring 25% of the rest"

    def test_hard_conditions_come_first(self) -> None:
        why = Explained(without_largest=WithoutLargest("O1", 30_000_00, 5_000_00.0, 0.1))
        assert self.reason(why, booked_to_date=100_000_00).startswith("Quota reached")
        assert self.reason(why, elapsed_selling_days=60).endswith("no selling day left")

    def test_no_phrase_is_long(self) -> None:
        why = Explained(without_largest=WithoutLargest("006Dn00000AbCdEfGH", 1, 5_000_00.0, 0.1))
        assert len(self.reason(why)) <= 90


class TestDrivers:
    row: ClassVar = {
        "quota": 1_000_00.0,
        "elapsed_selling_days": 30,
        "period_selling_days": 60,
        "open_count_stage_2": 3.0,
        "open_amount_stage_2": 400_00.0,
        "activity_28": 31.0,
        "activity_7": float("nan"),
    }
    amounts: ClassVar = {
        "base": 100_00.0,
        "open_amount_stage_1": 10_00.0,
        "open_count_stage_2": 60_00.0,
        "open_amount_stage_2": 140_00.0,
        "activity_28": -50_00.0,
        "won_count_28": 20_00.0,
        "tenure_days": 5_00.0,
        "programs_taken": 1_00.0,
        "correction": 34_00.0,
    }

    def drivers(self, amounts: dict[str, float], slug: str = "still_to_come", **changed: object) -> tuple[Driver, ...]:
        table = pd.DataFrame({"row": 3, "slug": slug, "label": list(amounts), "amount": list(amounts.values())})
        other = table.assign(row=1)
        found = drivers_of(pd.concat([other, table]), {3: {**self.row, **changed}}, stages=STAGES, money=USD)
        assert set(found) <= {(3, slug)}
        return found.get((3, slug), ())

    def test_few_are_named_by_size_and_all_add_up(self) -> None:
        drivers = self.drivers(self.amounts)
        assert [(driver.label, driver.amount) for driver in drivers] == [
            ("Open pipeline in Propose", 200_00),
            ("Usually still created and won", 100_00),
            ("Recent activity", -50_00),
            ("Correction from past errors", 34_00),
            ("Everything else", 36_00),
        ]
        assert len(drivers) == SHOWN + 1
        assert sum(driver.amount or 0 for driver in drivers) == round(sum(self.amounts.values()))
        assert sum(driver.points or 0 for driver in drivers) == pytest.approx(0.32)
        assert drivers[0].text == "Open deals: 3, worth 400."
        assert drivers[2].text == "Activities in 28 days: 31."

    def test_drivers_of_other_parts_keep_their_names(self) -> None:
        [driver] = self.drivers({"Stage reached": 5_00.0, "Deal size": 0.2}, "open_stage_2")
        assert (driver.label, driver.amount) == ("Stage reached", 5_00)
        assert driver.text == "How often deals that came this far are won in time."

    def test_without_quota_there_are_amounts_but_no_points(self) -> None:
        assert all(driver.points is None for driver in self.drivers(self.amounts, quota=float("nan")))

    def test_every_feature_has_a_group_that_a_manager_understands(self) -> None:
        names = [name for feature in FEATURES for name in feature.names(len(STAGES))]
        assert [name for name in (*names, *DERIVED) if group_of(name, STAGES) == OTHER] == []
        assert group_of("something_new", STAGES) == OTHER

    def test_every_group_has_a_sentence(self) -> None:
        row = {name: 200.0 for feature in FEATURES for name in feature.names(len(STAGES))}
        days = {"elapsed_selling_days": 20.0, "period_selling_days": 60.0}
        for label in {group_of(name, STAGES) for name in row}:
            assert "2" in sentence_about(label, row | days, STAGES, USD)
            assert sentence_about(label, {}, STAGES, USD) == "Other figures that the model looks at."

    def test_every_driver_of_the_deal_level_model_has_a_sentence(self) -> None:
        row = {name: 200.0 for feature in FEATURES for name in feature.names(len(STAGES))}
        days = {"elapsed_selling_days": 20.0, "period_selling_days": 60.0, "exposure": 1.0}
        labels = {*GROUPS.values(), USUAL_CHANCE, USUAL_COUNT, SHARED, *arrival_inputs.LABELS}
        for label in labels:
            assert sentence_about(label, row | days, STAGES, USD) != "Other figures that the model looks at.", label
