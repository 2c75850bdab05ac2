"""Arrow arrays from Python and numpy values.

`pa.array` and much else of pyarrow imports pandas on first use, a second of CPU in every process; these do not.
"""

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

_LONGEST_TEXTS = 2**31 - 1
"""Bytes of text that an array can have: its offsets are 32 bits wide."""
_EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001 - naive UTC, as times are stored
_DTYPES = {
    pa.date32(): np.int32,
    pa.int16(): np.int16,
    pa.int32(): np.int32,
    pa.int64(): np.int64,
    pa.uint64(): np.uint64,
    pa.timestamp("us"): np.int64,
}


def array_of(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """Texts, integers, days or times (naive datetimes, or microseconds since 1970) as an Arrow array; None is NULL.

    Lists of dictionaries become lists of structs; none of them is NULL.
    """
    if pa.types.is_list(kind):
        return _lists_of(values, kind)
    validity = [value is not None for value in values]
    bitmap = None if all(validity) else _bitmap(validity)
    if kind == pa.string():
        texts = [b"" if value is None else value.encode() for value in values]
        ends = np.cumsum([0, *(len(text) for text in texts)], dtype=np.int64)
        if ends[-1] > _LONGEST_TEXTS:
            raise OverflowError(f"{ends[-1]} bytes of text are more than one Arrow array can have")
        offsets = ends.astype(np.int32)
        buffers = [bitmap, pa.py_buffer(offsets), pa.py_buffer(b"".join(texts))]
    else:
        numbers = [_number(value) for value in values]
        buffers = [bitmap, pa.py_buffer(np.array(numbers, _DTYPES[kind]))]
    return pa.Array.from_buffers(kind, len(values), buffers)


def _lists_of(values: Sequence[Sequence[Mapping[str, Any]]], kind: pa.ListType) -> pa.ListArray:
    items = [item for value in values for item in value]
    fields = list(kind.value_type)
    structs = pa.StructArray.from_arrays(
        [array_of([item[one.name] for item in items], one.type) for one in fields], fields=fields
    )
    offsets = np.cumsum([0, *(len(value) for value in values)])
    return pa.ListArray.from_arrays(from_numpy(offsets, pa.int32()), structs, type=kind)


def table_of(rows: Sequence[Mapping[str, Any]], schema: pa.Schema) -> pa.Table:
    """A table of `schema` from rows as dictionaries."""
    columns = [array_of([row[field.name] for row in rows], field.type) for field in schema]
    return pa.Table.from_arrays(columns, schema=schema)


def reader_of(data: bytes) -> pa.BufferReader:
    """A file in memory that is Arrow's own.

    Arrow's threads let go of what they read when they like; one that lets go of Python's memory just when Python ends
    aborts the process.
    """
    sink = pa.BufferOutputStream()
    sink.write(data)
    return pa.BufferReader(sink.getvalue())


def as_dictionary(column: pa.ChunkedArray | pa.Array) -> pa.DictionaryArray:
    """A column of texts, plain or not, as one array with one dictionary."""
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    if isinstance(column, pa.Array):
        return column
    return column.unify_dictionaries().combine_chunks()


def ranks_of(column: pa.ChunkedArray) -> Ints:
    """For each row of texts, days or times a number in the order of its value; NULL comes last."""
    if column.type == pa.string() or pa.types.is_dictionary(column.type):
        texts = as_dictionary(column)
        ranks = np.full(len(texts.dictionary) + 1, len(texts.dictionary))
        ranks[to_numpy(pc.sort_indices(texts.dictionary)).astype(np.int64)] = np.arange(len(texts.dictionary))
        return ranks[codes_of(texts)]
    array = column.combine_chunks()
    values = to_numpy(array).astype(np.int64)
    if array.null_count:
        values[to_numpy(array.is_null())] = np.iinfo(np.int64).max
    return values


def sort_order(columns: Sequence[pa.ChunkedArray]) -> pa.Array:
    """The positions of rows with these columns in ascending order; equal rows stay in their order."""
    return from_numpy(np.lexsort([ranks_of(column) for column in reversed(columns)]), pa.int64())


def take_all(columns: list[pa.ChunkedArray], order: pa.Array) -> list[pa.Array]:
    """The columns in another order, each in one piece; `columns` are used up, so that few are in memory twice."""
    return [columns.pop(0).combine_chunks().take(order) for _ in range(len(columns))]


def group_bounds(columns: Sequence[pa.ChunkedArray]) -> Iterator[tuple[tuple[Any, ...], int, int]]:
    """The distinct rows of some columns, none of them NULL, that are in order; and where each begins and ends."""
    is_first = np.zeros(len(columns[0]), np.bool_)
    is_first[:1] = True
    for column in columns:
        ranks = ranks_of(column)
        is_first[1:] |= ranks[1:] != ranks[:-1]
    for start, end in pairwise([*np.flatnonzero(is_first).tolist(), len(is_first)]):
        yield tuple(column[start].as_py() for column in columns), start, end


def count_distinct(column: pa.ChunkedArray) -> int:
    """How many different texts a column has."""
    return len(np.unique(codes_of(as_dictionary(column))))


def count_texts(column: pa.ChunkedArray) -> Counter[str]:
    """How often each text of a column without NULL occurs."""
    texts = as_dictionary(column)
    counts = np.bincount(codes_of(texts), minlength=len(texts.dictionary)).tolist()
    return Counter({text: n for text, n in zip(texts.dictionary.to_pylist(), counts, strict=True) if n})


def dictionary_of(distinct: Sequence[str | None], codes: Ints) -> pa.DictionaryArray:
    """The texts whose rows have the `distinct` values with these codes; NULL where that is None, or the code -1."""
    texts = dict.fromkeys(text for text in distinct if text is not None)
    place = dict(zip(texts, range(len(texts)), strict=True))
    new_codes = np.array([*(-1 if text is None else place[text] for text in distinct), -1])
    return pa.DictionaryArray.from_arrays(indices_of(new_codes[codes]), array_of(list(texts), pa.string()))


def mapped_texts(texts: pa.DictionaryArray, change: Callable[[str], str | None]) -> pa.DictionaryArray:
    """What `change`, which is asked once for each distinct text, makes of a column's texts; NULL stays NULL."""
    return dictionary_of([change(text) for text in texts.dictionary.to_pylist()], codes_of(texts))


def where_text(texts: pa.DictionaryArray, is_good: Callable[[str], object]) -> Bools:
    """Rows for whose text `is_good`, which is asked once for each distinct one; NULL is not."""
    good = [bool(is_good(text)) for text in texts.dictionary.to_pylist()]
    return np.array([*good, False], np.bool_)[codes_of(texts)]


def decoded(rows: pa.Table) -> pa.Table:
    """`rows` with plain texts instead of dictionaries."""
    kinds = [one.type.value_type if pa.types.is_dictionary(one.type) else one.type for one in rows.schema]
    return rows.cast(pa.schema(list(zip(rows.schema.names, kinds, strict=True))))


def compacted(rows: pa.Table) -> pa.Table:
    """`rows` with dictionaries of just those texts that occur."""
    return pa.Table.from_arrays([_compacted(column) for column in rows.columns], schema=rows.schema)


def _compacted(column: pa.ChunkedArray) -> pa.ChunkedArray | pa.DictionaryArray:
    if not pa.types.is_dictionary(column.type):
        return column
    texts = as_dictionary(column)
    codes = codes_of(texts)
    used = np.flatnonzero(np.bincount(codes + 1, minlength=len(texts.dictionary) + 1)[1:])
    new_codes = np.full(len(texts.dictionary) + 1, -1)
    new_codes[used] = np.arange(len(used))
    dictionary = texts.dictionary.take(from_numpy(used, pa.int64()))
    return pa.DictionaryArray.from_arrays(indices_of(new_codes[codes]), dictionary)


def from_numpy(values: npt.NDArray[Any], kind: pa.DataType) -> pa.Array:
    """An Arrow array of fixed-width numbers over a numpy array's memory, where its type is the same."""
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(np.ascontiguousarray(values, _DTYPES[kind]))])


