"""Writes the pages of docs/ that derive from code: `make docs`. A test holds them to it."""

from pathlib import Path

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
        "`comp_plans.yaml`, settings of the organisation as `organisation.yaml`.",
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


def pages() -> dict[Path, str]:
    """Every generated page by its path."""
    from spm_ml.metrics.catalogue_page import catalogue_page

    return {DOCS / "data-contract.md": data_contract(), DOCS / "metrics.md": catalogue_page()}


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
