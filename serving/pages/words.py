"""Words for what rows hold: bands and hazards. The same on every page."""

from dataclasses import dataclass
from typing import Final

from spm_ml.hazards import HAZARD_BY_CODE
from spm_ml.predictions import RiskBand
from spm_ml.predictions.selection import BandChoice


@dataclass(frozen=True)
class BandWords:
    """A risk band: word and shape say what the colour says."""

    slug: BandChoice
    label: str
    shape: str


BANDS: Final[dict[BandChoice, BandWords]] = {
    "high": BandWords("high", "High", "▲"),
    "medium": BandWords("medium", "Medium", "◆"),
    "low": BandWords("low", "Low", "●"),
    "none": BandWords("none", "Not rated", "○"),
}


@dataclass(frozen=True)
class HazardWords:
    """A hazard and what was done about it."""

    code: str
    label: str
    rule: str


def band_words(band: RiskBand | None) -> BandWords:
    """The words of a band, also for reps without one."""
    return BANDS[band or "none"]


def hazard_words(code: str) -> HazardWords:
    """The words of a hazard; a code of a later version stands for itself."""
    hazard = HAZARD_BY_CODE.get(code)
    return HazardWords(code, hazard.label, hazard.rule) if hazard else HazardWords(code, code, "")