def with_nulls(array: pa.Array, is_null: Bools) -> pa.Array:
    """`array`, which is whole and has no NULL, with NULL where `is_null`."""
    if not is_null.any():
        return array
    return pa.Array.from_buffers(array.type, len(array), [_bitmap(~is_null), *array.buffers()[1:]])


def to_numpy(array: pa.Array) -> npt.NDArray[Any]:
    """The values of an array of booleans or integers; where one is NULL, anything."""
    here = slice(array.offset, array.offset + len(array))
    values = array.buffers()[1]
    if array.type == pa.bool_():
        return np.unpackbits(np.frombuffer(values, np.uint8), bitorder="little")[here].astype(np.bool_)
    return np.frombuffer(values, _DTYPES[array.type])[here]


def mask_of(values: Bools) -> pa.BooleanArray:
    """A boolean Arrow array, for filtering."""
    return pa.Array.from_buffers(pa.bool_(), len(values), [None, _bitmap(values)])


def codes_of(array: pa.DictionaryArray) -> Ints:
    """The dictionary codes of an array, -1 for NULL."""
    codes = to_numpy(array.indices).astype(np.int64)
    if array.indices.null_count:
        codes[to_numpy(array.indices.is_null())] = -1
    return codes


def indices_of(codes: Ints) -> pa.Array:
    """The inverse: dictionary indices, of which a negative code is NULL."""
    values = pa.py_buffer(np.maximum(codes, 0).astype(np.int32))
    return pa.Array.from_buffers(pa.int32(), len(codes), [_bitmap(codes >= 0), values])


def _bitmap(values: Sequence[bool] | Bools) -> pa.Buffer:
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
