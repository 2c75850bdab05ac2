"""Results as people and programs get them."""

import csv
import json
import os
from pathlib import Path
from typing import Any, cast

import duckdb
import pyarrow.parquet as pq
import pytest

from etl.errors import StoreError, UsageError
from etl.query import Result
from etl.query.output import Format, choose_format, write_result
from etl.text import safe_text

QUERY = """
SELECT * FROM (VALUES
    ('a,"b"' || chr(10) || '|', 1, TIMESTAMP '2026-01-02 03:04:05', 1.5::DOUBLE, 12::HUGEINT, DATE '2026-01-02'),
    (NULL, NULL, NULL, 'nan'::DOUBLE, NULL, NULL)
) AS t(text, number, time, ratio, total, day)
"""


def result(query: str = QUERY) -> Result:
    return Result(cast("Any", duckdb.sql(query)).to_arrow_reader())


def written(form: Format, tmp_path: Path, query: str = QUERY, *, header: bool = True) -> str:
    path = tmp_path / "out"
    write_result(result(query), form, path, header=header)
    return path.read_text()


def test_csv(tmp_path: Path) -> None:
    """Quoted as RFC 4180 has it, NULL empty, times as text in UTC; the header may be left out."""
    text = written(Format.CSV, tmp_path)
    rows = list(csv.reader(text.splitlines(keepends=True)))
    assert rows == [
        ["text", "number", "time", "ratio", "total", "day"],
        ['a,"b"\n|', "1", "2026-01-02 03:04:05", "1.5", "12", "2026-01-02"],
        ["", "", "", "nan", "", ""],
    ]
    assert written(Format.CSV, tmp_path, "SELECT 'k' AS key", header=False) == "k\n"


def test_json(tmp_path: Path) -> None:
    """An array of row objects; times with a Z, numbers as numbers, and no NaN, which JSON lacks."""
    first, second = json.loads(written(Format.JSON, tmp_path))
    assert first == {
        "text": 'a,"b"\n|', "number": 1, "time": "2026-01-02T03:04:05Z", "ratio": 1.5, "total": 12, "day": "2026-01-02",
    }  # fmt: skip
    assert set(second.values()) == {None}
    assert json.loads(written(Format.JSON, tmp_path, "SELECT 1 AS a WHERE false")) == []


def test_parquet(tmp_path: Path) -> None:
    """Types survive; an empty result is a file with columns."""
    write_result(result("SELECT 1::SMALLINT AS a, TIMESTAMP '2026-01-02' AS b"), Format.PARQUET, tmp_path / "x.parquet")
    table = pq.read_table(tmp_path / "x.parquet")
    assert [str(field.type) for field in table.schema] == ["int16", "timestamp[us]"]
    write_result(result("SELECT 1 AS a WHERE false"), Format.PARQUET, tmp_path / "x.parquet")
    assert pq.read_table(tmp_path / "x.parquet").schema.names == ["a"]
    with pytest.raises(UsageError, match="name a file with --output"):
        write_result(result(), Format.PARQUET, None)


def test_markdown(tmp_path: Path) -> None:
    """A cell cannot break out of its table, nor become a link or a tag."""
    text = written(Format.MARKDOWN, tmp_path, "SELECT 'a|b' || chr(10) || '<b>[x](y)' AS k, NULL AS n")
    assert text == "| k | n |\n| --- | --- |\n| a\\|b\\\\n\\<b\\>\\[x\\](y) |  |\n"


def test_table(tmp_path: Path) -> None:
    """Every row and value is there in full where there is no terminal to fit into, and the rows are counted."""
    long = "k" * 500
    text = written(Format.TABLE, tmp_path, f"SELECT '{long}' AS key, 7 AS n UNION ALL SELECT NULL, 8 ORDER BY n")
    assert long in text
    assert text.splitlines()[-1] == "2 rows"
    assert "[b]x[/b]" in written(Format.TABLE, tmp_path, "SELECT '[b]x[/b]' AS key")


def test_control_sequences_are_escaped(tmp_path: Path) -> None:
    """A user agent cannot repaint a terminal, ring its bell or turn text around."""
    query = "SELECT chr(27) || '[2J' || chr(7) || chr(8238) || chr(155) AS ua"
    assert "\\x1b[2J\\x07\\u202e\\x9b" in written(Format.TABLE, tmp_path, query)
    assert safe_text("a\tb\x7f") == "a\\tb\\x7f"
    assert safe_text(None) == "-"
    assert safe_text("grüße 漢字") == "grüße 漢字"


def test_format_follows_the_suffix() -> None:
    """--format, else the suffix of --output, else a table."""
    assert choose_format(None, None) is Format.TABLE
    assert choose_format(None, Path("x.CSV")) is Format.CSV
    assert choose_format(None, Path("x.md")) is Format.MARKDOWN
    assert choose_format(Format.JSON, Path("x.csv")) is Format.JSON


def test_a_file_appears_when_it_is_complete(tmp_path: Path) -> None:
    """A failing query leaves the old file, and no temporary one; permissions are those of a new file."""
    path = tmp_path / "out.csv"
    path.write_text("old")
    with pytest.raises(Exception, match="boom"):
        write_result(result("SELECT error('boom') AS x FROM range(3)"), Format.CSV, path)
    assert path.read_text() == "old"
    assert [one.name for one in tmp_path.iterdir()] == ["out.csv"]
    write_result(result("SELECT 1 AS a"), Format.CSV, path)
    assert path.stat().st_mode & 0o777 == 0o666 & ~_umask()
    with pytest.raises(StoreError, match="cannot write"):
        write_result(result(), Format.CSV, tmp_path / "no" / "such" / "dir.csv")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
