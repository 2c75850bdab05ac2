"""Regular log lines, a block at a time, at the speed of numpy and Arrow.

A line is regular where its bytes leave one reading only: printable ASCII; six quotes, at the places where URI,
referrer and user agent begin and end, or none at all; single spaces outside quotes; a number of fields that lines
have had; a time in UTC; plain numbers. This is decided from the positions of spaces, quotes and line feeds, for all
lines of a block at once, and the same positions cut the columns out of the block. Fields that hardly vary
together are cut out as one text, which is read once for all lines that share it. Every other line is left to
`etl.line`, which reads a regular one just the same.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from etl.arrays import (
    Bools,
    Ints,
    array_of,
    as_dictionary,
    codes_of,
    from_numpy,
    indices_of,
    mask_of,
    where_text,
    with_nulls,
)
from etl.keys import decode_layers, is_encoded_once
from etl.line import (
    BARE_OPERATIONS,
    BEFORE_TAIL,
    CLOUDFRONT_IDENTITY,
    SIGNATURE,
    TAIL_LENGTH,
    TAIL_LENGTHS,
    Note,
    Record,
    RejectError,
    Value,
    is_bucket,
    parse_time,
)
from etl.schema import LOG_FIELDS, TEXT

Bytes = npt.NDArray[np.uint8]
Words = npt.NDArray[np.uint64]

_SPACE, _QUOTE, _FEED, _DASH, _EXCLAMATION, _BRACKET, _SLASH, _COLON = b' "\n-![/:'
_QUOTES = 6
_HEAD_SPACES = 9
"""Spaces before the URI; one of them is inside the time."""
_IDENTITY_SPACES = 4
"""Spaces inside the only requester that has any."""
_COUNT_SPACES = 7
"""Spaces around the six fields from status to turn-around time."""
_TIME_SPAN = 29
"""From the space before the time to the one after it."""

_DICTIONARY = pa.dictionary(pa.int32(), TEXT)
_PLAIN = frozenset({"request_id", "request_uri", "version_id", "host_id"})
"""Text that hardly repeats; the other texts are dictionaries, which take a fraction of the memory."""
FIELDS: dict[str, pa.DataType] = {
    name: kind if kind != TEXT or name in _PLAIN else _DICTIONARY for name, kind in LOG_FIELDS.items()
}
"""The columns of records."""


@dataclass(frozen=True, slots=True)
class Block:
    """Lines of text, each with its line feed, and the marks in it: spaces, quotes, and what no regular line has."""

    data: bytes
    text: Bytes
    positions: Ints
    """Of the marks."""
    kinds: Bytes
    """The marks themselves."""
    feeds: Ints
    """Which of the marks are line feeds."""
    starts: Ints
    """Where each line starts."""
    ends: Ints
    """Where its line feed is."""


def split_block(data: bytes) -> Block:
    """The lines of `data`, and where in it everything is that decides how a line is read."""
    text = np.frombuffer(data, np.uint8)
    # Up to the quote, or beyond the tilde: in one comparison, as the difference wraps around.
    positions = np.flatnonzero(text - np.uint8(_QUOTE + 1) > ord("~") - _QUOTE - 1)
    kinds = text[positions]
    if (kinds == _EXCLAMATION).any():
        positions = positions[kinds != _EXCLAMATION]
        kinds = text[positions]
    feeds = np.flatnonzero(kinds == _FEED)
    ends = positions[feeds]
    return Block(data, text, positions, kinds, feeds, starts=_after_each(ends), ends=ends)


def _after_each(ends: Ints) -> Ints:
    """Where lines begin that end there."""
    return np.concatenate(([0], ends[:-1] + 1))


@dataclass(frozen=True, slots=True)
class _Lines:
    """Lines that may be regular, and the positions in the block where their fields begin and end.

    Every array has a column for each line; the first axis of those with two is over fields.
    """

    number: Ints
    head: Ints
    """Of 9 spaces: after owner and bucket, in and after the time, after address, requester, id, operation and key."""
    texts: Ints
    """Begin and end of URI, referrer and user agent, without quotes."""
    counts: Ints
    """Of the 7 spaces around status, error code and the four numbers."""
    tail: Ints
    """After the user agent, the version id and the host id: a space, or the line feed."""
    tail_length: Ints
    """How many fields follow the user agent."""

    def where(self, mask: Bools) -> "_Lines":
        return self if mask.all() else _Lines(*(getattr(self, one.name)[..., mask] for one in fields(self)))


def read_regular(block: Block) -> Iterator[tuple[Ints, pa.RecordBatch]]:
    """The regular lines of a block, by their numbers, and their columns as cut out; `expand` makes records of them."""
    firsts = _after_each(block.feeds)
    quotes = np.flatnonzero(block.kinds == _QUOTE)
    before = np.searchsorted(quotes, firsts)
    count = np.searchsorted(quotes, block.feeds) - before
    usual = _are_usual(block, firsts)
    quoted = np.flatnonzero(usual & (count == _QUOTES))
    at = quotes[_from(before[quoted], _QUOTES)]
    unquoted = np.flatnonzero(usual & (count == 0))
    for lines, is_quoted in (
        (_quoted(block, firsts[quoted], at, quoted), True),
        (_unquoted(block, firsts[unquoted], unquoted), False),
    ):
        if len(lines.number):
            whole, times = _read_times(block, _without_empty(block, lines))
            whole, numbers = _read_numbers(block, whole, times)
            if len(whole.number):
                yield _cut(block, whole, numbers, is_quoted=is_quoted)


def _from(first: Ints, count: int) -> Ints:
    """For each mark its number and those of the next ones, `count` in all."""
    return first + np.arange(count)[:, None]


def _are_usual(block: Block, firsts: Ints) -> Bools:
    """Which lines are printable ASCII."""
    unusual = np.flatnonzero((block.kinds < _SPACE) & (block.kinds != _FEED) | (block.kinds > _QUOTE))
    are: Bools = np.searchsorted(unusual, block.feeds) == np.searchsorted(unusual, firsts)
    return are


def _quoted(block: Block, first: Ints, at: Ints, lines: Ints) -> _Lines:
    """Of lines with six quotes those with the right spaces around; `first` is their first mark, `at` are the quotes."""
    spaces = at[0] - first
    right = (spaces == _HEAD_SPACES) | (spaces == _HEAD_SPACES + _IDENTITY_SPACES)
    right &= at[2] - at[1] == _COUNT_SPACES + 1
    right &= at[4] - at[3] == 2  # noqa: PLR2004 - the one space between referrer and user agent
    at, first, lines = at[:, right], first[right], lines[right]
    position = block.positions
    quotes = position[at]
    # Next to each other: space and opening quote, closing quote and space.
    right = quotes[0] - position[at[0] - 1] == 1
    right &= position[at[1] + 1] - quotes[1] == 1
    right &= quotes[2] - position[at[2] - 1] == 1
    right &= quotes[4] - quotes[3] == 2  # noqa: PLR2004
    right &= position[at[5] + 1] - quotes[5] == 1
    # A text that begins with a space could make its own quote look like the end of the URI.
    right &= (block.text[quotes[::2] + 1] != _SPACE).all(axis=0)
    quotes[::2] += 1
    return _lines(block, lines, first, quotes, at[0], at[1] + 1, at[5] + 1).where(right)


def _unquoted(block: Block, first: Ints, lines: Ints) -> _Lines:
    """Of lines without quotes those whose URI, referrer and user agent are each a dash."""
    right = block.feeds[lines] - first >= BEFORE_TAIL
    first, lines = first[right], lines[right]
    uri, tail = first + _HEAD_SPACES, first + BEFORE_TAIL
    texts = np.stack([block.positions[mark] for end in (uri, tail - 1, tail) for mark in (end - 1, end)])
    texts[::2] += 1
    right = (texts[1::2] - texts[::2] == 1).all(axis=0) & (block.text[texts[::2]] == _DASH).all(axis=0)
    return _lines(block, lines, first, texts, uri, uri, tail).where(right)


def _lines(block: Block, lines: Ints, first: Ints, texts: Ints, uri: Ints, counts: Ints, tail: Ints) -> _Lines:
    """`first`, `uri`, `counts` and `tail` are marks: after the owner, at the URI, and after URI and user agent."""
    feed = block.feeds[lines]
    up_to_address = 5
    head = np.concatenate((_from(first, up_to_address), _from(uri + up_to_address - _HEAD_SPACES, 4)))
    return _Lines(
        lines,
        head=block.positions[head],
        texts=texts,
        counts=block.positions[_from(counts, _COUNT_SPACES)],
        tail=block.positions[np.minimum(_from(tail, 3), feed)],
        tail_length=feed - tail,
    )


_IS_TAIL_LENGTH = np.array([length in TAIL_LENGTHS for length in range(TAIL_LENGTH + 1)])


def _without_empty(block: Block, lines: _Lines) -> _Lines:
    """Lines without an empty field outside quotes, and with a number of fields that lines have had."""
    right = lines.head[0] > block.starts[lines.number]
    right &= (np.diff(lines.head, axis=0) > 1).all(axis=0)
    right &= (np.diff(lines.counts, axis=0) > 1).all(axis=0)
    right &= ((np.diff(lines.tail, axis=0) > 1) | (lines.tail_length < [[1], [2]])).all(axis=0)
    right &= _IS_TAIL_LENGTH[np.minimum(lines.tail_length, TAIL_LENGTH)]
    return lines.where(right)


_CLOCK = int.from_bytes(b"00:00:00", "little")
_CLOCK_LIMIT = int.from_bytes(bytes.fromhex("7676 7f 7676 7f 7676"), "little")
_DIGITS_LIMIT = 0x7676767676767676
_HIGH_BITS = 0x8080808080808080
"""Set where a byte is no digit (9 + 0x76 = 0x7f), or nothing but a colon."""
_ZONE = int.from_bytes(b" +0000]", "little")


def _words(block: Block, at: Ints) -> Words:
    """The eight bytes at each of these positions, the first one lowest."""
    every = np.ndarray((max(0, len(block.text) - 7),), "<u8", block.data, strides=(1,))
    words: Words = every[at]
    return words


def _read_times(block: Block, lines: _Lines) -> tuple[_Lines, Ints]:
    """Lines with a valid time in UTC, and no other that looks like one; and these times in microseconds since 1970."""
    lines = lines.where(lines.head[3] - lines.head[1] == _TIME_SPAN)
    begin = lines.head[1] + 1
    clock = _words(block, begin + 13) ^ np.uint64(_CLOCK)
    right = ((clock + np.uint64(_CLOCK_LIMIT)) | clock) & np.uint64(_HIGH_BITS) == 0
    right &= _words(block, begin + 20) >> np.uint64(8) == _ZONE
    hour, minute, second = ((clock >> 8 * at & 15) * 10 + (clock >> 8 * at + 8 & 15) for at in (0, 3, 6))
    right &= (hour < 24) & (minute < 60) & (second < 60)  # noqa: PLR2004
    midnight = _read_dates(block, begin)
    right &= midnight >= 0
    right &= _are_alone(block, lines)
    times = midnight + ((hour * 60 + minute) * 60 + second).astype(np.int64) * 1_000_000
    return lines.where(right), times[right]


def _read_dates(block: Block, begin: Ints) -> Ints:
    """The midnights of the times that begin there, -1 where a date is none; read once for a run of equal ones."""
    day, year = _words(block, begin), _words(block, begin + 5)
    is_new = np.ones(len(begin), np.bool_)
    is_new[1:] = (day[1:] != day[:-1]) | (year[1:] != year[:-1])
    runs = [_midnight(block.data[at : at + 13]) for at in begin[is_new].tolist()]
    midnights: Ints = np.array(runs, np.int64)[np.cumsum(is_new) - 1]
    return midnights


@lru_cache(maxsize=8192)
def _midnight(date: bytes) -> int:
    """Microseconds since 1970 at the beginning of `[06/Feb/2026:`; -1 where it is none, or before 1970."""
    if not date.startswith(b"["):
        return -1
    try:
        return parse_time(f"{date[1:].decode()}00:00:00 +0000")[0]
    except RejectError:
        return -1


def _are_alone(block: Block, lines: _Lines) -> Bools:
    """Which lines have one text that looks like the time of a record (`[../.../....:`): its own."""
    text = block.text
    brackets = np.flatnonzero(text[:-12] == _BRACKET)
    is_stamp = (text[brackets + 3] == _SLASH) & (text[brackets + 7] == _SLASH) & (text[brackets + 12] == _COLON)
    stamps = brackets[is_stamp]
    starts, ends = block.starts[lines.number], block.ends[lines.number]
    are: Bools = np.searchsorted(stamps, ends) - np.searchsorted(stamps, starts) == 1
    return are


_NUMBERS = ("bytes_sent", "object_size", "total_time", "turn_around_time")
_LIMITS = np.array([[10**16], [10**16], [2**31], [2**31]])
_WORD = 8


def _read_numbers(block: Block, lines: _Lines, times: Ints) -> tuple[_Lines, dict[str, pa.Array]]:
    """Lines whose numbers are plain, of at most 16 digits, or dashes; and the columns of these and the times."""
    begin, end = lines.counts[2:-1] + 1, lines.counts[3:]
    length = end - begin
    first = block.text[begin]
    is_null = (length == 1) & (first == _DASH)
    values, right = _eight_digits(_words(block, end - _WORD), length)
    if (is_long := length > _WORD).any():
        high, high_right = _eight_digits(_words(block, end - 2 * _WORD), length - _WORD)
        values = np.where(is_long, high * 10**_WORD + values, values)
        right &= ~is_long | high_right & (length <= 2 * _WORD)
    right &= ((first != ord("0")) | (length == 1)) & (values < _LIMITS)
    right |= is_null
    kept: Bools = np.logical_and.reduce(right, axis=0)
    columns = {"time": from_numpy(times[kept], pa.timestamp("us"))}
    for at, name in enumerate(_NUMBERS):
        columns[name] = with_nulls(from_numpy(values[at, kept], FIELDS[name]), is_null[at, kept])
    return lines.where(kept), columns


def _eight_digits(words: Words, length: Ints) -> tuple[Ints, Bools]:
    """The number in the last `length` bytes of each word, all of them if there are more; and whether it is one."""
    unused = (np.clip(_WORD - length, 0, _WORD - 1) * 8).astype(np.uint64)
    digits = (words ^ np.uint64(int.from_bytes(b"0" * _WORD))) >> unused << unused
    right = ((digits + np.uint64(_DIGITS_LIMIT)) | digits) & np.uint64(_HIGH_BITS) == 0
    # Neighbours are joined: digits to pairs, pairs to fours, fours to eight.
    pairs = (digits * np.uint64(10 * 2**8 + 1)) >> np.uint64(8) & np.uint64(0x00FF00FF00FF00FF)
    fours = (pairs * np.uint64(100 * 2**16 + 1)) >> np.uint64(16) & np.uint64(0x0000FFFF0000FFFF)
    eight = (fours * np.uint64(10_000 * 2**32 + 1)) >> np.uint64(32)
    return eight.astype(np.int64), right


@lru_cache(maxsize=8192)
def _read_place(text: str) -> Record | None:
    """Owner and bucket; None where they cannot be such."""
    owner, _, bucket = text.partition(" ")
    return (owner, bucket) if ":" not in owner and bucket != "-" and is_bucket(bucket) else None


@lru_cache(maxsize=8192)
def _read_outcome(text: str) -> Record | None:
    """Status and error code; None where the status is no number."""
    status, _, error = text.partition(" ")
    if status == "-":
        return None, error
    return (int(status), error) if re.fullmatch("[0-9]{3}", status) else None


@lru_cache(maxsize=8192)
def _read_rest(text: str) -> Record | None:
    """The fields after the host id, each after a space, and what follows them; None where they cannot be such."""
    values = text.split(" ")[1:]
    if "" in values or (values and not SIGNATURE.fullmatch(values[0])):
        return None
    known = values[: len(_REST) - 1]
    return *known, *[None] * (len(_REST) - 1 - len(known)), " ".join(values[len(_REST) - 1 :]) or None


_REST = (
    *("signature_version", "cipher_suite", "authentication_type", "host_header", "tls_version"),
    *("access_point_arn", "acl_required", "source_region", "extra_fields"),
)
_GROUPS: dict[str, tuple[Callable[[str], Record | None], tuple[str, ...]]] = {
    "place": (_read_place, ("bucket_owner", "bucket")),
    "outcome": (_read_outcome, ("http_status", "error_code")),
    "rest": (_read_rest, _REST),
}
"""Texts that hold several fields: how each is read, and into which columns."""
_may_be_encoded = re.compile("[%+]").search
_is_cloudfront_identity = re.compile(CLOUDFRONT_IDENTITY).fullmatch

_CUT = {name: kind for name, kind in FIELDS.items() if not any(name in columns for _, columns in _GROUPS.values())}
CUT = pa.schema({**dict.fromkeys(_GROUPS, _DICTIONARY), **{k: v for k, v in _CUT.items() if k != "key_encoded"}})
"""The columns of regular lines as they were cut out: groups of fields still one text, dashes not yet NULL."""


def _cut(block: Block, lines: _Lines, columns: dict[str, pa.Array], *, is_quoted: bool) -> tuple[Ints, pa.RecordBatch]:
    """Numbers and columns (`CUT`) of those `lines` whose texts can be what they should be."""
    _, after_bucket, _, after_time, *after_rest = lines.head
    begins = (block.starts[lines.number], *(after + 1 for after in (after_time, *after_rest)))
    names = ("place", "remote_ip", "requester", "request_id", "operation", "key")
    spans = dict(zip(names, zip(begins, (after_bucket, *after_rest), strict=False), strict=True))
    spans["outcome"] = (lines.counts[0] + 1, lines.counts[2])
    for at, name in enumerate(("request_uri", "referrer", "user_agent")):
        spans[name] = (lines.texts[2 * at], lines.texts[2 * at + 1])
    for at, name in enumerate(("version_id", "host_id")):
        spans[name] = (np.minimum(lines.tail[at] + 1, lines.tail[at + 1]), lines.tail[at + 1])
    spans["rest"] = (lines.tail[2], block.ends[lines.number])

    for name, (begin, end) in spans.items():
        column = _texts_between(block, begin, end)
        if name in _PLAIN:
            columns[name] = with_nulls(column, _says_nothing(block, begin, end))
        else:
            columns[name] = column.dictionary_encode()
    field_count = BEFORE_TAIL + np.minimum(lines.tail_length, TAIL_LENGTH)
    columns["field_count"] = from_numpy(field_count.astype(np.int16), FIELDS["field_count"])
    columns["parse_note"] = _note_unusual(_are_unusual(block, lines, columns["operation"], is_quoted=is_quoted))

    right = where_text(columns["requester"], lambda text: " " not in text or _is_cloudfront_identity(text))
    for name, (read, _) in _GROUPS.items():
        right &= where_text(columns[name], read)
    cut = pa.RecordBatch.from_arrays([columns[name] for name in CUT.names], schema=CUT)
    return (lines.number, cut) if right.all() else (lines.number[right], cut.filter(mask_of(right)))


def _texts_between(block: Block, begin: Ints, end: Ints) -> pa.StringArray:
    """The texts that begin and end there, line after line."""
    offsets = np.empty(2 * len(begin) + 1, np.int32)
    offsets[:-1:2], offsets[1::2], offsets[-1] = begin, end, end[-1]
    # An array over the block itself, of these texts and what is between them; every other one is taken out.
    both = pa.Array.from_buffers(TEXT, 2 * len(begin), [None, pa.py_buffer(offsets), pa.py_buffer(block.data)])
    return both.take(from_numpy(np.arange(0, 2 * len(begin), 2), pa.int32()))


def _says_nothing(block: Block, begin: Ints, end: Ints) -> Bools:
    """Which texts are a dash, or empty."""
    nothing: Bools = (begin == end) | ((end - begin == 1) & (block.text[begin] == _DASH))
    return nothing


def _are_unusual(block: Block, lines: _Lines, operations: pa.DictionaryArray, *, is_quoted: bool) -> Bools:
    """Where a missing URI, referrer or user agent is not written as S3 writes it for the operation."""
    is_bare = where_text(operations, BARE_OPERATIONS.__contains__)
    if not is_quoted:
        return ~is_bare
    begin, end = lines.texts[::2], lines.texts[1::2]
    are: Bools = (begin == end).any(axis=0) | is_bare & _says_nothing(block, begin, end).any(axis=0)
    return are


def _note_unusual(is_unusual: Bools) -> pa.DictionaryArray:
    codes = is_unusual.astype(np.int64) - 1
    return pa.DictionaryArray.from_arrays(indices_of(codes), array_of([Note.UNUSUAL_FORM], TEXT))


def expand(cut: pa.Table) -> dict[str, pa.Array | pa.ChunkedArray]:
    """The columns (`FIELDS`, and others that `cut` may have) of records that were cut out (`CUT`)."""
    columns = {name: cut[name] for name in cut.column_names if name in FIELDS or name not in CUT.names}
    for group, (read, names) in _GROUPS.items():
        texts = as_dictionary(cut[group])
        nothing = (None,) * len(names)
        values = [read(text) or nothing for text in texts.dictionary.to_pylist()]
        for at, name in enumerate(names):
            columns[name] = _spread([_or_null(row[at]) for row in values], codes_of(texts), FIELDS[name])
    columns.update(_decode_keys(*(as_dictionary(cut[name]) for name in ("key", "operation", "parse_note"))))
    for name in ("remote_ip", "requester", "referrer", "user_agent"):
        texts = as_dictionary(cut[name])
        columns[name] = _spread([_or_null(text) for text in texts.dictionary.to_pylist()], codes_of(texts), _DICTIONARY)
    return columns


def _or_null(value: Value) -> Value:
    return None if value in ("-", "") else value


def _spread(distinct: Sequence[Value], codes: Ints, kind: pa.DataType) -> pa.Array:
    """The column whose rows have the `distinct` values with these codes; NULL where that is None, or the code -1."""
    if kind != _DICTIONARY:
        return array_of(distinct, kind).take(from_numpy(codes, pa.int64()))
    texts = dict.fromkeys(text for text in distinct if text is not None)
    place = dict(zip(texts, range(len(texts)), strict=True))
    new_codes = np.array([*(-1 if text is None else place[text] for text in distinct), -1])
    return pa.DictionaryArray.from_arrays(indices_of(new_codes[codes]), array_of(list(texts), TEXT))


def _decode_keys(
    keys: pa.DictionaryArray, operations: pa.DictionaryArray, notes: pa.DictionaryArray
) -> dict[str, pa.Array]:
    """The columns of key, operation and note; a key is decoded once for each number of layers that it has.

    `key_encoded` keeps the logged form where it differs; a key that does not decode is noted.
    """
    codes, logged = codes_of(keys), keys.dictionary.to_pylist()
    encoded = np.flatnonzero(where_text(keys, _may_be_encoded))
    once = where_text(operations, is_encoded_once)[encoded]
    pairs, of_row = np.unique(codes[encoded] * 2 + once, return_inverse=True)
    decoded = [(logged[pair // 2], *decode_layers(logged[pair // 2], 2 - pair % 2)) for pair in pairs.tolist()]
    differs = np.array([key != text for text, key, _ in decoded], np.bool_)[of_row]
    failed = np.array([not done for _, _, done in decoded], np.bool_)[of_row]

    key_codes = codes.copy()
    key_codes[encoded] = len(logged) + of_row
    encoded_codes = np.full(len(codes), -1)
    encoded_codes[encoded[differs]] = codes[encoded[differs]]
    note_codes = codes_of(notes)
    note_codes[encoded[failed]] = 1
    names = [_or_null(name) for name in operations.dictionary.to_pylist()]
    return {
        "key": _spread([*map(_or_null, logged), *(key for _, key, _ in decoded)], key_codes, _DICTIONARY),
        "key_encoded": _spread(logged, encoded_codes, _DICTIONARY),
        "operation": _spread(names, codes_of(operations), _DICTIONARY),
        "parse_note": _spread([Note.UNUSUAL_FORM, Note.UNDECODED_KEY], note_codes, _DICTIONARY),
    }
