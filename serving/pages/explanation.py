"""What a forecast is made of and what changed it, as a reader sees it: the same for reps and for groups."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from serving import formats
from serving.charts.bars import push_bar
from serving.charts.waterfall import Step, waterfall
from serving.formats import Money
from spm_ml.predictions import Driver, ForecastChange, ForecastPart


@dataclass(frozen=True)
class Subject:
    """Whose forecast is explained.

    Attributes:
        name: Of the rep or group.
        total_label: What the parts add up to, for example `Forecast, P50`.
        total: The sum, minor units.
        quota: Points are shares of it; None or 0: amounts alone are shown.
        key: Tells the pictures of a page apart.
    """

    name: str
    total_label: str
    total: float
    quota: int | None
    key: str


@dataclass(frozen=True)
class DriverRow:
    """What moves a part."""

    label: str
    text: str
    size: str


@dataclass(frozen=True)
class PartRow:
    """A part in both units; points are empty without a quota."""

    label: str
    text: str
    amount: str
    points: str
    drivers: tuple[DriverRow, ...]


@dataclass(frozen=True)
class MadeOf:
    """The parts of a forecast, and their sum."""

    chart: Markup
    parts: tuple[PartRow, ...]
    total: PartRow


@dataclass(frozen=True)
class ChangedRow:
    """A part of a change."""

    label: str
    text: str
    size: str
    bar: Markup


@dataclass(frozen=True)
class Changed:
    """What changed since a day.

    Attributes:
        story: From what to what, in a sentence.
        unit: Of the sizes.
        total: Size of the whole change.
    """

    since: str
    story: str
    unit: str
    rows: tuple[ChangedRow, ...]
    total: str


def made_of(parts: Sequence[ForecastPart], subject: Subject, money: Money) -> MadeOf | None:
    """The parts of a forecast; None where none are stored."""
    if not parts:
        return None
    quota = subject.quota
    amounts = _in_units([part.amount for part in parts], subject.total, money)
    shares = _in_points([part.amount for part in parts], subject.total, quota)
    total_share = formats.percent(subject.total / quota, digits=1) if quota else ""
    total_points = formats.decimal(100 * subject.total / quota, 1) if quota else ""
    rows = tuple(
        PartRow(part.label, formats.stored(part.text), amount, share, _drivers(part.drivers, money))
        for part, amount, share in zip(parts, amounts, shares, strict=True)
    )
    total = PartRow(subject.total_label, "", money.amount(subject.total), total_points, ())
    sizes = [f"{row.points} points" if quota else row.amount for row in rows]
    whole = f"{total_share} of quota" if quota else money.full(subject.total)
    steps = [
        Step(part.label, part.amount, size, certain=part.slug == "booked")
        for part, size in zip(parts, sizes, strict=True)
    ]
    listed = "; ".join(f"{step.label} {step.text}" for step in steps)
    chart = waterfall(
        steps,
        Step(subject.total_label, subject.total, whole),
        target=float(quota) if quota else None,
        title=f"What the forecast of {subject.name} is made of",
        description=f"{listed}; together {whole}.",
        key=f"{subject.key}-parts",
    )
    return MadeOf(chart, rows, total)


def changed(change: ForecastChange | None, subject: Subject, money: Money) -> Changed | None:
    """What changed, the largest part first; None where nothing is stored to compare with."""
    if change is None:
        return None
    quota, delta = subject.quota, subject.total - change.before
    ordered = sorted(change.parts, key=lambda part: -abs(part.amount))
    amounts = [part.amount for part in ordered]
    sizes = _in_points(amounts, delta, quota) if quota else _in_units(amounts, delta, money)
    largest = max(map(abs, amounts), default=0.0)
    rows = tuple(
        ChangedRow(part.label, formats.stored(part.text), size, push_bar(part.amount, largest))
        for part, size in zip(ordered, sizes, strict=True)
        if size.strip("+0.,")
    )
    ends = [money.full(change.before), money.full(subject.total)]
    if quota:
        shares = [formats.percent(value / quota, digits=1) for value in (change.before, subject.total)]
        ends = [f"{end} ({share} of quota)" for end, share in zip(ends, shares, strict=True)]
    return Changed(
        since=formats.day(change.since),
        story=f"{subject.total_label} was {ends[0]} and is {ends[1]}.",
        unit="Points" if quota else money.currency,
        rows=rows,
        total=change_size(change, subject, money),
    )


def change_size(change: ForecastChange | None, subject: Subject, money: Money) -> str:
    """By how much a forecast changed: in points where there is a quota."""
    if change is None:
        return formats.NOTHING
    delta = subject.total - change.before
    return formats.points(delta / subject.quota) if subject.quota else formats.signed(money.units(delta))


def _in_units(amounts: Sequence[float], total: float, money: Money) -> list[str]:
    values = [money.units(amount) for amount in amounts]
    return [formats.signed(value) for value in formats.rounded(values, money.units(total), 0)]


def _in_points(amounts: Sequence[float], total: float, quota: int | None) -> list[str]:
    if not quota:
        return [""] * len(amounts)
    shares = [100 * amount / quota for amount in amounts]
    return [formats.points(share / 100) for share in formats.rounded(shares, 100 * total / quota, 1)]


def _drivers(drivers: Sequence[Driver], money: Money) -> tuple[DriverRow, ...]:
    return tuple(
        DriverRow(
            driver.label,
            formats.stored(driver.text),
            f"{formats.points(driver.points)} points"
            if driver.points is not None
            else ""
            if driver.amount is None
            else f"{money.currency} {formats.signed(money.units(driver.amount))}",
        )
        for driver in drivers
    )
