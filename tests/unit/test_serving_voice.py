"""The rep's voice and what-if on pages: what a form means, what an answer says, and who sees which card."""

import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from serving.app import create_app
from serving.formats import GROUP, Money
from serving.limits import RateLimits
from serving.pages.what_if_form import entered
from serving.pages.what_if_words import answer_words
from serving.routes.explanations import Distribution
from serving.routes.what_if import ExpectedPayOut, Outlook, WhatIfAnswer, WhatIfPart, WhatIfPay
from serving.settings import ServingSettings
from serving.what_if import WhatIf, WhatIfSettings
from spm_ml.predictions import PredictionStore, Scope
from spm_ml.settings import QUANTILE_LEVELS
from tests.coaching_world import make_coaching
from tests.prediction_world import NO_HISTORY, NO_QUOTA, World
from tests.web import log_in, parsed, running, send_form
from tests.what_if_world import make_what_if

PROGRAMS = {"p-disco": "Discovery", "p-nego": "Negotiating"}
MUTE = (sys.executable, "-S", "-c", "import sys; sys.stdin.read()")
"""A process that never answers."""


@pytest.fixture(scope="module")
def path(
    harbour: World, harbour_file: Path, harbour_tokens: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The harbour with what coaching says and what what-if questions start from."""
    own = tmp_path_factory.mktemp("voice") / "predictions.db"
    shutil.copy(harbour_file, own)
    world = replace(harbour, batch=replace(harbour.batch, batch_id="b-voice"))
    with PredictionStore.open(own) as store:
        store.publish(
            world.batch,
            world.predictions,
            world.teams,
            world.recommendations,
            world.model_card,
            people=world.people,
            what_if=make_what_if(world),
        )
        store.publish_coaching(make_coaching(world))
    return own


@pytest.fixture(scope="module")
def client(path: Path) -> Iterator[httpx.Client]:
    """What-if processes never answer here: how they do has tests of its own."""
    app = create_app(ServingSettings(store=str(path), limits=RateLimits(enabled=False)))
    app.state.what_if = WhatIf(WhatIfSettings(seconds=0.2), MUTE)
    with running(app) as address, httpx.Client(base_url=address, timeout=60) as opened:
        yield opened


def test_a_form_is_understood_as_the_question_of_the_api(harbour: World) -> None:
    row = harbour.current("r-101")
    first, second, third = (deal.opportunity_id for deal in row.deals)
    found = entered(
        row,
        PROGRAMS,
        {
            "rep_id": "r-101",
            "quota": "250000.50",
            f"choice:{first}": "deal_won",
            f"day:{first}": row.period_end.isoformat(),
            f"amount:{first}": "1000",
            f"choice:{second}": "deal_dropped",
            f"day:{second}": "",
            f"choice:{third}": "close_date_moved",
            f"day:{third}": "2026-09-30",
            "program:p-nego": "yes",
        },
    )
    assert found.question is not None, found.errors
    assert [change.model_dump(mode="json") for change in found.question.changes] == [
        {"kind": "quota", "quota": 250_000.5},
        {"kind": "deal_won", "deal_id": first, "amount": 1_000.0, "won_on": row.period_end.isoformat()},
        {"kind": "deal_dropped", "deal_id": second},
        {"kind": "close_date_moved", "deal_id": third, "close_date": "2026-09-30"},
        {"kind": "program_taken", "program_id": "p-nego"},
    ]
    assert found.places == ("quota", f"deal:{first}", f"deal:{second}", f"deal:{third}", "program:p-nego")


@pytest.mark.parametrize(
    ("sent", "field", "said"),
    [
        ({}, "", "Change something first"),
        ({"quota": "nan"}, "quota", "above 0"),
        ({"quota": "1e999"}, "quota", "above 0"),
        ({"quota": "-5"}, "quota", "above 0"),
        ({"quota": "ten"}, "quota", "above 0"),
        ({"choice:D": "close_date_moved"}, "deal:D", "the day on which it closes"),
        ({"choice:D": "close_date_moved", "day:D": "2026-02-30"}, "deal:D", "a day after"),
        ({"choice:D": "close_date_moved", "day:D": "2026-01-01"}, "deal:D", "a day after"),
        ({"choice:D": "deal_won", "day:D": "2027-01-01"}, "deal:D", "closes by"),
        ({"choice:D": "deal_won", "amount:D": "0"}, "deal:D", "above 0"),
        ({"choice:D": "burned"}, "deal:D", "Choose"),
        ({"amount:D": "5"}, "deal:D", "Choose"),
        ({"choice:OPP-gone": "deal_won"}, "", "A new forecast came in"),
        ({"program:p-gone": "yes"}, "", "A new forecast came in"),
    ],
)
def test_what_cannot_be_supposed_is_said_beside_its_field(
    harbour: World, sent: dict[str, str], field: str, said: str
) -> None:
    row = harbour.current("r-101")
    deal_id = row.deals[0].opportunity_id
    found = entered(row, PROGRAMS, {re.sub(":D$", f":{deal_id}", name): value for name, value in sent.items()})
    assert found.question is None
    assert said in found.errors[field.replace(":D", f":{deal_id}")]


def test_at_most_ten_changes(harbour: World) -> None:
    programs = {f"p-{number}": "Program" for number in range(11)}
    found = entered(harbour.current("r-101"), programs, {f"program:{program}": "yes" for program in programs})
    assert "at most 10" in found.errors[""]


def outlook(middle: float, quota: float | None, p_hit: float | None) -> Outlook:
    bookings = tuple(middle * (0.5 + level) for level in QUANTILE_LEVELS)
    spread = Distribution(levels=QUANTILE_LEVELS, bookings=bookings, attainment=None, mean_bookings=middle)
    share = middle / quota if quota else None
    return Outlook(
        quota=quota, distribution=spread, median_bookings=middle, median_attainment=share, p_hit=p_hit, risk_band=None
    )


def part(kind: str, median: float, p_hit: float | None, **more: object) -> WhatIfPart:
    empty = dict.fromkeys(
        ("deal_id", "program_id", "median_attainment", "p_win_before", "p_win_after", "interval", "mean_pay")
    )
    return WhatIfPart.model_validate(
        empty | {"kind": kind, "median_bookings": median, "mean_bookings": median, "p_hit": p_hit, "note": ""} | more
    )


def payouts(middle: float) -> ExpectedPayOut:
    return ExpectedPayOut(p10=middle - 2, p25=middle - 1, p50=middle, p75=middle + 1, p90=middle + 2, mean=middle)


@pytest.mark.parametrize("quota", [100.0, None], ids=["with a quota", "without one"])
def test_the_parts_on_the_page_add_up_to_the_digit(harbour: World, quota: float | None) -> None:
    row = harbour.current("r-101")
    asked = entered(row, PROGRAMS, {f"choice:{deal.opportunity_id}": "deal_dropped" for deal in row.deals})
    assert asked.question is not None
    moved, chances = (-10.4, -10.4, -10.4), (-0.1004, -0.1004, -0.1004)
    answer = WhatIfAnswer.model_construct(
        before=outlook(100.0, quota, 0.5 if quota else None),
        after=outlook(100.0 + sum(moved), quota, 0.5 + sum(chances) if quota else None),
        parts=tuple(
            part("deal_dropped", amount, chance if quota else None, mean_pay=-1.0, p_win_before=0.3, p_win_after=0.0)
            for amount, chance in zip(moved, chances, strict=True)
        ),
        pay=WhatIfPay(plan_id="ae", before=payouts(12.0), after=payouts(9.0)) if quota else None,
    )
    words = answer_words(answer, asked.question.changes, PROGRAMS, 5_000, Money("EUR", 2))
    numbers = [int(one.amount.replace("−", "-")) for one in words.parts]
    assert sum(numbers) == int(words.total.amount.replace("−", "-")) == -31
    if quota:
        points = [float(one.chance.replace("−", "-")) for one in words.parts]
        assert round(sum(points), 1) == float(words.total.chance.replace("−", "-")) == -30.1
        assert words.lead.replace(GROUP, " ") == (
            "The chance of reaching the quota goes from 50% to 20%, the middle of the forecast from EUR 100 to EUR 69."
        )
        assert [one.pay for one in (*words.parts, words.total)] == ["−1", "−1", "−1", "−3"]
        assert words.pay_lead.replace(GROUP, " ") == "The expected payout falls from EUR 12 to EUR 9."
        assert [(row.low, row.median, row.high) for row in words.pay] == [("10", "12", "14"), ("7", "9", "11")]
    else:
        assert {one.chance for one in (*words.parts, words.total)} == {"–"}
        assert words.lead.startswith("The middle of the forecast from")
        assert words.pay == ()
    assert "30% → 0%" in words.parts[0].note
    assert words.chart.count("<title") == 1


def test_a_question_that_must_wait_keeps_what_was_entered(client: httpx.Client, harbour_tokens: dict[str, str]) -> None:
    log_in(client, harbour_tokens["rep"])
    answer = send_form(client, "/what-if", rep_id="r-201", quota="250000")
    assert (answer.status_code, answer.headers["retry-after"]) == (202, "5")
    page = parsed(answer)
    said = page.find(id="what-if").find("p", role="status").get_text()
    assert "Not yet. The model is being loaded" in said
    assert "What you entered is kept" in said
    assert "load" in page.find("form", class_="suppose")["hx-trigger"], "the page asks again by itself"
    assert page.find("input", attrs={"name": "quota"})["value"] == "250000"
    assert page.find("details")["open"] == ""
    wrong = send_form(client, "/what-if", rep_id="r-201", quota="0")
    assert wrong.status_code == 422
    field = parsed(wrong).find("input", attrs={"name": "quota"})
    assert field["aria-invalid"] == "true"
    assert "above 0" in parsed(wrong).find(id=field["aria-describedby"]).get_text()


def test_whoever_has_no_forecast_is_told_why_there_is_no_form(
    client: httpx.Client, harbour_tokens: dict[str, str]
) -> None:
    log_in(client, harbour_tokens["vp"])
    card = parsed(client.get(f"/reps/{NO_HISTORY}")).find(id="what-if")
    assert "no forecast of this rep to start from" in card.get_text()
    assert card.find("form") is None
    assert send_form(client, "/what-if", rep_id=NO_HISTORY, quota="5").status_code == 409
    without = parsed(client.get(f"/reps/{NO_QUOTA}")).find(id="what-if")
    assert "no quota is known" in without.get_text()


def test_a_rep_rates_and_says_and_both_see_it(client: httpx.Client, harbour_tokens: dict[str, str], path: Path) -> None:
    log_in(client, harbour_tokens["rep"])
    page = client.get("/reps/r-201")
    words = parsed(page).find(id="assessment").get_text(" ", strip=True)
    assert "You need not rate anything" in words
    assert "changes no forecast, quota or pay" in words
    sent = {"rep_id": "r-201", "key": "k1", "skill:discovery": "4", "skill:negotiation": "unsure"}
    for _ in range(2):
        done = send_form(client, "/assessments", **sent)
        assert (done.status_code, done.headers["location"]) == (303, "/reps/r-201#assessment")
    assert send_form(client, "/assessments", rep_id="r-201").status_code == 303, "nothing chosen is nothing said"
    assert send_form(client, "/assessments", rep_id="r-201", **{"skill:discovery": "6"}).status_code == 422
    said = {"rep_id": "r-201", "about": "forecast", "verdict": "wrong", "text": "<b>No</b> " + "x" * 200, "key": "k2"}
    for _ in range(2):
        assert send_form(client, "/feedback", **said).headers["location"] == "/reps/r-201#feedback"
    with PredictionStore.open(path) as store, store.read(Scope("rep", "r-201")) as batch:
        assert batch.assessments()[1] == 2, "a double click is one click"
        assert batch.feedback()[1] == 1

    log_in(client, harbour_tokens["south"])
    page = client.get("/reps/r-201")
    row = parsed(page).find(id="assessment").find("tbody").find("tr").get_text(" ", strip=True)
    assert row == "Discovery 4 – reliably, in hard cases too – below peers 1.3 below ± 0.2"
    assert "&lt;b&gt;No&lt;/b&gt;" in page.text
    assert "Feedback on these numbers" in page.text
    waiting = parsed(client.get("/cases")).find(id="feedback")
    assert "Priya Raman – Forecast: not right" in waiting.get_text(" ", strip=True)
    assert waiting.find("table") is None, "managers read words, counts are for others"
    log_in(client, harbour_tokens["hr"])
    summary = parsed(client.get("/cases")).find(id="feedback").get_text(" ", strip=True)
    assert "fewer than 5" in summary
    assert "Discovery" not in summary
    for reader, told in (("analyst", True), ("south", False)):
        log_in(client, harbour_tokens[reader])
        counts = parsed(client.get("/model")).find("section", attrs={"aria-labelledby": "h-feedback"})
        assert (counts is not None) == told
        assert counts is None or "xxx" not in counts.get_text()


def test_reps_and_managers_agree_note_and_answer_on_pages(
    client: httpx.Client, harbour_tokens: dict[str, str], path: Path
) -> None:
    log_in(client, harbour_tokens["south"])
    form = parsed(client.get("/reps/r-201")).find(id="agreements").find("form")
    chosen = {field["name"]: field.find("option")["value"] for field in form.find_all("select")}
    assert chosen == {"behaviour": "created", "origin": "talk", "doer": "rep"}
    due = form.find("input", attrs={"name": "due_on"})["min"]
    text = "<b>Two</b> calls together"
    sent = {"rep_id": "r-201", "text": text, "due_on": due, "key": "a1"} | chosen | {"origin": "diagnosis"}
    for _ in range(2):
        assert send_form(client, "/agreements", **sent).headers["location"] == "/reps/r-201#agreements"
    assert send_form(client, "/agreements", **sent | {"origin": "rumour", "key": "a2"}).status_code == 422
    assert send_form(client, "/agreements", **sent | {"due_on": "2020-01-01", "key": "a3"}).status_code == 422
    assert send_form(client, "/agreements/1/steps", step="agreed").status_code == 409, "the rep has to agree"
    said = {"rep_id": "r-201", "topic": "progress", "text": "Calls are better.", "key": "n1"}
    assert send_form(client, "/notes", **said).headers["location"] == "/reps/r-201#manager-notes"
    page = parsed(client.get("/reps/r-201"))
    assert "Priya Raman reads it" in page.find(id="manager-notes").get_text(" ", strip=True)
    assert page.find(id="pulse") is None, "nothing is shared"

    log_in(client, harbour_tokens["rep"])
    page = parsed(client.get("/reps/r-201"))
    assert "agree to what is proposed, or not" in page.get_text(" ", strip=True)
    assert "Calls are better." in page.find(id="manager-notes").get_text()
    assert page.find(id="manager-notes").find("form") is None
    assert text in page.find(id="agreements").get_text()
    assert page.find(id="agreements").find("a", string="the diagnosis")["href"] == "/reps/r-201#diagnosis"
    assert parsed(client.get("/agreements")).find("h2").get_text(strip=True) == "Priya Raman: waits for you"
    assert send_form(client, "/agreements/1/steps", step="dropped").status_code == 422, "without a reason"
    assert send_form(client, "/agreements/1/steps", step="agreed", back="list").headers["location"] == "/agreements"
    answers = dict.fromkeys(("pipeline", "quota", "workload", "support", "focus"), "2")
    assert send_form(client, "/pulse", **answers).status_code == 422, "without consent"
    done = send_form(client, "/pulse", **answers, consent="yes", shared="yes")
    assert done.headers["location"] == "/reps/r-201#pulse"

    log_in(client, harbour_tokens["south"])
    page = parsed(client.get("/reps/r-201"))
    assert "2 – hardly" in page.find(id="pulse").get_text()
    assert page.find(id="pulse").find("form") is None
    assert "Agreed by test rep" in page.find(id="agreements").get_text()
    log_in(client, harbour_tokens["hr"])
    assert "too few to tell" in client.get("/cases").text
    assert client.get("/agreements").status_code == 403
    log_in(client, harbour_tokens["rep"])
    assert send_form(client, "/pulse/withdrawal").headers["location"] == "/reps/r-201#pulse"
    assert parsed(client.get("/reps/r-201")).find(id="pulse").find("details", class_="history") is None
    with PredictionStore.open(path) as store:
        assert store.pulses.standing_rows("UTC") == ()
        assert len(store.agreements.every()) == 1, "a double click is one click"


def test_htmx_is_sent_to_the_login_and_gets_errors_in_place_of_the_page(
    client: httpx.Client, harbour_tokens: dict[str, str]
) -> None:
    client.cookies.clear()
    gone = client.get("/", headers={"HX-Request": "true"})
    assert (gone.status_code, gone.headers["hx-redirect"]) == (204, "/login")
    log_in(client, harbour_tokens["rep"])
    missing = client.get("/reps/r-999", headers={"HX-Request": "true"})
    assert (missing.status_code, missing.headers["hx-retarget"]) == (404, "#main")
    assert "hx-retarget" not in client.get("/reps/r-999").headers
