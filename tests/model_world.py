"""Evidence about a model with known content, as scoring publishes it."""

from datetime import UTC, date, datetime

from spm_ml.hazards import Abstention
from spm_ml.predictions import (
    Batch,
    BrokenRuleCount,
    Calibration,
    Contender,
    Coverage,
    DataQuality,
    DatasetFacts,
    Drift,
    DriftTest,
    GateRow,
    HazardCount,
    Ingest,
    LeakageResult,
    Lineage,
    MeasuredShare,
    ModelEvidence,
    PairedDifference,
    PitBin,
    ReliabilityBin,
    Rivals,
    SourceFile,
    TableQuality,
    VoicesValue,
    VoiceValue,
    WeekReliability,
)

PERIODS = ("2025Q2", "2025Q3", "2025Q4", "2026Q1")
AT = datetime(2026, 6, 28, 4, 12, tzinfo=UTC)


def share(value: float, rows: int = 240, half: float = 0.06) -> MeasuredShare:
    return MeasuredShare(value, max(0.0, value - half), min(1.0, value + half), rows)


def make_evidence(batch: Batch) -> ModelEvidence:
    """Every section: intervals of sums that are too narrow, one column that drifted, a challenger that is refused."""
    return ModelEvidence(
        calibration=make_calibration(),
        rivals=make_rivals(),
        drift=make_drift(batch.as_of),
        data_quality=make_data_quality(batch),
        leakage=make_leakage(batch.data_hash),
        lineage=make_lineage(batch),
        voices=make_voices(batch.forecaster),
    )


def make_voices(forecaster: str) -> VoicesValue:
    """Commits help, a rating does not, and of the pulse it cannot be told yet."""
    few = Abstention("too_few_words", "12 of 60 reps and periods that it takes have this and a known result.")
    better = PairedDifference(-0.0123, -0.02, -0.005, 968, 80, 3, same_backtest=True)
    same = PairedDifference(0.0004, -0.001, 0.002, 640, 76, 3, same_backtest=True)
    return VoicesValue(
        forecaster,
        (
            VoiceValue("commit", better, 0.21, 240, 60),
            VoiceValue("self_rating", same, 0.01, 150, 60),
            VoiceValue("pulse", None, None, 12, 60, few),
        ),
    )


def make_calibration() -> Calibration:
    chances = (0.02, 0.1, 0.24, 0.41, 0.55, 0.68, 0.8, 0.9, 0.96, 0.99)
    parts = (("all", 0, 13), ("early", 0, 4), ("middle", 5, 9), ("late", 10, 13))
    held = {"rep": 0.0, "team": -0.02, "region": -0.05, "company": -0.2}
    return Calibration(
        periods=PERIODS,
        reps=80,
        reliability=tuple(
            ReliabilityBin(part, first, last, said, share(min(1.0, said + 0.02), 400 // len(parts)))  # type: ignore[arg-type]
            for part, first, last in parts
            for said in chances
        ),
        by_week=tuple(WeekReliability(week, 0.58, share(0.57), 0.2 - week / 80) for week in range(14)),
        coverage=tuple(
            Coverage(level, week, period, nominal, share(nominal + less, 1000 if week is None else 80))  # type: ignore[arg-type]
            for level, less in held.items()
            for nominal in (0.5, 0.8, 0.9)
            for week, period in (
                (None, None),
                *((week, None) for week in range(14)),
                *((None, period) for period in PERIODS if level == "rep"),
            )
        ),
        pit=tuple(PitBin(at / 10, (at + 1) / 10, share(0.1 + (at - 4.5) / 90, 3000, 0.04)) for at in range(10)),
    )


def make_rivals() -> Rivals:
    passed = GateRow("coverage_80", True, 0.79, 0.8, "80 % intervals held 79.0% of outcomes")
    failed = GateRow("no_worse_than_champion", False, 0.004, 0.0, "difference in CRPS +0.0040; it must not lie above 0")
    return Rivals(
        champion=Contender("spm-attainment", "7", "LightGBM quantiles", AT, "3", 0.094, (passed,), "promotion"),
        challenger=Contender("spm-attainment", "9", "Deals added up", AT, "3", 0.098, (passed, failed), "training"),
        difference=PairedDifference(0.004, 0.001, 0.007, 968, 80, 4, same_backtest=True),
        compared_at=AT,
    )


def make_drift(as_of: date) -> Drift:
    def test(column: str, verdict: str, statistic: float | None, adjusted: float | None, **more: object) -> DriftTest:
        known = {
            "kind": "feature",
            "meaning": "Meetings and demos in the last 28 days.",
            "threshold": None if statistic is None else 0.19,
            "p_value": None if adjusted is None else adjusted / 4,
            "usual_before": None if statistic is None else 0.24,
            "rows": 76,
            "past_rows": 512,
            "untested": None,
            "missing_now": 0.0,
            "missing_before": 0.125,
        }
        return DriftTest(
            column=column,
            verdict=verdict,
            statistic=statistic,
            adjusted_p=adjusted,
            **{**known, **more},  # type: ignore[arg-type]
        )

    return Drift(
        as_of=as_of,
        week=8,
        level=0.05,
        reps=80,
        new_reps=4,
        tests=(
            test("meetings_28", "drift", 0.41, 0.0004),
            test("open_amount", "seen_before", 0.23, 0.021),
            test("p_hit", "none", 0.11, 0.4, kind="forecast", meaning="Chance of reaching the quota."),
            test("pit", "none", 0.14, 0.31, kind="calibration", meaning="Where outcomes fell."),
            test("tenure_days", "untested", None, None, untested="grows_with_time"),
        ),
    )


def make_data_quality(batch: Batch) -> DataQuality:
    return DataQuality(
        version=batch.data_version,
        tables=(
            TableQuality("reps", 3, AT, 96, 95, 1, None),
            TableQuality("opportunities", 3, AT, 5200, 5171, 29, batch.watermark),
            TableQuality("activities", 2, AT, 61_300, 61_300, 0, batch.watermark),
        ),
        broken_rules=(
            BrokenRuleCount("opportunities", "amount", "must be at least 0", "mend it", 29, 0),
            BrokenRuleCount("reps", "manager_id", "must occur in reps", "add the manager to reps", 0, 2),
        ),
        hazards=(HazardCount("H08", 14, 640, 4, 80), HazardCount("H18", 120, 640, 21, 80)),
    )


def make_leakage(data_hash: str, *, differing: tuple[str, ...] = ()) -> LeakageResult:
    return LeakageResult(
        AT, not differing, (date(2025, 9, 7), date(2026, 2, 1)), 96, 22, 31_000, 1_840, differing, 0, data_hash
    )


def make_lineage(batch: Batch) -> Lineage:
    files = (SourceFile("opportunities.csv", "ab" * 32, 5200), SourceFile("reps.csv", "cd" * 32, None))
    return Lineage(
        run_id="0f" * 16,
        experiment_id="1",
        registry="workspace",
        learnt_from=DatasetFacts("ef" * 32, 8960, 96, batch.data_version, batch.data_hash),
        forecast_from=DatasetFacts("12" * 32, 720, 96, batch.data_version, batch.data_hash),
        hindsight=False,
        ingests=(Ingest(batch.data_version, AT, None, files),),
    )
