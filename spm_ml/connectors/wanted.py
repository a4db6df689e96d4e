"""Which fields of an object a mapping reads, so that nothing else is fetched, and which it would miss."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from spm_ml.sources.expressions import placeholders
from spm_ml.sources.mapping import ColumnSource, Conditions, Lookup, Mapping, TableSource
from spm_ml.sources.raw import plain_name
from spm_ml.tables import TABLE_BY_NAME


@dataclass(frozen=True)
class Gap:
    """A column of the contract that stays empty, because no field that it comes from can be read.

    Attributes:
        table: Its table.
        column: It.
        fields: Any of these would give it.
        required: Rows cannot do without it.
    """

    table: str
    column: str
    fields: tuple[str, ...]
    required: bool


def fields_read(mapping: Mapping, file: str, known: Iterable[str]) -> tuple[str, ...]:
    """The known fields that the mapping reads of a file, in the order in which they are known.

    Args:
        mapping: What reads it.
        file: Its name.
        known: Fields of the object that may be read.
    """
    wanted = {plain_name(name) for source in _sources(mapping, file) for name in _names_of_source(source)}
    for table in mapping.tables.values():
        for lookup in (found for source in table for each in source.columns.values() for found in _lookups(each)):
            if _matches(file, lookup.file):
                wanted |= {plain_name(name) for name in (*lookup.key, *lookup.value)}
    return tuple(name for name in known if plain_name(name) in wanted)


def gaps(mapping: Mapping, file: str, known: Collection[str]) -> tuple[Gap, ...]:
    """Columns that stay empty; `currency` is none, as organisations with a single one have no such field."""
    plain = {plain_name(name) for name in known}
    found = []
    for table, sources in mapping.tables.items():
        required = TABLE_BY_NAME[table].required_columns
        for source in sources:
            if not _matches(file, source.file):
                continue
            for column, origin in source.columns.items():
                fields = tuple(dict.fromkeys(_value_names(origin)))
                missing = fields and not any(plain_name(name) in plain for name in fields)
                if missing and not _has_constant(origin) and column != "currency":
                    needed = column in required and origin.default is None
                    found.append(Gap(table, column, fields, needed))
    return tuple(found)


def currency_fields(mapping: Mapping, file: str, known: Collection[str]) -> tuple[str, ...]:
    """The known fields of a file in which the mapping finds the currency of amounts."""
    plain = {
        plain_name(name)
        for source in _sources(mapping, file)
        if "currency" in source.columns
        for name in _value_names(source.columns["currency"])
    }
    return tuple(name for name in known if plain_name(name) in plain)


def values_filtered(mapping: Mapping, file: str, column: str) -> tuple[str, ...]:
    """The values of a column that pass the mapping's filters of a file: the properties whose history it reads."""
    found = [
        value
        for source in _sources(mapping, file)
        for names, test in source.filter.items()
        if plain_name(column) in {plain_name(name) for name in names.split("|")}
        for value in test.any_of
    ]
    return tuple(dict.fromkeys(found))


def _sources(mapping: Mapping, file: str) -> Iterator[TableSource]:
    for sources in mapping.tables.values():
        yield from (source for source in sources if _matches(file, source.file))


def _matches(file: str, patterns: Collection[str]) -> bool:
    return any(fnmatchcase(file.lower(), pattern.lower()) for pattern in patterns)


def _names_of_source(source: TableSource) -> Iterator[str]:
    yield from _conditions(source.filter)
    yield from source.distinct
    for reason in source.set_aside:
        yield from _conditions(reason.when)
    for column in source.columns.values():
        yield from _all_names(column)


def _conditions(conditions: Conditions) -> Iterator[str]:
    for names in conditions:
        yield from (name.strip() for name in names.split("|"))


def _value_names(column: ColumnSource) -> Iterator[str]:
    yield from column.source
    yield from placeholders(column.template or "")
    for each in column.first_of:
        yield from _value_names(each)


def _has_constant(column: ColumnSource) -> bool:
    return column.constant is not None or any(_has_constant(each) for each in column.first_of)


def _all_names(column: ColumnSource) -> Iterator[str]:
    yield from column.source
    yield from placeholders(column.template or "")
    yield from _conditions(column.when)
    for each in (*column.first_of, *([column.only_with] if column.only_with else [])):
        yield from _all_names(each)


def _lookups(column: ColumnSource) -> Iterator[Lookup]:
    yield from column.lookup
    for each in (*column.first_of, *([column.only_with] if column.only_with else [])):
        yield from _lookups(each)
