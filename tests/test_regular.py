"""The fast path reads what the exact one reads, and nothing else."""

import datetime as dt
import os

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strategies import damaged_lines, whole_lines

from etl.line import Record, RejectError, parse_line
from etl.parse import Parser

LINES = int(os.environ.get("ACCESSLAKE_EXAMPLES", "20000"))
"""How many lines are compared. A long run: ACCESSLAKE_EXAMPLES=1000000 pytest tests/test_regular.py"""
BLOCK = 32
EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001


def exactly(line: bytes) -> Record | str:
    try:
        return parse_line(line)
    except RejectError as error:
        return error.reason


def through_blocks(lines: list[bytes]) -> dict[int, Record | str]:
    """What the parser makes of each line, by its number; every line is an object of its own."""
    parser = Parser(EPOCH)
    for number, line in enumerate(lines):
        parser.add(str(number), line)
    parsed = parser.finish()
    results: dict[int, Record | str] = {int(row["log_object"]): row["reason"] for row in parsed.rejects.to_pylist()}
    for row in parsed.records.to_pylist():
        row["time"] = (row["time"] - EPOCH) // dt.timedelta(microseconds=1)
        number = int(row.pop("log_object"))
        results[number] = tuple(row.values())
    return results


@settings(max_examples=max(1, LINES // BLOCK), deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.one_of(whole_lines(), damaged_lines()), min_size=BLOCK, max_size=BLOCK))
def test_blocks_and_single_lines_are_read_alike(lines: list[bytes]) -> None:
    """Whatever is in a block, each of its lines gives the record, or the reason, that it gives alone."""
    lines = [line for line in (line.replace(b"\n", b"") for line in lines) if line.strip()]
    assert through_blocks(lines) == {number: exactly(line) for number, line in enumerate(lines)}
