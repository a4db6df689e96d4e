"""How files may be written: encodings, separators, line ends, Parquet; and what is told when one cannot be read."""

from pathlib import Path

import duckdb
import pytest

from spm_ml.errors import DataError
from spm_ml.settings import Workspace
from spm_ml.sources import ingest
from spm_ml.sources.delimited import clean, read_header
from spm_ml.sources.text import TextFile, as_utf8
from tests.ingest_world import OPPORTUNITIES, QUOTAS, REPS, rows, write

NAMES = frozenset({"rep_id", "name", "hired_on"})
TEXT = "rep_id,name,hired_on\nr1,Jürgen Müller,2020-01-01\nr2,José Peña,2020-01-01\n"


def read(path: Path, encoding: str | None = None) -> TextFile:
    return as_utf8(path, path.with_suffix(".utf8"), encoding)


@pytest.mark.parametrize(
    ("encoding", "found"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8-sig"),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
        ("latin-1", "cp1252"),
        ("cp1252", "cp1252"),
    ],
)
def test_the_encoding_is_found_and_no_letter_lost(tmp_path: Path, encoding: str, found: str) -> None:
    path = tmp_path / "reps.csv"
    path.write_bytes(TEXT.encode(encoding))
    text = read(path)
    assert text.encoding == found
    assert text.path.read_text(encoding="utf-8-sig") == TEXT
    assert text.lines == 3


def test_a_text_that_is_not_western_is_not_taken_for_it(tmp_path: Path) -> None:
    path = tmp_path / "reps.csv"
    path.write_bytes("rep_id,name\nr1,Иван Петров\nr2,Ольга Смирнова\n".encode("cp1251"))
    assert "Иван Петров" in read(path).path.read_text(encoding="utf-8")


def test_a_declared_encoding_wins_and_is_checked(tmp_path: Path) -> None:
    path = tmp_path / "reps.csv"
    path.write_bytes("rep_id,name\nr1,Łukasz\n".encode("cp1250"))
    assert "Łukasz" in read(path, "cp1250").path.read_text(encoding="utf-8")
    with pytest.raises(DataError, match="cannot be read as utf-8"):
        read(path, "utf-8")


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_the_one_that_gives_known_names(tmp_path: Path, separator: str) -> None:
    path = tmp_path / "reps.csv"
    path.write_text(separator.join(["rep_id", "name", "hired_on"]) + "\n")
    assert read_header(read(path), None, NAMES) == (separator, ("rep_id", "name", "hired_on"))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf \r\n", "is empty"),
        (b"PK\x03\x04rest", "a ZIP or Excel file: save the sheet as CSV"),
        (b"PAR1rest", "name it .parquet"),
    ],
)
def test_what_is_no_text_is_told(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "reps.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=told):
        read(path)


@pytest.mark.parametrize(
    ("content", "kept", "refused"),
    [
        ('a,b\n1,"2\n2"\n\n3,4\n', [(2, "1", "2\n2"), (5, "3", "4")], []),
        ("a,b\r1,2\r3,4\r", [(2, "1", "2"), (3, "3", "4")], []),
        ("a,b\r\n1,2\r\n3,4\n", [(2, "1", "2"), (3, "3", "4")], []),
        ('a,b\n1,"2\n3,4\n5,6\n', [(3, "3", "4"), (4, "5", "6")], [(2, "opens a quote that is never closed")]),
        ('a,b\n1,"2\n3,"4\n5,6\n', [(4, "5", "6")], [(2, "opens a quote"), (3, "opens a quote")]),
        ('a,b\n1,5" pipe\n2,3\n', [(2, "1", '5" pipe'), (3, "2", "3")], []),
        ("a,b\n1\n2,3,4\n5,6", [(4, "5", "6")], [(2, "has 1 cells"), (3, "has 3 cells")]),
        ("a,b\n1,\u2028x\n", [(2, "1", "\u2028x")], []),
        ("a,b", [], []),
    ],
)
def test_irregular_records_keep_their_lines(
    tmp_path: Path, content: str, kept: list[tuple[int, str, str]], refused: list[tuple[int, str]]
) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(content.encode())
    good, bad = tmp_path / "good", tmp_path / "bad"
    assert clean(read(path), ",", 2, good, bad) == (len(kept), len(refused))
    with duckdb.connect() as connection:
        assert connection.execute(f"SELECT * FROM read_parquet('{good}') ORDER BY 1").fetchall() == kept
        told = connection.execute(f"SELECT line, problem FROM read_parquet('{bad}') ORDER BY 1").fetchall()
    assert [line for line, _ in told] == [line for line, _ in refused]
    assert all(problem.startswith(start) for (_, problem), (_, start) in zip(told, refused, strict=True))


def test_a_damaged_line_costs_only_itself(tmp_path: Path) -> None:
    source = write(tmp_path / "in")
    (source / "reps.csv").write_bytes(
        REPS.encode() + "r3,José,m1,2021-01-01\n".encode() + b"r4,Jos\xe9,m1,2021-01-01\n"
    )
    workspace = Workspace(tmp_path / "workspace")
    report = ingest(workspace, source)
    assert [(each.line, each.rule) for each in report.findings] == [(6, "holds bytes that are not UTF-8")]
    assert ("r3", "José") in rows(workspace, "reps", columns="rep_id, name")


def test_foreign_encodings_and_separators_give_the_same_rows(tmp_path: Path) -> None:
    plain, other = write(tmp_path / "plain", reps=TEXT), write(tmp_path / "other")
    (other / "reps.csv").write_bytes(TEXT.replace(",", ";").replace("\n", "\r\n").encode("cp1252"))
    (other / "quotas.csv").write_bytes(QUOTAS.replace(",", "\t").encode("utf-16"))
    (other / "opportunities.csv").unlink()
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (SELECT * FROM read_csv('{plain}/opportunities.csv')) TO '{other}/opportunities.parquet'"
        )
    first, second = Workspace(tmp_path / "first"), Workspace(tmp_path / "second")
    ingest(first, plain)
    report = ingest(second, other)
    for table in ("reps", "quotas", "opportunities"):
        assert rows(first, table) == rows(second, table)
    assert any("cp1252" in note and "declare its encoding" in note for note in report.notes)


