"""Pages of coaching as parsed HTML: diagnoses, programs, the plan and offers, for whom, and what people do there."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from bs4 import BeautifulSoup, Tag

from spm_ml.predictions import CoachingBatch, PredictionStore
from tests.coaching_world import HEADLINES, SPAN, VERDICTS, make_coaching
from tests.prediction_world import NO_HISTORY, NO_QUOTA, PRINCIPALS, World, issue_tokens
from tests.web import log_in, parsed, send_form, served

Open = Callable[[str, str], httpx.Response]


@pytest.fixture(scope="module")
def coaching(harbour: World) -> CoachingBatch:
    return make_coaching(harbour)


@pytest.fixture(scope="module")
def coached_file(harbour_file: Path, coaching: CoachingBatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The organisation's batch with everything that coaching says beside it."""
    path = tmp_path_factory.mktemp("coached") / "predictions.db"
    shutil.copy(harbour_file, path)
    with PredictionStore.open(path) as store:
        store.publish_coaching(coaching, actor="tests")
    return path


@pytest.fixture(scope="module")
def visit(coached_file: Path) -> Iterator[Open]:
    tokens, sessions = issue_tokens(coached_file), {}
    with served(coached_file) as client:

        def go(principal: str, path: str) -> httpx.Response:
            if principal not in sessions:
                log_in(client, tokens[principal])
                sessions[principal] = client.cookies["spm_session"]
            client.cookies.clear()
            client.cookies.set("spm_session", sessions[principal], domain="127.0.0.1")
            return client.get(path)

        yield go


def diagnosis_of(answer: httpx.Response) -> Tag:
    return parsed(answer).find(id="diagnosis")


@pytest.mark.parametrize("rep_id", [rep_id for rep_id in VERDICTS if rep_id != "r-201"])
def test_a_verdict_is_read_as_what_it_is(visit: Open, rep_id: str) -> None:
    verdict, shown = VERDICTS[rep_id], diagnosis_of(visit("vp", f"/reps/{rep_id}"))
    text = shown.get_text(" ", strip=True)
    assert HEADLINES[verdict] in text
    assert SPAN in shown.find("h2").get_text()
    assert ("This is a flag" in text) is (verdict == "behaviour")
    assert ("no flag" in text) is (verdict != "behaviour")
    assert (shown.find("a", href="#offers") is not None) is (verdict == "behaviour")


def test_the_way_from_plan_to_attainment_has_a_table_behind_it(visit: Open, coaching: CoachingBatch) -> None:
    diagnosis = next(row for row in coaching.diagnoses if row.rep_id == "r-101")
    shown = diagnosis_of(visit("vp", "/reps/r-101"))
    rows = shown.find("table", class_="gaps").find("tbody").find_all("tr")
    labels = [row.find("th").find(string=True) for row in rows]
    assert labels == [part.label for part in diagnosis.parts]
    kinds = [row.find("td").get_text() for row in rows]
    assert [kind.split()[1].lower() for kind in kinds] == [part.kind for part in diagnosis.parts]
    assert all(part.text in row.get_text() for part, row in zip(diagnosis.parts, rows, strict=True))
    points = [float(row.find_all("td")[1].get_text().replace("\N{MINUS SIGN}", "-")) for row in rows]
    foot = shown.find("tfoot").find_all("td")[1].get_text()
    assert sum(points) == pytest.approx(float(foot.replace("\N{MINUS SIGN}", "-")))
    chart = shown.find("svg", class_="gap")
    assert len(chart.find_all("rect")) == 3
    assert len(chart.find_all("polygon")) == 4
    skills = [
        row.get_text(" ", strip=True) for row in shown.find("table", class_="skills").find("tbody").find_all("tr")
    ]
    assert skills[0] == "Discovery Rated 2.1 beside 3.4 of peers. 1.3 below ± 0.2 assessed"


def test_without_a_diagnosis_the_page_says_why(visit: Open) -> None:
    shown = diagnosis_of(visit("vp", f"/reps/{NO_QUOTA}"))
    assert "No quota is known" in shown.get_text()
    assert shown.find("svg") is None
    assert shown.find("table") is None
    bare = visit("vp", f"/reps/{NO_HISTORY}")
    assert diagnosis_of(bare) is None
    assert "No diagnosis is published yet" in parsed(bare).find(id="notes").get_text()


