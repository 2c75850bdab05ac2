"""Where an error is: the line and column of what a person wrote, not of the SQL that is made of it."""

from pathlib import Path

import pytest
from conftest import empty_lake, run_cli

from etl import open_lake
from etl.errors import AccessLakeError
from etl.query import QueryError, Result
from etl.query.place import moved, place_of

FRONT_MATTER = (
    '-- /// report\n-- title = "T"\n-- question = "Q?"\n-- [params.n]\n-- type = "integer"\n-- help = "n"\n-- ///\n'
)


@pytest.fixture
def lake(tmp_path: Path) -> str:
    return empty_lake(tmp_path).url


def error_of(lake: str, sql: str) -> str:
    with pytest.raises(QueryError) as caught:
        open_lake(lake).sql(sql)
    return str(caught.value)


@pytest.mark.parametrize(
    ("sql", "place"),
    [
        ("SELECT nothing FROM access_log", (1, 8)),
        ("SELECT key,\n   nothing\nFROM access_log", (2, 4)),
        ("SELECT key,, 1\nFROM access_log", (1, 12)),
        ("SELECT 1,\n  CAST(range::VARCHAR || 'x' AS INTEGER) FROM range(3)", (2, 3)),
        (f"SELECT {'key, ' * 99}\n{'key, ' * 60}nothing,{' key,' * 60} 1 FROM access_log", (2, 301)),
        ("SELECT 1 FROM\n\n\n\n\n\n\n\n no_table", (9, 2)),
    ],
)
def test_a_query_is_told_where_it_is_wrong(lake: str, sql: str, place: tuple[int, int]) -> None:
    """Before it runs and amid it; also in a line that is too long to be shown."""
    assert place_of(error_of(lake, sql), sql) == place


def test_the_mark_stays_below_its_place(lake: str) -> None:
    """Also where the number of the line gets a digit more or less."""
    message = error_of(lake, "\n" * 8 + "SELECT nothing FROM access_log")
    assert "LINE 9: SELECT nothing FROM access_log\n               ^" in message
    assert "LINE 10: SELECT nothing FROM access_log\n                ^" in moved(message, 1)
    assert moved(moved(message, 1), -1) == message
    assert moved("no place", 1) == "no place"


def write_report(directory: Path, sql: str) -> None:
    (directory / "own").mkdir(parents=True, exist_ok=True)
    (directory / "own" / "one.sql").write_text(f"{FRONT_MATTER}{sql}")


def test_an_error_of_a_report_of_ones_own_names_file_line_and_column(lake: str, tmp_path: Path) -> None:
    """When the file is loaded, and when it fails on the records of the lake or with the parameters only."""
    write_report(tmp_path / "reports", "-- of n\nSELECT\n  $n AS n,\n  nothing\nFROM access_log")
    own = open_lake(lake, sql_dir=[tmp_path / "reports"])
    with pytest.raises(AccessLakeError, match=r'one\.sql:11:3: DuckDB: Binder Error: Referenced column "nothing"'):
        own.find_report("own/one")
    write_report(tmp_path / "reports", "SELECT\n  1 AS a,\n    CAST('x' || $n AS DATE) AS d\nFROM range($n - 1)")
    with pytest.raises(QueryError, match=r"(?s)one\.sql:10:5: DuckDB: Conversion Error.*LINE 10:     CAST"):
        read(own.report("own/one", n=3))
    done = run_cli("report", "own/one", "-p", "n=3", "--lake", lake, "--sql-dir", str(tmp_path / "reports"))
    assert (done.returncode, "one.sql:10:5: DuckDB: Conversion Error" in done.stderr) == (2, True)


def read(result: Result) -> None:
    result.to_arrow()
