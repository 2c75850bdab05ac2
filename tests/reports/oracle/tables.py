"""From records to rows: groups, their summaries, and the order of a result."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from small_lake import Record

Rows = list[tuple[Any, ...]]
Records = list[Record]
Key = str | Callable[[Record], Any]
"""What records are grouped by: an attribute, or what a function makes of a record."""


def group_by(records: Iterable[Record], *keys: Key) -> dict[tuple[Any, ...], Records]:
    """The records that have the same values of these keys, by the values."""
    groups: dict[tuple[Any, ...], Records] = defaultdict(list)
    for record in records:
        values = [key(record) if callable(key) else getattr(record, key) for key in keys]
        groups[tuple(values)].append(record)
    return groups


def summarize(records: Iterable[Record], keys: Sequence[Key], *measures: Callable[[Records], Any]) -> Rows:
    """One row for each group of these keys: the keys' values, and what each measure makes of the group."""
    groups = group_by(records, *keys)
    return [(*values, *(measure(group) for measure in measures)) for values, group in groups.items()]


def chronological(records: Iterable[Record], attributes: str, *then: str) -> Rows:
    """One row for each record with these attributes, by time and then by those others."""
    columns = attributes.split()
    order = ["time", *then]
    rows = [[getattr(record, name) for name in columns + order] for record in records]
    order_columns = range(len(columns) + 1, len(columns) + len(order) + 1)
    return [row[: len(columns)] for row in in_order(rows, *order_columns)]


def in_order(rows: Iterable[Sequence[Any]], *columns: int) -> Rows:
    """Rows by these columns, counted from 1, a negative one from large to small; None comes last either way."""
    result = [tuple(row) for row in rows]
    for column in reversed(columns):  # sorting is stable, so the first column is sorted by last
        index = abs(column) - 1
        present = [row for row in result if row[index] is not None]
        absent = [row for row in result if row[index] is None]
        result = sorted(present, key=lambda row: row[index], reverse=column < 0) + absent
    return result