def test_a_folder_of_parts_is_one_table(tmp_path: Path) -> None:
    source = write(tmp_path / "in")
    (source / "opportunities.csv").unlink()
    parts = source / "opportunities"
    parts.mkdir()
    with duckdb.connect() as connection:
        for number in (1, 2):
            connection.execute(
                "COPY (SELECT 'o' || i AS opportunity_id, 'r1' AS rep_id, i::DOUBLE AS amount, "
                "TIMESTAMP '2024-01-05' AS created_on, 'Propose' AS stage, [1] AS extra "
                f"FROM range({number * 10}, {number * 10 + 5}) AS t(i)) TO '{parts}/part-{number}.parquet'"
            )
    workspace = Workspace(tmp_path / "workspace")
    report = ingest(workspace, source)
    assert report.table("opportunities").accepted == 10
    assert report.table("opportunities").files == ("opportunities/part-1.parquet", "opportunities/part-2.parquet")
    assert "opportunities/part-1.parquet: extra" in report.table("opportunities").unknown_columns
    assert rows(workspace, "opportunities", columns="amount, created_on")[0][0] == 1000


def test_everything_that_is_missing_is_named_in_one_message(tmp_path: Path) -> None:
    source = write(tmp_path / "in", reps=REPS.replace("hired_on", "hired on"), opportunities="")
    (source / "quotas.csv").rename(source / "quota.csv")
    (source / "credits.csv").write_text("opportunity_id;share\n")
    (source / "broken.csv").write_text("a\n")
    (source / "programs.parquet").write_text("not Parquet")
    workspace = Workspace(tmp_path / "workspace")
    with pytest.raises(DataError) as caught:
        ingest(workspace, source)
    message = str(caught.value)
    for told in (
        "reps.csv lacks the required column hired_on (did you mean 'hired on'?)",
        "no file for the required table quotas: expected quotas.csv",
        "(did you mean 'quota.csv'?)",
        "opportunities.csv is empty",
        "credits.csv lacks the required column rep_id",
        "programs.parquet cannot be read as Parquet",
    ):
        assert told in message
    assert not workspace.organisation_file.exists()
    assert [path.name for path in workspace.tables.iterdir()] == ["ingest.lock"]


def test_unknown_columns_and_files_are_reported(tmp_path: Path) -> None:
    source = write(tmp_path / "in", reps=REPS.replace("name", "nam"), shopping="a,b\n1,2\n")
    report = ingest(Workspace(tmp_path / "workspace"), source)
    assert report.table("reps").unknown_columns == ("reps.csv: nam (did you mean 'name'?)",)
    assert report.unread_files == ("shopping.csv",)


def test_columns_named_twice_and_tables_kept_twice_are_refused(tmp_path: Path) -> None:
    source = write(tmp_path / "in", reps=REPS.replace("name", "rep_id"))
    (source / "quotas.tsv").write_text(QUOTAS.replace(",", "\t"))
    with pytest.raises(DataError) as caught:
        ingest(Workspace(tmp_path / "workspace"), source)
    assert "reps.csv names 'rep_id' twice" in str(caught.value)
    assert "quotas is there more than once: quotas.csv and quotas.tsv" in str(caught.value)


def test_a_folder_without_tables_is_told(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "workspace")
    with pytest.raises(DataError, match="there is no folder"):
        ingest(workspace, tmp_path / "nowhere")
    ingest(workspace, write(tmp_path / "in"))
    with pytest.raises(DataError, match=r"no file is a table of the mapping 'files'; found shopping\.csv"):
        ingest(workspace, write(tmp_path / "other", {"shopping": "a\n"}))


def test_a_header_alone_is_an_empty_table(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "workspace")
    report = ingest(workspace, write(tmp_path / "in", opportunities=OPPORTUNITIES.splitlines()[0]))
    assert report.table("opportunities").rows_in == 0
    assert rows(workspace, "opportunities") == []


def test_one_file_is_enough_once_the_rest_is_there(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "workspace")
    source = write(tmp_path / "in")
    with pytest.raises(DataError, match="no file for the required table reps"):
        ingest(workspace, source / "quotas.csv")
    ingest(workspace, source)
    (source / "quotas.csv").write_text(QUOTAS + "r1,2024Q2,5\n")
    report = ingest(workspace, source / "quotas.csv")
    assert [(each.table, each.new) for each in report.tables] == [("quotas", 1)]
