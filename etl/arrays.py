"""Arrow arrays from Python and numpy values.

`pa.array` and much else of pyarrow imports pandas on first use, a second of CPU in every process; these do not.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

_EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001 - naive UTC, as times are stored
_DTYPES = {
    pa.date32(): np.int32,
    pa.int16(): np.int16,
    pa.int32(): np.int32,
    pa.int64(): np.int64,
    pa.timestamp("us"): np.int64,
}


def array_of(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """Texts, integers, days or times (naive datetimes, or microseconds since 1970) as an Arrow array; None is NULL."""
    validity = [value is not None for value in values]
    bitmap = None if all(validity) else _bitmap(validity)
    if kind == pa.string():
        texts = [b"" if value is None else value.encode() for value in values]
        offsets = np.zeros(len(texts) + 1, np.int32)
        np.cumsum([len(text) for text in texts], out=offsets[1:])
        buffers = [bitmap, pa.py_buffer(offsets), pa.py_buffer(b"".join(texts))]
    else:
        numbers = [_number(value) for value in values]
        buffers = [bitmap, pa.py_buffer(np.array(numbers, _DTYPES[kind]))]
    return pa.Array.from_buffers(kind, len(values), buffers)


def table_of(rows: Sequence[Mapping[str, Any]], schema: pa.Schema) -> pa.Table:
    """A table of `schema` from rows as dictionaries."""
    columns = [array_of([row[field.name] for row in rows], field.type) for field in schema]
    return pa.Table.from_arrays(columns, schema=schema)


def sort_table(rows: pa.Table, keys: Sequence[str]) -> pa.Table:
    """`rows` in ascending order of `keys` (`Table.sort_by` would import pandas)."""
    return rows.take(pc.sort_indices(rows, sort_keys=[(key, "ascending") for key in keys]))


def from_numpy(values: npt.NDArray[Any], kind: pa.DataType) -> pa.Array:
    """An Arrow array of fixed-width numbers over a numpy array's memory."""
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(np.ascontiguousarray(values))])


def to_numpy(array: pa.Array) -> npt.NDArray[Any]:
    """The values of an array of booleans or integers; where one is NULL, anything."""
    here = slice(array.offset, array.offset + len(array))
    values = array.buffers()[1]
    if array.type == pa.bool_():
        return np.unpackbits(np.frombuffer(values, np.uint8), bitorder="little")[here].astype(np.bool_)
    return np.frombuffer(values, _DTYPES[array.type])[here]


def mask_of(values: npt.NDArray[np.bool_]) -> pa.BooleanArray:
    """A boolean Arrow array, for filtering."""
    return pa.Array.from_buffers(pa.bool_(), len(values), [None, _bitmap(values)])


def codes_of(array: pa.DictionaryArray) -> npt.NDArray[np.int64]:
    """The dictionary codes of an array, -1 for NULL."""
    codes = to_numpy(array.indices).astype(np.int64)
    if array.indices.null_count:
        codes[to_numpy(array.indices.is_null())] = -1
    return codes


def indices_of(codes: npt.NDArray[np.int64]) -> pa.Array:
    """The inverse: dictionary indices, of which a negative code is NULL."""
    values = pa.py_buffer(np.maximum(codes, 0).astype(np.int32))
    return pa.Array.from_buffers(pa.int32(), len(codes), [_bitmap(codes >= 0), values])


def _bitmap(values: Sequence[bool] | npt.NDArray[np.bool_]) -> pa.Buffer:
    return pa.py_buffer(np.packbits(values, bitorder="little").tobytes())


def _number(value: Any) -> int:
    match value:
        case None:
            return 0
        case dt.datetime():
            return (value - _EPOCH) // dt.timedelta(microseconds=1)
        case dt.date():
            return value.toordinal() - _EPOCH.toordinal()
    return int(value)
