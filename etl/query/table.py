"""Tables that people read: numbers, times and names in one piece, in the width that there is.

Where a table is wider than that, its long texts are cut in the middle, or wrapped where they are prose; where that is
not enough, each row is a block of lines, one for each column. All text is safe already when it comes here.
"""

import os
import stat
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from itertools import islice, zip_longest
from typing import TextIO

from rich.cells import cell_len, chop_cells
from rich.console import Console
from rich.text import Text

from etl.shorten import fitted

# Of a column whose texts are cut or wrapped, unless none of them is as long.
_LEAST_WIDTH = 24
# What is longer is no word: the pattern of a parameter.
_LONGEST_WORD = 40
_LINES_AT_ONCE = 100
# Of a terminal.
_USUAL_WIDTH = 80
_BETWEEN = "  "
_MARGIN = " "
_RULE = "\u2500"


class Overflow(Enum):
    """What becomes of a column's texts where the table is too wide."""

    NEVER = auto()
    """They stay as they are: numbers, times, names."""
    CUT = auto()
    """They are cut in the middle: keys, URLs, user agents, ARNs."""
    WRAP = auto()
    """They are wrapped between words: prose."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: its name, and a text for each row."""

    name: str
    texts: Sequence[str]
    overflow: Overflow = Overflow.NEVER
    is_numeric: bool = False

    @property
    def width(self) -> int:
        return max(map(cell_len, (self.name, *self.texts)))

    @property
    def least_width(self) -> int:
        if self.overflow is Overflow.NEVER:
            return self.width
        unsplit = (part for text in self.texts for part in self._unsplit(text))
        longest = max(map(cell_len, (self.name, *unsplit)))
        return min(self.width, max(longest, _LEAST_WIDTH))

    def _unsplit(self, text: str) -> Sequence[str]:
        """What of a text is never split: all of it where it is a number, and of prose the words."""
        if self.overflow is Overflow.WRAP:
            return [word[:_LONGEST_WORD] for word in text.split()]
        return [text] if _is_number(text) else []

    def lines(self, width: int) -> list[list[str]]:
        """For each row, the lines of its text, none of them wider than `width`."""
        if self.overflow is Overflow.NEVER:
            return [[text] for text in self.texts]
        if self.overflow is Overflow.CUT:
            names = fitted(self.texts, width)
            return [[text if _is_number(text) else names[text]] for text in self.texts]
        return [_wrapped(text, width) for text in self.texts]


def width_of(stream: TextIO) -> int | None:
    """The width of a terminal that shows the stream, also behind a pipe such as `| head`; None where there is none.

    COLUMNS says it for any standard output; a file has no width, as nothing is to be cut there.
    """
    if stream is not sys.stdout:
        return Console(file=stream).width if stream.isatty() else None
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns) > 0:
        return int(columns)
    if stream.isatty():
        return _terminal_width(stream)
    is_pipe = stat.S_ISFIFO(os.fstat(stream.fileno()).st_mode)
    return _terminal_width(sys.stderr) if is_pipe and sys.stderr.isatty() else None


def _terminal_width(stream: TextIO) -> int:
    # A terminal that does not know its width says 0.
    return os.get_terminal_size(stream.fileno()).columns or _USUAL_WIDTH


def print_table(
    console: Console, columns: Sequence[Column], width: int, *, upright: bool = False
) -> None:
    """Print a table that is at most `width` columns wide, as far as its numbers and names fit at all.

    `upright` has each row in a block of its own however much room there is.
    """
    lines = _lines(columns, width, upright=upright)
    # Some at a time: a call takes longer than a line.
    while some := list(islice(lines, _LINES_AT_ONCE)):
        console.print(Text("\n").join(some), soft_wrap=True)


def _lines(columns: Sequence[Column], width: int, *, upright: bool) -> Iterator[Text]:
    widths = None if upright else _widths(columns, width)
    return _blocks(columns, width) if widths is None else _rows(columns, widths)


