"""Frozen settings: what an organisation declares about itself, and where a workspace keeps things."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal, Self
from zoneinfo import ZoneInfo, available_timezones

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from spm_ml import deployment
from spm_ml.errors import ConfigurationError, NotReadyError
from spm_ml.tenant import tenant_of
from spm_ml.yaml_file import YamlDocument, only_document, read_yaml, validation_problems

QUANTILE_LEVELS: tuple[float, ...] = tuple(round(0.05 * step, 2) for step in range(1, 20))
"""The 19 levels at which every forecast distribution is written: .05, .10 … .95."""

LOCALE = "en"
"""The locale of an organisation that names none: English words, plain numbers, no country."""


def check_locale(value: str) -> str:
    """Gives back a locale that is known, as BCP 47 writes it.

    >>> check_locale("de-ch")
    'de-CH'

    Raises:
        ValueError: It is not known.
    """
    if value == LOCALE:
        return value
    from babel import Locale, UnknownLocaleError  # only where a country is named

    try:
        return str(Locale.parse(value, sep="-")).replace("_", "-")
    except (UnknownLocaleError, ValueError):
        raise ValueError(f"{value!r} is not a known locale; write language and country, such as 'de-CH'") from None


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FiscalSettings(_Frozen):
    """How the organisation cuts its year.

    Attributes:
        period: What a quota is set for.
        start_month: First month of the fiscal year, 1–12.
        pattern: `calendar` months, or a week pattern of the retail calendar (NRF 4-5-4 and its siblings).
        week_end: Last day of a fiscal week for week patterns, 0 = Monday … 6 = Sunday.
        year_end_rule: Week patterns end on the last such weekday of the year's last month, or the one nearest its end.
        year_label: Whether fiscal year N is named after the calendar year in which it starts or ends.
        holidays: Country code for the `holidays` package; none means no public holidays.
        extra_holidays: Days off beyond those.
        selling_weekdays: Days of the week on which people sell, 0 = Monday.
    """

    period: Literal["quarter", "month"] = "quarter"
    start_month: int = Field(default=1, ge=1, le=12)
    pattern: Literal["calendar", "4-4-5", "4-5-4", "5-4-4"] = "calendar"
    week_end: int = Field(default=5, ge=0, le=6)
    year_end_rule: Literal["last", "nearest"] = "last"
    year_label: Literal["start", "end"] = "end"
    holidays: str | None = None
    extra_holidays: tuple[date, ...] = ()
    selling_weekdays: tuple[int, ...] = (0, 1, 2, 3, 4)


class StageAlias(_Frozen):
    """Another name a stage went by, and when (H16); no dates: always."""

    name: str
    valid_from: date | None = None
    valid_to: date | None = None


class StageSettings(_Frozen):
    """One open stage of the pipeline, in the order of the list, and the other names it went by."""

    name: str
    aliases: tuple[StageAlias, ...] = ()


class RiskBands(_Frozen):
    """Chance of reaching the quota below which a rep counts as at high or medium risk."""

    high_below: float = Field(default=0.35, gt=0, lt=1)
    medium_below: float = Field(default=0.70, gt=0, lt=1)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.high_below >= self.medium_below:
            raise ValueError(f"high_below {self.high_below} must lie below medium_below {self.medium_below}")
        return self

    def band(self, p_hit: float) -> Literal["high", "medium", "low"]:
        """Names the band of a chance to hit the quota.

        >>> RiskBands().band(0.2)
        'high'
        """
        if p_hit < self.high_below:
            return "high"
        return "medium" if p_hit < self.medium_below else "low"


class FairnessSettings(_Frozen):
    """How burden and benefit are audited by protected group.

    Attributes:
        minimum_group: Persons below which no number of a group is given.
        aggregation_only: Nothing about single persons leaves an audit, nor a measure that fewer persons than
            `minimum_group` share.
        audit_published: Every batch and plan is audited when it is published, if groups are on record; false: only
            `spm fairness` reads the groups.
    """

    minimum_group: int = Field(default=5, ge=3)
    aggregation_only: bool = True
    audit_published: bool = True


class RetentionSettings(_Frozen):
    """How long what people did is kept; `spm audit prune` removes what is older. Without a number: for ever.

    Attributes:
        decisions_days: Decisions; those of the published period stay.
        cases_days: Cases that are closed, from the last answer on.
        submissions_days: Numbers that people entered; those of the published period stay.
        assessments_days: Skill ratings that people gave; those of the published period stay.
        feedback_days: What people said about forecasts, diagnoses and offers.
        pulses_days: Answers of reps about a period; those of the published period stay. Withdrawn ones go at once.
        notes_days: What managers noted about their people.
        agreements_days: What reps and managers agreed on, once it is done or dropped.
        quota_proposals_days: Quotas that were proposed; those that were taken over are data and stay.
        restated_days: Results of finished periods that newer data have restated; those that count stay.
        audit_days: Lines of the audit.
        sessions_days: Sessions and tokens that are expired or revoked.
        idempotency_hours: Keys of writes and the answers they got.
    """

    decisions_days: int | None = Field(default=None, ge=1)
    cases_days: int | None = Field(default=None, ge=1)
    submissions_days: int | None = Field(default=None, ge=1)
    assessments_days: int | None = Field(default=None, ge=1)
    feedback_days: int | None = Field(default=None, ge=1)
    pulses_days: int | None = Field(default=None, ge=1)
    notes_days: int | None = Field(default=None, ge=1)
    agreements_days: int | None = Field(default=None, ge=1)
    quota_proposals_days: int | None = Field(default=None, ge=1)
    restated_days: int | None = Field(default=None, ge=1)
    audit_days: int | None = Field(default=None, ge=1)
    sessions_days: int = Field(default=30, ge=1)
    idempotency_hours: int = Field(default=24, ge=1)


class Organisation(_Frozen):
    """What a sales organisation declares about itself; kept as `organisation.yaml` in the workspace.

    Attributes:
        name: Shown on pages.
        currency: ISO 4217 code of every amount without one of its own, and of every result.
        timezone: IANA name; days are cut off here.
        locale: BCP 47, such as `de-CH`: how pages write numbers, amounts and days; their words stay English.
        amount_basis: What an amount means; all amounts share it (H15).
        gross_margin: Share of revenue left after its direct cost; needed for CAC payback only.
        fiscal: The fiscal calendar.
        stages: Open stages in order. Empty: taken from the first ingest; declared: others are quarantined.
        risk_bands: Thresholds shown beside every band.
        zombie_after_days: Open deals untouched for longer are left out of the pipeline (H17).
        stale_after_days: Data whose watermark is older than this is refused at scoring (H25).
        min_history_periods: Finished periods below which a rep's own history is called thin (H19).
        min_training_rows: Finished rep-periods below which no model is fitted.
        threads: Threads that model fitting may use.
        fairness: How burden and benefit are audited by protected group.
        retention: How long what people did is kept.
    """

    name: str = "Sales organisation"
    currency: str = Field(default="USD", pattern=r"^[A-Z]{3}$")
    timezone: str = "UTC"
    locale: str = LOCALE
    amount_basis: Literal["bookings", "arr", "tcv", "acv", "mrr"] = "bookings"
    gross_margin: float | None = Field(default=None, gt=0, le=1)
    fiscal: FiscalSettings = FiscalSettings()
    stages: tuple[StageSettings, ...] = ()
    risk_bands: RiskBands = RiskBands()
    zombie_after_days: int = Field(default=180, ge=1)
    stale_after_days: int = Field(default=45, ge=1)
    min_history_periods: int = Field(default=2, ge=1)
    min_training_rows: int = Field(default=60, ge=1)
    threads: int = Field(default=2, ge=1)
    fairness: FairnessSettings = FairnessSettings()
    retention: RetentionSettings = RetentionSettings()

    @field_validator("timezone")
    @classmethod
    def _known_timezone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError(f"{value!r} is not an IANA time zone such as 'Europe/Berlin'")
        return value

    @field_validator("locale")
    @classmethod
    def _known_locale(cls, value: str) -> str:
        return check_locale(value)

    @property
    def zone(self) -> ZoneInfo:
        """The organisation's time zone."""
        return ZoneInfo(self.timezone)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Reads an organisation file.

        Raises:
            ConfigurationError: The file is unreadable, not YAML, or holds unknown or wrong settings.
        """
        document = only_document(read_yaml(path), str(path))
        return cls.parse(document.content or {}, where=document.where, document=document)

    @classmethod
    def parse(cls, content: object, *, where: str, document: YamlDocument | None = None) -> Self:
        """Checks settings that were read from `where`.

        Args:
            content: The settings.
            where: For the message.
            document: Of the content, for the lines in the message.

        Raises:
            ConfigurationError: It names each setting that is unknown or wrong.
        """
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            problems = validation_problems(error, whole="file", document=document)
            raise ConfigurationError(f"{where} holds settings that cannot be used: {problems}") from error

    def write(self, path: Path) -> None:
        """Writes the organisation as YAML."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False), encoding="utf-8")


