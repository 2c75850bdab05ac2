"""Results as tables, CSV, JSON, Parquet and Markdown, row batch by row batch.

In tables, numbers are as people read them; in all other formats they are exact.

Values come from logs, so their text is untrusted: what a terminal would obey is shown as an escape.
"""

import contextlib
import csv
import datetime as dt
import json
import math
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, TextIO

import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.text import Text

from etl.errors import StoreError, UsageError
from etl.query import Result
from etl.query.table import Column, Overflow, aligned, print_table, width_of
from etl.text import column_in_words, counted, header, safe_cell, safe_json, safe_text


class Format(StrEnum):
    """How a result is written."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    JSONL = "jsonl"
    PARQUET = "parquet"
    MARKDOWN = "markdown"


_BY_SUFFIX = {
    ".csv": Format.CSV, ".json": Format.JSON, ".jsonl": Format.JSONL, ".ndjson": Format.JSONL,
    ".parquet": Format.PARQUET, ".md": Format.MARKDOWN, ".txt": Format.TABLE,
}  # fmt: skip
# What Markdown, or a site that shows it, would format: also bare addresses, names, formulas and entities.
_MARKDOWN = re.compile(r"[\\`*_{}\[\]<>#|~!&$@:]|(?<=\bwww)\.", re.IGNORECASE)
_NUMBERS = (int, float, Decimal)
_TIMES = (dt.date, dt.time, dt.timedelta)
# A table's columns are as wide as their widest cell, so it cannot be written as rows come: this bounds its memory.
_TABLE_ROWS = 10_000
# A pipe or a file has no width: nothing is cut there.
_UNLIMITED_WIDTH = 100_000
# A single row of more columns is easier to read from top to bottom.
_COLUMNS_OF_ONE_ROW = 8
# Texts that are of no use unless they are whole, by the last word of their column's name.
_NAMES = frozenset({"bucket", "id", "ip", "operation"})
# And those that are sentences.
_PROSE = frozenset({"meaning"})


@dataclass(frozen=True, slots=True)
class Heading:
    """What stands above a report's table or chart: what it is, what it tells, and of which days and buckets."""

    title: str
    question: str
    scope: str
    note: str = ""
    """What stands below a table: what has to be known to read it."""


def choose_format(requested: Format | None, output: Path | None) -> Format:
    """The requested format, else the one that the file's suffix implies, else a table. Raises UsageError."""
    if requested is not None:
        return requested
    if output is None:
        return Format.TABLE
    suffix = output.suffix.lower()
    if suffix not in _BY_SUFFIX:
        known = ", ".join(_BY_SUFFIX)
        raise UsageError(
            f"--output {output}: which format? Give --format, or a name that ends in {known}"
        )
    return _BY_SUFFIX[suffix]


def write_result(
    result: Result,
    output_format: Format,
    output: Path | None,
    *,
    header: bool = True,
    csv_safe: bool = False,
    heading: Heading | None = None,
) -> None:
    """Write a result to a file, which appears when it is complete, or to standard output.

    With `csv_safe` no cell of a CSV file is a formula to a spreadsheet; without it, each is exactly what it was. Only a
    table on a terminal has a heading.
    """
    if output_format is Format.PARQUET:
        if output is None:
            raise UsageError("Parquet is binary: name a file with --output")
        with _binary_file(output) as file:
            _write_parquet(result, file)
        return
    with _text_file(output) as stream:
        if output_format is Format.CSV:
            _write_csv(result, stream, header=header, safe=csv_safe)
        elif output_format is Format.TABLE:
            write_table(result, stream, heading=heading)
        else:
            _TEXT_WRITERS[output_format](result, stream)


def write_file(output: Path, data: bytes) -> None:
    """Write a file, which appears when it is complete. Raises StoreError."""
    with _binary_file(output) as file:
        file.write(data)


def _rows(result: Result) -> Iterator[tuple[Any, ...]]:
    for batch in result.batches():
        yield from zip(*(values_of(column) for column in batch.columns), strict=True)


def values_of(column: pa.Array | pa.ChunkedArray) -> list[Any]:
    """The values of a column as Python has them."""
    try:
        return column.to_pylist()  # type: ignore[no-any-return]
    except (OverflowError, ValueError):
        # A time that Python has no value for, perhaps within a list. The others are not to suffer for it.
        return [_value(column.slice(position, 1)) for position in range(len(column))]


def _value(array: pa.Array) -> Any:
    """The value of an array of one; as Arrow writes it, where Python has none for it."""
    try:
        return array.to_pylist()[0]
    except (OverflowError, ValueError):
        # Arrow writes an array, brackets and all.
        return array.to_string(skip_new_lines=True)[1:-1]


def write_table(
    result: Result,
    stream: TextIO,
    max_rows: int = _TABLE_ROWS,
    heading: Heading | None = None,
) -> None:
    """Write a table of the first `max_rows` rows of a result, and how many rows it has in all.

    It has the width of the terminal that shows it; on a terminal itself the heading is above it.
    """
    all_rows = _rows(result)
    rows = list(islice(all_rows, max_rows))
    count = len(rows) + sum(1 for _ in all_rows)
    console = Console(file=stream, highlight=False)
    is_terminal = stream.isatty()
    if heading and is_terminal:
        _print_heading(console, heading)
    columns = _columns(result.columns, rows)
    terminal_width = width_of(stream)
    width = terminal_width or _UNLIMITED_WIDTH
    is_upright = (
        terminal_width is not None
        and len(rows) == 1
        and len(columns) > _COLUMNS_OF_ONE_ROW
    )
    print_table(console, columns, width, upright=is_upright)
    shown = f", of which the first {len(rows):,} are shown" if len(rows) < count else ""
    console.print(f"{counted(count, 'row')}{shown}")
    if heading and heading.note and is_terminal:
        console.print(Text(safe_text(heading.note), "dim"))


