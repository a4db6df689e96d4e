"""Results of finished periods, beside the forecasts that were made of them."""

from collections.abc import Sequence
from datetime import date, datetime

from pydantic import Field

from serving.routes.answers import Model, major, major_or_none
from spm_ml.predictions import Batch, GroupOutcome, OutcomeVersion, Prediction, TeamPrediction


class OutcomeOut(Model):
    """What came of a forecast once its period was over, as one scoring run said it."""

    bookings: float = Field(description="Credited bookings of the whole period.")
    quota: float | None = Field(description="Quota in force at the period's end.")
    attainment: float | None = Field(description="Bookings ÷ that quota; null without a quota.")
    left: bool = Field(description="The rep left before the end: the bookings are not those of a whole period.")
    held: bool | None = Field(
        description="Whether P10 to P90 of this forecast held the bookings; null where nothing was forecast or the rep "
        "left."
    )
    as_known_on: date = Field(description="Latest recorded day of the data that say so; late records restate it.")
    batch_id: str = Field(description="The scoring run that said it first.")
    data_version: int
    said_at: datetime

    @classmethod
    def of(cls, version: OutcomeVersion | None, row: Prediction, batch: Batch) -> "OutcomeOut | None":
        """The same for the API, held against a forecast; None while the result is not known."""
        if version is None:
            return None
        outcome = version.outcome
        return cls(
            bookings=major(outcome.bookings, batch),
            quota=major_or_none(outcome.quota, batch),
            attainment=outcome.attainment,
            left=outcome.censored,
            held=outcome.inside(row.quantile(0.1), row.quantile(0.9)),
            as_known_on=version.as_known_on,
            batch_id=version.batch_id,
            data_version=version.data_version,
            said_at=version.said_at,
        )


def versions_out(versions: Sequence[OutcomeVersion], row: Prediction, batch: Batch) -> tuple[OutcomeOut, ...]:
    """Everything that was said of one result, oldest first."""
    return tuple(out for version in versions if (out := OutcomeOut.of(version, row, batch)) is not None)


class GroupOutcomeOut(Model):
    """What the members of a group booked together in a finished period."""

    bookings: float = Field(description="Each deal counted once, as in `booked` and `distribution`.")
    attainment: float | None = Field(description="Those ÷ `quota`, the sum of the members' quotas as of the day.")
    held: bool | None = Field(description="Whether P10 to P90 of this forecast held them.")
    reps: int
    left: int = Field(description="Members who left before the end; what they booked until then is in the sum.")
    as_known_on: date

    @classmethod
    def of(cls, outcome: GroupOutcome | None, row: TeamPrediction, batch: Batch) -> "GroupOutcomeOut | None":
        """The same for the API; None while the result of any member is not known."""
        if outcome is None:
            return None
        low, high = row.quantile(0.1), row.quantile(0.9)
        return cls(
            bookings=major(outcome.revenue, batch),
            attainment=outcome.revenue / row.quota if row.quota else None,
            held=None if low is None or high is None else low <= outcome.revenue <= high,
            reps=outcome.reps,
            left=outcome.left,
            as_known_on=outcome.as_known_on,
        )
