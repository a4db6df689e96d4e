import pytest

from spm_ml.tables import PROTECTED_TABLES, TABLE_BY_NAME, TABLES, Table, minor_digits


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_a_table_is_consistent_with_itself_and_the_others(table: Table) -> None:
    names = [column.name for column in table.columns]
    assert len(set(names)) == len(names)
    assert set(table.key) <= set(names)
    for rule in table.order_rules:
        assert {rule.earlier, rule.later} <= set(names)
    for column in table.columns:
        assert bool(column.choices) == (column.type == "choice")
        if column.references:
            other, key = column.references.split(".")
            assert key in {reference.name for reference in TABLE_BY_NAME[other].columns}
        if column.default is not None and column.choices:
            assert column.default in column.choices


def test_required_tables_are_those_of_the_contract() -> None:
    assert [table.name for table in TABLES if table.required] == ["reps", "quotas", "opportunities"]
    assert set(PROTECTED_TABLES) <= set(TABLE_BY_NAME)


def test_an_unknown_column_is_an_error() -> None:
    with pytest.raises(KeyError):
        TABLE_BY_NAME["reps"].column("shoe_size")


def test_minor_units_follow_iso_4217() -> None:
    assert [minor_digits(code) for code in ("EUR", "JPY", "BHD", "CHF")] == [2, 0, 3, 2]
