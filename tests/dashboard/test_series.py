"""The newest end of results in the order of time."""

import datetime as dt
from typing import Any

import pyarrow as pa
import pytest

from etl.findings.series import is_by_time, read_rows
from etl.query import Result

FIRST = dt.date(2026, 1, 1)
DAYS = [FIRST + dt.timedelta(days=number) for number in range(10)]


class Batches:
    """Rows as a query process sends them, a few at a time."""

    def __init__(self, table: pa.Table, rows: int) -> None:
        self.schema = table.schema
        self._batches = table.to_batches(max_chunksize=rows)

    def __iter__(self) -> Any:
        return iter(self._batches)


def test_of_a_series_the_last_rows_are_read() -> None:
    """Of rows in the order of time the last are read, of any others the first; all are counted."""
    by_time = pa.table({"n": range(10), "date": DAYS})
    table, count = read_rows(Result(Batches(by_time, 3)), 3)
    assert (count, table["date"].to_pylist()) == (10, DAYS[-4:])
    table, count = read_rows(Result(Batches(by_time.take(list(range(9, -1, -1))), 3)), 3)
    assert (count, table["date"].to_pylist()) == (10, DAYS[:-4:-1])
    table, count = read_rows(Result(Batches(by_time, 3)), 100)
    assert (count, table["date"].to_pylist()) == (10, DAYS)


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"date": DAYS}, True),
        ({"date": [DAYS[0], DAYS[0], DAYS[1]], "status": ["2xx", "4xx", "2xx"]}, True),
        ({"principal": ["b", "a"], "first_time": [dt.datetime(2026, 1, 1), dt.datetime(2026, 1, 2)]}, True),  # noqa: DTZ001
        ({"date": DAYS[::-1]}, False),
        ({"date": [DAYS[0], DAYS[0]]}, False),
        ({"date": [DAYS[0], None]}, False),
        ({"n": [1, 2]}, False),
        ({"date": pa.array([], pa.date32())}, False),
    ],
)
def test_what_is_in_the_order_of_time(columns: dict[str, Any], expected: bool) -> None:
    """A column of days or times that never goes back, and does go on."""
    assert is_by_time(pa.table(columns)) is expected
