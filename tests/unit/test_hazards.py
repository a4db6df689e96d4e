import pytest

from spm_ml.hazards import ABSTENTION_REASONS, HAZARD_BY_CODE, HAZARDS, Abstention


def test_codes_are_h01_to_h25_in_order_and_slugs_are_unique() -> None:
    assert [hazard.code for hazard in HAZARDS] == [f"H{number:02d}" for number in range(1, 26)]
    assert len({hazard.slug for hazard in HAZARDS}) == len(HAZARDS)
    assert all(hazard.label and hazard.rule for hazard in HAZARD_BY_CODE.values())


@pytest.mark.parametrize("reason", ABSTENTION_REASONS)
def test_an_abstention_explains_itself_in_a_sentence(reason: str) -> None:
    assert Abstention(reason).detail.endswith(".")
    assert Abstention(reason, "said otherwise").detail == "said otherwise"


def test_an_undeclared_reason_is_refused() -> None:
    with pytest.raises(ValueError, match="'no_idea' is not one of"):
        Abstention("no_idea")
