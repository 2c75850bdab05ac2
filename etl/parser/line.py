"""One log line, read exactly.

Referrer, user agent and request URI are text that strangers chose, and S3 writes quotes inside them unescaped.
So a line is read from both ends: the fields before the URI from the left, the fields after the user agent from
the right (they hold no quote, so they follow the line's last quote). What is between splits into URI, numbers,
referrer and user agent where the numbers can stand: a quote, then status, error code and four counts. A line
that can be split in more than one way is split at the first and noted `ambiguous`.

A record without a note says all that its line said: `format_line` gives the line back, byte for byte.
"""

import datetime as dt
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import cast
from urllib.parse import quote

from etl.caches import cached_by_text
from etl.dates import FIRST_DAY
from etl.parser.keys import decode_key
from etl.schema import CLIMBS, LARGEST_OBJECT

Value = str | int | None
Record = tuple[Value, ...]
"""The values of one line, in the order of `schema.LOG_FIELDS`; the time in microseconds since 1970, UTC."""


class Note(StrEnum):
    """Why a row needed care (`parse_note`), most severe first; a row carries the first of these that applies."""

    AMBIGUOUS = "ambiguous"
    REPLACED_BYTES = "replaced_bytes"
    EXTRA_COLUMN = "extra_column"
    TRAILING_TEXT = "trailing_text"
    UNDECODED_KEY = "undecoded_key"
    TIME_OFFSET = "time_offset"
    IMPOSSIBLE_SIZE = "impossible_size"
    UNESCAPED_QUOTE = "unescaped_quote"
    SPACING = "spacing"
    UNUSUAL_FORM = "unusual_form"


CLOUDFRONT_IDENTITY = r"arn:aws[a-z-]*:iam::cloudfront:user/CloudFront Origin Access Identity [^ \"]+"
"""The only requester with spaces in it (elastic/integrations#20417)."""
_HEAD = re.compile(
    r"(?P<bucket_owner>[^ \"]+) +(?P<bucket>[^ \"]+) +\[(?P<time>[^\]\"]*)\] +(?P<remote_ip>[^ \"]+) +"
    rf"(?P<requester>{CLOUDFRONT_IDENTITY}|[^ \"]+) +"
    r"(?P<request_id>[^ \"]+) +(?P<operation>[^ \"]+) +(?P<key>[^ \"]+) +(?=[\"-])"
)
_TIME = re.compile(r"(\d{2})/([A-Z][a-z]{2})/(\d{4}):(\d{2}):(\d{2}):(\d{2}) ([+-])(\d{2})(\d{2})", re.ASCII)
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)

_BUCKET_LENGTH = 240
"""A folder name has at most 255 bytes, percent escapes counted, `bucket=` included."""
_HIVE_NULL = "__HIVE_DEFAULT_PARTITION__"

STATUS = r"[0-9]{3}|-"
_COUNTS = rf" +({STATUS}) +([^ \"]+) +([0-9]+|-) +([0-9]+|-) +([0-9]+|-) +([0-9]+|-) +"
_BEFORE_REFERRER = r"(?=[\"-])"
_AFTER_URI = re.compile('"' + _COUNTS + _BEFORE_REFERRER)
_AFTER_BARE_URI = re.compile("-" + _COUNTS + _BEFORE_REFERRER)
_BARE_REST = _COUNTS + r"- +-(?= |$)"
_ALL_BARE = re.compile("-" + _BARE_REST)
_BARE_AFTER_URI = re.compile('"' + _BARE_REST)
_NOT_COUNTS = re.compile(r"[\"-](?: +[^ \"]+){6} +[\"-]")
_COUNT_LIMITS = {
    "bytes_sent": 2**63 - 1,
    "object_size": 2**63 - 1,
    "total_time": 2**31 - 1,
    "turn_around_time": 2**31 - 1,
}
_COUNT_DIGITS = 19
LONGEST_LINE = 256 * 1024
"""Bytes; S3's own lines have a key of at most 1,024 bytes and headers of at most 8 kB."""
EARLIEST = dt.datetime.combine(FIRST_DAY, dt.time(), dt.UTC)
NO_LATEST = 2**63 - 1
_MOST_READINGS = 64
"""More are not compared: somebody made them, so no number is believed."""
_NOTHING_AGREED = (False,) * 6
_CONTROLS, _SPLICED = "control_character", "spliced"
_BARE_REFERRER = re.compile(r'- +"')
_BARE_AGENT = re.compile(r" +-(?= |$)")
_BOUNDARY = re.compile(r'(?=(" +"))')

