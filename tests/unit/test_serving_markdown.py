from bs4 import BeautifulSoup
from hypothesis import given
from hypothesis import strategies as st

from serving.formats import GROUP
from serving.markdown import render

BLOCKS = ("p", "h3", "h4", "h5", "h6", "ul", "li", "table", "thead", "tbody", "tr", "th", "td", "div")
ALLOWED = frozenset((*BLOCKS, "code", "strong"))


def test_a_model_card_is_rendered() -> None:
    card = (
        "# Title\n\nWords `code` and **bold**\nover two lines.\n\n## Data\n\n* one\n* two `x`\n\n"
        "| a | b |\n|---|---|\n| 1 | x \\| y |\n| **no** | – |\n\n![Plot](plots/x.png)\n\n### Deep\n"
    )
    page = BeautifulSoup(str(render(card)), "html.parser")
    assert [heading.name for heading in page.find_all(["h3", "h4", "h5"])] == ["h3", "h4", "h5"]
    assert page.find("p").get_text() == "Words code and bold over two lines."
    assert [item.get_text() for item in page.find_all("li")] == ["one", "two x"]
    assert [[cell.get_text() for cell in row.find_all(["th", "td"])] for row in page.find_all("tr")] == [
        ["a", "b"],
        ["1", "x | y"],
        ["no", "–"],
    ]
    assert page.find("img") is None
    assert "plots" not in page.get_text()


def test_numbers_and_days_are_those_of_the_page_but_in_code() -> None:
    row = "| a | 4,064 | -0.0151 | -0.0 |"
    card = f"Made 2026-11-30, 80 % of 4,064 rows.\n\n{row}\n\nRun `spm replay --as-of 2026-11-30 -1`."
    text = BeautifulSoup(str(render(card)), "html.parser").get_text("|").replace(GROUP, " ")
    assert "Made 30 Nov 2026, 80% of 4 064 rows." in text
    assert "a|4 064|−0.0151|0.0" in text
    assert "spm replay --as-of 2026-11-30 -1" in text


@given(st.text(alphabet="<>&\"'`*|#-! ab\n\\", max_size=60))
def test_no_text_becomes_markup_of_its_own(text: str) -> None:
    page = BeautifulSoup(str(render(f"{text}\n\n<script>x</script> <img src=y onerror=z>")), "html.parser")
    for tag in page.find_all():
        assert tag.name in ALLOWED
        assert set(tag.attrs) <= {"class", "tabindex", "role", "aria-label"}
