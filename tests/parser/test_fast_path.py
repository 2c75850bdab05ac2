"""The fast path reads what the exact one reads, and nothing else."""

import datetime as dt
import os
from collections import Counter
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lines import BATCH_DELETE, GET, HOST, LIFECYCLE, LINE
from strategies import CLOUDFRONT, log_lines

from etl.parser import parser as parse
from etl.parser.fast import read_regular
from etl.parser.fast.block import split_block
from etl.parser.grammar import Record, RejectError
from etl.parser.line import parse_line
from etl.parser.parser import Parser
from etl.parser.record import format_line

# Traced, these lines take twice as long, and the tests of single lines cover the parser.
pytestmark = pytest.mark.no_cover
LINES = int(os.environ.get("ACCESSLAKE_EXAMPLES", "8000"))
"""How many lines are compared. A long run: ACCESSLAKE_EXAMPLES=1000000 pytest tests/parser/test_fast_path.py"""
BLOCK = 32
EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001
NOW = dt.datetime(2030, 1, 1)  # noqa: DTZ001
LATEST = (NOW + dt.timedelta(days=1) - EPOCH) // dt.timedelta(microseconds=1)
"""Records of later days are of no run at `NOW`."""


def exactly(line: bytes) -> Record | str:
    try:
        return parse_line(line, LATEST)
    except RejectError as error:
        return error.reason


def through_blocks(objects: list[list[bytes]], line_end: bytes, block_bytes: int) -> Counter[tuple[int, Record | str]]:
    """What the parser makes of the lines of each object, of which the last one has no line end."""
    parser = Parser(NOW)
    with patch.object(parse, "_BLOCK_BYTES", block_bytes):
        for number, lines in enumerate(objects):
            parser.add(str(number), line_end.join(lines))
        parsed = parser.finish()
    results: Counter[tuple[int, Record | str]] = Counter()
    for row in parsed.rejects.to_pylist():
        results[int(row["log_object"]), row["reason"]] += 1
        line = objects[int(row["log_object"])][row["line_number"] - 1]
        assert row["line"] == line.decode("utf-8", errors="backslashreplace")
    for row in parsed.records.to_pylist():
        row["time"] = (row["time"] - EPOCH) // dt.timedelta(microseconds=1)
        number = int(row.pop("log_object"))
        results[number, tuple(row.values())] += 1
    return results


@settings(max_examples=max(1, LINES // BLOCK), deadline=None, suppress_health_check=list(HealthCheck))
@given(
    lines=st.lists(log_lines(), min_size=BLOCK, max_size=BLOCK),
    per_object=st.sampled_from([1, 5, BLOCK]),
    line_end=st.sampled_from([b"\n", b"\r\n"]),
    block_bytes=st.sampled_from([1 << 20, 2_000, 1]),
)
def test_blocks_and_single_lines_are_read_alike(
    lines: list[bytes], per_object: int, line_end: bytes, block_bytes: int
) -> None:
    """Whatever is in a block, each of its lines gives the record, or the reason, that it gives alone.

    And a record without a note gives its line back, byte for byte.
    """
    lines = [line.removesuffix(b"\r") for line in lines]  # it would be part of a line end
    objects = [lines[at : at + per_object] for at in range(0, BLOCK, per_object)]
    results = through_blocks(objects, line_end, block_bytes)
    assert results == Counter((n, exactly(line)) for n, lines in enumerate(objects) for line in lines)
    for number, record in results:
        if isinstance(record, tuple) and record[-1] is None:
            assert format_line(record) in objects[number]


def test_the_lines_compared_are_worth_it() -> None:
    """Of the lines that are drawn, many take the fast path, many say all that they say, and many are rejected."""
    counts: Counter[str] = Counter()

    @settings(max_examples=500, deadline=None, derandomize=True, database=None)
    @given(log_lines())
    def draw(line: bytes) -> None:
        result = exactly(line)
        counts["rejected" if isinstance(result, str) else "noted" if result[-1] else "plain"] += 1
        counts["regular"] += sum(len(numbers) for numbers, _ in read_regular(split_block(line + b"\n")))

    draw()
    assert all(counts[kind] > 500 // 4 for kind in ("regular", "plain"))
    assert all(counts[kind] > 500 // 20 for kind in ("noted", "rejected"))


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
    "more than 8 digits": LINE.replace(" 113 226 ", " 1234567890 50000000000000 "),
    "an encoded key": LINE.replace(" a.html ", " a%252Bb "),
}


@pytest.mark.parametrize("name", REGULAR)
def test_a_line_of_today_takes_the_fast_path(name: str) -> None:
    """Alone, and between lines of other shapes; what it gives there is the property above."""
    lines = [LIFECYCLE, REGULAR[name], "nonsense", REGULAR[name]]
    block = split_block("".join(f"{line}\n" for line in lines).encode())
    assert {1, 3} <= {int(number) for numbers, _ in read_regular(block) for number in numbers}