BEFORE_TAIL = 17
"""Fields up to the user agent, which every line has."""
TAIL_LENGTH = 10
"""Fields after the user agent known today: version id to source region."""
TAIL_LENGTHS = frozenset({0, 1, 6, 7, 8, 9, 10})
"""How many of them lines have had: 17, 18, 23, 24, 25, 26 and 27 fields in all."""
HOST_ID_LENGTH = 40
"""Bytes from which a field can be a host id only."""
_HOST_ID = re.compile(rf"[A-Za-z0-9+/=_-]{{{HOST_ID_LENGTH},}}")
SIGNATURE = re.compile(r"-|Sig[0-9A-Za-z_-]+")
_PRINCIPAL_ID = re.compile(r"-|A[A-Z0-9]{15,}")
_TAIL_THEN_EXTRA = re.compile(
    r'"(?P<tail> +[^ "]+ +(?:-|[A-Za-z0-9+/=_-]{40,}) +(?:-|SigV[0-9A-Za-z]+) +[A-Za-z0-9_-]+'
    r" +(?:-|AuthHeader|QueryString) +[^ \"]+ +(?:-|TLS[^ \"]*|INVALID[^ \"]*)"
    r"(?: +(?:-|arn:[^ \"]+)(?: +(?:-|Yes)(?: +(?:-|[a-z]{2}-[a-z0-9-]+))?)?)?) +(?P<extra>[^ ].*)"
)
_COMPLETE_TAIL = 6
BARE_OPERATIONS = frozenset(
    {"REST.COPY.OBJECT_GET", "REST.COPY.PART_GET", "BATCH.DELETE.OBJECT", "S3.COMPUTE.OBJECT.CHECKSUM"}
)
"""Operations that log a missing URI, referrer or user agent as a bare `-`; all others quote it."""

_STAMP = re.compile(r"\[[0-9]{2}/[A-Za-z]{3}/[0-9]{4}:")
"""How the time of a record begins."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_TOKEN = re.compile(r"[^ ]+")


class RejectError(Exception):
    """A line without a right reading; `reason` goes to the rejects table."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class _Tail:
    """The fields after the user agent, as logged."""

    text: str
    fields: tuple[str, ...]
    extra: str | None
    note: str | None = None

    @property
    def padded(self) -> tuple[str, ...]:
        return self.fields + ("-",) * (TAIL_LENGTH - len(self.fields))


Span = tuple[int, int] | None
"""Where a text begins and ends; None where the line has none."""


@dataclass(frozen=True, slots=True)
class _Reading:
    """One way to read a line from its URI on: by where it has the counts, and what follows them.

    Texts are kept as places in `line`, as there may be thousands of readings of which one is taken.
    """

    line: str
    counts: re.Match[str]
    tail: _Tail
    uri: Span = None
    referrer: Span = None
    user_agent: Span = None
    between: Span = None
    """What separates referrer and user agent."""
    problem: str | None = None
    """Why this reading cannot be right, if so."""
    is_only: bool = True
    """Whether there is no other place between referrer and user agent."""

    @property
    def texts(self) -> tuple[str | None, str | None, str | None]:
        """URI, referrer and user agent."""
        uri, referrer, user_agent = (self._text(span) for span in (self.uri, self.referrer, self.user_agent))
        return uri, referrer, user_agent

    @property
    def is_spaced(self) -> bool:
        """Whether there are spaces too many outside the quoted fields."""
        parts = (self.counts[0], self._text(self.between), self.tail.text, self.tail.extra)
        return any("  " in part for part in parts if part)

    def _text(self, span: Span) -> str | None:
        return None if span is None else self.line[span[0] : span[1]]


@dataclass(frozen=True, slots=True)
class _Chosen:
    """The reading that is taken of a line, whether it is the only one, and which of its counts all others share."""

    reading: _Reading
    is_only: bool
    agreed: tuple[bool, ...]

    @property
    def is_spaced(self) -> bool:
        return self.reading.is_spaced

    @property
    def counts(self) -> tuple[str, ...]:
        """Status, error code and the four numbers, a dash where readings differ: nobody knows which one S3 wrote."""
        groups = self.reading.counts.groups()
        return tuple(text if agreed else "-" for text, agreed in zip(groups, self.agreed, strict=True))


