"""Scoring in its parts: which period, which phrase, which drivers."""

from datetime import date
from typing import ClassVar

import pytest

from spm_ml.features import FEATURES
from spm_ml.fiscal import FiscalCalendar
from spm_ml.forecasting.inputs import DERIVED
from spm_ml.hazards import Abstention
from spm_ml.scoring.drivers import SHOWN, parts_of
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


class TestParts:
    row: ClassVar = {
        "quota": 1_000_00.0,
        "booked_to_date": 300_00,
        "elapsed_selling_days": 30,
        "period_selling_days": 60,
        "open_count_stage_2": 3.0,
        "open_amount_stage_2": 400_00.0,
        "activity_28": 31.0,
        "activity_7": float("nan"),
    }
    contributions: ClassVar = {
        "base": 100_00.0,
        "open_amount_stage_1": 10_00.0,
        "open_count_stage_2": 60_00.0,
        "open_amount_stage_2": 140_00.0,
        "activity_28": -50_00.0,
        "won_count_28": 20_00.0,
        "tenure_days": 5_00.0,
        "programs_taken": 1_00.0,
    }

    def parts(self, contributions: dict[str, float] | None, **changed: object):
        row = {**self.row, **changed}
        return parts_of(row, 620_00.0, contributions, stages=STAGES, money=USD, forecaster_label="LightGBM quantiles")

    def test_the_parts_add_up_to_the_median_and_the_drivers_to_their_part(self) -> None:
        booked, still = self.parts(self.contributions)
        assert (booked.slug, booked.amount) == ("booked", 300_00)
        assert booked.text == "300 of a quota of 1\N{NO-BREAK SPACE}000."
        assert (still.slug, still.amount) == ("still_to_come", 320_00)
        assert booked.points + still.points == pytest.approx(0.62)
        assert sum(driver.amount for driver in still.drivers) == 320_00
        assert sum(driver.points for driver in still.drivers) == pytest.approx(0.32)

    def test_drivers_come_by_size(self) -> None:
        drivers = self.parts(self.contributions)[1].drivers
        sizes = [abs(driver.amount) for driver in drivers[:-1]]
        assert sizes == sorted(sizes, reverse=True)
        assert drivers[0].label == "Open pipeline in Propose"
        assert drivers[0].points == pytest.approx(0.2)
        assert drivers[0].text == "Open deals: 3, worth 400."

    def test_few_are_named_and_the_rest_is_summed(self) -> None:
        drivers = self.parts(self.contributions)[1].drivers
        assert len(drivers) == SHOWN + 1
        assert drivers[-1].label == "Everything else"
        activity = next(driver for driver in drivers if driver.label == "Recent activity")
        assert activity.text == "Activities in 28 days: 31."

    def test_the_correction_is_a_driver_of_its_own(self) -> None:
        drivers = self.parts({"base": 100_00.0})[1].drivers
        assert {driver.label: driver.amount for driver in drivers} == {
            "Correction from past errors": 220_00,
            "Usually still created and won": 100_00,
        }

    def test_a_rule_has_parts_without_drivers(self) -> None:
        booked, still = self.parts(None)
        assert (booked.amount, still.amount, still.drivers) == (300_00, 320_00, ())
        assert still.text == "320 by lightgbm quantiles; selling days left: 30."
        assert self.parts({"base": float("nan")}) == (booked, still)

    def test_without_quota_there_are_amounts_but_no_points(self) -> None:
        booked, still = self.parts(self.contributions, quota=float("nan"))
        assert all(one.points is None for one in (booked, still, *still.drivers))
        assert booked.text == "300; no quota is known."

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
