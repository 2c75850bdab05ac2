"""Columns cut out of a block, line after line, and what they become: the columns of records.

Fields that hardly vary together are cut out as one text, which is read once for all lines that share it.
"""

import re
from collections.abc import Callable, Sequence
from typing import cast

import numpy as np
import pyarrow as pa

from etl.arrow import (
    Bools,
    Ints,
    array_of,
    as_dictionary,
    codes_of,
    dictionary_of,
    from_numpy,
    mask_of,
    where_text,
    with_nulls,
)
from etl.caches import cached_by_text
from etl.parser.fast.block import QUOTE, Block, are_dashes
from etl.parser.fast.fields import Lines
from etl.parser.keys import decode_layers, is_encoded_once
from etl.parser.line import (
    BARE_OPERATIONS,
    BEFORE_TAIL,
    CLOUDFRONT_IDENTITY,
    SIGNATURE,
    STATUS,
    TAIL_LENGTH,
    Note,
    Record,
    Value,
    or_null,
    place_problem,
)
from etl.schema import LOG_FIELDS, TEXT

_DICTIONARY = pa.dictionary(pa.int32(), TEXT)
_PLAIN = frozenset({"request_id", "request_uri", "version_id", "host_id"})
"""Text that hardly repeats; the other texts are dictionaries, which take a fraction of the memory."""
TYPES: dict[str, pa.DataType] = {
    name: kind if kind != TEXT or name in _PLAIN else _DICTIONARY for name, kind in LOG_FIELDS.items()
}
"""The types of the columns of records."""


@cached_by_text(entries=8192)
def _read_place(text: str) -> Record | None:
    """Owner and bucket; None where they cannot be such."""
    owner, _, bucket = text.partition(" ")
    return None if place_problem(owner, bucket) else (or_null(owner), bucket)


@cached_by_text(entries=8192)
def _read_outcome(text: str) -> Record | None:
    """Status and error code; None where the status is no number."""
    status, _, error = text.partition(" ")
    if not _is_status(status):
        return None
    return None if status == "-" else int(status), or_null(error)


@cached_by_text(entries=8192)
def _read_rest(text: str) -> Record | None:
    """The fields after the host id, each after a space, and what follows them; None where they cannot be such."""
    values = text.split(" ")[1:]
    if "" in values or (values and not SIGNATURE.fullmatch(values[0])):
        return None
    known, unknown = values[: len(_REST)], values[len(_REST) :]
    return *map(or_null, known), *[None] * (len(_REST) - len(known)), " ".join(unknown) or None


_REST = (
    *("signature_version", "cipher_suite", "authentication_type", "host_header", "tls_version"),
    *("access_point_arn", "acl_required", "source_region"),
)
_GROUPS: dict[str, tuple[Callable[[str], Record | None], tuple[str, ...]]] = {
    "place": (_read_place, ("bucket_owner", "bucket")),
    "outcome": (_read_outcome, ("http_status", "error_code")),
    "rest": (_read_rest, (*_REST, "extra_fields")),
}
"""Texts that hold several fields: how each is read, and into which columns."""
_is_status = re.compile(STATUS).fullmatch
_may_be_encoded = re.compile("[%+]").search
_is_cloudfront_identity = re.compile(CLOUDFRONT_IDENTITY).fullmatch

_NOTES = (Note.UNUSUAL_FORM, Note.UNDECODED_KEY)
"""The notes that a regular line may have, the more severe one last."""

_MADE_LATER = {"key_encoded", *(name for _, names in _GROUPS.values() for name in names)}
CUT = pa.schema(
    {**dict.fromkeys(_GROUPS, _DICTIONARY), **{name: TYPES[name] for name in TYPES if name not in _MADE_LATER}}
)
"""The columns of regular lines as they were cut out: groups of fields still one text, dashes not yet NULL."""


