"""The stylesheet's colours, by the numbers of WCAG 2.2: text 4.5 to 1, what must be seen 3 to 1."""

import re
from importlib.resources import files

import pytest

CSS = (files("serving") / "static" / "style.css").read_text(encoding="utf-8")
ROOTS = re.findall(r":root \{(.*?)\}", CSS, re.DOTALL)


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


def luminance(colour: str) -> float:
    digits = colour.lstrip("#")
    digits = "".join(digit * 2 for digit in digits) if len(digits) == 3 else digits
    channels = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


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