def parse_line(raw: bytes, latest: int = NO_LATEST) -> Record:
    """The record in one line (without its line end, not blank), of a time up to `latest`. Raises RejectError."""
    if len(raw) > LONGEST_LINE:
        raise RejectError("too_long")
    notes: set[str] = set()
    text = _decode(raw, notes)
    line = text.strip(" \r\ufeff")  # some editors put a byte order mark wherever a file began
    head = _HEAD.match(line)
    if head is None or not head["bucket_owner"].isascii():
        raise RejectError("not_a_record")
    if reason := place_problem(head["bucket_owner"], head["bucket"]):
        raise RejectError(reason)
    if _CONTROL.search(head[0]):
        raise RejectError(_CONTROLS)
    rest = line[head.end() :]
    reading = _choose(rest)
    if not reading.is_only or _STAMP.search(rest):
        # A time inside a quoted text is somebody's forgery, or a second record that ran into this one.
        notes.add(Note.AMBIGUOUS)
    if line != text or "  " in head[0] or reading.is_spaced:
        notes.add(Note.SPACING)
    return _record(head, reading, notes, latest)


def _choose(rest: str) -> _Chosen:
    """The first reading that says what S3 can write, and what others disagree on. Raises RejectError.

    Others are passed over, so that nobody can write himself out of the table with a text that looks like wrong fields;
    one with a size that no object has is taken only where there is no better one.
    """
    possible: list[_Reading] = []
    oversized: list[_Reading] = []
    problems: list[str] = []
    for reading in _readings(rest):
        if reading.problem is not None:
            problems.append(reading.problem)
            continue
        (oversized if any(_impossible_sizes(reading.counts)) else possible).append(reading)
        if len(possible) == _MOST_READINGS:
            return _Chosen(possible[0], is_only=False, agreed=_NOTHING_AGREED)
    taken = possible or oversized
    if not taken:
        raise RejectError(problems[0] if problems else _why_unreadable(rest))
    is_only = len(possible) + len(oversized) + len(problems) == 1 and taken[0].is_only
    values = zip(*(one.counts.groups() for one in taken), strict=True)
    return _Chosen(taken[0], is_only, tuple(len(set(texts)) == 1 for texts in values))


def _impossible_sizes(counts: re.Match[str]) -> tuple[bool, bool]:
    """Whether the bytes sent and the object's size are more than an object of S3 can have."""
    sent, size = (text != "-" and int(text) > LARGEST_OBJECT for text in counts.groups()[2:4])
    return sent, size


def _decode(raw: bytes, notes: set[str]) -> str:
    if b"\0" in raw:
        raise RejectError("nul_byte")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        notes.add(Note.REPLACED_BYTES)
        return raw.decode("utf-8", errors="backslashreplace")


def _readings(rest: str) -> Iterator[_Reading]:
    """The ways to read a line from its URI on, the preferred one first; one for each place of the counts."""
    body, extra = (rest[:-2], '";') if rest.endswith('";') else (rest, None)
    if bare := _ALL_BARE.match(rest):
        # Nothing before the tail is quoted, so nothing there is anybody's text.
        known, unknown = _cut_at_quote(rest[bare.end() :])
        if unknown is None:
            known, unknown = body[bare.end() :], extra
        tail = _tail(known, unknown)
        if tail is not None:
            yield _Reading(rest, bare, tail, problem=_problem(bare, tail))
        return
    end = body.rfind('"') + 1
    if not _is_usual_tail(body[end:].split()):
        # A line of the years before 2019, or one that goes on with quoted fields that nobody knows yet.
        for match in _TAIL_THEN_EXTRA.finditer(rest):
            if '"' in match["extra"]:
                yield from _split(rest[: match.start() + 1], match["tail"], match["extra"])
    yield from _split(body[:end], body[end:], extra)


def _is_usual_tail(tokens: list[str]) -> bool:
    """Whether these are fields after the user agent as S3 has written them since 2019."""
    return (
        len(tokens) >= _COMPLETE_TAIL
        and bool(_HOST_ID.fullmatch(tokens[1]) or tokens[1] == "-" or _PRINCIPAL_ID.fullmatch(tokens[1]))
        and bool(SIGNATURE.fullmatch(tokens[2]) or _HOST_ID.fullmatch(tokens[2]))
    )


