"""Parts of a forecast, and of a change of it, in words that a manager understands; of a rep or of a group."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from spm_ml.scoring.events import Happened
from spm_ml.scoring.groups import CORRECTION, stage_label
from spm_ml.scoring.words import MoneyWords

_STAGED: Final = "open_stage_"

_LABELS: Final = {
    "booked": "Booked so far",
    "not_created": "Deals not created yet",
    "undone": "Bookings taken back",
    "skew": "Median beside the mean",
    "recalibration": CORRECTION,
    "still_to_come": "Still to come",
    "other": "Other",
}

_NOW: Final = {
    "undone": "What is usually refunded or cancelled of such bookings before the period ends.",
    "recalibration": "What past forecasts at this week were off.",
    "other": "What the other parts leave.",
}

_CHANGED: Final = {
    "undone": "What is still expected to be refunded or cancelled.",
    "skew": "The gap between the median and the mean is another.",
    "recalibration": "Another week has another correction from past errors.",
    "other": "What the other parts leave.",
}

_ALL: Final = ("won", "undone", "lost", "pushed", "handed_over", "created", "pulled", "taken_over")
_IN_STAGE: Final = ("won", "lost", "pushed", "handed_over", "left", "created", "entered", "pulled", "taken_over")


@dataclass(frozen=True)
class Opened:
    """Open deals in one stage: how many, their amounts and what is expected of them, minor units."""

    count: int
    amount: float
    expected: float


@dataclass(frozen=True)
class Figures:
    """What the sentences about one rep or group are made of.

    Attributes:
        booked: Booked so far, minor units.
        quota: Minor units; None without one.
        days_left: Selling days to the period's end.
        opened: Open deals by position of the stage.
        created: Deals created in the last 28 days, if known.
        remark: Said after what is booked, for example who is not in the sum.
    """

    booked: float
    quota: float | None
    days_left: int
    opened: Mapping[int, Opened] = field(default_factory=dict)
    created: float | None = None
    remark: str = ""


@dataclass(frozen=True)
class Since:
    """What changed between two days for one rep or group.

    Attributes:
        happened: To the deals.
        days_passed: Selling days in between.
        quota_before: Then; None without one.
    """

    happened: Happened
    days_passed: int
    quota_before: float | None


@dataclass(frozen=True)
class PartWords:
    """Names parts and says what is behind them.

    Attributes:
        stages: Names of the open stages in order.
        money: Writes the amounts.
        forecaster_label: What a reader calls the forecaster.
    """

    stages: Sequence[str]
    money: MoneyWords
    forecaster_label: str

    def label(self, slug: str) -> str:
        """What a reader calls a part."""
        stage = stage_of(slug)
        return _LABELS[slug] if stage is None else stage_label(self.stages[stage - 1])

    def text(self, slug: str, amount: float, figures: Figures) -> str:
        """One sentence about a part."""
        stage = stage_of(slug)
        if stage is not None:
            return self._open_deals(figures.opened.get(stage))
        if slug == "booked":
            return self._booked(figures)
        if slug == "not_created":
            made = "" if figures.created is None else f"; created in the last 28 days: {figures.created:,.0f}"
            return f"What is usually still created and won in {_days(figures.days_left)}{made}."
        if slug == "skew":
            return (
                "A few large deals lift the mean above the median."
                if amount < 0
                else "Deals that are likely to be won lift the median above the mean."
            )
        if slug == "still_to_come":
            return (
                f"{self.money.amount(amount)} by {self.forecaster_label.lower()}; "
                f"selling days left: {figures.days_left}."
            )
        return _NOW[slug]

    def change(self, slug: str, amount: float, figures: Figures, since: Since) -> str:
        """One sentence about what changed a part, with the events in between."""
        stage, happened = stage_of(slug), since.happened
        if stage is not None:
            told = happened.told(_IN_STAGE, self.money, stage)
            return f"{told}." if told else "No deal came or went; chances and amounts changed."
        if slug == "booked":
            told = happened.told(("won", "undone"), self.money)
            nothing = "Credit that others' deals or corrections brought" if round(amount) else "Nothing was won"
            return f"{told or nothing}{self._quota(figures.quota, since.quota_before)}."
        passed = f"{_days(since.days_passed)} fewer {'is' if since.days_passed == 1 else 'are'} left"
        if slug == "not_created":
            told = happened.told(("created",), self.money)
            return f"{passed}{f'; {told}' if told else ''}."
        if slug == "still_to_come":
            told = happened.told(_ALL, self.money)
            return f"{told or 'No deal was won, lost or created'}; {passed}."
        return _CHANGED[slug]

    def _booked(self, figures: Figures) -> str:
        booked = self.money.amount(figures.booked)
        said = f"{booked}; no quota is known." if not figures.quota else f"{booked} of a quota of {self._of(figures)}."
        return f"{said} {figures.remark}" if figures.remark else said

    def _of(self, figures: Figures) -> str:
        return self.money.amount(figures.quota or 0)

    def _open_deals(self, opened: Opened | None) -> str:
        if opened is None:
            return "No open deal in this stage."
        deals = "1 open deal" if opened.count == 1 else f"{opened.count:,} open deals"
        if opened.amount <= 0:
            return f"{deals} without an amount; {self.money.amount(opened.expected)} is expected in time."
        share = f"{opened.expected / opened.amount:.0%}".replace("%", " %")
        return f"{deals} worth {self.money.amount(opened.amount)}; {share} of that is expected to be won in time."

    def _quota(self, now: float | None, before: float | None) -> str:
        if now == before:
            return ""
        then, later = ("none" if one is None else self.money.amount(one) for one in (before, now))
        return f"; the quota went from {then} to {later}"


def stage_of(slug: str) -> int | None:
    """Position of the stage that a part is about; None for the others.

    >>> stage_of("open_stage_2"), stage_of("booked")
    (2, None)
    """
    return int(slug.removeprefix(_STAGED)) if slug.startswith(_STAGED) else None


def _days(count: int) -> str:
    return "1 selling day" if count == 1 else f"{count} selling days"
