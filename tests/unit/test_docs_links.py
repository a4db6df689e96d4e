"""Every link and picture of the documentation leads somewhere, and pictures are small, light and dark."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    page
    for pattern in ("*.md", "docs/*.md", "docs/decisions/*.md", "benchmarks/*.md", "mlflow/*.md")
    for page in ROOT.glob(pattern)
)
GUIDES = [ROOT / "docs" / f"guide-{name}.md" for name in ("managers", "reps", "enablement", "analysts", "admins")]
PICTURES = sorted((ROOT / "docs" / "images").glob("*.png"))


def _links(page: Path) -> list[str]:
    text = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    found = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r"(?:src|srcset)=\"([^\"]+)\"", text)
    return [link for link in found if not link.startswith(("http://", "https://", "mailto:"))]


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_and_pictures_lead_somewhere(page: Path) -> None:
    for link in _links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page.name}: {link}"
        assert target.is_relative_to(ROOT), f"{page.name}: {link} leaves the repository"
        if anchor and target.suffix == ".md":
            assert anchor in _anchors(target), f"{page.name}: {link}"


def test_each_audience_has_a_guide_with_pictures_in_light_and_dark() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for guide in GUIDES:
        assert f"docs/{guide.name}" in readme
        pictures = {link for link in _links(guide) if "images/" in link}
        assert pictures, guide.name
        assert {link.rpartition("-")[2] for link in pictures} == {"light.png", "dark.png"}


def test_every_picture_is_shown_is_small_and_has_its_other_scheme() -> None:
    shown = {(page.parent / link).resolve() for page in PAGES for link in _links(page)}
    for picture in PICTURES:
        assert picture in shown, f"nobody shows {picture.name}"
        assert picture.stat().st_size <= 150_000, picture.name
        stem, _, scheme = picture.stem.rpartition("-")
        assert scheme in ("light", "dark"), picture.name
        assert (picture.parent / f"{stem}-{'dark' if scheme == 'light' else 'light'}.png").exists(), picture.name
