"""Expected results: CSV files that a person can read, and that still tell values of every kind apart.

    # limit = 6
    key,bucket,requests,last_time
    index.html,www.example.org,12,2026-03-09 07:00:20
    "404",,1,2026-03-05 08:00:02

Comment lines come first. They are TOML: the arguments that the report is run with. The header row names the columns.
A bare cell is a number, `true` or `false`, a date, a time, or else text; one with nothing in it is NULL. Text in quotes
is always text: the empty text, what would be read as something else, and what CSV quotes anyway.
"""

import datetime as dt
import re
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import takewhile
from pathlib import Path
from typing import Any

_CELL = re.compile(r'("(?:[^"]|"")*"|[^",]*),')
_KINDS: list[tuple[str, Callable[[str], Any]]] = [
    (r"", lambda _: None),
    (r"true|false", lambda text: text == "true"),
    (r"-?(0|[1-9]\d*)", int),
    (r"-?(0|[1-9]\d*)\.\d+", float),
    (r"\d{4}-\d\d-\d\d", dt.date.fromisoformat),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{6})?", dt.datetime.fromisoformat),
]
"""What a bare cell of this form is."""


@dataclass(frozen=True)
class GoldenFile:
    """What a report is run with, and what it must give."""

    arguments: dict[str, Any]
    columns: list[str]
    rows: list[tuple[Any, ...]]


def read_golden_file(path: Path) -> GoldenFile:
    comments, header, rows = _parts_of(path)
    arguments = tomllib.loads("\n".join(line.removeprefix("# ") for line in comments))
    return GoldenFile(arguments, header.split(","), [read_row(row) for row in rows])


def replace_rows(path: Path, rows: Sequence[Sequence[Any]]) -> None:
    """Write these rows below the arguments and the header, which are kept: they are written by hand."""
    comments, header, _ = _parts_of(path)
    lines = [*comments, header, *map(write_row, rows)]
    path.write_text("".join(f"{line}\n" for line in lines))


def _parts_of(path: Path) -> tuple[list[str], str, list[str]]:
    """The lines of comment, the header, and the lines of rows."""
    lines = path.read_text().removesuffix("\n").split("\n")
    comments = list(takewhile(lambda line: line.startswith("# "), lines))
    header, *rows = lines[len(comments) :]
    return comments, header, rows


def read_row(line: str) -> tuple[Any, ...]:
    return tuple(_read_cell(cell) for cell in _CELL.findall(f"{line},"))


def _read_cell(cell: str) -> Any:
    if cell.startswith('"'):
        return cell[1:-1].replace('""', '"')
    return next((read(cell) for form, read in _KINDS if re.fullmatch(form, cell)), cell)


def write_row(values: Sequence[Any]) -> str:
    return ",".join(_write_cell(value) for value in values)


def _write_cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case float():
            # fewer digits than a float has: the last ones depend on the order of an addition
            return format(Decimal(repr(float(f"{value:.12g}"))), "f")
        case int() | dt.date():
            return str(value)
        case str() if "," in value or '"' in value or _read_cell(value) != value:
            return '"' + value.replace('"', '""') + '"'
        case str():
            return value
    raise TypeError(f"no form for {value!r}: add one to read and write")
