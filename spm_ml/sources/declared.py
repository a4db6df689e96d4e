"""`sources.yaml`: where a workspace's rows come from by themselves, folders that are watched and databases."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from spm_ml import tenant
from spm_ml.errors import ConfigurationError, did_you_mean
from spm_ml.settings import Workspace
from spm_ml.yaml_file import YamlDocument, only_document, read_yaml, validation_problems

FILE: Final = "sources.yaml"

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)


class _Declared(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class WatchedFolder(_Declared):
    """A folder into which something else puts export files, as `spm ingest DIR` reads them.

    Attributes:
        folder: The folder; a relative path counts from the workspace.
        mapping: Built-in mapping or a YAML file; none: tables of the contract.
        settle_seconds: A file is taken once it has not changed for so long.
    """

    folder: Path
    mapping: str | None = None
    settle_seconds: float = Field(default=5.0, ge=0, le=3600)


class DatabaseTable(_Declared):
    """What is read of a database as one export file.

    Attributes:
        table: Table or view, `schema.name` or `name`; or
        query: a SELECT without an end mark.
        watermark: Column that grows whenever a row is made or changed: a time, a date, a number or a text that
            sorts as it grows. None: everything is read each time.
        overlap: How far before the last watermark reading begins again, because transactions end in another order than
            they stamp: seconds of a time, days of a date, units of a number; texts have none.
    """

    table: str | None = None
    query: str | None = None
    watermark: str | None = None
    overlap: Annotated[float, Field(ge=0)] | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.table is None) == (self.query is None):
            raise ValueError("name a table or write a query, one of the two")
        if self.watermark is None and self.overlap is not None:
            raise ValueError("an overlap needs a watermark")
        return self


class Database(_Declared):
    """A database that rows are read from, by any URL of SQLAlchemy.

    Attributes:
        url: Address without a password.
        password_file: File that holds the password; or the environment does (`SPM_SOURCE_<NAME>_PASSWORD`).
        mapping: Built-in mapping or a YAML file; none: tables of the contract.
        tables: What is read, by the name of the file that a mapping would find in an export, without its ending.
    """

    url: str
    password_file: Path | None = None
    mapping: str | None = None
    tables: dict[str, DatabaseTable] = Field(min_length=1)

    @field_validator("url")
    @classmethod
    def _without_secret(cls, value: str) -> str:
        try:
            url = make_url(value)
        except ArgumentError:
            raise ValueError("this is no URL of SQLAlchemy, such as postgresql+psycopg://reader@host/crm") from None
        if url.password or any("password" in key.lower() for key in url.query):
            raise ValueError("this holds a password: put it into the environment or a password_file")
        return value

    @field_validator("tables")
    @classmethod
    def _file_names(cls, value: dict[str, DatabaseTable]) -> dict[str, DatabaseTable]:
        for name in value:
            if not re.fullmatch(r"[\w-]+", name):
                raise ValueError(f"{name!r} cannot name a file: take letters, digits, '_' and '-'")
        return value

    def address(self, name: str, workspace: Workspace) -> URL:
        """The URL with its password.

        Args:
            name: Of the source.
            workspace: Whose environment counts only if it is its tenant's.

        Raises:
            ConfigurationError: A file that should hold the password cannot be read or is empty, or the variable is of
                another tenant.
        """
        variable = f"SPM_SOURCE_{name.upper()}_PASSWORD"
        given = {each: os.environ[each] for each in (variable, f"{variable}_FILE") if os.environ.get(each)}
        tenant.refuse_variables(workspace.root, list(given))
        if variable in given:
            return make_url(self.url).set(password=given[variable])
        file = Path(given[f"{variable}_FILE"]) if given else self.password_file
        if file is None:
            return make_url(self.url)
        try:
            password = (workspace.root / file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"the password file of {name} cannot be read: {type(error).__name__}") from None
        if not password:
            raise ConfigurationError(f"the password file of {name} is empty")
        return make_url(self.url).set(password=password)


DeclaredSource = WatchedFolder | Database


def declared_sources(workspace: Workspace) -> dict[str, DeclaredSource]:
    """The sources of a workspace by name, in the order of its `sources.yaml`; none without one.

    Raises:
        ConfigurationError: The file cannot be used; each problem with its line.
    """
    path = workspace.root / FILE
    if not path.exists():
        return {}
    document = only_document(read_yaml(path), str(path))
    content = document.content
    sources = content.get("sources") if isinstance(content, Mapping) else None
    if not isinstance(content, Mapping) or set(content) != {"sources"} or not isinstance(sources, Mapping):
        raise ConfigurationError(f"{path} must hold 'sources:' and below it a name for each, and nothing else")
    return {str(name): _source(str(name), one, document) for name, one in sources.items()}


def _source(name: str, content: object, document: YamlDocument) -> DeclaredSource:
    where = f"{document.where}, line {document.line_of(('sources', name))}"
    if not _NAME.fullmatch(name):
        raise ConfigurationError(f"{where}: {name!r} cannot name a source: take a-z, 0-9 and '_', at most 40 of them")
    if not isinstance(content, Mapping) or ("folder" in content) == ("url" in content):
        known = [str(key) for key in content] if isinstance(content, Mapping) else []
        meant = next((hint for key in known if (hint := did_you_mean(key, ["folder", "url"]))), "")
        raise ConfigurationError(
            f"{where}: {name} needs a folder to watch or the url of a database, one of them{meant}"
        )
    kind: type[WatchedFolder | Database] = WatchedFolder if "folder" in content else Database
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        inner = YamlDocument(document.where, content, document.inner(("sources", name)))
        problems = validation_problems(error, whole=name, document=inner)
        raise ConfigurationError(f"{document.where}: {name} cannot be used: {problems}") from None
