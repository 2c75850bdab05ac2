"""Object keys, many decoded at a time."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from etl.arrow import Bools, Ints
from etl.fields import TEXT
from etl.parser.keys import decode_layers

_Bytes = npt.NDArray[np.uint8]

_PERCENT, _PLUS, _SPACE = b"%+ "
_FIRST_NOT_ASCII = 0x80
_NO_DIGIT = 0xFF
# The value of each byte as a hexadecimal digit.
_DIGITS = np.full(256, _NO_DIGIT, np.uint8)
_DIGITS[list(b"0123456789abcdef")] = range(16)
_DIGITS[list(b"ABCDEF")] = range(10, 16)


def decode_keys(logged: pa.StringArray, layers: int) -> tuple[pa.StringArray, Bools]:
    """What `decode_layers` makes of each text: the keys, and of which all layers came off."""
    keys, is_well = logged, np.ones(len(logged), np.bool_)
    if layers > 1:
        keys, is_well = _unescape(keys)
    keys, is_inner_well = _unescape(_with_spaces(keys))
    is_well &= is_inner_well
    # Few are malformed. What becomes of those is said in one place.
    others = logged.filter(pa.array(~is_well)).to_pylist()
    decoded = [decode_layers(text, layers) for text in others]
    values = pa.array([key.encode() for key, _ in decoded], pa.binary())
    keys = pc.replace_with_mask(keys, pa.array(~is_well), values)
    is_well[~is_well] = [done for _, done in decoded]
    return keys.cast(TEXT), is_well


def _with_spaces(texts: pa.Array) -> pa.BinaryArray:
    data, offsets = _data_of(texts)
    return _texts_of(np.where(data == _PLUS, np.uint8(_SPACE), data), offsets)


def _unescape(texts: pa.Array) -> tuple[pa.BinaryArray, Bools]:
    """Texts with percent escapes decoded, and which of them are well-formed and surely UTF-8; others may be neither."""
    data, offsets = _data_of(texts)
    at = np.flatnonzero(data == _PERCENT)
    before = np.searchsorted(at, offsets)
    ends = np.repeat(offsets[1:], np.diff(before))
    padded = np.append(data, np.zeros(2, np.uint8))
    high, low = _DIGITS[padded[at + 1]], _DIGITS[padded[at + 2]]
    is_escape = (high != _NO_DIGIT) & (low != _NO_DIGIT) & (at + 2 < ends)
    is_well = ~_any_between(~is_escape, before)

    at, high, low = at[is_escape], high[is_escape], low[is_escape]
    decoded = data.copy()
    decoded[at] = high << 4 | low
    is_kept = np.ones(len(data), np.bool_)
    is_kept[at + 1] = is_kept[at + 2] = False
    decoded, offsets = decoded[is_kept], offsets - 2 * np.searchsorted(at, offsets)
    unescaped = _texts_of(decoded, offsets)
    if not _is_utf8(unescaped):
        is_well &= ~_any_between(decoded >= _FIRST_NOT_ASCII, offsets)
    return unescaped, is_well


def _any_between(flags: Bools, bounds: Ints) -> Bools:
    """Whether any flag is set between each two neighbors of `bounds`."""
    set_before = np.append(0, np.cumsum(flags))
    any_between: Bools = np.diff(set_before[bounds]) > 0
    return any_between


def _is_utf8(texts: pa.BinaryArray) -> bool:
    try:
        texts.cast(TEXT)
    except pa.ArrowInvalid:
        return False
    return True


def _data_of(texts: pa.Array) -> tuple[_Bytes, Ints]:
    """The bytes of texts, none of which is NULL, and where each begins, and the last one ends."""
    _, offset_buffer, data_buffer = texts.buffers()
    offsets = np.frombuffer(offset_buffer, np.int32)
    offsets = offsets[texts.offset : texts.offset + len(texts) + 1].astype(np.int64)
    data = np.frombuffer(data_buffer or b"", np.uint8)[offsets[0] : offsets[-1]]
    return data, offsets - offsets[0]


def _texts_of(data: _Bytes, offsets: Ints) -> pa.BinaryArray:
    buffers = [None, pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(data)]
    return pa.Array.from_buffers(pa.binary(), len(offsets) - 1, buffers)
