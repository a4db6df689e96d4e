"""What the value of a past plan means, and when it means nothing."""

from __future__ import annotations

from typing import Final

from spm_ml.coaching.evidence.gain import LEAST, Gain

USEFUL_FROM: Final = 450
"""Trained episodes from which the value of past plans was found to be told apart from chance in simulations."""


def value_words(gain: Gain | None, randomised: Gain | None, *, trained: int, known: int) -> str:
    """One or two sentences about a gain for an offer.

    Args:
        gain: Doubly robust; None when it cannot be told.
        randomised: By lot alone.
        trained: Trained episodes with a known outcome.
        known: People whose outcome is known.
    """
    if not known:
        return "No outcome is known yet: the first full period after it is not over."
    if gain is None:
        return f"Too few to tell: at least {LEAST} people on either side are needed, {known} outcomes are known."
    said = [f"On average it has brought each of them {_points(gain)} of attainment."]
    if gain.low > 0:
        said.append("It is above zero beyond chance.")
    elif gain.high < 0:
        said.append("It is below zero beyond chance.")
    else:
        said.append("This cannot be told from nothing.")
    if trained < USEFUL_FROM:
        said.append(
            f"The interval is {100 * (gain.high - gain.low):.1f} points wide on {trained} trained episodes; such a "
            f"value becomes useful from about {USEFUL_FROM}."
        )
    if randomised is not None:
        said.append(f"The lot alone says {_points(randomised)}.")
    return " ".join(said)


def _points(gain: Gain) -> str:
    return f"{100 * gain.value:+.1f} points ({100 * gain.low:+.1f} to {100 * gain.high:+.1f})"
