"""Keys come out of the log as they are in the bucket."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.parser.fast.keys import decode_keys
from etl.parser.keys import decode_key, decode_layers, encode_key

OPERATIONS = ["REST.GET.OBJECT", "WEBSITE.GET.OBJECT", "BATCH.DELETE.OBJECT", "S3.EXPIRE.OBJECT"]


@pytest.mark.parametrize(
    ("operation", "logged", "key"),
    [
        ("REST.GET.OBJECT", "release%253D2025-12-01/a", "release=2025-12-01/a"),
        ("REST.GET.OBJECT", "a%2522b", 'a"b'),
        ("REST.GET.OBJECT", "SRR9154112/*.fastq*", "SRR9154112/*.fastq*"),
        ("REST.PUT.OBJECT", "a%252Bb%2Bc", "a+b c"),
        ("BATCH.DELETE.OBJECT", "Screen+Shot+1%3A2.png", "Screen Shot 1:2.png"),
        ("S3.EXPIRE.OBJECT", "a%2Bb", "a+b"),
        ("S3.EXPIRE.OBJECT", "100%25", "100%"),
    ],
)
def test_decoding_depends_on_the_operation(operation: str, logged: str, key: str) -> None:
    """Lifecycle and batch deletes log keys encoded once, everything else twice."""
    assert decode_key(logged, operation) == (key, True)


@pytest.mark.parametrize(
    ("operation", "logged", "key"),
    [
        ("REST.GET.OBJECT", "100%zz", "100%zz"),
        ("REST.GET.OBJECT", "100%25zz", "100%zz"),
        ("REST.GET.OBJECT", "caf%25E9", "caf%E9"),
        ("S3.EXPIRE.OBJECT", "caf%E9", "caf%E9"),
    ],
)
def test_a_layer_that_does_not_decode_stays(operation: str, logged: str, key: str) -> None:
    """A malformed escape, or bytes that are not UTF-8, stop the decoding there, and are noted."""
    assert decode_key(logged, operation) == (key, False)


@given(st.text(min_size=1), st.sampled_from(OPERATIONS))
def test_every_key_survives_the_round_trip(key: str, operation: str) -> None:
    """Decoding undoes the encoding for any key and operation."""
    assert decode_key(encode_key(key, operation), operation) == (key, True)


@given(
    st.lists(st.lists(st.sampled_from([*"%25Fg+/a\n", "\xe9", "%25", "%2B", "%C3", "%A9", "%00"])).map("".join)),
    st.sampled_from([1, 2]),
    st.integers(0, 3),
)
def test_many_keys_are_decoded_as_each_of_them(logged: list[str], layers: int, start: int) -> None:
    """Well-formed or not, UTF-8 or not, wherever in an array."""
    keys, are_done = decode_keys(pa.array(logged, pa.string())[start:], layers)
    keys.validate(full=True)
    expected = [decode_layers(one, layers) for one in logged[start:]]
    assert list(zip(keys.to_pylist(), are_done.tolist(), strict=True)) == expected
