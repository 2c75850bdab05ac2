"""Lines that are made to take long: time grows with their length only, and the length has a limit."""

import subprocess
import sys
from pathlib import Path

from attacks import request, write_log
from conftest import ingest_local
from lines import HEAD, HOST, TAIL, read, rejected

from etl import open_lake
from etl.api import Lake
from etl.config import Settings
from etl.parser.grammar import LONGEST_LINE

SHAPES = [
    '" - - - - - - ',
    '" "',
    '"',
    " ",
    '" ',
    '"  ',
    '" 200 - 5 5 5 5 "-" "',
    '" 200 - 5 5 5 5 - ',
    "- ",
    '- "',
    ' "',
    "a ",
    '" - ',
    '" - - ',
    '" 200 - 99999999999999999999 5 5 5 "-" "',
    '\\"',
    '" 200 \x01 5 5 5 5 "-" "',
    '" - - - - - - -',
    "%",
    "%2",
    "%25",
    '"- ',
    "[01/Jan/2026:00:00:00 ",
    '" - A B C D E F -',
    f'" - {HOST} SigV4 - - - - ',
    "AAAAAAAAAAAAAAAAAAAA ",
    '";',
    "0",
    "\u00e9",
]
ENDS = ["", '" - -', '" -', '" 200 - 5 5 5 5 "-" "']


TAILS = [TAIL, "- - - - - -", "-", f"- {HOST}", f'{TAIL} "x" y']

PARSE_HOSTILE_LINES = """
import resource, sys
sys.path[:0] = sys.argv[1:3]
from test_long_lines import hostile_lines
from etl.parser.grammar import RejectError
from etl.parser.line import parse_line
resource.setrlimit(resource.RLIMIT_CPU, (120, 120))
for line in hostile_lines(64_000):
    try:
        parse_line(line)
    except RejectError:
        pass
print("done")
"""


def hostile_lines(length: int) -> list[bytes]:
    """Every shape, repeated up to a length, with every end, in each of the three fields and after them."""
    lines = []
    for shape in SHAPES:
        for end in ENDS:
            text = (shape * (length // len(shape) + 1))[:length] + end
            for place in range(4):
                fields = ["GET /", "-", "curl", TAIL]
                fields[place] = text
                uri, referrer, agent, tail = fields
                line = f'{HEAD} REST.GET.OBJECT a "{uri}" 404 NoSuchKey 272 - 9 - "{referrer}" "{agent}" {tail}'
                lines.append(line.encode())
    for tail in TAILS:
        agent = (SHAPES[0] * (length // 14))[:length] + '" - -'
        lines.append(f'{HEAD} REST.GET.OBJECT a "GET /" 404 NoSuchKey 272 - 9 - "-" "{agent}" {tail}'.encode())
    return lines


def test_a_line_takes_time_in_proportion_to_its_length() -> None:
    """The processor time for 469 lines of 64 kB is bounded; if it were quadratic, a few of them would take it all."""
    here = Path(__file__)
    arguments = [str(here.parent), str(here.parents[1])]
    done = subprocess.run(
        [sys.executable, "-c", PARSE_HOSTILE_LINES, *arguments], capture_output=True, text=True, check=False
    )
    assert done.stdout == "done\n", done.stderr[-500:]


def line_of(length: int) -> str:
    line = request(9)
    return line.replace("curl/7.79.1", "x" * (length - len(line) + len("curl/7.79.1")))


def test_a_line_that_is_too_long_is_a_reject(tmp_path: Path) -> None:
    """Up to 256 KiB a line is parsed; of a longer one that much is kept, with its length; those around it are right."""
    fits = line_of(LONGEST_LINE)
    assert read(fits)["parse_note"] is None
    assert rejected(line_of(LONGEST_LINE + 1)) == "too_long"
    logs = tmp_path / "logs"
    write_log(logs, [request(1), line_of(LONGEST_LINE + 1), request(2), "x" * 5_000_000, fits, request(3)])
    summary = ingest_local(logs, tmp_path / "lake", max_reject_fraction=1)
    assert (summary.result.rows, summary.result.rejects) == (4, 2)
    rejects = (
        open_lake(str(tmp_path / "lake")).sql("SELECT line_number, reason, line FROM rejects").to_arrow().to_pylist()
    )
    assert [(one["line_number"], one["reason"]) for one in rejects] == [(2, "too_long"), (4, "too_long")]
    assert [one["line"].partition(" ... ")[2] for one in rejects] == ["(262145 bytes in all)", "(5000000 bytes in all)"]
    assert all(len(one["line"]) < LONGEST_LINE + 50 for one in rejects)
    assert Lake(Settings(lake=str(tmp_path / "lake"), source=(str(logs),))).verify().differences == []
