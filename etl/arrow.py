"""Between Arrow, numpy and Python: dictionaries of texts, orders and groups of rows."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

# Bytes that an array of texts can have: its offsets are 32 bits wide.
_LONGEST_TEXTS = 2**31 - 1
# To sort a code takes as long as to look at so many flags.
_FEW = 64


def is_number(kind: pa.DataType) -> bool:
    """Whether values of a type are numbers: whole, floating-point or decimal ones."""
    return bool(
        pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_decimal(kind)
    )


def array_of(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """Python values as one Arrow array; None is NULL.

    Raises OverflowError for more text than an array can have, of which pyarrow would make several.
    """
    array = pa.array(values, kind)
    _refuse_overflow(array)
    return array


def _refuse_overflow(texts: pa.Array | pa.ChunkedArray) -> None:
    if not pa.types.is_string(texts.type):
        return
    size = pc.sum(pc.binary_length(texts)).as_py() or 0
    if size > _LONGEST_TEXTS:
        raise OverflowError(
            f"{size} bytes of text are more than one Arrow array can have"
        )


def reader_of(data: bytes) -> pa.BufferReader:
    """A file in memory that is Arrow's own.

    Arrow's threads release what they read at any time; one that releases Python's memory just when Python ends aborts
    the process.
    """
    sink = pa.BufferOutputStream()
    sink.write(data)
    return pa.BufferReader(sink.getvalue())


def to_numpy(array: pa.Array, null: int = 0) -> npt.NDArray[Any]:
    """The values of an array of booleans, integers, days or times; `null` where one is NULL."""
    if pa.types.is_temporal(array.type):
        array = array.view(pa.int32() if array.type.bit_width == 32 else pa.int64())  # noqa: PLR2004
    if array.null_count:
        array = array.fill_null(null)
    values: npt.NDArray[Any] = array.to_numpy(zero_copy_only=False)
    return values


def as_dictionary(column: pa.ChunkedArray | pa.Array) -> pa.DictionaryArray:
    """A column of texts, plain or not, as one array with one dictionary."""
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    if isinstance(column, pa.Array):
        return column
    if column.num_chunks == 1:
        return column.chunk(0)
    return column.unify_dictionaries().combine_chunks()


def codes_of(texts: pa.DictionaryArray) -> Ints:
    """The dictionary codes of texts, -1 for NULL."""
    codes: Ints = to_numpy(texts.indices, null=-1).astype(np.int64)
    return codes


def in_one_piece(column: pa.ChunkedArray) -> pa.Array:
    """A column as one array. Raises OverflowError for more text than an array can have."""
    if pa.types.is_dictionary(column.type):
        texts = as_dictionary(column)
        _refuse_overflow(texts.dictionary)
        return texts
    _refuse_overflow(column)
    return column.combine_chunks()


def dictionary_of(distinct: pa.StringArray, codes: Ints) -> pa.DictionaryArray:
    """The texts whose rows have the `distinct` values with these codes; NULL where that is, or the code is -1."""
    # Several codes may stand for one text, as a dictionary must not have.
    texts = distinct.dictionary_encode()
    indices = texts.indices.take(pa.array(codes, mask=codes < 0))
    return pa.DictionaryArray.from_arrays(indices, texts.dictionary)


def without_values(
    texts: pa.DictionaryArray, values: Sequence[str]
) -> pa.DictionaryArray:
    """Texts with NULL in place of these `values`."""
    is_value = pc.is_in(texts.dictionary, pa.array(values, pa.string()))
    is_null = np.append(to_numpy(is_value), True)[codes_of(texts)]
    indices = pa.array(to_numpy(texts.indices), mask=is_null)
    return pa.DictionaryArray.from_arrays(indices, texts.dictionary)


def mapped_texts(
    texts: pa.DictionaryArray, change: Callable[[str], str | None]
) -> pa.DictionaryArray:
    """What `change`, which is called once for each distinct text, makes of a column's texts; NULL stays NULL."""
    changed = [change(text) for text in texts.dictionary.to_pylist()]
    return dictionary_of(array_of(changed, pa.string()), codes_of(texts))


def where_text(texts: pa.DictionaryArray, is_good: Callable[[str], object]) -> Bools:
    """Rows for whose text `is_good`, which is called once for each distinct one; NULL is not."""
    good = [bool(is_good(text)) for text in texts.dictionary.to_pylist()]
    return np.array([*good, False], np.bool_)[codes_of(texts)]


def without_texts(rows: pa.Table, column: str, texts: Collection[str]) -> pa.Table:
    """`rows` without those that have one of these texts in a column."""
    is_kept = where_text(as_dictionary(rows[column]), lambda text: text not in texts)
    return rows.filter(pa.array(is_kept))


def count_texts(column: pa.ChunkedArray) -> Counter[str]:
    """How often each text of a column without NULL occurs."""
    texts = as_dictionary(column)
    counts = np.bincount(codes_of(texts), minlength=len(texts.dictionary)).tolist()
    return Counter(
        {
            text: count
            for text, count in zip(texts.dictionary.to_pylist(), counts, strict=True)
            if count
        }
    )


