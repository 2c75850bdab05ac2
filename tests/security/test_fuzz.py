"""Lines that were damaged in every way, by the thousand: nothing is raised, no line is lost, every array is valid.

A long run: ACCESSLAKE_EXAMPLES=5000000 pytest tests/security/test_fuzz.py
"""

import datetime as dt
import os
import random

import pytest
from lines import BATCH_DELETE, GET, LIFECYCLE, LINE
from pydantic import SecretStr

from etl.config import Privacy
from etl.ingest.privacy import protect
from etl.parser.parser import Parsed, Parser

# Traced, these lines take twice as long, and the tests of single lines cover the parser.
pytestmark = pytest.mark.no_cover
LINES = int(os.environ.get("ACCESSLAKE_EXAMPLES", "100000"))
PER_OBJECT = 50
OBJECTS = 10
WHOLE = [line.encode() for line in (LINE, LIFECYCLE, BATCH_DELETE, f'{GET} "-" "curl"', f"{LINE} new x")]
PIECES = [
    *(bytes([code]) for code in (0, 1, 8, 9, 10, 13, 27, 32, 34, 37, 45, 91, 92, 93, 127, 128, 155, 192, 255)),
    b"\xef\xbb\xbf",
    b"\xed\xa0\x80",
    b"\xf0\x9f\x98\x80",
    b"\xe2\x80\xae",
    b"\r\n",
    b'" "',
    b'" 200 - 5 5 5 5 "-" "',
    b" - - - - - -",
    b"9223372036854775807",
    b"9" * 40,
    b"-1",
    b"0x1",
    b"1e9",
    b"[06/Feb/2026:00:00:38 +0000]",
    b"[31/Dec/9999:23:59:60 -9959]",
    b"[00/Xyz/0000:00:00:00 +0000]",
    b"%",
    b"%25%",
    b"%zz",
    b"..%2F",
    b"__HIVE_DEFAULT_PARTITION__",
    b"A" * 300,
    b'";',
]
POLICIES = [
    Privacy(),
    Privacy(remote_ip="truncate", query_strings="drop"),
    Privacy(remote_ip="hash", hash_key=SecretStr("0123456789abcdef")),
    Privacy(remote_ip="drop", query_strings="drop"),
]


def damaged(rng: random.Random) -> bytes:
    """A line with a few changes: bytes put in, taken out, written over, moved, or another line spliced in."""
    line = rng.choice(WHOLE)
    for _ in range(rng.randrange(1, 5)):
        at, to = sorted(rng.randrange(len(line) + 1) for _ in range(2))
        piece = rng.choice(PIECES)
        line = rng.choice(
            [
                line[:at] + piece + line[at:],
                line[:at] + piece + line[at + len(piece) :],
                line[:at] + line[min(to, at + 20) :],
                line[:to] + line[at:],
                line[:at] + rng.choice(WHOLE)[at:],
                line[:at] + rng.choice(WHOLE) + line[to:],
            ]
        )
    return line


def parsed(rng: random.Random) -> tuple[Parsed, int]:
    """What the parser makes of a few log objects of damaged lines, and how many lines these have."""
    parser = Parser(dt.datetime(2026, 3, 1))  # noqa: DTZ001
    lines = 0
    for number in range(OBJECTS):
        text = rng.choice([b"\n", b"\n", b"\r\n"]).join(damaged(rng) for _ in range(PER_OBJECT))
        lines += text.count(b"\n") + (not text.endswith(b"\n"))
        parser.add(str(number), text)
    return parser.finish(), lines


@pytest.mark.parametrize("seed", range(4))
def test_damaged_lines(seed: int) -> None:
    """Through the parser and every privacy policy."""
    rng = random.Random(seed)
    for _ in range(max(1, LINES // (4 * OBJECTS * PER_OBJECT))):
        found, lines = parsed(rng)
        counts = found.counts.values()
        assert sum(one.lines for one in counts) == lines
        assert all(one.lines == one.rows + one.rejects + one.blank_lines for one in counts)
        assert (found.records.num_rows, found.rejects.num_rows) == (
            sum(one.rows for one in counts),
            sum(one.rejects for one in counts),
        )
        for policy in POLICIES:
            kept = protect(found, policy)
            assert (kept.records.num_rows, kept.rejects.num_rows) == (found.records.num_rows, found.rejects.num_rows)
            for table in (kept.records, kept.rejects):
                table.validate(full=True)
