"""The public conformance set: one line for each shape, with the row written by hand."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from etl.parser.parser import Parser

DIRECTORY = Path(__file__).parent
EXPECTED: list[dict[str, Any]] = json.loads((DIRECTORY / "expected.json").read_text())
OURS = ("key_encoded", "field_count", "log_object")
"""Columns that say how the line was written, not what it says."""


@pytest.fixture(scope="module")
def results() -> dict[int, dict[str, Any] | None]:
    """The row of each line, by its number; None for a reject, and an empty row for a line that is no record."""
    parser = Parser(dt.datetime(2027, 1, 1))  # noqa: DTZ001
    lines = (DIRECTORY / "lines.log").read_bytes().removesuffix(b"\n").split(b"\n")
    for number, line in enumerate(lines, 1):
        parser.add(str(number), line + b"\n")
    parsed = parser.finish()
    rows: dict[int, dict[str, Any] | None] = {number: {} for number in range(1, len(lines) + 1)}
    rows |= {int(row["log_object"]): None for row in parsed.rejects.to_pylist()}
    return rows | {int(row["log_object"]): row for row in parsed.records.to_pylist()}


@pytest.mark.parametrize("expected", EXPECTED, ids=lambda one: one["shape"])
def test_line(expected: dict[str, Any], results: dict[int, dict[str, Any] | None]) -> None:
    """A line gives the row that its writer meant, noted where it should be; or it is rejected, or no record at all."""
    row = results[expected["line"]]
    if expected["row"] is None:
        assert row == ({} if expected.get("header") else None)
        return
    assert row
    row = {name: value for name, value in row.items() if value is not None and name not in OURS}
    row["time"] = f"{row['time'].isoformat()}Z"
    assert row.pop("parse_note", None) == expected.get("note")
    assert row == expected["row"]


def test_every_line_is_expected(results: dict[int, dict[str, Any] | None]) -> None:
    """No line of the file is left out, and none is twice."""
    assert [one["line"] for one in EXPECTED] == sorted(results)
