"""Rows of Python values on their way to Arrow."""

from collections.abc import Sequence

import pyarrow as pa

from etl.arrow import array_of

# Rows, and bytes of the lines that they come from, which become a batch: as Python objects they take many times more.
_CHUNK_ROWS = 32 * 1024
_CHUNK_BYTES = 32 * 1024 * 1024


class RowBuffer:
    """Rows of plain values, which become an Arrow batch of another schema as soon as there are many, or long ones."""

    def __init__(self, plain: pa.Schema, schema: pa.Schema) -> None:
        self._plain = plain
        self._schema = schema
        self._rows: list[Sequence[object]] = []
        self._bytes = 0
        self._batches: list[pa.RecordBatch] = []

    def add(self, row: Sequence[object], size: int) -> None:
        """Add a row that comes from so many bytes."""
        self._rows.append(row)
        self._bytes += size
        if len(self._rows) >= _CHUNK_ROWS or self._bytes >= _CHUNK_BYTES:
            self._flush()

    def finish(self) -> pa.Table:
        """All rows."""
        self._flush()
        batches, self._batches = self._batches, []
        return pa.Table.from_batches(batches, self._schema)

    def _flush(self) -> None:
        if not self._rows:
            return
        columns = zip(*self._rows, strict=True)
        arrays = [
            array_of(values, field.type)
            for values, field in zip(columns, self._plain, strict=True)
        ]
        batch = pa.RecordBatch.from_arrays(arrays, schema=self._plain)
        self._batches.append(batch.cast(self._schema))
        self._rows, self._bytes = [], 0