def test_an_offer_carries_what_a_person_needs_to_decide(visit: Open) -> None:
    shown = parsed(visit("vp", "/reps/r-101")).find(id="offers")
    pairs = {one.find("dt").get_text(): one.find("dd").get_text(" ", strip=True) for one in shown.select(".pairs div")}
    assert pairs["Expected effect"] == "+3.4 points (−0.6 to +7.4)"
    assert pairs["Chance that it helps"] == "92%"
    assert pairs["Evidence"].startswith("This rep's own estimate")
    assert pairs["Cost"].replace("\N{NO-BREAK SPACE}", " ") == "EUR 1 800 EUR 529 a point"
    assert "Offer holds until" in pairs
    assert "Drawn by lot" in parsed(visit("vp", "/reps/r-102")).find(id="offers").get_text()
    assert "Drawn by lot to wait" in parsed(visit("vp", "/reps/r-104")).find(id="offers").get_text()


@pytest.mark.parametrize("principal", PRINCIPALS)
def test_everybody_reads_what_programs_have_caused(visit: Open, coaching: CoachingBatch, principal: str) -> None:
    page = parsed(visit(principal, "/planner"))
    text = page.get_text(" ", strip=True)
    assert "No check can see a cause that is not in the data" in text
    assert "Of 4 programs, 1 helped, 1 did harm" in text
    named = [row.find("th").find(string=True) for row in page.find(id="programs").find("tbody").find_all("tr")]
    assert named == [finding.name for finding in coaching.findings]
    assert (page.find(id="h-plan") is not None) is (principal in ("analyst", "hr", "vp"))
    assert (page.find(id="list") is not None) is (principal in ("hr", "vp", "north", "south"))
    here = "Planner" if page.find(id="list") else "Programs"
    assert page.find("a", attrs={"aria-current": "page"}).get_text() == here


def section(page: BeautifulSoup, name: str) -> Tag:
    return page.find("h2", string=name).find_parent("section")


def test_a_program_is_shown_with_what_misleads_and_what_was_checked(visit: Open) -> None:
    def about(program_id: str) -> BeautifulSoup:
        return parsed(visit("hr", f"/planner?about={program_id}"))

    helps = section(about("p-disco"), "Discovery that uncovers need")
    assert helps.find(class_="band").get_text(" ", strip=True) == "▲ Helps"
    figures, events, checks = helps.find_all("table")
    assert [row.find("td").get_text() for row in figures.find("tbody").find_all("tr")] == ["+5.2", "+9.1", "−18.7"]
    assert figures.get_text().count("(misleads)") == 2
    assert "the next is better on average for anybody" in helps.get_text()
    assert len(events.find("tbody").find_all("tr")) == 7
    assert "people were sent because of them" in helps.get_text()
    assert "Half of the effect is gone after two periods." in helps.get_text()
    results = [row.find("td").get_text() for row in checks.find("tbody").find_all("tr")]
    assert results.count("✓ passed") == 5
    assert results.count("○ not possible") == 1
    assert "open" not in checks.find_parent("details").attrs
    doubtful = section(about("p-nego"), "Negotiating without discounts")
    assert "open" in doubtful.find(class_="checks").find_parent("details").attrs, "a failed check is not folded away"
    assert doubtful.find(class_="band").get_text(" ", strip=True) == "○ No evidence"
    unknown = section(about("p-new"), "Executive presence")
    assert unknown.find("svg") is None
    assert "Nobody has taken it yet." in unknown.get_text()
    assert section(about("p-social"), "Social <selling>") is not None, "names are text, not markup"


@pytest.mark.parametrize(("principal", "sees"), [("hr", True), ("vp", True), ("north", False)])
def test_the_plan_stands_above_the_offers_for_who_sees_all_of_it(visit: Open, principal: str, sees: bool) -> None:
    page = parsed(visit(principal, "/planner"))
    assert (page.find(id="h-plan") is not None) is sees
    if not sees:
        return
    plan = page.find(id="h-plan").find_parent("section")
    assert len(plan.find("svg", class_="effects").find_all("rect")) == 5
    rows = [row.find("th").find(string=True) for row in plan.find("tbody").find_all("tr")]
    assert rows == ["This plan", "Worst performers", "Highest risk", "Everyone", "Nobody"]
    text = plan.get_text(" ", strip=True)
    assert "this design detects 9 points in two quarters" in text
    assert "The seats of one program bind" in text
    assert "Discovery that uncovers need: 6" in text


