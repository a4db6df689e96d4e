from pathlib import Path

import pytest
from pydantic import ValidationError

from spm_ml.errors import ConfigurationError, NotReadyError
from spm_ml.settings import QUANTILE_LEVELS, Organisation, RiskBands, Workspace


def test_levels_are_nineteen_steps_of_a_twentieth() -> None:
    assert len(QUANTILE_LEVELS) == 19
    assert QUANTILE_LEVELS[0] == 0.05
    assert QUANTILE_LEVELS[-1] == 0.95


def test_an_organisation_survives_its_file(tmp_path: Path) -> None:
    organisation = Organisation.parse(
        {
            "name": "Nordwind",
            "currency": "EUR",
            "timezone": "Europe/Berlin",
            "fiscal": {"period": "month", "pattern": "4-4-5", "holidays": "DE", "extra_holidays": ["2026-12-24"]},
            "stages": [{"name": "open", "aliases": [{"name": "offen", "valid_to": "2025-12-31"}]}],
        },
        where="test",
    )
    organisation.write(tmp_path / "deep" / "organisation.yaml")
    assert Organisation.read(tmp_path / "deep" / "organisation.yaml") == organisation


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"curency": "EUR"}, "curency"),
        ({"currency": "euro"}, "currency"),
        ({"timezone": "Mars/Olympus"}, "Mars/Olympus"),
        ({"fiscal": {"start_month": 13}}, "fiscal.start_month"),
        ({"risk_bands": {"high_below": 0.8, "medium_below": 0.7}}, "must lie below"),
        ([1, 2], "holds settings that cannot be used"),
    ],
)
def test_wrong_settings_name_the_setting_and_the_file(content: object, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        Organisation.parse(content, where="organisation.yaml")


@pytest.mark.parametrize("content", [b"\xff\xfe\x00broken", b"a: [1", b"a: b: c"])
def test_an_unreadable_file_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "organisation.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"organisation\.yaml cannot be read"):
        Organisation.read(path)


def test_an_empty_file_means_defaults(tmp_path: Path) -> None:
    (tmp_path / "organisation.yaml").touch()
    assert Organisation.read(tmp_path / "organisation.yaml") == Organisation()


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Organisation().name = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("chance", "band"), [(0.0, "high"), (0.3499, "high"), (0.35, "medium"), (0.7, "low"), (1.0, "low")]
)
def test_bands_include_their_lower_end(chance: float, band: str) -> None:
    assert RiskBands().band(chance) == band


def test_an_empty_workspace_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(NotReadyError, match="spm ingest DIR --workspace"):
        Workspace(tmp_path).organisation()