def cut_columns(block: Block, lines: Lines, values: dict[str, pa.Array]) -> tuple[Ints, pa.RecordBatch]:
    """Numbers and columns (`CUT`), some of them given, of those `lines` whose texts can be what they should be."""
    columns = dict(values)
    _, after_bucket, _, after_time, *after_rest = lines.head
    begins = (block.starts[lines.number], *(after + 1 for after in (after_time, *after_rest)))
    names = ("place", "remote_ip", "requester", "request_id", "operation", "key")
    spans = dict(zip(names, zip(begins, (after_bucket, *after_rest), strict=False), strict=True))
    spans["outcome"] = (lines.counts[0] + 1, lines.counts[2])
    for at, name in enumerate(("request_uri", "referrer", "user_agent")):
        spans[name] = (lines.text_begins[at], lines.text_ends[at])
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
    columns["field_count"] = from_numpy(field_count, TYPES["field_count"])
    is_unusual = _are_unusual(block, lines, columns["operation"])
    columns["parse_note"] = _spread(_NOTES, np.where(is_unusual, _NOTES.index(Note.UNUSUAL_FORM), -1), _DICTIONARY)

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
    nothing: Bools = are_dashes(block, begin, end) | (begin == end)
    return nothing


def _are_unusual(block: Block, lines: Lines, operations: pa.DictionaryArray) -> Bools:
    """Where a missing URI, referrer or user agent is not written as S3 writes it for the operation."""
    begin, end = lines.text_begins, lines.text_ends
    is_bare = block.text[begin - 1] != QUOTE
    is_wrong_dash = _says_nothing(block, begin, end) & (is_bare != where_text(operations, BARE_OPERATIONS.__contains__))
    are: Bools = np.logical_or.reduce(is_wrong_dash | (begin == end), axis=0)
    return are


def expand(cut: pa.Table) -> dict[str, pa.Array | pa.ChunkedArray]:
    """The columns (`TYPES`, and others that `cut` may have) of records that were cut out (`CUT`)."""
    columns = {name: cut[name] for name in cut.column_names if name in TYPES or name not in CUT.names}
    for group, (read, names) in _GROUPS.items():
        texts = as_dictionary(cut[group])
        nothing = (None,) * len(names)
        values = [read(text) or nothing for text in texts.dictionary.to_pylist()]
        for name, distinct in zip(names, zip(*values, strict=True) if values else [()] * len(names), strict=True):
            columns[name] = _spread(distinct, codes_of(texts), TYPES[name])
    columns.update(_decode_keys(*(as_dictionary(cut[name]) for name in ("key", "operation", "parse_note"))))
    for name in ("remote_ip", "requester", "operation", "referrer", "user_agent"):
        texts = as_dictionary(cut[name])
        columns[name] = _spread([or_null(text) for text in texts.dictionary.to_pylist()], codes_of(texts), _DICTIONARY)
    return columns


def _spread(distinct: Sequence[Value], codes: Ints, kind: pa.DataType) -> pa.Array:
    """The column whose rows have the `distinct` values with these codes; NULL where that is None, or the code -1."""
    if kind != _DICTIONARY:
        return array_of(distinct, kind).take(from_numpy(codes, pa.int64()))
    return dictionary_of(cast("Sequence[str | None]", distinct), codes)


def _decode_keys(
    keys: pa.DictionaryArray, operations: pa.DictionaryArray, notes: pa.DictionaryArray
) -> dict[str, pa.Array]:
    """The columns of key and note; a key is decoded once for each number of layers that it has.

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
    note_codes[encoded[failed]] = _NOTES.index(Note.UNDECODED_KEY)
    return {
        "key": _spread([*map(or_null, logged), *(key for _, key, _ in decoded)], key_codes, _DICTIONARY),
        "key_encoded": _spread(logged, encoded_codes, _DICTIONARY),
        "parse_note": _spread(_NOTES, note_codes, _DICTIONARY),
    }
