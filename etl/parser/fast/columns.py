"""Columns sliced out of a block, line after line, and what they become: the columns of records.

Fields that hardly vary together are sliced out as one text, which is parsed once for all lines that share it.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etl.arrow import (
    Bools,
    Ints,
    array_of,
    as_dictionary,
    codes_of,
    dictionary_of,
    to_numpy,
    where_text,
    without_values,
)
from etl.caches import cached_by_text
from etl.fields import CLOUDFRONT_IDENTITY, TEXT
from etl.parser.fast.block import QUOTE, Block, are_dashes
from etl.parser.fast.fields import Lines, Span
from etl.parser.fast.keys import decode_keys
from etl.parser.grammar import (
    BARE_OPERATIONS,
    BEFORE_TRAILING,
    MAPPED_ADDRESS,
    MISSING,
    OFTEN_NEW,
    TRAILING,
    Note,
    Record,
    Value,
    is_signature,
    is_status,
    or_null,
)
from etl.parser.keys import is_encoded_once
from etl.parser.record import plain_address, why_no_bucket
from etl.schema import LOG_FIELDS

_DICTIONARY = pa.dictionary(pa.int32(), TEXT)
# Text that hardly repeats; the other texts are dictionaries, which take a fraction of the memory.
_PLAIN = frozenset({"request_id", "request_uri", "version_id", "host_id"})
TYPES: dict[str, pa.DataType] = {
    name: kind if kind != TEXT or name in _PLAIN else _DICTIONARY
    for name, kind in LOG_FIELDS.items()
}
"""The types of the columns of records."""


@cached_by_text(entries=8192)
def _parse_owner_and_bucket(text: str) -> Record | None:
    owner, _, bucket = text.partition(" ")
    if ":" in owner or why_no_bucket(owner, bucket):
        return None
    return or_null(owner), bucket


@cached_by_text(entries=8192)
def _parse_status_and_error(text: str) -> Record | None:
    status, _, error = text.partition(" ")
    if not is_status(status):
        return None
    return None if status == "-" else int(status), or_null(error)


@cached_by_text(entries=8192)
def _parse_other_trailing(text: str) -> Record | None:
    """The fields after the host id, each after a space, and what follows them."""
    values = text.split(" ")[1:]
    if "" in values or (values and not is_signature(values[0])):
        return None
    known, unknown = values[: len(_OTHER_TRAILING)], values[len(_OTHER_TRAILING) :]
    missing = [None] * (len(_OTHER_TRAILING) - len(known))
    return *map(or_null, known), *missing, " ".join(unknown) or None


@dataclass(frozen=True, slots=True)
class _Several:
    """A text that holds several fields: how it is parsed (None where it cannot hold them), and into which columns."""

    parse: Callable[[str], Record | None]
    columns: tuple[str, ...]


_OTHER_TRAILING = tuple(one.name for one in TRAILING[len(OFTEN_NEW) :])
_SEVERAL = {
    "owner_and_bucket": _Several(_parse_owner_and_bucket, ("bucket_owner", "bucket")),
    "status_and_error": _Several(_parse_status_and_error, ("http_status", "error_code")),
    "other_trailing": _Several(_parse_other_trailing, (*_OTHER_TRAILING, "extra_fields")),
}
# Fields that are sliced out each by itself.
_ALONE = (
    *("remote_ip", "requester", "request_id", "operation", "key"),
    *("request_uri", "referrer", "user_agent", "version_id", "host_id"),
)
_MAY_BE_ENCODED = "[%+]"
_is_cloudfront_identity = re.compile(CLOUDFRONT_IDENTITY).fullmatch

# The notes that a regular line may have, the more severe one last.
_NOTES = (Note.UNUSUAL_FORM, Note.UNDECODED_KEY)

_MADE_LATER = {
    "key_encoded",
    *(name for one in _SEVERAL.values() for name in one.columns),
}
SLICED = pa.schema(
    {
        **dict.fromkeys(_SEVERAL, _DICTIONARY),
        **{name: TYPES[name] for name in TYPES if name not in _MADE_LATER},
    }
)
"""The columns of regular lines as they were sliced out: several fields still one text, dashes not yet NULL."""


def slice_columns(
    block: Block, lines: Lines, values: dict[str, pa.Array]
) -> tuple[Ints, pa.RecordBatch]:
    """Numbers and columns (`SLICED`), with the `values` among them, of those `lines` whose texts are plausible."""
    columns = dict(values)
    for name, (begin, end) in _spans(lines).items():
        # Each of these is nearly always new, so that a dictionary of them would be made for nothing.
        if name in _PLAIN:
            columns[name] = _texts_between(
                block, begin, end, is_null=_are_missing(block, begin, end)
            )
        else:
            columns[name] = _texts_between(block, begin, end).dictionary_encode()
    field_count = BEFORE_TRAILING + np.minimum(lines.trailing_count, len(TRAILING))
    columns["field_count"] = pa.array(field_count, TYPES["field_count"])
    columns["parse_note"] = _notes(block, lines, columns["operation"])

    is_right = _are_requesters(columns["requester"])
    is_right &= _are_plain_addresses(columns["remote_ip"])
    for name, several in _SEVERAL.items():
        is_right &= where_text(columns[name], several.parse)
    sliced = pa.RecordBatch.from_arrays(
        [columns[name] for name in SLICED.names], schema=SLICED
    )
    if is_right.all():
        return lines.number, sliced
    return lines.number[is_right], sliced.filter(pa.array(is_right))


def _are_requesters(texts: pa.DictionaryArray) -> Bools:
    """Which texts have no space in them, or are the only requester that has."""
    has_space = to_numpy(pc.match_substring(texts.dictionary, " "))
    if not has_space.any():
        return np.ones(len(texts), np.bool_)
    return where_text(
        texts, lambda text: " " not in text or _is_cloudfront_identity(text)
    )


def _are_plain_addresses(texts: pa.DictionaryArray) -> Bools:
    """Which addresses are not of IPv4 in the form of IPv6."""
    is_mapped = pc.match_substring(texts.dictionary, MAPPED_ADDRESS, ignore_case=True)
    if not to_numpy(is_mapped).any():
        return np.ones(len(texts), np.bool_)
    return where_text(texts, lambda text: plain_address(text) == text)


def _spans(lines: Lines) -> dict[str, Span]:
    return {
        "owner_and_bucket": lines.span("bucket_owner", "bucket"),
        "status_and_error": lines.span("http_status", "error_code"),
        "other_trailing": lines.other_trailing(),
        **{name: lines.span(name) for name in _ALONE},
    }


def _notes(
    block: Block, lines: Lines, operations: pa.DictionaryArray
) -> pa.DictionaryArray:
    is_unusual = _are_unusual(block, lines, operations)
    codes = np.where(is_unusual, _NOTES.index(Note.UNUSUAL_FORM), -1)
    return _broadcast(_NOTES, codes, _DICTIONARY)


def _texts_between(
    block: Block, begin: Ints, end: Ints, is_null: Bools | None = None
) -> pa.StringArray:
    """The texts that begin and end there, line after line; NULL where `is_null`."""
    offsets = np.empty(2 * len(begin) + 1, np.int32)
    offsets[:-1:2], offsets[1::2], offsets[-1] = begin, end, end[-1]
    # An array over the block itself, of these texts and what is between them; every other one is taken out.
    both = pa.Array.from_buffers(
        TEXT, 2 * len(begin), [None, pa.py_buffer(offsets), pa.py_buffer(block.data)]
    )
    return both.take(pa.array(np.arange(0, 2 * len(begin), 2), mask=is_null))


def _are_missing(block: Block, begin: Ints, end: Ints) -> Bools:
    """Which texts are a dash, or empty."""
    are: Bools = are_dashes(block, begin, end) | (begin == end)
    return are


def _are_unusual(block: Block, lines: Lines, operations: pa.DictionaryArray) -> Bools:
    """Where a missing URI, referrer or user agent is not written as S3 writes it for the operation."""
    begin, end = lines.quoted_begins, lines.quoted_ends
    is_bare = block.text[begin - 1] != QUOTE
    should_be_bare = where_text(operations, BARE_OPERATIONS.__contains__)
    is_wrong_dash = _are_missing(block, begin, end) & (is_bare != should_be_bare)
    are: Bools = np.logical_or.reduce(is_wrong_dash | (begin == end), axis=0)
    return are


def expand(sliced: pa.Table) -> dict[str, pa.Array | pa.ChunkedArray]:
    """The columns (`TYPES`, and others that `sliced` may have) of records that were sliced out (`SLICED`)."""
    columns = {
        name: sliced[name]
        for name in sliced.column_names
        if name in TYPES or name not in SLICED.names
    }
    for name, several in _SEVERAL.items():
        columns.update(_parsed(as_dictionary(sliced[name]), several))
    columns.update(
        _decoded_keys(
            *(as_dictionary(sliced[name]) for name in ("key", "operation", "parse_note"))
        )
    )
    for name in ("remote_ip", "requester", "operation", "referrer", "user_agent"):
        columns[name] = without_values(as_dictionary(sliced[name]), MISSING)
    return columns


def _parsed(texts: pa.DictionaryArray, several: _Several) -> dict[str, pa.Array]:
    """The columns of the fields in some texts, each of which is parsed once."""
    # Texts that do not parse are still in the dictionary, though no row has them.
    nothing = (None,) * len(several.columns)
    values = [several.parse(text) or nothing for text in texts.dictionary.to_pylist()]
    by_column = zip(*values, strict=True) if values else [()] * len(several.columns)
    codes = codes_of(texts)
    return {
        name: _broadcast(distinct, codes, TYPES[name])
        for name, distinct in zip(several.columns, by_column, strict=True)
    }


def _broadcast(distinct: Sequence[Value], codes: Ints, kind: pa.DataType) -> pa.Array:
    """The column whose rows have the `distinct` values with these codes; NULL where that is None, or the code -1."""
    if kind != _DICTIONARY:
        return array_of(distinct, kind).take(pa.array(codes))
    return dictionary_of(array_of(distinct, TEXT), codes)


def _decoded_keys(
    keys: pa.DictionaryArray, operations: pa.DictionaryArray, notes: pa.DictionaryArray
) -> dict[str, pa.Array]:
    """The columns of key and note; a key is decoded once for each number of layers that it has.

    `key_encoded` keeps the logged form where it differs; a key that does not decode is noted.
    """
    codes, logged = codes_of(keys), keys.dictionary
    # Most keys have no escapes, and need no decoding.
    may_be_encoded = to_numpy(pc.match_substring_regex(logged, _MAY_BE_ENCODED))
    encoded = np.flatnonzero(may_be_encoded[codes])
    once = where_text(operations, is_encoded_once)[encoded]
    # Key and number of layers in one number, so that each pair is decoded once: first all that have two.
    pairs, of_row = np.unique(codes[encoded] + once * len(logged), return_inverse=True)
    texts = logged.take(pa.array(pairs % len(logged)))
    of_two = int(np.count_nonzero(pairs < len(logged)))
    twice, once_only = (
        decode_keys(part, layers)
        for part, layers in ((texts[:of_two], 2), (texts[of_two:], 1))
    )
    decoded_keys = pa.concat_arrays([twice[0], once_only[0]])
    is_done = np.concatenate([twice[1], once_only[1]])
    differs = to_numpy(pc.not_equal(decoded_keys, texts))[of_row]
    failed = ~is_done[of_row]

    # Only a key that was logged as missing is; one that decodes to a dash is a dash.
    plain = logged.filter(pa.array(~may_be_encoded))
    is_missing = pc.is_in(plain, pa.array(MISSING))
    plain = pc.if_else(is_missing, pa.scalar(None, TEXT), plain)
    key_codes = (np.cumsum(~may_be_encoded) - 1)[codes]
    key_codes[encoded] = len(plain) + of_row
    is_logged_otherwise = np.zeros(len(codes), np.bool_)
    is_logged_otherwise[encoded] = differs
    note_codes = codes_of(notes)
    note_codes[encoded[failed]] = _NOTES.index(Note.UNDECODED_KEY)
    return {
        "key": dictionary_of(pa.concat_arrays([plain, decoded_keys]), key_codes),
        "key_encoded": pa.DictionaryArray.from_arrays(
            pa.array(codes.astype(np.int32), mask=~is_logged_otherwise), logged
        ),
        "parse_note": _broadcast(_NOTES, note_codes, _DICTIONARY),
    }