def count_distinct(column: pa.ChunkedArray) -> int:
    """How many different texts a column has."""
    return len(np.unique(codes_of(as_dictionary(column))))


def decoded(rows: pa.Table) -> pa.Table:
    """`rows` with plain texts instead of dictionaries."""
    types = [
        one.type.value_type if pa.types.is_dictionary(one.type) else one.type
        for one in rows.schema
    ]
    return rows.cast(pa.schema(list(zip(rows.schema.names, types, strict=True))))


def conformed(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    """`rows` with the columns of `schema`; NULL in those that they lack, as do parts from before a field was added."""
    columns = [
        rows[field.name]
        if field.name in rows.column_names
        else pa.nulls(rows.num_rows, field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(columns, names=schema.names).cast(schema)


def compacted(rows: pa.Table) -> pa.Table:
    """`rows` with dictionaries of just those texts that occur; as much work as there are rows."""
    return pa.Table.from_arrays(
        [_compacted(column) for column in rows.columns], schema=rows.schema
    )


def _compacted(column: pa.ChunkedArray) -> pa.ChunkedArray | pa.DictionaryArray:
    if not pa.types.is_dictionary(column.type):
        return column
    texts = as_dictionary(column)
    codes = to_numpy(texts.indices, null=-1)
    used = _used_codes(codes, len(texts.dictionary))
    if len(used) == len(texts.dictionary):
        return texts
    # Not filled: memory that nobody touches costs nothing, so the work is that of the rows. One more, for NULL: the
    # code -1 finds the last one.
    new_codes = np.empty(len(texts.dictionary) + 1, np.int32)
    new_codes[used] = np.arange(len(used))
    indices = pa.array(new_codes[codes], mask=codes < 0)
    return pa.DictionaryArray.from_arrays(indices, texts.dictionary.take(pa.array(used)))


def _used_codes(codes: Ints, count: int) -> Ints:
    """Which of so many codes occur, in their order; -1 is none."""
    if len(codes) * _FEW < count:
        used: Ints = np.unique(codes)
        return used[used >= 0]
    # One more, for -1.
    is_used = np.zeros(count + 1, np.bool_)
    is_used[codes] = True
    return np.flatnonzero(is_used[:-1])


def _is_text(column: pa.ChunkedArray) -> bool:
    return bool(pa.types.is_string(column.type) or pa.types.is_dictionary(column.type))


def ranks_of(column: pa.ChunkedArray) -> Ints:
    """For each row of texts, days or times a number in the order of its value; NULL comes last."""
    if _is_text(column):
        texts = as_dictionary(column)
        ranks = np.full(len(texts.dictionary) + 1, len(texts.dictionary))
        ranks[to_numpy(pc.sort_indices(texts.dictionary)).astype(np.int64)] = np.arange(
            len(texts.dictionary)
        )
        return ranks[codes_of(texts)]
    values: Ints = to_numpy(column.combine_chunks(), null=-1).astype(np.int64)
    if column.null_count:
        values[to_numpy(column.is_null().combine_chunks())] = np.iinfo(np.int64).max
    return values


def sort_order(columns: Sequence[pa.ChunkedArray]) -> pa.Array:
    """The positions of rows with these columns in ascending order; equal rows stay in their order."""
    return pa.array(np.lexsort([ranks_of(column) for column in reversed(columns)]))


def are_sorted(columns: Sequence[pa.ChunkedArray]) -> bool:
    """Whether rows with these columns are in ascending order, NULL last; much less work than `sort_order`."""
    # Rows that equal the next one in all columns so far.
    rows = np.arange(max(0, len(columns[0]) - 1))
    for column in columns:
        texts = as_dictionary(column) if _is_text(column) else None
        values = codes_of(texts) if texts is not None else ranks_of(column)
        changes = rows[values[rows] != values[rows + 1]]
        before, after = values[changes], values[changes + 1]
        if texts is None and (before > after).any():
            return False
        if texts is not None and _descends(texts.dictionary, before, after):
            return False
        rows = rows[values[rows] == values[rows + 1]]
    return True


def _descends(distinct: pa.StringArray, before: Ints, after: Ints) -> bool:
    """Whether a text is greater than the one after it, by their codes; -1 is NULL, and greater than all."""
    if (before < 0).any():
        return True
    are_texts = after >= 0
    texts, next_texts = (
        distinct.take(pa.array(codes[are_texts])) for codes in (before, after)
    )
    return bool(pc.any(pc.greater(texts, next_texts)).as_py())


def group_bounds(
    columns: Sequence[pa.ChunkedArray],
) -> Iterator[tuple[tuple[Any, ...], int, int]]:
    """The distinct rows of some columns, none of them NULL, that are in order; and where each begins and ends."""
    is_first = np.zeros(len(columns[0]), np.bool_)
    is_first[:1] = True
    for column in columns:
        ranks = ranks_of(column)
        is_first[1:] |= ranks[1:] != ranks[:-1]
    for start, end in pairwise([*np.flatnonzero(is_first).tolist(), len(is_first)]):
        yield tuple(column[start].as_py() for column in columns), start, end
