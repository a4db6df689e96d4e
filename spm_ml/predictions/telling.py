"""How far counts over people are told: by so many at a time that no difference between two tellings is about few.

Source: Hundepool et al. (2012), Statistical Disclosure Control, ch. 5, on tables of counts beside each other.
"""

from collections.abc import Iterable

from spm_ml.predictions.scope import SMALLEST_GROUP


def told_through(speakers: Iterable[str]) -> int:
    """How many words are told: up to the last one that made a group large enough since the one before.

    Args:
        speakers: Who spoke each word, the oldest first.

    Returns:
        0 where too few have spoken. Whoever holds one day's counts beside another's finds no smaller group than
        `SMALLEST_GROUP` behind the difference.

    >>> told_through("aabcde"), told_through("abcd"), told_through("abcdefghij")
    (6, 0, 10)
    """
    told, spoke = 0, set[str]()
    for place, speaker in enumerate(speakers, start=1):
        spoke.add(speaker)
        if len(spoke) == SMALLEST_GROUP:
            told, spoke = place, set()
    return told
