"""The fast path reads what the exact one reads, and nothing else."""

import datetime as dt
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strategies import CLOUDFRONT, log_lines
from test_line import BATCH_DELETE, GET, HOST, LIFECYCLE, LINE

from etl.block import split_block
from etl.line import Record, RejectError, format_line, parse_line
from etl.parse import Parser
from etl.regular import read_regular

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
@given(st.lists(log_lines(), min_size=BLOCK, max_size=BLOCK))
def test_blocks_and_single_lines_are_read_alike(lines: list[bytes]) -> None:
    """Whatever is in a block, each of its lines gives the record, or the reason, that it gives alone.

    And a record without a note gives its line back, byte for byte.
    """
    results = through_blocks(lines)
    assert results == {number: exactly(line) for number, line in enumerate(lines)}
    records = {number: record for number, record in results.items() if isinstance(record, tuple)}
    plain = {number: record for number, record in records.items() if record[-1] is None}
    assert {number: format_line(record) for number, record in plain.items()} == {n: lines[n] for n in plain}


REGULAR = {
    "27 fields": LINE,
    "17 fields": GET + ' "-" "curl"',
    "18 fields": GET + ' "-" "curl" -',
    "23 fields": GET + f' "-" "curl" - {HOST} SigV4 - AuthHeader h',
    "more fields than are known": LINE + " x y",
    "bare dashes": BATCH_DELETE,
    "a lifecycle action": LIFECYCLE,
    "the requester with spaces": LINE.replace("arn:aws:iam::111122223333:user/a", CLOUDFRONT),
    "empty quoted fields": GET + ' "" ""',
    "an exclamation mark": LINE.replace("a.html", "a!b!.html"),
    "brackets in the user agent": LINE.replace("curl", "[en] curl"),
    "more than 8 digits": LINE.replace(" 113 226 ", " 1234567890 9876543210123456 "),
    "an encoded key": LINE.replace(" a.html ", " a%252Bb "),
}


@pytest.mark.parametrize("name", REGULAR)
def test_a_line_of_today_takes_the_fast_path(name: str) -> None:
    """Alone, and between lines of other shapes; what it gives there is the property above."""
    lines = [LIFECYCLE, REGULAR[name], "nonsense", REGULAR[name]]
    block = split_block("".join(f"{line}\n" for line in lines).encode())
    assert {1, 3} <= {int(number) for numbers, _ in read_regular(block) for number in numbers}
