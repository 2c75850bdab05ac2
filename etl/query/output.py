"""Results as tables, CSV, JSON, Parquet and Markdown, row batch by row batch.

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
from decimal import Decimal
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, TextIO

import pyarrow as pa
import pyarrow.parquet as pq
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from etl.errors import StoreError, UsageError
from etl.query import Result
from etl.text import safe_cell, safe_json, safe_text


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
# A table's columns are as wide as their widest cell, so it cannot be written as rows come: this bounds its memory.
_TABLE_ROWS = 10_000
# A pipe or a file has no width: nothing is folded there.
_UNLIMITED_WIDTH = 100_000


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
) -> None:
    """Write a result to a file, which appears when it is complete, or to standard output.

    With `csv_safe` no cell of a CSV file is a formula to a spreadsheet; without it, each is exactly what it was.
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
        else:
            _TEXT_WRITERS[output_format](result, stream)


def write_file(output: Path, data: bytes) -> None:
    """Write a file, which appears when it is complete. Raises StoreError."""
    with _binary_file(output) as file:
        file.write(data)


def _rows(result: Result) -> Iterator[tuple[Any, ...]]:
    for batch in result.batches():
        yield from zip(*(_values(column) for column in batch.columns), strict=True)


def _values(column: pa.Array) -> list[Any]:
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


def write_table(result: Result, stream: TextIO, max_rows: int = _TABLE_ROWS) -> None:
    """Write a table of the first `max_rows` rows of a result, and how many rows it has in all."""
    all_rows = _rows(result)
    rows = list(islice(all_rows, max_rows))
    count = len(rows) + sum(1 for _ in all_rows)
    console = Console(
        file=stream, width=None if stream.isatty() else _UNLIMITED_WIDTH, highlight=False
    )
    console.print(_table(result.columns, rows))
    shown = f", of which the first {len(rows)} are shown" if len(rows) < count else ""
    console.print(f"{count} row{'' if count == 1 else 's'}{shown}")


def _table(columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for position, name in enumerate(columns):
        is_numeric = bool(rows) and all(_is_number_or_null(row[position]) for row in rows)
        table.add_column(
            Text(safe_text(name)),
            justify="right" if is_numeric else "left",
            overflow="fold",
        )
    for row in rows:
        # As `Text`: rich would read brackets in a plain string as markup.
        table.add_row(*(Text(safe_text(value)) for value in row))
    return table


def _is_number_or_null(value: object) -> bool:
    return value is None or isinstance(value, _NUMBERS)


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
    Format.TABLE: write_table,
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
    try:
        if output.exists() and not output.is_file():
            with output.open("wb") as file:
                yield file
        else:
            with _new_file(output) as file:
                yield file
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
