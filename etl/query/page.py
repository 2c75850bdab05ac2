"""A result as HTML, as notebooks show it. Values come from logs: all text is made safe, and escaped."""

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from etl.arrow import is_number
from etl.query.output import values_of
from etl.query.result import Result
from etl.resources import template
from etl.text import counted, in_words, safe_text

ROWS = 20
"""Rows that are shown."""
READ = "This result was read already: keep what to_arrow() or to_pandas() returned, or query again."


@dataclass(frozen=True, slots=True)
class _Column:
    name: str
    align: str


def as_html(result: Result) -> str:
    """The first rows as a table, and how many there are; the result can still be read."""
    rows = result.peek(ROWS + 1)
    return f"<p>{READ}</p>" if rows is None else table_html(rows)


def table_html(table: pa.Table) -> str:
    """The first rows of a table, and how many it has, if they are few."""
    shown = table.slice(0, ROWS)
    names = table.schema.names
    texts = [
        [in_words(name, value) for value in values_of(column)]
        for name, column in zip(names, shown.columns, strict=True)
    ]
    columns = [_Column(safe_text(one.name), _align(one.type)) for one in table.schema]
    is_cut = table.num_rows > ROWS
    count = f"the first {ROWS} rows" if is_cut else counted(table.num_rows, "row")
    page = template("query", "result.html")
    return str(page.render(columns=columns, rows=list(_transposed(texts)), count=count))


def _transposed(columns: list[list[str]]) -> Any:
    return zip(*columns, strict=True)


def _align(kind: pa.DataType) -> str:
    return "right" if is_number(kind) else "left"