def _cut_at_quote(text: str) -> tuple[str, str | None]:
    """The fields before the first quoted one, and what follows them."""
    quote = text.find(' "')
    return (text, None) if quote < 0 else (text[:quote], text[quote + 1 :])


def _split(quoted: str, after: str, extra: str | None) -> Iterator[_Reading]:
    """Readings in which `quoted` ends with the last quoted field and `after` follows it.

    That field is the user agent; or the user agent is a bare dash, or the referrer too, which is considered where
    no quote speaks against it, or where a host id speaks for it. Takes time in proportion to the line, however often
    it looks like counts: all that follows the last quote is looked at once, and so is each place between two quotes.
    """
    is_bare = quoted.startswith("-")
    tail = _tail(after, extra)
    agent = _BARE_AGENT.match(after)
    bare_tail = _tail(after[agent.end() :], extra) if agent else None
    may_be_bare = agent is not None and _is_certain(after[agent.end() :])
    problem, bare_problem = _problem_of_tail(tail), _problem_of_tail(bare_tail)
    boundaries = _Boundaries(quoted)
    for counts in filter(None, [_AFTER_BARE_URI.match(quoted)] if is_bare else _AFTER_URI.finditer(quoted, 1)):
        uri = None if is_bare else (1, counts.start())
        begin, end = counts.end(), len(quoted)
        if tail and (reading := _referrer_and_agent(quoted, counts, tail, boundaries)):
            yield replace(reading, uri=uri, problem=_problem_of(counts, problem))
        is_quoted = begin + 1 < end and quoted[begin] == '"'
        if bare_tail and is_quoted and (may_be_bare or not boundaries.has_any_after(begin)):
            referrer = (begin + 1, end - 1)
            yield _Reading(
                quoted, counts, bare_tail, uri, referrer, between=(end, end), problem=_problem_of(counts, bare_problem)
            )
    if not is_bare and len(quoted) > 1 and (rest := _BARE_AFTER_URI.match('"' + after)):
        tail_text = after[rest.end() - 1 :]
        bare_tail = _tail(tail_text, extra)
        if bare_tail and (not tail or '"' not in quoted[1:-1] or _is_certain(tail_text)):
            yield _Reading(quoted, rest, bare_tail, uri=(1, len(quoted) - 1), problem=_problem(rest, bare_tail))


class _Boundaries:
    """The places in a text where one quoted field may end and the next one begin: a quote, spaces, a quote."""

    def __init__(self, text: str) -> None:
        self._spans = [match.span(1) for match in _BOUNDARY.finditer(text)]
        self._length = len(text)

    def after(self, begin: int) -> list[tuple[int, int]]:
        """The first places, two at most, between a quoted field that begins there and another one."""
        first = bisect_right(self._spans, (begin, self._length))
        return [span for span in self._spans[first : first + 2] if span[1] < self._length]

    def has_any_after(self, begin: int) -> bool:
        return bool(self._spans) and self._spans[-1][0] > begin


def _referrer_and_agent(quoted: str, counts: re.Match[str], tail: _Tail, boundaries: _Boundaries) -> _Reading | None:
    """The reading with these counts in which referrer and quoted user agent follow them, if they can."""
    begin, end = counts.end(), len(quoted)
    if quoted.startswith("-", begin):
        bare = _BARE_REFERRER.match(quoted, begin)
        if bare is None or bare.end() >= end:
            return None
        return _Reading(quoted, counts, tail, user_agent=(bare.end(), end - 1), between=(begin, bare.end()))
    places = boundaries.after(begin)
    if not places:
        return None
    first, second = places[0]
    return _Reading(
        quoted, counts, tail, None, (begin + 1, first), (second, end - 1), (first, second), is_only=len(places) == 1
    )


def _problem(counts: re.Match[str], tail: _Tail) -> str | None:
    """Why these cannot be what S3 wrote around the quoted fields, if so."""
    return _problem_of(counts, _problem_of_tail(tail))


