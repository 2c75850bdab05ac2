"""From the texts of a line's fields to the values of a record, and back."""

import datetime as dt
import ipaddress
import re
from collections.abc import Iterable, Sequence
from typing import cast
from urllib.parse import quote

from etl.caches import cached_by_text
from etl.dates import FIRST_DAY
from etl.fields import FIELDS, Field
from etl.parser.grammar import (
    BARE_OPERATIONS,
    BEFORE_TRAILING,
    DELETE,
    MAPPED_ADDRESS,
    NUMBERS,
    RESULT,
    TRAILING,
    Note,
    Record,
    RejectError,
    Value,
    or_null,
    rounded,
)
from etl.parser.interpretation import Chosen
from etl.parser.keys import decode_key
from etl.schema import CLIMBS, LOG_FIELDS

_TIME = re.compile(
    r"\[(\d{2})/([A-Z][a-z]{2})/(\d{4}):(\d{2}):(\d{2}):(\d{2}) ([+-])(\d{2})(\d{2})\]",
    re.ASCII,
)
MONTHS = (
    "Jan",
    "Feb",
    "Mar",
    "Apr",
    "May",
    "Jun",
    "Jul",
    "Aug",
    "Sep",
    "Oct",
    "Nov",
    "Dec",
)
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_EARLIEST = dt.datetime.combine(FIRST_DAY, dt.time(), dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)

# A folder name has at most 255 bytes, percent escapes counted, `bucket=` included.
_BUCKET_LENGTH = 240
_HIVE_NULL = "__HIVE_DEFAULT_PARTITION__"
_TEXTS = ("request_uri", "referrer", "user_agent")
# What grep writes before a line: the name of a file, and the line's number perhaps.
_FILE = re.compile(
    r"[/:]|\d{4}-\d\d-\d\d-\d\d-\d\d-\d\d-|\.(?:log|txt|gz)$|^\d+$", re.ASCII
)
_CANONICAL_ID = re.compile("[0-9A-Fa-f]{10,}")


def record_of(
    leading: re.Match[str], chosen: Chosen, notes: set[Note], latest: int
) -> Record:
    """The record of a line with these leading fields and this interpretation; `notes` are added to.

    Raises RejectError for an invalid time, or one after `latest`.
    """
    owner, bucket, logged_time, logged_ip, requester, *request, logged_key = (
        leading.groups()
    )
    time, is_utc = parse_time(logged_time)
    if time > latest:
        raise RejectError("bad_time")
    operation = request[-1]
    key, key_encoded, is_decoded = _decoded_key(logged_key, operation)
    uri, referrer, user_agent = texts = chosen.interpretation.texts
    trailing = chosen.interpretation.trailing
    remote_ip = plain_address(logged_ip)
    _add_notes(notes, operation, texts, chosen)
    if '"' in requester:
        notes.add(Note.UNESCAPED_QUOTE)
    if ":" in owner or DELETE in requester or remote_ip != logged_ip:
        notes.add(Note.UNUSUAL_FORM)
    if not is_utc:
        notes.add(Note.TIME_OFFSET)
    if not is_decoded:
        notes.add(Note.UNDECODED_KEY)
    # In the order of `schema.LOG_FIELDS`. Bucket and time are never NULL: they name the partition.
    return (
        or_null(owner),
        bucket,
        time,
        *map(or_null, (remote_ip, requester, *request)),
        key,
        key_encoded,
        or_null(uri),
        *map(_value, RESULT, chosen.result),
        or_null(referrer),
        or_null(user_agent),
        *map(or_null, trailing.fields),
        *_NOTHING[len(trailing.fields) :],
        BEFORE_TRAILING + len(trailing.fields),
        trailing.extra,
        next((note.value for note in Note if note in notes), None) if notes else None,
    )


_NOTHING = (None,) * len(TRAILING)


def _add_notes(
    notes: set[Note], operation: str, texts: Sequence[str | None], chosen: Chosen
) -> None:
    trailing = chosen.interpretation.trailing
    if any(text is not None and '"' in text for text in (*texts, *trailing.fields)):
        notes.add(Note.UNESCAPED_QUOTE)
    if (
        _is_unusual(operation, texts, chosen.result[NUMBERS[0] :])
        or chosen.interpretation.has_unquoted_referrer
    ):
        notes.add(Note.UNUSUAL_FORM)
    if any(chosen.interpretation.impossible_sizes):
        notes.add(Note.IMPOSSIBLE_SIZE)
    if trailing.note:
        notes.add(trailing.note)


