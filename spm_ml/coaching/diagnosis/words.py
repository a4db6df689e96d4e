"""What a diagnosis says: labels, one sentence with its evidence for each part, and the verdict in words.

Everything is said in counts and ratios, so no amount of money is in the texts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from spm_ml.predictions.coaching import DiagnosisVerdict

LABELS: Final[Mapping[str, str]] = {
    "quota_difficulty": "Quota difficulty",
    "territory": "Territory",
    "season": "Season and market",
    "ramp": "Ramp",
    "presence": "Presence",
    "inherited_pipeline": "Inherited pipeline",
    "largest_deal": "Largest deal",
    "chance": "Chance",
    "pipeline_created": "Pipeline created",
    "win_rate": "Win rate",
    "deal_size": "Deal size",
    "cycle": "Cycle",
    "own_bookings": "Bookings",
}

_EFFECTS: Final = {
    "territory": "The territory's potential changes what fair peers book by {change}",
    "season": "Season and market change what fair peers book in these periods by {change}",
    "ramp": "Tenure changes what fair peers book by {change}",
    "presence": "Hours, employment and days in programs change what fair peers book by {change}",
}


@dataclass(frozen=True)
class Beside:
    """A behaviour beside that of fair peers, once chance is allowed for: ratio and its 90 % interval."""

    ratio: float
    low: float
    high: float
    p_below: float

    def said(self) -> str:
        """For the end of a sentence."""
        return (
            f"{share(self.ratio)} of fair peers' once chance is allowed for "
            f"(90\N{NO-BREAK SPACE}% interval {share(self.low)} to {share(self.high)})"
        )


def share(value: float) -> str:
    r"""A share in whole per cent.

    >>> share(0.714)
    '71\xa0%'
    """
    return f"{value:.0%}".replace("%", "\N{NO-BREAK SPACE}%").replace("-", "−")


def points(value: float) -> str:
    """An attainment share in points, with its sign.

    >>> points(-0.071), points(0.0)
    ('−7', '0')
    """
    whole = round(100 * value)
    return f"{whole:+d}".replace("-", "−") if whole else "0"


def condition_text(slug: str, change: float, left_out: float) -> str:
    """About a condition that quotas may allow for.

    Args:
        slug: One of the four.
        change: Relative change of what fair peers book.
        left_out: Share of such effects that quotas do not allow for.
    """
    if abs(change) < 0.005:
        return f"{_EFFECTS[slug].format(change=f'less than {share(0.01)}')}."
    signed = ("+" if change > 0 else "") + share(change)
    return f"{_EFFECTS[slug].format(change=signed)}; quotas leave out {share(min(max(left_out, 0.0), 1.0))} of that."


def quota_text(fair: float) -> str:
    """About the quota."""
    return f"Fair peers under the same conditions would book {share(fair)} of this quota."


def inherited_text(own: float, usual: float) -> str:
    """About deals taken over from others, as shares of the amount won."""
    return f"{share(own)} of the amount won came from deals taken over from others; {share(usual)} is usual."


def largest_text(gained: float) -> str:
    """About an outstanding deal, in attainment shares beyond the typical largest one."""
    if gained <= 0:
        return "No single deal stands out."
    return f"The largest deals brought {points(gained).lstrip('+')} points more than the largest usually do."


def chance_text(usual: float) -> str:
    """About what is left."""
    return f"These conditions and behaviours usually bring {share(usual)} of quota; chance did the rest."


def headline(
    verdict: DiagnosisVerdict, cause: str, attainment: float, fair: float, usual: float, own: Beside | None
) -> str:
    """The verdict in one sentence.

    Args:
        verdict: Which.
        cause: Slug of the part that it names.
        attainment: Of the span.
        fair: Attainment of fair peers with the same quota and conditions.
        usual: Attainment to be expected of the rep's behaviours under them.
        own: The behaviour that is named, if one is.
    """
    if verdict == "on_plan":
        return f"On plan: {share(attainment)} of quota."
    if verdict == "hard_quota":
        return f"This quota looks hard: fair peers with the same conditions would reach {share(fair)} of it."
    if verdict == "conditions":
        return f"Conditions explain most of what is missing, above all: {LABELS[cause].lower()}."
    if verdict == "bad_luck":
        return f"Bad luck: what this rep does under these conditions usually brings {share(usual)} of quota."
    if own is not None:
        if cause == "own_bookings":
            return f"Bookings are below those of fair peers: {own.said()}."
        return f"{LABELS[cause]} is the weakest behaviour: {own.said()}."
    return "No single cause of the gap is clear of chance."


def evidence(attainment: float, span: str, sums: tuple[float, float, float], label: str, p_below: float | None) -> str:
    """What the verdict rests on.

    Args:
        attainment: Of the span.
        span: Its label.
        sums: Points of conditions, behaviours and luck.
        label: The behaviour that is named.
        p_below: Chance that it lies below fair peers'; None where none is named.
    """
    gap = points(abs(attainment - 1)).lstrip("+")
    beside = "as planned" if gap == "0" else f"{gap} points {'above' if attainment > 1 else 'short of'} plan"
    conditions, behaviours, luck = (points(value) for value in sums)
    said = f"{share(attainment)} of quota in {span}, {beside}: "
    said += f"conditions {conditions}, behaviours {behaviours}, luck {luck}."
    if p_below is None:
        return said
    chance = f"more than {share(0.99)}" if p_below > 0.99 else share(p_below)
    return f"{said} Chance that the rep's {label.lower()} lies below that of fair peers: {chance}."
