"""What a mapping file can declare: how a foreign export becomes the tables of the data contract."""

import codecs
from typing import Annotated, Any, Literal, Self

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from spm_ml.errors import ConfigurationError, did_you_mean
from spm_ml.settings import Organisation
from spm_ml.tables import TABLE_BY_NAME


def _several(value: object) -> object:
    return [value] if isinstance(value, str | dict) else value


def _texts(value: object) -> object:
    """YAML reads `true` and `6` as booleans and numbers; cells are texts."""
    values = value if isinstance(value, list | tuple) else [value]
    return [str(each).lower() if isinstance(each, bool) else str(each) for each in values]


def _text(value: object) -> object:
    return value if value is None else _texts(value)[0]  # type: ignore[index]


def _text_map(value: object) -> object:
    return {_text(key): _text(each) for key, each in value.items()} if isinstance(value, dict) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_several)]
Texts = Annotated[tuple[str, ...], BeforeValidator(_texts)]
Text = Annotated[str | None, BeforeValidator(_text)]
TextMap = Annotated[dict[str, str], BeforeValidator(_text_map)]


class _Declared(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Condition(_Declared):
    """A test of one cell, without regard to case; in YAML a value, a list of values, or one of the fields below.

    Attributes:
        any_of: The cell is one of these.
        none_of: The cell is none of these; an empty cell passes.
        starts_with: The cell starts with this.
        present: The cell is filled (true) or empty (false).
    """

    any_of: Texts = ()
    none_of: Texts = ()
    starts_with: Text = None
    present: bool | None = None

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: object) -> object:
        return value if isinstance(value, dict | Condition) else {"any_of": value}


Conditions = dict[str, Condition]
"""Tests by source column; all must hold. Alternatives of a column's name are separated by `|`."""


class Lookup(_Declared):
    """A value from another file of the export, found by a key.

    Attributes:
        file: Patterns of the other file.
        key: Its column that holds the key; alternatives are tried in order.
        value: Its column that holds the value.
        take: Which value of several rows with the key; `min` and `max` compare texts, so ISO dates sort.
    """

    file: Names
    key: Names
    value: Names
    take: Literal["first", "last", "min", "max"] = "first"


class ColumnSource(_Declared):
    """Where the cells of one column come from; in YAML a column name, a list of names, or the fields below.

    The steps run in the order of the attributes; an empty cell stays empty until `default`.

    Attributes:
        source: `from`: column of the export; of several the first that is filled.
        constant: The same text in every row.
        template: Text with `{column}` in it; empty if one of the columns is.
        first_of: The first of these sources that gives a cell.
        lookup: Replaces the cell by a value from another file; several are chained.
        starts_with: Empties cells that do not start with this.
        strip_prefix: Removes this from the start.
        length: Keeps this many characters.
        lower: Turns into lower case.
        map: Replaces values, without regard to case.
        other: Replaces values that `map` does not name; an empty text empties them.
        when: Gives an empty cell unless all these tests of the record hold.
        only_with: Gives an empty cell unless this source gives a filled one.
        divide_by: Divides a number.
        date_formats: strptime formats, the first that gives a year from 1900 on; ISO 8601 if none does.
        default: Fills empty cells.
        note: Why the default is honest; shown in the report of every ingest that uses it.
    """

    source: Names = Field(default=(), validation_alias=AliasChoices("from", "source"))
    constant: Text = None
    template: str | None = None
    first_of: tuple["ColumnSource", ...] = ()
    lookup: Annotated[tuple[Lookup, ...], BeforeValidator(_several)] = ()
    starts_with: str | None = None
    strip_prefix: str | None = None
    length: int | None = Field(default=None, ge=1)
    lower: bool = False
    map: TextMap = {}
    other: Text = None
    when: Conditions = {}
    only_with: "ColumnSource | None" = None
    divide_by: float | None = Field(default=None, gt=0)
    date_formats: Names = ()
    default: Text = None
    note: str = ""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: object) -> object:
        if isinstance(value, str | list | tuple):
            return {"source": value}
        return value

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        origins = [bool(self.source), self.constant is not None, self.template is not None, bool(self.first_of)]
        if sum(origins) != 1:
            raise ValueError("give exactly one of from, constant, template and first_of")
        if self.default is not None and not self.note:
            raise ValueError("a default needs a note that says why it is honest")
        return self


class SetAside(_Declared):
    """Records that the export itself marks as no longer valid: quarantined with this reason.

    Attributes:
        when: Tests that all hold.
        reason: What is wrong with them.
        remedy: What to do about it.
    """

    when: Conditions
    reason: str
    remedy: str


class FileFormat(_Declared):
    """How the files are written; what is not declared is found out or is the contract's default.

    Attributes:
        encoding: Python's name of the encoding.
        separator: Character between cells.
        decimal: Decimal mark of numbers.
        thousands: Grouping mark of numbers.
    """

    encoding: str | None = None
    separator: str | None = Field(default=None, min_length=1, max_length=1)
    decimal: Literal[".", ","] = "."
    thousands: Literal["", ",", ".", " ", "'"] = ""

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str | None) -> str | None:
        try:
            return value and codecs.lookup(value).name
        except LookupError:
            raise ValueError(f"{value!r} is not an encoding such as 'cp1252'") from None

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        if self.decimal == self.thousands:
            raise ValueError(f"decimal and thousands are both {self.decimal!r}")
        return self


class TableSource(_Declared):
    """One file (or set of alike files) whose records become rows of a table.

    Attributes:
        file: Patterns of file names, relative to the source folder, without regard to case.
        columns: Where each column of the contract comes from.
        filter: Records that do not pass are no rows of this table; they are counted, not quarantined.
        distinct: Only the first record of each value of these columns is a row; the others are counted as filtered.
        set_aside: Records that are quarantined by what the export says of them.
        format: How the files are written.
    """

    file: Names
    columns: dict[str, ColumnSource]
    filter: Conditions = {}
    distinct: Names = ()
    set_aside: tuple[SetAside, ...] = ()
    format: FileFormat | None = None


class Mapping(_Declared):
    """How an export becomes tables of the contract.

    Attributes:
        name: Short name, kept with the version.
        description: What export this is.
        tables: Sources of each table.
        may_be_absent: Required tables that such an export may lack; they are then stored empty and reported.
        organisation: Settings that hold if the workspace and the source give none.
        format: How the files are written.
        exact: Column names must match to the letter; otherwise case, blanks and punctuation do not count.
    """

    name: str
    description: str = ""
    tables: dict[str, Annotated[tuple[TableSource, ...], BeforeValidator(_several)]]
    may_be_absent: Names = ()
    organisation: dict[str, Any] | None = None
    format: FileFormat = FileFormat()
    exact: bool = False

    @model_validator(mode="after")
    def _known(self) -> Self:
        for table in (*self.tables, *self.may_be_absent):
            if table not in TABLE_BY_NAME:
                raise ValueError(f"{table!r} is no table of the contract{did_you_mean(table, TABLE_BY_NAME)}")
        for table, sources in self.tables.items():
            known = [column.name for column in TABLE_BY_NAME[table].columns]
            for column in (name for source in sources for name in source.columns):
                if column not in known:
                    raise ValueError(f"{table} has no column {column!r}{did_you_mean(column, known)}")
        if self.organisation is not None:
            try:
                Organisation.parse(self.organisation, where="the section 'organisation'")
            except ConfigurationError as error:
                raise ValueError(str(error)) from error
        return self