def _print_heading(console: Console, heading: Heading) -> None:
    """What the table is, above it; prose is wrapped, unlike the table."""
    console.print(Text(safe_text(heading.title), "bold"))
    console.print(Text(safe_text(heading.question)))
    console.print(Text(safe_text(heading.scope), "dim"))
    console.print()


def _columns(names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> list[Column]:
    return [
        _column(name, [row[position] for row in rows])
        for position, name in enumerate(names)
    ]


def _column(name: str, values: Sequence[object]) -> Column:
    texts = [
        safe_text(None) if value is None else text
        for value, text in zip(values, column_in_words(name, values), strict=True)
    ]
    known = [value for value in values if value is not None]
    is_numeric = bool(known) and all(isinstance(value, _NUMBERS) for value in known)
    overflow = Overflow.NEVER if is_numeric else _overflow(name, known)
    return Column(
        safe_text(header(name)),
        aligned(texts) if is_numeric else texts,
        overflow,
        is_numeric,
    )


def _overflow(name: str, values: Sequence[object]) -> Overflow:
    _, _, last_word = name.lower().rpartition("_")
    if last_word in _PROSE:
        return Overflow.WRAP
    is_whole = last_word in _NAMES or all(isinstance(value, _TIMES) for value in values)
    return Overflow.NEVER if is_whole else Overflow.CUT


def _write_csv(result: Result, stream: TextIO, *, header: bool, safe: bool) -> None:
    writer = csv.writer(stream, lineterminator="\n")
    is_terminal = stream.isatty()

    def cell(value: object) -> object:
        if safe:
            value = safe_cell(value)
        # A file keeps what the log has, to the letter; a terminal would obey it.
        if is_terminal and isinstance(value, str):
            return safe_text(value)
        return value

    if header:
        writer.writerow([cell(name) for name in result.columns])
    for row in _rows(result):
        writer.writerow([cell(value) for value in row])


def _write_json(result: Result, stream: TextIO) -> None:
    # By hand, as the array is written row by row.
    separator = "[\n"
    for record in _json_records(result):
        stream.write(separator + record)
        separator = ",\n"
    is_empty = separator == "[\n"
    stream.write("[]\n" if is_empty else "\n]\n")


def _write_json_lines(result: Result, stream: TextIO) -> None:
    stream.writelines(record + "\n" for record in _json_records(result))


def _json_records(result: Result) -> Iterator[str]:
    for row in _rows(result):
        record = {
            name: _json_number(value)
            for name, value in zip(result.columns, row, strict=True)
        }
        yield safe_json(json.dumps(record, default=_json_value, ensure_ascii=False))


def _json_number(value: object) -> object:
    """The value, or None for NaN and infinity, which JSON lacks."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _json_value(value: object) -> object:
    if isinstance(value, dt.datetime):
        return value.isoformat() + ("Z" if value.tzinfo is None else "")
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="backslashreplace")
    return str(value)


def _write_markdown(result: Result, stream: TextIO) -> None:
    def line(cells: Iterable[str]) -> None:
        stream.write(f"| {' | '.join(cells)} |\n")

    line([_markdown_cell(name) for name in result.columns])
    line(["---"] * len(result.columns))
    for row in _rows(result):
        line([_markdown_cell(value) for value in row])


def _markdown_cell(value: object) -> str:
    if value is None:
        return ""
    return _MARKDOWN.sub(r"\\\g<0>", safe_text(value))


def _write_parquet(result: Result, file: BinaryIO) -> None:
    writer: pq.ParquetWriter | None = None
    for batch in result.batches():
        writer = writer or pq.ParquetWriter(file, batch.schema, compression="zstd")
        writer.write_batch(batch)
    if writer is None:
        pq.write_table(pa.Table.from_batches([], result.schema), file)
    else:
        writer.close()


_TEXT_WRITERS: dict[Format, Callable[[Result, TextIO], None]] = {
    Format.JSON: _write_json,
    Format.JSONL: _write_json_lines,
    Format.MARKDOWN: _write_markdown,
}


@contextlib.contextmanager
def _text_file(output: Path | None) -> Iterator[TextIO]:
    if output is None:
        yield sys.stdout
        return
    with _binary_file(output) as file:
        stream = open(file.fileno(), "w", encoding="utf-8", newline="", closefd=False)  # noqa: SIM115
        yield stream
        stream.flush()


@contextlib.contextmanager
def _binary_file(output: Path) -> Iterator[BinaryIO]:
    """A file that takes its name when it is complete; a device or a pipe is written directly."""
    with write_errors(output):
        is_special = output.exists() and not output.is_file()
        with output.open("wb") if is_special else _new_file(output) as file:
            yield file


@contextlib.contextmanager
def write_errors(output: Path) -> Iterator[None]:
    """Translate what the system says where a file cannot be written."""
    try:
        yield
    except OSError as error:
        raise StoreError(f"{output}: cannot write: {error.strerror or error}") from error


@contextlib.contextmanager
def _new_file(output: Path) -> Iterator[BinaryIO]:
    folder = output.absolute().parent
    with tempfile.NamedTemporaryFile(
        dir=folder, prefix=f".{output.name}.", delete=False
    ) as file:
        try:
            yield file  # type: ignore[misc]
            file.flush()
            # A temporary file is its owner's only; this one gets the permissions of a new file. By its descriptor, as
            # by its name a link could have been put in its place.
            os.fchmod(file.fileno(), 0o666 & ~_umask())
            os.replace(file.name, output)  # noqa: PTH105
        finally:
            Path(file.name).unlink(missing_ok=True)


def _umask() -> int:
    # It can only be read by setting it.
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
