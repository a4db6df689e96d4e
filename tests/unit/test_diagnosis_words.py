"""What a diagnosis says, word by word."""

from itertools import pairwise

import pytest

from spm_ml.coaching.diagnosis import PARTS
from spm_ml.coaching.diagnosis.words import (
    LABELS,
    Beside,
    chance_text,
    condition_text,
    evidence,
    headline,
    inherited_text,
    largest_text,
    points,
    quota_text,
    share,
)

OWN = Beside(0.71, 0.6, 0.84, 0.97)


def plain(text: str) -> str:
    return text.replace("\N{NO-BREAK SPACE}", " ")


def test_every_part_has_a_label() -> None:
    assert set(LABELS) == set(PARTS)
    assert len(set(LABELS.values())) == len(LABELS)


def test_numbers_are_whole_and_signed() -> None:
    assert plain(share(-0.2)) == "−20 %"
    assert [points(value) for value in (0.126, -0.126, 0.004, -0.004)] == ["+13", "−13", "0", "0"]


def test_headlines_of_every_verdict() -> None:
    said = [
        plain(headline("on_plan", "", 1.04, 0.9, 1.0, None)),
        plain(headline("hard_quota", "quota_difficulty", 0.8, 0.83, 0.8, None)),
        plain(headline("conditions", "ramp", 0.8, 0.96, 0.9, None)),
        plain(headline("bad_luck", "", 0.8, 1.0, 0.97, None)),
        plain(headline("behaviour", "win_rate", 0.8, 1.0, 0.8, OWN)),
        plain(headline("behaviour", "own_bookings", 0.8, 1.0, 0.8, OWN)),
        plain(headline("cannot_tell", "", 0.8, 1.0, 0.9, None)),
    ]
    interval = "71 % of fair peers' once chance is allowed for (90 % interval 60 % to 84 %)."
    assert said == [
        "On plan: 104 % of quota.",
        "This quota looks hard: fair peers with the same conditions would reach 83 % of it.",
        "Conditions explain most of what is missing, above all: ramp.",
        "Bad luck: what this rep does under these conditions usually brings 97 % of quota.",
        f"Win rate is the weakest behaviour: {interval}",
        f"Bookings are below those of fair peers: {interval}",
        "No single cause of the gap is clear of chance.",
    ]
    assert all(one != other for one, other in pairwise(said))


@pytest.mark.parametrize(
    ("attainment", "beside"), [(0.8, "20 points short of plan"), (1.1, "10 points above plan"), (1.0, "as planned")]
)
def test_evidence_says_where_the_points_went(attainment: float, beside: str) -> None:
    said = plain(evidence(attainment, "2025Q4 to 2026Q3", (-0.05, -0.12, 0.03), "", None))
    assert said.endswith(f"in 2025Q4 to 2026Q3, {beside}: conditions −5, behaviours −12, luck +3.")


def test_evidence_of_a_behaviour_says_how_sure_it_is() -> None:
    sums = (0.0, -0.2, 0.0)
    assert "below that of fair peers: 97 %." in plain(evidence(0.8, "2026Q3", sums, "Win rate", 0.97))
    assert "below that of fair peers: more than 99 %." in plain(evidence(0.8, "2026Q3", sums, "Win rate", 0.9999))


def test_conditions_say_what_quotas_leave_out() -> None:
    assert plain(condition_text("ramp", -0.4, 0.25)) == (
        "Tenure changes what fair peers book by −40 %; quotas leave out 25 % of that."
    )
    assert plain(condition_text("season", 0.1, 1.4)).endswith("by +10 %; quotas leave out 100 % of that.")
    assert plain(condition_text("territory", 0.001, 0.5)).endswith("by less than 1 %.")


def test_deals_quota_and_chance() -> None:
    assert plain(quota_text(0.83)) == "Fair peers under the same conditions would book 83 % of this quota."
    assert plain(inherited_text(0.3, 0.05)).startswith("30 % of the amount won came from deals taken over")
    assert largest_text(0.0) == "No single deal stands out."
    assert largest_text(0.12) == "The largest deals brought 12 points more than the largest usually do."
    assert plain(chance_text(0.96)).startswith("These conditions and behaviours usually bring 96 % of quota")
