"""Regular log lines, a block at a time, at Arrow speed.

A line is regular where its bytes leave one reading only: printable ASCII; six quotes, at the places where URI,
referrer and user agent begin and end, or none at all; single spaces outside quotes; a number of fields that lines
have had; a time in UTC; plain numbers. This is decided with numpy, from the positions of spaces, quotes and line
feeds, for all lines of a block at once. `pyarrow.csv` then splits and types them. Every other line is left to
`etl.line`, which reads a regular one just the same.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from etl.arrays import array_of, codes_of, from_numpy, indices_of, mask_of, to_numpy
from etl.keys import ENCODED_ONCE, decode_layers
from etl.line import MONTHS, SIGNATURE, Note, is_bucket
from etl.schema import LOG_FIELDS, TEXT

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Bytes = npt.NDArray[np.uint8]

_SPACE, _QUOTE, _FEED, _BRACKET, _DASH, _SLASH, _COLON = b' "\n[-/:'
_QUOTES = 6
_HEAD_SPACES = 9
"""Spaces before the URI; one of them is inside the time."""
_COUNT_SPACES = 7
"""Spaces around the six fields from status to turn-around time."""
_UNQUOTED_SPACES = 17
"""Spaces before the version id where no field is quoted."""
_TIME_SPAN = 29
"""From the space before the time to the one after it."""
_TIME = np.frombuffer(b"[00/Mmm/0000:00:00:00 +0000]", np.uint8)
_TIME_DIGITS = np.flatnonzero(ord("0") == _TIME)[:12]
_TIME_FIXED = np.array([at for at in range(len(_TIME)) if at not in {*_TIME_DIGITS, 4, 5, 6}])
_MONTH_CODES = np.array([int.from_bytes(name.encode()) for name in MONTHS])
_TAIL_LENGTHS = (0, 1, 6, 7, 8, 9, 10)

_NOT_A_FILE = re.compile("[^:]+")

_DICTIONARY = pa.dictionary(pa.int32(), pa.string())
_PLAIN = frozenset({"time", "request_id", "request_uri", "version_id", "host_id"})
"""Text that hardly repeats; the other texts are dictionaries."""
FIELDS: dict[str, pa.DataType] = {
    name: kind if kind != TEXT or name in _PLAIN else _DICTIONARY for name, kind in LOG_FIELDS.items()
}
"""The columns of regular records."""
_NAMES = [name for name in LOG_FIELDS if name not in ("time", "key_encoded", "extra_fields", "parse_note")]
_COLUMNS = [*_NAMES[:2], "_time", "_offset", *_NAMES[2:]]
_READ = {name: FIELDS[name] for name in _NAMES}


@dataclass(frozen=True, slots=True)
class Block:
    """The lines of a block of text that ends with a line feed."""

    data: bytes
    starts: Ints
    """Where each line starts."""
    ends: Ints
    """Where its line feed is."""


def split_block(data: bytes) -> tuple[Block, "_Marks"]:
    """The lines of `data`, and where in it everything is that decides how a line is read."""
    text = np.frombuffer(data, np.uint8)
    interesting = text <= _SPACE
    interesting |= text == _QUOTE
    interesting |= text > ord("~")
    positions = np.flatnonzero(interesting)
    kinds = text[positions]
    feeds = np.flatnonzero(kinds == _FEED)
    ends = positions[feeds]
    starts = np.concatenate(([0], ends[:-1] + 1))
    return Block(data, starts, ends), _Marks(text, positions, kinds, feeds)


@dataclass(frozen=True, slots=True)
class _Marks:
    """Spaces, quotes, line feeds and unusual bytes of a block, in order."""

    text: Bytes
    positions: Ints
    kinds: Bytes
    feeds: Ints
    """Which of the marks are line feeds."""


@dataclass(frozen=True, slots=True)
class _Candidates:
    """Lines that may be regular: for each its number, and marks in it."""

    lines: Ints
    first: Ints
    """The first mark, a space."""
    counts: Ints
    """The space before the status."""
    tail: Ints
    """The first mark after the user agent: a space, or the line feed."""
    feed: Ints

    def where(self, mask: Bools) -> "_Candidates":
        return _Candidates(*(getattr(self, name)[mask] for name in ("lines", "first", "counts", "tail", "feed")))


def read_regular(block: Block, marks: _Marks) -> Iterator[tuple[Ints, pa.RecordBatch]]:
    """Line numbers and records of the regular lines, those with as many fields together."""
    firsts = np.concatenate(([0], marks.feeds[:-1] + 1))
    quotes = np.flatnonzero(marks.kinds == _QUOTE)
    quotes_before = np.searchsorted(quotes, firsts)
    counts = np.searchsorted(quotes, marks.feeds) - quotes_before
    usual = ~_has_unusual(block, marks, firsts)
    for candidates in (
        _quoted(marks, firsts, quotes, quotes_before, np.flatnonzero(usual & (counts == _QUOTES))),
        _unquoted(marks, firsts, np.flatnonzero(usual & (counts == 0))),
    ):
        regular, times = _check_times(marks, _check_head_and_counts(block, marks, candidates))
        for length in _TAIL_LENGTHS:
            chosen = regular.feed - regular.tail == length
            if chosen.any():
                same, same_times = _check_tail(marks, regular.where(chosen), times[chosen], length)
                yield from _read_lines(block, same.lines, same_times, length)


def _has_unusual(block: Block, marks: _Marks, firsts: Ints) -> Bools:
    """Lines with a control character, a byte beyond ASCII, or what may be the time of a second record."""
    unusual = np.flatnonzero((marks.kinds < _SPACE) & (marks.kinds != _FEED) | (marks.kinds > _QUOTE))
    has = np.searchsorted(unusual, marks.feeds) > np.searchsorted(unusual, firsts)
    brackets = np.flatnonzero(marks.text[:-12] == _BRACKET)
    times = brackets[
        (marks.text[brackets + 3] == _SLASH)
        & (marks.text[brackets + 7] == _SLASH)
        & (marks.text[brackets + 12] == _COLON)
    ]
    has |= np.searchsorted(times, block.ends) - np.searchsorted(times, block.starts) != 1
    return has


def _quoted(marks: _Marks, firsts: Ints, quotes: Ints, before: Ints, lines: Ints) -> _Candidates:
    """Of lines with six quotes those whose quotes have the right number of spaces around them."""
    at = quotes[before[lines][:, None] + np.arange(_QUOTES)]
    first, feed = firsts[lines], marks.feeds[lines]
    right = at[:, 0] - first == _HEAD_SPACES
    right &= at[:, 2] - at[:, 1] == _COUNT_SPACES + 1
    right &= at[:, 4] - at[:, 3] == 2  # noqa: PLR2004 - the one space between referrer and user agent
    at, first, feed, lines = at[right], first[right], feed[right], lines[right]
    position = marks.positions
    # Next to each other: space and opening quote, closing quote and space.
    right = position[at[:, 0]] - position[at[:, 0] - 1] == 1
    right &= position[at[:, 1] + 1] - position[at[:, 1]] == 1
    right &= position[at[:, 2]] - position[at[:, 2] - 1] == 1
    right &= position[at[:, 4]] - position[at[:, 3]] == 2  # noqa: PLR2004
    right &= position[at[:, 5] + 1] - position[at[:, 5]] == 1
    for opening in (0, 2, 4):
        # A text that begins with a space could make its own quote look like the end of the URI.
        after = at[:, opening] + 1
        right &= (position[after] - position[at[:, opening]] > 1) | (marks.kinds[after] == _QUOTE)
    return _Candidates(lines, first, at[:, 1] + 1, at[:, 5] + 1, feed).where(right)


def _unquoted(marks: _Marks, firsts: Ints, lines: Ints) -> _Candidates:
    """Of lines without quotes those whose URI, referrer and user agent are each a dash."""
    lines = lines[marks.feeds[lines] - firsts[lines] >= _UNQUOTED_SPACES]
    first, feed = firsts[lines], marks.feeds[lines]
    right = np.ones(len(lines), np.bool_)
    for field in (_HEAD_SPACES - 1, _HEAD_SPACES + _COUNT_SPACES - 1, _HEAD_SPACES + _COUNT_SPACES):
        here = marks.positions[first + field]
        right &= marks.positions[first + field + 1] - here == 2  # noqa: PLR2004
        right &= marks.text[here + 1] == _DASH
    return _Candidates(lines, first, first + _HEAD_SPACES, first + _UNQUOTED_SPACES, feed).where(right)


def _check_head_and_counts(block: Block, marks: _Marks, lines: _Candidates) -> _Candidates:
    """No empty field among the first nine; status and numbers are plain, or dashes."""
    spaces = marks.positions[lines.first[:, None] + np.arange(_HEAD_SPACES)]
    right = spaces[:, 0] > block.starts[lines.lines]
    right &= (np.diff(spaces, axis=1) > 1).all(axis=1)
    spaces = marks.positions[lines.counts[:, None] + np.arange(_COUNT_SPACES)]
    lengths = np.diff(spaces, axis=1) - 1
    right &= (lengths > 0).all(axis=1)
    begins = marks.text[spaces[:, :-1] + 1]
    dash = (lengths == 1) & (begins == _DASH)
    digit = (begins >= ord("1")) & (begins <= ord("9")) | (lengths == 1) & (begins == ord("0"))
    right &= dash[:, 0] | (lengths[:, 0] == 3) & digit[:, 0]  # noqa: PLR2004 - an HTTP status
    right &= (dash[:, 2:] | digit[:, 2:]).all(axis=1)
    return lines.where(right)


def _check_tail(marks: _Marks, lines: _Candidates, times: Ints, length: int) -> tuple[_Candidates, Ints]:
    """No empty field after the user agent."""
    gaps = np.diff(marks.positions[lines.tail[:, None] + np.arange(length + 1)], axis=1)
    right = (gaps > 1).all(axis=1)
    return lines.where(right), times[right]


def _check_times(marks: _Marks, lines: _Candidates) -> tuple[_Candidates, Ints]:
    """Lines with a valid time in UTC, and these times in microseconds since 1970."""
    before = marks.positions[lines.first + 1]
    lines = lines.where(marks.positions[lines.first + 3] - before == _TIME_SPAN)
    text = marks.text[marks.positions[lines.first + 1][:, None] + np.arange(1, _TIME_SPAN)]
    right = (text[:, _TIME_FIXED] == _TIME[_TIME_FIXED]).all(axis=1)
    digits = text[:, _TIME_DIGITS].astype(np.int64) - ord("0")
    right &= ((digits >= 0) & (digits <= 9)).all(axis=1)  # noqa: PLR2004
    day, year, hour, minute, second = (
        digits[:, part] @ 10 ** np.arange(part.stop - part.start)[::-1]
        for part in (slice(0, 2), slice(2, 6), slice(6, 8), slice(8, 10), slice(10, 12))
    )
    name = (text[:, 4].astype(np.int64) << 16) | (text[:, 5].astype(np.int64) << 8) | text[:, 6]
    month = (name[:, None] == _MONTH_CODES).argmax(axis=1)
    right &= _MONTH_CODES[month] == name
    right &= (year > 0) & (hour < 24) & (minute < 60) & (second < 60)  # noqa: PLR2004
    begins = (year - 1970).astype("datetime64[Y]").astype("datetime64[M]") + month
    days = begins.astype("datetime64[D]").astype(np.int64) + day - 1
    next_month = (begins + 1).astype("datetime64[D]").astype(np.int64)
    right &= (day > 0) & (days < next_month)
    seconds = ((days * 24 + hour) * 60 + minute) * 60 + second
    return lines.where(right), seconds[right] * 1_000_000


def _read_lines(block: Block, lines: Ints, times: Ints, tail_length: int) -> Iterator[tuple[Ints, pa.RecordBatch]]:
    """Split and type lines of one shape. Yields nothing where a number is none: the exact parser tells which."""
    columns = _COLUMNS[: len(_COLUMNS) - 10 + tail_length]
    try:
        table = pacsv.read_csv(
            pa.BufferReader(_text_of(block, lines)),
            read_options=pacsv.ReadOptions(use_threads=False, column_names=columns, block_size=max(1, len(block.data))),
            parse_options=pacsv.ParseOptions(delimiter=" ", double_quote=False, escape_char=False),
            convert_options=pacsv.ConvertOptions(
                column_types=_READ,
                null_values=["-", ""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=True,
                check_utf8=False,
                include_columns=_NAMES,
                include_missing_columns=True,
            ),
        )
    except pa.ArrowInvalid:
        return
    (batch,) = table.to_batches()
    columns_of = dict(zip(batch.schema.names, batch.columns, strict=True))
    columns_of["time"] = from_numpy(times, pa.timestamp("us"))
    right = _is_in_domain(columns_of)
    nothing = {name: pa.nulls(len(batch), FIELDS[name]) for name in ("key_encoded", "extra_fields", "parse_note")}
    records = pa.RecordBatch.from_arrays([{**columns_of, **nothing}[name] for name in FIELDS], schema=pa.schema(FIELDS))
    if not right.all():
        records, lines = records.filter(mask_of(right)), lines[right]
    if len(lines):
        yield lines, records


def _text_of(block: Block, lines: Ints) -> pa.Buffer:
    """The text of some lines; of all of them without a copy."""
    whole = pa.py_buffer(block.data)
    if len(lines) == len(block.starts):
        return whole
    breaks = np.flatnonzero(np.diff(lines) != 1)
    run_starts = block.starts[lines[np.concatenate(([0], breaks + 1))]].tolist()
    run_ends = block.ends[lines[np.concatenate((breaks, [len(lines) - 1]))]].tolist()
    view = memoryview(block.data)
    return pa.py_buffer(b"".join(view[start : end + 1] for start, end in zip(run_starts, run_ends, strict=True)))


def decode_keys(records: pa.Table) -> pa.Table:
    """Regular records with their keys decoded, once for each distinct key and number of layers.

    `key_encoded` keeps the logged form where it differs; a key that does not decode is noted.
    """
    keys, operations = (records[name].unify_dictionaries().combine_chunks() for name in ("key", "operation"))
    may_differ = to_numpy(pc.match_substring_regex(keys.dictionary, "[%+]"))
    codes = codes_of(keys)
    encoded = np.flatnonzero(may_differ[codes] & (codes >= 0)) if len(may_differ) else codes[:0]
    if not len(encoded):
        return records
    is_once = np.append(to_numpy(pc.match_substring_regex(operations.dictionary, ENCODED_ONCE)), [False])  # NULL: last
    once = is_once[codes_of(operations)[encoded]]
    pairs, of_row = np.unique(codes[encoded] * 2 + once, return_inverse=True)
    logged = keys.dictionary.take(from_numpy(pairs // 2, pa.int64())).to_pylist()
    results = [decode_layers(text, 1 if pair % 2 else 2) for text, pair in zip(logged, pairs.tolist(), strict=True)]
    differs = np.array([key != text for (key, _), text in zip(results, logged, strict=True)], np.bool_)[of_row]
    failed = np.array([not done for _, done in results], np.bool_)[of_row]

    decoded = array_of([key for key, _ in results], TEXT)
    key_codes = codes.copy()
    key_codes[encoded] = len(keys.dictionary) + of_row
    encoded_codes = np.full(len(codes), -1)
    encoded_codes[encoded[differs]] = codes[encoded[differs]]
    note_codes = np.full(len(codes), -1)
    note_codes[encoded[failed]] = 0
    for name, new_codes, dictionary in (
        ("key", key_codes, pa.concat_arrays([keys.dictionary, decoded])),
        ("key_encoded", encoded_codes, keys.dictionary),
        ("parse_note", note_codes, array_of([Note.UNDECODED_KEY], TEXT)),
    ):
        column = pa.DictionaryArray.from_arrays(indices_of(new_codes), dictionary)
        records = records.set_column(records.schema.get_field_index(name), name, column)
    return records


def _is_in_domain(columns: dict[str, Any]) -> Bools:
    """Rows with a possible bucket, an owner that is no file name, and the signature where it should be."""
    right = np.ones(len(columns["bucket"]), np.bool_)
    for name, is_good, null_is_good in (
        ("bucket", is_bucket, False),
        ("bucket_owner", _NOT_A_FILE.fullmatch, True),
        ("signature_version", SIGNATURE.fullmatch, True),
    ):
        good = [bool(is_good(value)) for value in columns[name].dictionary.to_pylist()]
        right &= np.array([*good, null_is_good], np.bool_)[codes_of(columns[name])]  # the last one is for NULL
    return right
