"""From bytes to tables: every line is accounted for."""

import codecs
import datetime as dt

from lines import LINE

from etl.parser.parser import RECORDS, REJECTED, ObjectCounts, Parser

NOW = dt.datetime(2026, 3, 2)  # noqa: DTZ001 - naive UTC, as it is stored


def test_lines_are_rows_rejects_or_blank() -> None:
    """Rows, rejects and blank lines add up to the lines, with or without a last line feed."""
    parser = Parser(NOW)
    parser.add("a", f"{LINE}\n\n   \r\nnonsense \xff\n{LINE}".encode())
    parser.add("b", b"")
    parsed = parser.finish()
    assert parsed.counts == {"a": ObjectCounts(5, 2, 1, 2), "b": ObjectCounts(0, 0, 0, 0)}
    assert parsed.records.schema == RECORDS
    assert parsed.records["log_object"].to_pylist() == ["a", "a"]


def test_a_reject_keeps_its_line_and_where_it_was() -> None:
    """Rejected bytes stay readable, undecodable ones escaped; line numbers count from 1."""
    parser = Parser(NOW)
    parser.add("a", b"\n  bad \xff\x00 line\r\n")
    rejects = parser.finish().rejects
    assert rejects.schema == REJECTED
    assert rejects.to_pylist() == [
        {"log_object": "a", "line_number": 2, "reason": "nul_byte", "line": "  bad \\xff\0 line", "ingested_at": NOW}
    ]


def test_byte_order_mark_belongs_to_no_line() -> None:
    """An editor's byte order mark does not spoil the first line."""
    parser = Parser(NOW)
    parser.add("a", codecs.BOM_UTF8 + LINE.encode())
    assert parser.finish().records["bucket_owner"].to_pylist() == ["79a59df900b9"]


def test_line_ends_of_other_systems_belong_to_no_line() -> None:
    """Files that passed through Windows end their lines with CRLF; rows are the same, and nothing is noted."""
    text = f"{LINE}\n{LINE}\n"
    tables = []
    for data in (text, text.replace("\n", "\r\n")):
        parser = Parser(NOW)
        parser.add("a", data.encode())
        tables.append(parser.finish().records.to_pylist())
    assert tables[0] == tables[1]
    assert tables[0][0]["parse_note"] is None


def test_many_rows_come_in_order() -> None:
    """More rows than a chunk holds stay in the order of their lines."""
    parser = Parser(NOW)
    parser.add("a", "".join(LINE.replace(" 113 ", f" {n} ") + "\n" for n in range(40_000)).encode())
    assert parser.finish().records["bytes_sent"].to_pylist() == list(range(40_000))


def test_line_numbers_count_on_through_blocks() -> None:
    """An object larger than a block, after another one, keeps its own line numbers and counts."""
    lines = [LINE.replace(" 113 ", f" {n} ") for n in range(9_000)]
    for number in (1, 4_000, 9_000):
        lines[number - 1] = "nonsense"
    parser = Parser(NOW)
    parser.add("small", f"{LINE}\nnonsense\n".encode())
    parser.add("large", "\n".join(lines).encode())
    parsed = parser.finish()
    places = list(zip(*(parsed.rejects[name].to_pylist() for name in ("log_object", "line_number")), strict=True))
    assert places == [("small", 2), ("large", 1), ("large", 4_000), ("large", 9_000)]
    assert parsed.counts == {"small": ObjectCounts(2, 1, 1, 0), "large": ObjectCounts(9_000, 8_997, 3, 0)}


def test_the_head_of_another_stores_log_objects_is_blank() -> None:
    """Wasabi's log objects begin with the names of the fields, underlined: no records, and nothing that went wrong."""
    head = "Record format: [BucketOwner Bucket Time RemoteIP]\r\n" + "=" * 120 + "\n"
    parser = Parser(NOW)
    parser.add("a", f"{head}{LINE}\nRecord formats\n=\n".encode())
    parsed = parser.finish()
    assert parsed.counts == {"a": ObjectCounts(5, 1, 2, 2)}
    assert parsed.rejects["line"].to_pylist() == ["Record formats", "="]
