"""Ratings of skills and feedback over the socket: the API, keys, and what is refused."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from spm_ml.predictions import PredictionStore
from tests.coaching_world import make_coaching
from tests.prediction_world import World, issue_tokens
from tests.web import served

Ask = Callable[..., httpx.Response]


def asking(client: httpx.Client, tokens: dict[str, str]) -> Ask:
    def send(who: str, method: str, address: str, body: object = None, key: str = "") -> httpx.Response:
        headers = {"Authorization": f"Bearer {tokens[who]}"} | ({"Idempotency-Key": key} if key else {})
        sent: dict[str, Any] = {"content": body} if isinstance(body, bytes) else {"json": body} if body else {}
        return client.request(method, address, headers={"Content-Type": "application/json"} | headers, **sent)

    return send


@pytest.fixture(scope="module")
def path(
    harbour: World, harbour_file: Path, harbour_tokens: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The harbour with what coaching says: there are skills to rate."""
    own = tmp_path_factory.mktemp("voice") / "predictions.db"
    shutil.copy(harbour_file, own)
    with PredictionStore.open(own) as store:
        store.publish_coaching(make_coaching(harbour))
    return own


@pytest.fixture(scope="module")
def ask(path: Path, harbour_tokens: dict[str, str]) -> Iterator[Ask]:
    with served(path) as client:
        yield asking(client, harbour_tokens)


RATED = {"rep_id": "r-201", "ratings": [{"skill": "discovery", "score": 4}, {"skill": "negotiation", "score": None}]}
SAID = {"rep_id": "r-201", "about": "forecast", "verdict": "wrong", "text": "The Meridian deal is missing."}


def test_from_a_rating_to_the_manager(harbour_target: str, harbour: World) -> None:
    """On each database, with keys."""
    with PredictionStore.open(harbour_target) as store:
        store.publish_coaching(make_coaching(harbour))
    tokens = issue_tokens(harbour_target)
    with served(harbour_target) as client:
        rates_and_says(asking(client, tokens))


def rates_and_says(ask: Ask) -> None:
    for address, body in (("/v1/assessments", RATED), ("/v1/feedback", SAID)):
        done = ask("rep", "POST", address, body, key="k-" + address)
        assert done.status_code == 201, done.text
        assert ask("rep", "POST", address, body, key="k-" + address).content == done.content
        assert ask("rep", "POST", address, body | {"rep_id": "r-202"}, key="k-" + address).status_code == 422
        for who, status in (("south", 201), ("vp", 201), ("north", 404), ("hr", 403), ("analyst", 403)):
            assert ask(who, "POST", address, body).status_code == status, (who, address)
        mine = ask("rep", "GET", address).json()
        assert mine["total"] == len(mine["items"]) == (6 if address == "/v1/assessments" else 3)
        assert ask("north", "GET", address).json()["total"] == 0
        assert ask("vp", "GET", f"{address}?rep_id=r-201&limit=1").json()["total"] == mine["total"]
    rated = ask("south", "GET", "/v1/assessments?rep_id=r-201").json()["items"]
    standing = {(one["skill"], one["assessor"]): one["assessed_by"] for one in rated if one["stands"]}
    assert standing[("discovery", "self")] == "test rep"
    assert standing[("discovery", "manager")] == "test vp"
    assert [ask(who, "GET", "/v1/feedback").status_code for who in ("hr", "analyst", "admin")] == [200, 403, 403]
    assert [ask(who, "GET", "/v1/feedback/counts").status_code for who in ("hr", "analyst", "vp", "rep")] == [
        200, 200, 403, 403
    ]  # fmt: skip
    counts = ask("analyst", "GET", "/v1/feedback/counts").json()["items"]
    assert {(one["about"], one["people"], one["verdicts"]) for one in counts} == {
        ("forecast", None, None), ("diagnosis", None, None), ("offer", None, None)
    }, "three spoke"  # fmt: skip


BAD_RATINGS = [
    b'{"rep_id": "r-201", "ratings": [{"skill": "discovery", "score": NaN}]}',
    b'{"rep_id": "r-201", "ratings": [{"skill": "discovery", "score": 1e999}]}',
    RATED | {"ratings": []},
    RATED | {"ratings": [{"skill": "discovery", "score": 0}]},
    RATED | {"ratings": [{"skill": "discovery", "score": 6}]},
    RATED | {"ratings": [{"skill": "discovery", "score": 3.5}]},
    RATED | {"ratings": [{"skill": "discovery", "score": "3"}]},
    RATED | {"ratings": [{"skill": "discovery", "score": True}]},
    RATED | {"ratings": [{"skill": "discovery"}]},
    RATED | {"ratings": [{"skill": "juggling", "score": 3}]},
    RATED | {"ratings": [{"skill": "discovery", "score": 3}] * 2},
    RATED | {"ratings": [{"skill": "discovery", "score": 3}] * 101},
    RATED | {"assessor": "manager"},
]
BAD_FEEDBACK = [
    SAID | {"about": "data"},
    SAID | {"verdict": "great"},
    SAID | {"text": "x" * 1_001},
    SAID | {"text": "a\x00b"},
    SAID | {"text": None},
    SAID | {"stands": True},
    b'{"rep_id": "r-201", "about": "forecast", "verdict": NaN}',
]


