import pytest

from spm_ml.errors import ConfigurationError, DataError, GateRefusedError, NotReadyError, SpmError, did_you_mean


@pytest.mark.parametrize("kind", [ConfigurationError, DataError, NotReadyError, GateRefusedError])
def test_every_error_is_caught_by_its_base(kind: type[SpmError]) -> None:
    with pytest.raises(SpmError, match="what was found"):
        raise kind("what was found, where, what to do")


def test_nothing_is_suggested_for_a_word_that_is_like_none() -> None:
    assert did_you_mean("zzz", ["reps", "quotas"]) == ""