class _Store(BaseModel):
    """The one setting of the service that every command needs."""

    store: str | None = None


@dataclass(frozen=True)
class Workspace:
    """A folder in which one organisation's data, models and predictions live.

    Attributes:
        root: The folder; `.spm` by default.
    """

    root: Path

    @property
    def tenant(self) -> str | None:
        """Whose workspace it is, where one machine works for several companies; None: it is the only one."""
        return tenant_of(self.root)

    @property
    def organisation_file(self) -> Path:
        """Settings of the organisation."""
        return self.root / "organisation.yaml"

    @property
    def tables(self) -> Path:
        """Versioned Parquet parts of the accepted rows, a folder a table."""
        return self.root / "tables"

    @property
    def derived(self) -> Path:
        """What follows from the tables, kept from the first time it was computed; deleting it loses nothing."""
        return self.root / "derived"

    @property
    def quarantine(self) -> Path:
        """Rows that were not accepted, with their reasons."""
        return self.root / "quarantine"

    @property
    def pulled(self) -> Path:
        """Up to where each declared source was read."""
        return self.root / "pulled"

    @property
    def protected(self) -> Path:
        """Protected attributes, apart from everything a feature can read (H23)."""
        return self.root / "protected"

    @property
    def comp_plans(self) -> Path:
        """Compensation plans, one YAML document a plan."""
        return self.root / "comp_plans"

    @property
    def dataset_file(self) -> Path:
        """The rep-period dataset last built."""
        return self.root / "dataset.parquet"

    @property
    def leakage_file(self) -> Path:
        """What the last leak check found."""
        return self.root / "leakage.json"

    @property
    def backtest_file(self) -> Path:
        """The backtest last run."""
        return self.root / "backtest.parquet"

    @property
    def mlflow_database(self) -> Path:
        """MLflow's own database."""
        return self.root / "mlflow.db"

    @property
    def mlflow_artifacts(self) -> Path:
        """MLflow's artifacts."""
        return self.root / "mlartifacts"

    @property
    def predictions_database(self) -> Path:
        """File of the operational store (predictions, recommendations, decisions, tokens, audit) on one machine."""
        return self.root / "predictions.db"

    @property
    def predictions_store(self) -> str:
        """Path or database URL of the operational store: as `serving.yaml` or the environment say, else the file.

        Raises:
            ConfigurationError: They cannot be read, or name a file outside of a tenant's own folder.
        """
        store = deployment.load(_Store, self.root).store or self.predictions_database.name
        target = store if "://" in store else str(self.root / store)
        if target.startswith("sqlite") or "://" not in target:
            file = Path(target.partition("://")[2].removeprefix("/") if "://" in target else target)
            if self.tenant is not None and not file.resolve().is_relative_to(self.root.resolve()):
                raise ConfigurationError(
                    f"the store of tenant {self.tenant} lies outside of {self.root}: name a file inside, or a database"
                )
        return target

    @property
    def has_predictions(self) -> bool:
        """Whether there is a store to open; a server's database is made before, so it counts as one."""
        store = self.predictions_store
        return "://" in store or Path(store).exists()

    def organisation(self) -> Organisation:
        """Reads what the organisation declared.

        Raises:
            NotReadyError: Nothing was ingested into this workspace yet.
        """
        if not self.organisation_file.exists():
            raise NotReadyError(
                f"{self.root} holds no organisation.yaml: ingest tables first with "
                f"'spm ingest DIR --workspace {self.root}'"
            )
        return Organisation.read(self.organisation_file)