@pytest.mark.parametrize(
    ("address", "bodies"),
    [("/v1/assessments", BAD_RATINGS), ("/v1/feedback", BAD_FEEDBACK)],
    ids=["rating", "feedback"],
)
def test_bad_input_is_refused_and_not_repeated(ask: Ask, address: str, bodies: list[object]) -> None:
    for body in bodies:
        refused = ask("rep", "POST", address, body)
        assert refused.status_code in (400, 422), body
        assert refused.headers["content-type"] == "application/problem+json"
        assert "juggling" not in refused.text
    assert ask("rep", "GET", address).json()["total"] == 0, "nothing of it was kept"


def test_words_of_any_script_come_back_as_they_were_sent(ask: Ask) -> None:
    words = "‏שלום <b>fett</b> 🙂" + "ä" * 900
    done = ask("south", "POST", "/v1/feedback", {**SAID, "rep_id": "r 203/ä", "about": "diagnosis", "text": words})
    assert done.json()["feedback"]["text"] == words
    assert ask("hr", "GET", "/v1/feedback?rep_id=r%20203/ä&about=diagnosis").json()["items"][0]["text"] == words


ANSWERS = {"pipeline": 4, "quota": 2, "workload": 3, "support": 5, "focus": 4}
PULSE = {"answers": ANSWERS, "consent": True, "shared": True}
NOTE = {"rep_id": "r-201", "topic": "progress", "text": "Calls are better."}
AGREED = {"rep_id": "r-201", "text": "Two calls", "behaviour": "discovery", "due_on": "2099-01-01", "doer": "both"}
BAD_TALK: list[tuple[str, str, object]] = [
    ("rep", "/v1/pulses", PULSE | {"consent": False}),
    ("rep", "/v1/pulses", {"answers": ANSWERS}),
    ("rep", "/v1/pulses", PULSE | {"answers": ANSWERS | {"focus": 6}}),
    ("rep", "/v1/pulses", PULSE | {"answers": ANSWERS | {"focus": 3.5}}),
    ("rep", "/v1/pulses", PULSE | {"answers": {"focus": 3}}),
    ("rep", "/v1/pulses", PULSE | {"rep_id": "r-202"}),
    ("south", "/v1/notes", NOTE | {"text": " "}),
    ("south", "/v1/notes", NOTE | {"text": "x" * 1_001}),
    ("south", "/v1/notes", NOTE | {"topic": "health"}),
    ("south", "/v1/notes", NOTE | {"about_on": "2099-01-01"}),
    ("south", "/v1/notes", NOTE | {"about_on": 20_000}),
    ("south", "/v1/agreements", AGREED | {"behaviour": "juggling"}),
    ("south", "/v1/agreements", AGREED | {"due_on": "2020-01-01"}),
    ("south", "/v1/agreements", AGREED | {"due_on": "2020-02-31"}),
    ("south", "/v1/agreements", AGREED | {"doer": "nobody"}),
    ("south", "/v1/agreements", AGREED | {"source": "offer"}),
    ("south", "/v1/agreements", AGREED | {"program_id": "p-1"}),
    ("south", "/v1/agreements/1/steps", {"step": "dropped", "text": " "}),
    ("south", "/v1/agreements/1/steps", {"step": "proposed"}),
]


def test_a_pulse_a_note_and_an_agreement_over_the_api(ask: Ask) -> None:
    for who, address, body in BAD_TALK:
        refused = ask(who, "POST", address, body)
        assert refused.status_code == 422, (address, body, refused.text)
        assert "juggling" not in refused.text
    given = ask("rep", "POST", "/v1/pulses", PULSE, key="p-1")
    assert given.status_code == 201
    assert "answers" not in given.json(), "they are in one place, to be erased there"
    assert ask("rep", "POST", "/v1/pulses", PULSE, key="p-1").content == given.content
    (pulse,) = ask("south", "GET", "/v1/pulses?rep_id=r-201").json()["items"]
    assert (pulse["answers"], pulse["name"]) == (ANSWERS, "Priya Raman")
    counts = ask("hr", "GET", "/v1/pulses/counts").json()["items"]
    assert [one["people"] for one in counts] == [None] * 5
    assert ask("rep", "POST", "/v1/pulses/withdrawal", {"answered_for": None}).json()["withdrawn"] == 1
    assert ask("south", "GET", "/v1/pulses").json()["total"] == 0

    note = ask("south", "POST", "/v1/notes", NOTE | {"about_on": "2026-06-01"}, key="n-1")
    assert note.status_code == 201, note.text
    assert ask("rep", "GET", "/v1/notes").json()["items"] == [note.json()["note"]]

    made = ask("south", "POST", "/v1/agreements", AGREED).json()["agreement"]
    steps = f"/v1/agreements/{made['agreement_id']}/steps"
    assert [ask(who, "POST", steps, {"step": "agreed"}).status_code for who in ("south", "north", "hr", "rep")] == [
        409, 404, 403, 201
    ]  # fmt: skip
    assert ask("vp", "POST", steps, {"step": "done"}).json()["agreement"]["status"] == "done"
    assert ask("rep", "GET", "/v1/agreements?status=open").json()["total"] == 0
    voices = ask("rep", "GET", "/v1/model/voices").json()["voices"]
    assert voices["signals"][-1]["abstention"]["reason"] == "too_few_words"