def _is_unusual(
    operation: str, texts: Iterable[str | None], numbers: Iterable[str]
) -> bool:
    """Whether a missing text or a number is written in another way than S3 writes it for this operation."""
    unusual = ("", "-") if operation in BARE_OPERATIONS else ("", None)
    return any(text in unusual for text in texts) or any(
        one != "-" and one != str(rounded(one)) for one in numbers
    )


def _value(field: Field, logged: str) -> Value:
    """A value of the result; NULL where a size is larger than any can be."""
    if not field.is_number or logged == "-":
        return or_null(logged)
    number = rounded(logged)
    return None if field.largest is not None and number > field.largest else number


def _decoded_key(logged: str, operation: str) -> tuple[str | None, str | None, bool]:
    """The key, the logged form where it differs, and whether it could be decoded."""
    if logged == "-":
        return None, None, True
    key, is_decoded = decode_key(logged, operation)
    return key, None if key == logged else logged, is_decoded


@cached_by_text(entries=8192)
def why_no_bucket(owner: str, bucket: str) -> str | None:
    """Why these cannot be the owner and the bucket of a record, if so: the bucket names the folder of a partition."""
    if is_after_grep(owner):
        return "grep_prefix"
    if bucket == "-":
        return "no_bucket"
    is_bad = (
        bucket == _HIVE_NULL
        or len(quote(bucket, safe="")) > _BUCKET_LENGTH
        or CLIMBS.search(bucket)
    )
    return "bad_bucket" if is_bad else None


def is_after_grep(owner: str) -> bool:
    """Whether a file name and a colon stand before the owner, and not the project of one like `PROJECT:USER`."""
    before, colon, after = owner.rpartition(":")
    return bool(colon and (_FILE.search(before) or _CANONICAL_ID.fullmatch(after)))


@cached_by_text(entries=8192)
def plain_address(logged: str) -> str:
    """An address as logged; one of IPv4 that is written as IPv6 as IPv4."""
    if not logged.lower().startswith(MAPPED_ADDRESS):
        return logged
    try:
        mapped = ipaddress.IPv6Address(logged).ipv4_mapped
    except ValueError:
        return logged
    return str(mapped or logged)


@cached_by_text(entries=8192)
def parse_time(logged: str) -> tuple[int, bool]:
    """A time in brackets in microseconds since 1970 UTC, and whether the line said UTC.

    Month names are English in every locale. Raises RejectError for an invalid time, or one before S3 existed.
    """
    match = _TIME.fullmatch(logged)
    if match is None or match[2] not in MONTHS:
        raise RejectError("bad_time")
    day, year, hour, minute, second = (int(match[n]) for n in (1, 3, 4, 5, 6))
    offset_sign = -1 if match[7] == "-" else 1
    try:
        zone = dt.timezone(
            offset_sign * dt.timedelta(hours=int(match[8]), minutes=int(match[9]))
        )
        time = dt.datetime(
            year, MONTHS.index(match[2]) + 1, day, hour, minute, second, tzinfo=zone
        )
        utc = time.astimezone(dt.UTC)
    except (ValueError, OverflowError):
        raise RejectError("bad_time") from None
    # Before S3 there were no requests: the line is damaged, or somebody's invention.
    if utc < _EARLIEST:
        raise RejectError("bad_time")
    return (utc - _EPOCH) // _MICROSECOND, logged.endswith(" +0000]")


def format_line(record: Record) -> bytes:
    """The line, without line end, that gives `record`; for a record without a note the very line it was read from."""
    values = dict(zip(LOG_FIELDS, record, strict=True))
    missing = "-" if values["operation"] in BARE_OPERATIONS else '"-"'
    logged = {**values, "time": _format_time(cast("int", values["time"]))}
    for name in _TEXTS:
        logged[name] = missing if values[name] is None else f'"{values[name]}"'
    if values["key_encoded"] is not None:
        logged["key"] = values["key_encoded"]
    if values["http_status"] is not None:
        logged["http_status"] = f"{values['http_status']:03d}"
    field_count = cast("int", values["field_count"])
    parts = [logged[one.name] for one in FIELDS[:field_count]]
    if values["extra_fields"] is not None:
        parts.append(values["extra_fields"])
    return " ".join("-" if part is None else str(part) for part in parts).encode()


def _format_time(time: int) -> str:
    moment = _EPOCH + dt.timedelta(microseconds=time)
    return f"[{moment.day:02d}/{MONTHS[moment.month - 1]}/{moment.year:04d}:{moment:%H:%M:%S} +0000]"