def test_offers_say_their_evidence_in_the_list(visit: Open) -> None:
    text = parsed(visit("hr", "/planner")).find(id="list").get_text(" ", strip=True)
    for words in (
        "This rep's own estimate",
        "The average of this program",
        "No effect evidence",
        "Drawn by lot to wait",
    ):
        assert words in text


def test_without_findings_the_pages_say_what_to_run(harbour_file: Path, harbour_tokens: dict[str, str]) -> None:
    with served(harbour_file) as client:
        log_in(client, harbour_tokens["analyst"])
        assert "spm recommend" in parsed(client.get("/planner")).find(class_="empty").get_text()
        log_in(client, harbour_tokens["hr"])
        assert parsed(client.get("/planner")).find(id="h-plan") is None


@pytest.fixture
def changing(coached_file: Path, tmp_path: Path) -> Iterator[tuple[httpx.Client, dict[str, str]]]:
    """A store of one's own, in which decisions may be taken."""
    path = tmp_path / "own.db"
    shutil.copy(coached_file, path)
    with served(path) as client:
        yield client, issue_tokens(path)


def decide(client: httpx.Client, verdict: str, reason: str = "") -> None:
    """Sends a decision with the fields of the form on the rep's page, as a browser would."""
    page = parsed(client.get("/reps/r-201"))
    button = page.find("button", attrs={"name": "verdict", "value": verdict})
    assert button is not None, f"nobody offers to be {verdict}"
    form = button.find_parent("form")
    fields = {field["name"]: field["value"] for field in form.find_all("input")}
    if form.find("textarea") is not None:
        fields["reason"] = reason
    assert send_form(client, form["action"], **fields, verdict=verdict).status_code == 303


def choices(client: httpx.Client) -> list[str]:
    page = parsed(client.get("/reps/r-201"))
    return [button["value"] for button in page.select('#offers form[action="/decisions"] button')]


def history(client: httpx.Client) -> list[str]:
    return [line.get_text() for line in parsed(client.get("/reps/r-201")).select("#offers .decisions li")]


def test_a_decision_is_taken_back_and_all_of_it_stays_readable(
    changing: tuple[httpx.Client, dict[str, str]],
) -> None:
    client, tokens = changing
    log_in(client, tokens["south"])
    assert choices(client) == ["accepted", "overridden"]
    decide(client, "accepted")
    assert choices(client) == ["accepted", "overridden", "reversed"]
    decide(client, "reversed", "On leave until May")
    assert choices(client) == ["accepted", "overridden"]
    assert [line.split(" by ")[0] for line in history(client)] == ["Reversed", "Accepted"]
    assert "On leave until May" in history(client)[0]
    log_in(client, tokens["rep"])
    assert len(history(client)) == 2, "the rep sees what was decided"


def test_a_rep_declines_on_the_own_page_and_may_think_again(changing: tuple[httpx.Client, dict[str, str]]) -> None:
    client, tokens = changing
    log_in(client, tokens["rep"])
    assert choices(client) == ["declined"]
    decide(client, "declined", "Took it last year")
    assert choices(client) == ["reversed"]
    decide(client, "reversed", "A new edition")
    assert choices(client) == ["declined"]
    assert [line.split(" by ")[0] for line in history(client)] == ["Reversed", "Declined"]


@pytest.mark.parametrize(
    ("principal", "path"),
    [("vp", "/reps/r-101"), ("vp", "/planner"), ("hr", "/planner?about=p-disco"), ("analyst", "/planner")],
)
def test_pages_of_coaching_are_light(coached_file: Path, principal: str, path: str) -> None:
    tokens = issue_tokens(coached_file)
    with served(coached_file) as client:
        log_in(client, tokens[principal])
        page = parsed(client.get(path))
        addresses = [link["href"] for link in page.find_all("link")] + [tag["src"] for tag in page.find_all("script")]
        sizes = []
        for address in (path, *addresses):
            with client.stream("GET", address) as answer:
                sizes.append(sum(len(chunk) for chunk in answer.iter_raw()))
        assert len(sizes) <= 6
        assert sum(sizes) <= 40_000, sizes
