"""The list of sources, and how a mapping is found by its name or file."""

from collections.abc import Mapping as MappingType
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from spm_ml.errors import ConfigurationError, did_you_mean
from spm_ml.sources.mapping import ColumnSource, Mapping, TableSource
from spm_ml.tables import TABLES
from spm_ml.yaml_file import only_document, parse_yaml, validation_problems


@dataclass(frozen=True)
class Source:
    """One kind of input that `spm ingest` can read.

    Attributes:
        name: What `--mapping` takes.
        label: What it reads, for people.
        built_in: A YAML file of the package declares it.
    """

    name: str
    label: str
    built_in: bool = True


SOURCES: Final[tuple[Source, ...]] = (
    Source("files", "Tables of the data contract as CSV or Parquet files", built_in=False),
    Source("maven", "Maven Analytics 'CRM Sales Opportunities' sample"),
    Source("salesforce", "Salesforce standard objects: vendor CSV export or Fivetran tables"),
    Source("hubspot", "HubSpot standard objects: vendor CSV export or Fivetran tables"),
)
"""To add a source, put its YAML into `mappings/` and a line here."""


@cache
def contract_mapping() -> Mapping:
    """The mapping that reads the contract's own files: `<table>.csv`, `.tsv`, `.parquet` or a folder of parts."""
    return Mapping(
        name="files",
        description="Tables of the data contract as CSV or Parquet files.",
        exact=True,
        tables={
            table.name: (
                TableSource(
                    file=tuple(
                        f"{table.name}{end}" for end in (".csv", ".tsv", ".parquet", "/*.csv", "/*.tsv", "/*.parquet")
                    ),
                    columns={column.name: ColumnSource(source=(column.name,)) for column in table.columns},
                ),
            )
            for table in TABLES
        },
    )


def load_mapping(mapping: str | Path | None) -> Mapping:
    """Reads a mapping by the name of a built-in one or from a YAML file; None gives the contract's own.

    Raises:
        ConfigurationError: There is no such mapping, or it holds something that cannot be used.
    """
    if mapping is None or str(mapping) == "files":
        return contract_mapping()
    if str(mapping) in {source.name for source in SOURCES}:
        text = files("spm_ml.sources").joinpath("mappings", f"{mapping}.yaml").read_text(encoding="utf-8")
        return _parse(text, str(mapping))
    path = Path(mapping)
    if not path.is_file():
        known = [source.name for source in SOURCES]
        raise ConfigurationError(
            f"there is no mapping {str(mapping)!r}{did_you_mean(str(mapping), known)}: give one of {', '.join(known)}, "
            "or the path of a YAML file"
        )
    try:
        return _parse(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"the mapping {path} cannot be read: {error}") from error


def _parse(text: str, where: str) -> Mapping:
    document = only_document(parse_yaml(text, f"the mapping {where}"), f"the mapping {where}")
    content = document.content
    if not isinstance(content, MappingType):
        raise ConfigurationError(f"the mapping {where} must hold 'tables:' and more, not {type(content).__name__}")
    try:
        return Mapping.model_validate({"name": Path(where).stem, **content})
    except ValidationError as error:
        problems = validation_problems(error, whole="file", document=document)
        raise ConfigurationError(f"the mapping {where} cannot be used: {problems}") from error