def _problem_of(counts: re.Match[str], problem_of_tail: str | None) -> str | None:
    problems = (_problem_of_unquoted(counts[0]), problem_of_tail)
    if known := next((one for one in (_CONTROLS, _SPLICED) if one in problems), None):
        return known
    for (name, limit), logged in zip(_COUNT_LIMITS.items(), counts.groups()[2:], strict=True):
        # The length first: Python refuses to read thousands of digits.
        if logged != "-" and (len(logged) > _COUNT_DIGITS or int(logged) > limit):
            return f"out_of_range: {name}"
    return None


def _problem_of_tail(tail: _Tail | None) -> str | None:
    return _problem_of_unquoted(f"{tail.text} {tail.extra or ''}") if tail else None


def _problem_of_unquoted(text: str) -> str | None:
    if _CONTROL.search(text):
        return _CONTROLS
    return _SPLICED if _STAMP.search(text) else None


def _is_certain(tail: str) -> bool:
    """Whether these fields cannot be others: a host id where it should be, and neither it nor a principal before it."""
    fields = _TOKEN.findall(tail)
    if len(fields) < _COMPLETE_TAIL:
        return False
    version, host = fields[:2]
    is_other = _HOST_ID.fullmatch(version) or (version != "-" and _PRINCIPAL_ID.fullmatch(version))
    return bool(_HOST_ID.fullmatch(host)) and not is_other


def _tail(text: str, extra: str | None) -> _Tail | None:
    """The fields after the user agent in `text`, or None where they cannot be such."""
    if text and not text.startswith(" "):
        return None
    found = list(_TOKEN.finditer(text))
    tokens = [match[0] for match in found]
    shifted = tokens[:1] + tokens[2:]
    if len(tokens) > 1 and _PRINCIPAL_ID.fullmatch(tokens[1]) and _is_shifted(tokens, shifted):
        # Mid-March 2019: the caller's principal id, or a dash, stood before the host id.
        principal = None if tokens[1] == "-" else tokens[1]
        return _Tail(text, tuple(shifted), principal, Note.EXTRA_COLUMN)
    if len(tokens) not in TAIL_LENGTHS and len(tokens) < TAIL_LENGTH:
        return None
    if len(tokens) >= _COMPLETE_TAIL and not SIGNATURE.fullmatch(tokens[2]):
        return None
    note = Note.TRAILING_TEXT if extra == '";' else None
    if len(tokens) > TAIL_LENGTH:
        unknown = text[found[TAIL_LENGTH].start() :]
        extra = f"{unknown} {extra}" if extra and not note else unknown + (extra or "")
    return _Tail(text, tuple(tokens[:TAIL_LENGTH]), extra, note)


def _is_shifted(tokens: list[str], shifted: list[str]) -> bool:
    if len(shifted) == 1:
        return True
    return (
        len(shifted) in TAIL_LENGTHS
        and bool(_HOST_ID.fullmatch(shifted[1]))
        and bool(SIGNATURE.fullmatch(shifted[2]))
        and not SIGNATURE.fullmatch(tokens[2])
    )


def _why_unreadable(rest: str) -> str:
    anchor = _AFTER_URI.search(rest, 1) or _AFTER_BARE_URI.match(rest)
    if anchor is None:
        return "bad_number" if _NOT_COUNTS.search(rest) else "truncated"
    after_quotes = rest[max(rest.rfind('"') + 1, anchor.end()) :]
    return "field_count" if after_quotes.startswith(" ") or '"' not in rest else "truncated"


def _record(head: re.Match[str], chosen: _Chosen, notes: set[str], latest: int) -> Record:
    time, is_utc = parse_time(head["time"])
    if time > latest:
        raise RejectError("bad_time")
    key, key_encoded, decoded = _decode_key(head["key"], head["operation"])
    status, error_code, *counts = chosen.counts
    reading = chosen.reading
    texts = reading.texts
    notes |= {reading.tail.note} if reading.tail.note else set()
    notes |= set() if is_utc else {Note.TIME_OFFSET}
    notes |= set() if decoded else {Note.UNDECODED_KEY}
    notes |= {Note.UNESCAPED_QUOTE} if any('"' in text for text in texts if text) else set()
    notes |= {Note.UNUSUAL_FORM} if _is_unusual(head["operation"], texts, counts) else set()
    uri, referrer, user_agent = (or_null(text) for text in texts)
    numbers = [None if count == "-" else int(count) for count in counts]
    for at, is_impossible in enumerate(_impossible_sizes(reading.counts)):
        if is_impossible:
            numbers[at] = None
            notes.add(Note.IMPOSSIBLE_SIZE)
    return (
        or_null(head["bucket_owner"]),
        head["bucket"],
        time,
        or_null(head["remote_ip"]),
        or_null(head["requester"]),
        or_null(head["request_id"]),
        or_null(head["operation"]),
        key,
        key_encoded,
        uri,
        None if status == "-" else int(status),
        or_null(error_code),
        *numbers,
        referrer,
        user_agent,
        *(or_null(value) for value in reading.tail.padded),
        BEFORE_TAIL + len(reading.tail.fields),
        reading.tail.extra,
        next((note.value for note in Note if note in notes), None),
    )


