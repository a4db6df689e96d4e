"""The stylesheet's colours, by the numbers of WCAG 2.2: text 4.5 to 1, what must be seen 3 to 1."""

import re
from importlib.resources import files

import numpy as np
import pytest

CSS = (files("serving") / "static" / "style.css").read_text(encoding="utf-8")
ROOTS = [root for root in re.findall(r":root \{(.*?)\}", CSS, re.DOTALL) if "#" in root]


def tokens(block: str) -> dict[str, str]:
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{3,6});", block))


THEMES = {"light": tokens(ROOTS[0]), "dark": tokens(ROOTS[0]) | tokens(ROOTS[1])}
TEXT = [(ink, ground) for ink in ("ink", "muted", "accent") for ground in ("paper", "card", "sunken")]
TEXT += [(band, f"{band}-bg") for band in ("high", "medium", "low")]
TEXT += [("high", "card"), ("low", "card"), ("target", "card"), ("on-accent", "accent"), ("muted", "sunken")]
SEEN = [("median", "core"), ("median", "card"), ("booked", "card"), ("target", "card"), ("core", "card")]
SEEN += [("accent", "card"), ("accent", "paper")]
# The wide band carries nothing that the numbers beside it do not; the core on it must still be told apart.
APART = [("core", "fan")]
# Marks of one chart that stand beside each other and differ by colour alone; then the grounds of the bands.
BESIDE = [("fan", "core"), ("core", "median"), ("core", "booked"), ("median", "booked"), ("fan", "booked")]
BESIDE += [(mark, "target") for mark in ("fan", "core", "median", "booked", "accent", "strong")]
BESIDE += [("accent", "strong"), ("accent", "booked"), ("accent", "median"), ("strong", "median"), ("strong", "booked")]
BESIDE += [("accent", "high"), ("high", "median"), ("accent", "core"), ("high", "medium"), ("medium", "low")]
GROUNDS = [("high-bg", "medium-bg"), ("medium-bg", "low-bg"), ("high-bg", "low-bg"), ("fan", "card")]
EYES = {
    "usual": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
"""How linear RGB is seen, at full severity (Machado, Oliveira and Fernandes 2009, table 1)."""


def linear(colour: str) -> np.ndarray:
    digits = colour.lstrip("#")
    digits = "".join(digit * 2 for digit in digits) if len(digits) == 3 else digits
    channels = np.array([int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)])
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def luminance(colour: str) -> float:
    return float(linear(colour) @ (0.2126, 0.7152, 0.0722))


def lab(rgb: np.ndarray) -> np.ndarray:
    """CIELAB under D65, in which a distance of 2 is just seen."""
    to_xyz = [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
    share = np.array(to_xyz) @ np.clip(rgb, 0, 1) / (0.95047, 1.0, 1.08883)
    x, y, z = np.where(share > (6 / 29) ** 3, np.cbrt(share), share / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def contrast(first: str, second: str) -> float:
    darker, lighter = sorted((luminance(first), luminance(second)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize(
    ("pair", "least"),
    [(pair, 4.5) for pair in TEXT]
    + [(pair, 3.0 if pair[1] != "core" else 2.0) for pair in SEEN if pair[0] != "core"]
    + [(pair, 1.5) for pair in APART],
)
def test_colours_can_be_told_apart(theme: str, pair: tuple[str, str], least: float) -> None:
    ratio = contrast(THEMES[theme][pair[0]], THEMES[theme][pair[1]])
    assert ratio >= least, f"{pair} in {theme}: {ratio:.2f}"


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("eyes", EYES)
def test_colours_survive_colour_blindness(theme: str, eyes: str) -> None:
    for pair, least in [(pair, 15) for pair in BESIDE] + [(pair, 9) for pair in GROUNDS]:
        first, second = (lab(EYES[eyes] @ linear(THEMES[theme][name])) for name in pair)
        apart = float(np.linalg.norm(first - second))
        assert apart >= least, f"{pair} in {theme} with {eyes}: {apart:.0f}"


def test_both_themes_have_every_colour() -> None:
    assert len(ROOTS) == 2
    assert set(tokens(ROOTS[1])) == set(tokens(ROOTS[0]))


def test_every_colour_is_a_token() -> None:
    rules = re.sub(r":root \{.*?\}", "", CSS, flags=re.DOTALL)
    assert not re.findall(r"#[0-9a-f]{3,8}\b(?![^{]*\{)", rules)


def test_every_class_in_a_template_is_styled() -> None:
    used = set()
    for template in (files("serving") / "templates").iterdir():
        for value in re.findall(r'class="([^"]*)"', template.read_text(encoding="utf-8")):
            used |= set(re.findall(r"[\w-]+", re.sub(r"\{\{.*?\}\}|\{%.*?%\}", " ", value)))
    assert used - set(re.findall(r"\.([a-z][\w-]*)", CSS)) <= {"c"}, "classes that nothing styles"
