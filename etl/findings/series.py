"""Results in the order of time, of which the newest rows matter most."""

from collections import deque
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pyarrow as pa

from etl.query import Result


def read_rows(result: Result, rows: int) -> tuple[pa.Table, int]:
    """About the first `rows` of a result, the last of a series; and how many it has in all."""
    first: list[pa.RecordBatch] = []
    # The last one may have few rows.
    last: deque[pa.RecordBatch] = deque(maxlen=2)
    count = 0
    for batch in result.batches():
        if count < rows:
            first.append(batch)
        else:
            last.append(batch)
        count += batch.num_rows
    table = pa.Table.from_batches(first, result.schema)
    if last and is_by_time(table):
        table = pa.Table.from_batches(list(last), result.schema)
    return table, count


def is_by_time(table: pa.Table) -> bool:
    """Whether the rows are in the order of a column of days or times, the oldest first."""
    return any(
        pa.types.is_temporal(field.type) and _ascends(table[position].to_pylist())
        for position, field in enumerate(table.schema)
    )


def _ascends(values: Sequence[Any]) -> bool:
    if not values or None in values:
        return False
    is_constant = values[0] == values[-1]
    return not is_constant and all(one <= other for one, other in pairwise(values))
