"""Numbers that a request line forges: none is believed, and no sum overflows."""

from pathlib import Path

import pytest
from attacks import dashboard, is_complete, request, store_as_before, write_log
from conftest import ingest_local, rows_of, run_every_report
from lines import HEAD, TAIL, read

from etl import open_lake
from etl.store.open import open_store

HUGE = '"GET /x" 200 - 9223372036854775807 9223372036854775807 5 5 "-" "y"'


def test_forged_sizes_are_not_believed(tmp_path: Path) -> None:
    """With two request lines that forge the fields after them every report runs, and egress is what S3 sent."""
    lines = [
        request(1),
        *(request(n, uri=HUGE).replace(" 200 - 113 226 7 5 ", " 404 NoSuchKey 272 - 9 - ") for n in (2, 3)),
    ]
    lake = tmp_path / "lake"
    ingest_local(write_log(tmp_path / "logs", lines), lake)
    rows = rows_of(lake, "http_status, error_code, bytes_sent, object_size, parse_note", "request_id")
    assert [tuple(row.values()) for row in rows[1:]] == [(404, "NoSuchKey", 272, None, "ambiguous")] * 2
    run_every_report(lake)
    assert open_lake(str(lake)).sql("SELECT total(bytes_sent) AS n FROM access_log").to_arrow()["n"].to_pylist() == [
        657
    ]
    assert is_complete(dashboard(lake))


def test_numbers_of_an_ambiguous_line_are_null() -> None:
    """Where a line can be parsed in two ways that differ in a number, it is NULL, and the row has a note."""
    row = read(f'{HEAD} REST.GET.OBJECT a "GET /x" 200 - 5 5 9 6 "-" "y" 404 NoSuchKey 272 - 9 - "-" "curl" {TAIL}')
    names = ("http_status", "error_code", "bytes_sent", "object_size", "total_time", "turn_around_time", "parse_note")
    assert [row[name] for name in names] == [None, None, None, None, 9, None, "ambiguous"]


@pytest.mark.parametrize(("size", "believed"), [(50 * 2**40, True), (50 * 2**40 + 1, False), (2**63 - 1, False)])
def test_sizes_that_no_object_has_are_null(size: int, believed: bool) -> None:
    """An object has 50 TB at most: a larger size is NULL and noted, and the rest of the line is kept."""
    row = read(f'{HEAD} REST.GET.OBJECT a "GET /x HTTP/1.1" 200 - {size} {size} 5 5 "-" "curl" {TAIL}')
    expected = (size, size, 5, None) if believed else (None, None, 5, "impossible_size")
    assert (row["bytes_sent"], row["object_size"], row["total_time"], row["parse_note"]) == expected


def test_reports_run_on_a_lake_with_forged_sizes(tmp_path: Path) -> None:
    """Forged sizes that an older version stored count as nothing, and no sum overflows."""
    lake = tmp_path / "lake"
    for _ in range(2):
        store_as_before(open_store(str(lake)), [request(1), request(2)], bytes_sent=2**63 - 1, object_size=2**63 - 1)
    run_every_report(lake)
    here = open_lake(str(lake))
    assert here.sql("SELECT total(bytes_sent) AS n FROM access_log").to_arrow()["n"].to_pylist() == [113]
    large = "SELECT total(n) AS n FROM (VALUES (9223372036854775807), (9223372036854775807)) t(n)"
    assert here.sql(large).to_arrow()["n"].to_pylist() == [2**63 - 1]