@cached_by_text(entries=8192)
def place_problem(owner: str, bucket: str) -> str | None:
    """Why these cannot be the owner and the bucket of a record, if so: the bucket names the folder of a partition."""
    if ":" in owner:
        return "grep_prefix"
    if bucket == "-":
        return "no_bucket"
    is_bad = bucket == _HIVE_NULL or len(quote(bucket, safe="")) > _BUCKET_LENGTH or CLIMBS.search(bucket)
    return "bad_bucket" if is_bad else None


def or_null(logged: str | None) -> str | None:
    """`-` and nothing at all both say that there is no value."""
    return None if logged in ("-", "") else logged


def _is_unusual(operation: str, texts: Iterable[str | None], counts: Iterable[str]) -> bool:
    """Whether a missing text or a number is written in another way than S3 writes it for this operation."""
    unusual = ("", "-") if operation in BARE_OPERATIONS else ("", None)
    return any(text in unusual for text in texts) or any(count.startswith("0") and count != "0" for count in counts)


def _decode_key(logged: str, operation: str) -> tuple[str | None, str | None, bool]:
    """The key, the logged form where it differs, and whether it could be decoded."""
    if logged == "-":
        return None, None, True
    key, decoded = decode_key(logged, operation)
    return key, None if key == logged else logged, decoded


@cached_by_text(entries=8192)
def parse_time(logged: str) -> tuple[int, bool]:
    """Microseconds since 1970 UTC, and whether the line said UTC. Month names are English in every locale."""
    match = _TIME.fullmatch(logged)
    if match is None or match[2] not in MONTHS:
        raise RejectError("bad_time")
    year, day, hour, minute, second = (int(match[n]) for n in (3, 1, 4, 5, 6))
    try:
        zone = dt.timezone(dt.timedelta(hours=int(match[8]), minutes=int(match[9])) * (-1 if match[7] == "-" else 1))
        time = dt.datetime(year, MONTHS.index(match[2]) + 1, day, hour, minute, second, tzinfo=zone)
        utc = time.astimezone(dt.UTC)
    except (ValueError, OverflowError):
        raise RejectError("bad_time") from None
    if utc < EARLIEST:
        raise RejectError("bad_time")
    return (utc - _EPOCH) // dt.timedelta(microseconds=1), logged.endswith(" +0000")


def format_line(record: Record) -> bytes:
    """The line, without line end, that gives `record`; for a record without a note the very line it was read from."""
    owner, bucket, time, address, requester, request_id, operation, key, key_encoded, uri, status, error, *rest = record
    (*counts, referrer, user_agent), (*tail, field_count, extra, _) = rest[:6], rest[6:]
    moment = _EPOCH + dt.timedelta(microseconds=cast("int", time))
    missing = "-" if operation in BARE_OPERATIONS else '"-"'
    uri, referrer, user_agent = (missing if text is None else f'"{text}"' for text in (uri, referrer, user_agent))
    fields = (
        *(owner, bucket, f"[{moment.day:02d}/{MONTHS[moment.month - 1]}/{moment.year:04d}:{moment:%H:%M:%S} +0000]"),
        *(address, requester, request_id, operation, key if key_encoded is None else key_encoded, uri),
        *(None if status is None else f"{status:03d}", error, *counts, referrer, user_agent),
        *tail[: cast("int", field_count) - BEFORE_TAIL],
        *(() if extra is None else (extra,)),
    )
    return " ".join("-" if value is None else str(value) for value in fields).encode()
