"""Orders of rows."""

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from etl.arrow import are_sorted, compacted, sort_order

ROWS = st.lists(
    st.tuples(st.sampled_from(["a", "b", None]), st.sampled_from([1, 2, None]), st.sampled_from("xyz")), max_size=6
)
TYPES = (pa.string(), pa.timestamp("us"), pa.dictionary(pa.int32(), pa.string()))


def _table(rows: list[tuple[str | None, int | None, str]]) -> pa.Table:
    columns = zip(*rows, strict=True) if rows else [()] * len(TYPES)
    return pa.table({str(kind): pa.array(values, kind) for values, kind in zip(columns, TYPES, strict=True)})


@given(ROWS)
def test_whether_rows_are_sorted(rows: list[tuple[str | None, int | None, str]]) -> None:
    """Just where sorting them would leave each in its place; NULL comes last."""
    table = _table(rows)
    order = np.array(sort_order(table.columns))
    assert are_sorted(table.columns) == bool((np.diff(order) == 1).all())
    assert are_sorted(table.take(pa.array(order)).columns)


@given(st.lists(st.integers(0, 299) | st.none(), max_size=5), st.integers(1, 300))
def test_compacted_dictionaries_have_just_the_texts_of_the_rows(codes: list[int | None], size: int) -> None:
    """Few rows out of many texts, or many out of few."""
    indices = pa.array([code if code is None else code % size for code in codes], pa.int32())
    texts = pa.DictionaryArray.from_arrays(indices, pa.array(map(str, range(size))))
    column = compacted(pa.table({"text": texts}))["text"]
    assert column.to_pylist() == texts.to_pylist()
    (chunk,) = column.chunks
    assert set(chunk.dictionary.to_pylist()) == set(texts.to_pylist()) - {None}
