"""Writes the pages of docs/ that derive from code: `make docs`. A test holds them to it."""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from spm_ml.tables import CONTRACT_VERSION, TABLES, Column, Table

DOCS = Path(__file__).parent


def data_contract() -> str:
    """The data contract as a Markdown page."""
    lines = [
        f"# Data contract, version {CONTRACT_VERSION}",
        "",
        "Generated from `spm_ml/tables.py` by `make docs`.",
        "",
        "One CSV or Parquet file, or a folder of Parquet parts, per table, named after the table. Dates are ISO 8601,",
        "timestamps UTC (a time zone offset is honoured), money decimal in the row's `currency`. Unknown columns are",
        "kept out and reported. A row that breaks a rule is quarantined with its file, line, column, value, rule and",
        "what to do; the others go on, and rows in = accepted + quarantined. Compensation plans come as",
        "`comp_plans.yaml` (see [incentives](incentives.md)), settings of the organisation as `organisation.yaml`.",
        "",
        "Rows of every table but `protected_groups` also arrive one by one, as events over HTTP (see",
        "[operations](operations.md#fresh-data-between-the-nights)): a whole row with `recorded_at` beside it. Of the",
        "rows of a key the one recorded last counts; in a ledger each counts, and an identical one is a repetition.",
    ]
    for table in TABLES:
        lines += ["", *_table(table)]
    return "\n".join(lines) + "\n"


def _table(table: Table) -> list[str]:
    need = "required" if table.required else "optional"
    rules = [f"Key: {', '.join(f'`{name}`' for name in table.key)}."]
    rules += [f"`{rule.earlier}` must not lie after `{rule.later}`." for rule in table.order_rules]
    if table.ledger:
        rules.append("Identical rows are separate events.")
    rows = [f"| {_name(column)} | {column.type} | {_meaning(column)} |" for column in table.columns]
    heading = [f"## `{table.name}` ({need})", "", table.description, " ".join(rules), ""]
    return [*heading, "| column | type | meaning |", "|---|---|---|", *rows]


def _name(column: Column) -> str:
    return f"`{column.name}`{' *' if column.required else ''}"


def _meaning(column: Column) -> str:
    parts = [column.description]
    if column.choices:
        parts.append(f"One of {', '.join(column.choices)}.")
    if column.minimum is not None:
        parts.append(f"{'Above' if column.above_minimum else 'At least'} {column.minimum:g}.")
    if column.maximum is not None:
        parts.append(f"At most {column.maximum:g}.")
    if column.references:
        parts.append(f"Must occur in `{column.references}`.")
    if column.default is not None:
        parts.append(f"Empty means {column.default}.")
    return " ".join(parts)


def settings() -> str:
    """Every setting of the service as a Markdown page."""
    from serving.settings import ServingSettings
    from spm_ml.connectors.settings import ConnectorSettings

    lines = [
        "# Settings of the service",
        "",
        "Generated from `serving/settings.py` by `make docs`; how to use it is in [operations](operations.md).",
        "",
        "They stand in `serving.yaml` in the workspace, and the environment lies over it: `metrics: {enabled: true}`",
        "is `SPM_SERVING__METRICS__ENABLED=true`. Lists in the environment are JSON, `null` is none, and an empty",
        "variable counts as not set. With `_file` (`_FILE`) after its name a setting is read from the file that it",
        "names, as container platforms hand over secrets; secrets and passwords in `serving.yaml` itself are refused.",
        "Unknown settings are refused with their place. `store` holds for every `spm` command. In the workspace of a",
        "tenant the environment counts only where `SPM_TENANT` names that tenant.",
        "",
        "| setting | values | default | meaning |",
        "|---|---|---|---|",
        *_settings(ServingSettings, ""),
        "",
        "## Connectors",
        "",
        "What `spm fetch` reads ([connecting](connecting.md)). They stand in `connectors.yaml` beside `serving.yaml`",
        "and are given in the same way, as variables `SPM_CONNECTORS__HUBSPOT__TOKEN_FILE` and the like.",
        "",
        "| setting | values | default | meaning |",
        "|---|---|---|---|",
        *_settings(ConnectorSettings, ""),
    ]
    return "\n".join(lines) + "\n"


def _settings(model: type[BaseModel], prefix: str) -> Iterator[str]:
    meanings = _attributes(model)
    for name, field in model.model_fields.items():
        if get_origin(field.annotation) is dict:  # named by the operator
            yield f"| **`{prefix}{name}`** | | none | {meanings[name]} |"
            yield from _settings(get_args(field.annotation)[1], f"{prefix}{name}.NAME.")
            continue
        members = get_args(field.annotation) if get_origin(field.annotation) in (Union, UnionType) else ()
        inner = next((one for one in members or (field.annotation,) if isinstance(one, type)), None)
        if inner is not None and issubclass(inner, BaseModel):
            yield f"| **`{prefix}{name}`** | | {'none' if members else ''} | {meanings[name]} |"
            yield from _settings(inner, f"{prefix}{name}.")
            continue
        default = "required" if field.is_required() else _shown(field.default)
        yield f"| `{prefix}{name}` | {_values(field)} | {_DEFAULTS.get(prefix + name, default)} | {meanings[name]} |"


_DEFAULTS = {
    "store": "`predictions.db` in the workspace",
    "stale_after_days": "`stale_after_days` of `organisation.yaml`",
    "tenant": "as `tenant.yaml` says",
    "locale": "`locale` of `organisation.yaml`, else `en`",
}


def _attributes(model: type[BaseModel]) -> dict[str, str]:
    """What the docstring says of each field."""
    text = inspect.cleandoc(model.__doc__ or "").partition("Attributes:\n")[2]
    found = re.findall(r"^    (\w+): (.*(?:\n {8}.*)*)", text, flags=re.MULTILINE)
    return {name: " ".join(words.split()) for name, words in found}


def _shown(value: object) -> str:
    if value is None or isinstance(value, bool):
        return {None: "none", True: "`true`", False: "`false`"}[value]
    if isinstance(value, tuple):
        return f"`[{', '.join(map(str, value))}]`"
    return f"`{value}`"


_KINDS = {
    "SecretStr": "secret",
    "Network": "networks",
    "bool": "true or false",
    "int": "whole number",
    "float": "number",
}


def _values(field: FieldInfo) -> str:
    """The kind of a setting in a few words."""
    text = str(field.annotation)
    choices = [str(one) for part in (field.annotation, *get_args(field.annotation)) for one in _choices(part)]
    kinds = {
        "SecretStr": "secret",
        "Network": "networks",
        "bool": "true or false",
        "int": "whole number",
        "float": "number",
    }
    kind = ", ".join(choices) or next((word for name, word in kinds.items() if name in text), "text")
    bounds = [
        f"{word} {getattr(part, name):,}"
        for part in field.metadata
        for name, word in (("ge", "at least"), ("gt", "above"), ("le", "at most"))
        if getattr(part, name, None) is not None
    ]
    return " ".join([kind, *bounds])


def _choices(annotation: object) -> tuple[object, ...]:
    return get_args(annotation) if get_origin(annotation) is Literal else ()


def pages() -> dict[Path, str]:
    """Every generated page by its path."""
    from benchmarks.scaling import results
    from benchmarks.scaling.page import page as growth
    from spm_ml.metrics.catalogue_page import catalogue_page

    return {
        DOCS / "benchmarks.md": growth(results.read()),
        DOCS / "data-contract.md": data_contract(),
        DOCS / "metrics.md": catalogue_page(),
        DOCS / "settings.md": settings(),
    }


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