def aligned(texts: Sequence[str]) -> list[str]:
    """Numbers with spaces behind them, so that their decimal points are one below the other."""
    has_units = any(" " in text for text in texts)
    if has_units:  # of which each has decimals of its own
        return list(texts)
    lengths = [len(text) - text.index(".") if "." in text else 0 for text in texts]
    longest = max(lengths, default=0)
    return [
        f"{text}{' ' * (longest - length)}"
        for text, length in zip(texts, lengths, strict=True)
    ]


def _widths(columns: Sequence[Column], width: int) -> list[int] | None:
    """How wide each column is to be; None where the table does not fit."""
    room = width - len(_BETWEEN) * (len(columns) - 1) - 2 * len(_MARGIN)
    widest = [column.width for column in columns]
    if sum(widest) <= room:
        return widest
    least = [column.least_width for column in columns]
    if sum(least) > room:
        return None
    return _shrunk(widest, least, room)


def _shrunk(widest: Sequence[int], least: Sequence[int], room: int) -> list[int]:
    """The widths in a room that is too small for the widest, but not for the least: the wider are cut first."""
    for limit in range(room, 0, -1):
        widths = [
            max(low, min(limit, wide)) for wide, low in zip(widest, least, strict=True)
        ]
        if sum(widths) <= room:
            break
    return widths


def _rows(columns: Sequence[Column], widths: Sequence[int]) -> Iterator[Text]:
    names = [[column.name] for column in columns]
    yield from _row(columns, widths, names, style="bold")
    yield Text(
        f"{_MARGIN}{_RULE * (sum(widths) + len(_BETWEEN) * (len(widths) - 1))}", "dim"
    )
    lines = [column.lines(width) for column, width in zip(columns, widths, strict=True)]
    for cells in zip(*lines, strict=True):
        yield from _row(columns, widths, cells)


def _row(
    columns: Sequence[Column],
    widths: Sequence[int],
    cells: Sequence[list[str]],
    style: str = "",
) -> Iterator[Text]:
    for texts in zip_longest(*cells, fillvalue=""):
        padded = [
            _padded(text, width, is_numeric=column.is_numeric)
            for column, width, text in zip(columns, widths, texts, strict=True)
        ]
        yield Text(f"{_MARGIN}{_BETWEEN.join(padded)}".rstrip(), style)


def _blocks(columns: Sequence[Column], width: int) -> Iterator[Text]:
    """Each row as lines of a column's name and its text."""
    name_width = max(cell_len(column.name) for column in columns)
    room = max(width - name_width - len(_BETWEEN) - 2 * len(_MARGIN), _LEAST_WIDTH)
    lines = [column.lines(room) for column in columns]
    rows = list(zip(*lines, strict=True))
    for number, cells in enumerate(rows, 1):
        if len(rows) > 1:
            yield Text(f"{_MARGIN}{number:,} ".ljust(name_width + 1, _RULE), "dim")
        for column, texts in zip(columns, cells, strict=True):
            yield from _block_lines(column.name, texts, name_width, room)


def _block_lines(
    name: str, texts: Sequence[str], name_width: int, room: int
) -> Iterator[Text]:
    label = f"{_MARGIN}{_padded(name, name_width)}{_BETWEEN}"
    if cell_len(texts[0]) > room:
        # An id that is longer than others: it is not split, but has a line of its own.
        yield Text(label.rstrip(), "bold")
        yield Text(f"{_MARGIN}{texts[0]}")
        return
    for text in texts:
        yield Text(label, "bold").append(text, "not bold")
        label = " " * cell_len(label)


def _padded(text: str, width: int, *, is_numeric: bool = False) -> str:
    spaces = " " * (width - cell_len(text))
    return f"{spaces}{text}" if is_numeric else f"{text}{spaces}"


def _is_number(text: str) -> bool:
    """Whether a text is a number, an IP address or a time, of which no part says anything."""
    return not text.strip("0123456789.,:+- T")


def _wrapped(text: str, width: int) -> list[str]:
    """The text in lines that end between words, or within one that is wider than a line."""
    lines = [""]
    for word in text.split():
        joined = f"{lines[-1]} {word}".strip()
        if cell_len(joined) <= width:
            lines[-1] = joined
        else:
            lines += chop_cells(word, width)
    return lines if lines[0] or len(lines) == 1 else lines[1:]
