"""A query's rows, as they come, and what can go wrong with a query."""

from collections.abc import Iterator
from itertools import islice
from typing import Any, Protocol

import pyarrow as pa

from etl.errors import AccessLakeError, StoreError


class QueryError(AccessLakeError):
    """A query that is wrong; the message is DuckDB's, which names the place."""

    exit_code = 2


class LimitError(AccessLakeError):
    """A query that needs more memory, disk or time than it may have; the message names the setting."""


class UnreadableError(StoreError):
    """DuckDB could not read what a query needs."""


class ChangedError(UnreadableError):
    """A part was replaced or removed after it was listed; a new listing helps."""


class Rows(Protocol):
    """Record batches of one schema, to be read once."""

    schema: pa.Schema

    def __iter__(self) -> Iterator[pa.RecordBatch]: ...


class Result:
    """Rows: as batches or an Arrow table, read once and as they come, or as a pandas DataFrame."""

    def __init__(self, rows: Rows) -> None:
        self.schema: pa.Schema = rows.schema
        self._rows = iter(rows)
        self._is_read = False
        # Two batches are read at once, for two reasons. Most errors come before the first rows, when the query can
        # still be tried again. And a small result is then complete, so that its process can end.
        self._first_batches: list[pa.RecordBatch] = list(islice(self._rows, 2))

    @property
    def columns(self) -> list[str]:
        return list(self.schema.names)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The rows as Arrow record batches, so that a large result needs little memory.

        Raises AccessLakeError where they were read before: there is nothing to read them from again.
        """
        if self._is_read:
            raise AccessLakeError(
                "this result was read already; keep what to_arrow() returned, or query again"
            )
        self._is_read = True
        while self._first_batches:
            yield self._first_batches.pop(0)
        yield from self._rows

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        return self.batches()

    def to_arrow(self) -> pa.Table:
        return pa.Table.from_batches(list(self.batches()), self.schema)

    def to_pandas(self) -> Any:
        """A pandas DataFrame: see `to_frame`."""
        return to_frame(self.to_arrow())

    def peek(self, rows: int) -> pa.Table | None:
        """The first rows, so many and a few more if there are; they can still be read. None once they were."""
        if self._is_read:
            return None
        batches = self._first_batches
        while sum(batch.num_rows for batch in batches) < rows:
            batch = next(self._rows, None)
            if batch is None:
                break
            batches.append(batch)
        return pa.Table.from_batches(batches, self.schema)

    def _repr_html_(self) -> str:
        """The first rows as a table, for notebooks; the result can still be read."""
        from etl.query.page import as_html  # noqa: PLC0415 - for notebooks only

        return as_html(self)


def to_frame(table: pa.Table) -> Any:
    """A pandas DataFrame with the same types whatever the values are.

    Times are naive and UTC, days are times at midnight. Whole numbers stay whole where some are NULL (`Int64`), which
    pandas would make floating-point numbers otherwise.
    """
    import pandas as pd  # noqa: PLC0415 - slow to import, and few need it

    types = {
        pa.int16(): pd.Int16Dtype(),
        pa.int32(): pd.Int32Dtype(),
        pa.int64(): pd.Int64Dtype(),
        pa.bool_(): pd.BooleanDtype(),
    }
    return table.to_pandas(types_mapper=types.get, date_as_object=False)
