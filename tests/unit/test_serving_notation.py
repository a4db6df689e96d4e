"""Numbers, amounts and days as places write them: Babel says how, and what people enter comes back as it was meant."""

import re
from datetime import date
from pathlib import Path

import pytest
from babel.numbers import format_decimal
from hypothesis import given
from hypothesis import strategies as st

from serving import formats
from serving.formats import AmountError, Money
from serving.notation import MINUS, SPACE, Notation, writing
from spm_ml.settings import Organisation
from tests.web import log_in, parsed, served

PLACES = ("de-CH", "de-DE", "en-IN", "en-GB", "en-US", "fr-FR", "hi-IN", "sv-SE", "tr-TR", "pt-BR", "ja-JP", "he-IL")
EUR = Money("EUR", 2)


@given(value=st.floats(-1e12, 1e12), place=st.sampled_from(PLACES[1:]), digits=st.integers(0, 3))
def test_numbers_are_written_as_babel_writes_them(value: float, place: str, digits: int) -> None:
    """Without de-CH: Babel takes its apostrophes for quotes in millions."""
    pattern = "#,##,##0" if place.endswith("IN") else "#,##0"
    expected = format_decimal(
        float(f"{value:.{digits}f}"),
        format=f"{pattern}{'.' if digits else ''}{'0' * digits}",
        locale=place.replace("-", "_"),
    )
    shown = Notation.of(place).number(value, digits)
    assert shown.lstrip(MINUS) == expected.translate({0x200E: None}).lstrip("-−")
    assert shown.startswith(MINUS) == (value < 0 and any(digit in shown for digit in "123456789"))


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("en", ["EUR −1 234 567", "62.4%", "3 Jun 2026", "1.25M", ">99%"]),
        ("en-US", ["−€1,234,567", "62.4%", "Jun 3, 2026", "1.25M", ">99%"]),
        ("en-IN", ["−€12,34,567", "62.4%", "3 Jun 2026", "12.5L", ">99%"]),
        ("de-CH", ["EUR −1'234'567", "62.4%", "3 Jun 2026", "1.25M", ">99%"]),
        ("de-DE", ["−1.234.567 €", "62,4 %", "3 Jun 2026", "1,25M", ">99 %"]),
        ("tr-TR", ["−€1.234.567", "%62,4", "3 Jun 2026", "1,25M", ">%99"]),
        ("ja-JP", ["−€1,234,567", "62.4%", "2026 Jun 3", "1.25M", ">99%"]),
    ],
)
def test_each_place_has_its_own_way(place: str, words: list[str]) -> None:
    with writing(Notation.of(place)):
        shown = [
            EUR.full(-123_456_700),
            formats.percent(0.624, digits=1),
            formats.day(date(2026, 6, 3)),
            formats.short(1_250_000),
            formats.chance(0.999),
        ]
    assert [text.replace(SPACE, " ") for text in shown] == words
    assert EUR.full(100) == f"EUR{SPACE}1", "afterwards it is as before"


def test_texts_of_the_batch_are_written_like_the_page() -> None:
    text = "Needs 7\xa0900 a day, from -1.2 to +3.4; 62% of OPP-1.5 by 2026-06-03, v1.2, Q1-Q3 and 12,400 in 2026."
    with writing(Notation.of("de-DE")):
        shown = formats.stored(text)
    assert shown.replace(SPACE, " ") == (
        "Needs 7.900 a day, from −1,2 to +3,4; 62 % of OPP-1.5 by 3 Jun 2026, v1.2, Q1-Q3 and 12.400 in 2026."
    )


@given(minor=st.integers(-(10**15), 10**15), place=st.sampled_from(("en", *PLACES)), currency=st.sampled_from(["EUR"]))
def test_what_the_page_writes_can_be_entered(minor: int, place: str, currency: str) -> None:
    with writing(Notation.of(place)):
        shown = formats.current().number(minor / 100, 2)
        assert formats.parse_amount(shown, EUR) == pytest.approx(minor, abs=abs(minor) / 1e13)
        assert formats.parse_amount(EUR.full(100 * abs(minor // 100)), EUR) == 100 * abs(minor // 100)
        assert formats.parse_amount(f"{abs(minor) // 100}.{abs(minor) % 100:02}", EUR) == abs(minor)


@pytest.mark.parametrize(
    ("place", "currency", "text", "minor"),
    [
        ("en", "EUR", "12 400.5", 1_240_050),
        ("en", "EUR", "12,400", None),
        ("de-DE", "EUR", "12.400", 1_240_000),
        ("de-DE", "EUR", "12.40", 1_240),
        ("de-DE", "EUR", "12.400,5", 1_240_050),
        ("de-DE", "KWD", "12.400", None),
        ("de-CH", "CHF", "CHF 12’400.05", 1_240_005),
        ("en-IN", "INR", "₹12,34,567", 123_456_700),
        ("en-US", "USD", "$12,400", 1_240_000),
        ("en-US", "USD", "12,40", None),
        ("en-US", "USD", "1.234", None),
        ("ja-JP", "JPY", "12400", 12_400),
        ("ja-JP", "JPY", "12400.5", None),
        ("en", "EUR", "", None),
        ("en", "EUR", "12k", None),
        ("en", "EUR", "1e5", None),
        ("en", "EUR", "nan", None),
        ("en", "EUR", "١٢٣", None),
        ("en", "EUR", "9" * 40, None),
    ],
)
def test_an_entered_amount_is_read_or_refused(place: str, currency: str, text: str, minor: int | None) -> None:
    digits = {"KWD": 3, "JPY": 0}.get(currency, 2)
    with writing(Notation.of(place)):
        if minor is not None:
            assert formats.parse_amount(text, Money(currency, digits)) == minor
            return
        with pytest.raises(AmountError, match="Write the amount"):
            formats.parse_amount(text, Money(currency, digits))


def test_pages_follow_the_locale_and_files_do_not(harbour_file: Path, harbour_tokens: dict[str, str]) -> None:
    with served(harbour_file, locale="de-DE") as client:
        log_in(client, harbour_tokens["vp"])
        page = parsed(client.get("/reps/r-101"))
        facts = {fact.dt.get_text(): fact.dd.get_text() for fact in page.select(".facts div")}
        assert facts["Quota"].startswith(f"300.000{SPACE}€")
        assert re.search(r"\d\u00a0% of quota", facts["Booked so far"])
        assert page.html["lang"] == "en", "the words are English"
        bearer = {"Authorization": f"Bearer {harbour_tokens['vp']}"}
        assert client.get("/v1/forecasts/r-101", headers=bearer).json()["forecast"]["quota"] == 300_000
        assert "," in client.get("/exports/forecasts.csv").text.splitlines()[1]


@pytest.mark.parametrize("place", ["xx-YY", "de_CH", "german", "", "de-CH-x-foo", "../../etc"])
def test_an_unknown_locale_is_refused_in_words(place: str) -> None:
    with pytest.raises(ValueError, match="is not a known locale; write language and country, such as 'de-CH'"):
        Organisation(locale=place)


def test_every_country_of_babel_can_be_written() -> None:
    from babel import localedata

    for name in localedata.locale_identifiers():
        place = name.replace("_", "-")
        notation = Notation.of(place)
        assert notation.day(date(2026, 6, 3)).count(SPACE) == 2, place
        assert notation.percent.count("#") == notation.currency.count("#") == notation.currency.count("¤") == 1, place
