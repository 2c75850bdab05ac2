"""What a log line is made of: the patterns that follow from the table of fields, and the names of what can be wrong.

A line has leading fields, a quoted request URI, the result of the request, a quoted referrer, a quoted user agent, and
trailing fields. Single spaces stand between them, nearly always.
"""

import re
from dataclasses import replace
from enum import StrEnum

from etl.fields import FIELDS, Field, Group, in_group

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


class RejectError(Exception):
    """A line that cannot be interpreted; `reason` goes to the rejects table."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


CONTROL_CHARACTER, SPLICED = "control_character", "spliced"
"""Reasons that are found in more than one place."""

NO_LATEST = 2**63 - 1
"""The latest time of a record, where there is no bound."""
LONGEST_LINE = 256 * 1024
"""Bytes; S3's own lines have a key of at most 1,024 bytes and headers of at most 8 kB."""

LEADING, RESULT, TRAILING = (
    in_group(group) for group in (Group.LEADING, Group.RESULT, Group.TRAILING)
)
NUMBERS = tuple(number for number, one in enumerate(RESULT) if one.unit)
"""Which fields of the result are sizes and durations; they stand next to each other, after status and error code."""
OFTEN_NEW = TRAILING[:2]
"""The trailing fields that differ from line to line: version id and host id. The others hardly vary together."""
BEFORE_TRAILING = len(FIELDS) - len(TRAILING)
"""Fields up to the user agent, which every line has."""
TRAILING_COUNTS = frozenset({0, *(one.since - BEFORE_TRAILING for one in TRAILING)})
"""How many trailing fields lines have had."""

BARE_OPERATIONS = frozenset(
    {
        "REST.COPY.OBJECT_GET",
        "REST.COPY.PART_GET",
        "BATCH.DELETE.OBJECT",
        "S3.COMPUTE.OBJECT.CHECKSUM",
    }
)
"""Operations that log a missing URI, referrer or user agent as a bare `-`; all others quote it."""


def pattern_of(name: str) -> str:
    """The pattern of a field as it is logged."""
    return next(one.pattern for one in FIELDS if one.name == name)


def _spaced(fields: tuple[Field, ...]) -> str:
    """Several fields, each in a group of its own, with spaces between them."""
    return " +".join(f"({one.pattern})" for one in fields)


# Spaces may be too many, which a note says; a quote or a dash begins the request URI.
_NAMED = " +".join(f"(?P<{one.name}>{one.pattern})" for one in LEADING)
LEADING_FIELDS = re.compile(rf'{_NAMED} +(?=["-])')

_RESULT = f" +{_spaced(RESULT)} +"
# A referrer is quoted or missing. Other stores write it as it is: a URL; Ceph, which gives a time its unit, any text.
_URL = "[A-Za-z][A-Za-z0-9+.-]*:"
_BEFORE_REFERRER = f'(?:(?=["-]|{_URL})|(?<=ms ))'
# The result, and a bare dash each for referrer and user agent.
_BARE_REST = _RESULT + r"- +-(?= |$)"
RESULT_AFTER_URI = re.compile('"' + _RESULT + _BEFORE_REFERRER)
RESULT_AFTER_BARE_URI = re.compile("-" + _RESULT + _BEFORE_REFERRER)
BARE_AFTER_URI = re.compile('"' + _BARE_REST)
ALL_BARE = re.compile("-" + _BARE_REST)
RESULT_THEN_TEXT = re.compile('"' + _RESULT + '[^ "]')
"""A result, and after it what is neither a referrer nor missing."""
NO_RESULT = re.compile(rf'["-](?: +[^ "]+){{{len(RESULT)}}} +["-]')
"""Where a result should be, with something in it that no result has."""
BARE_AGENT = re.compile(r" +-(?= |$)")
BOUNDARY = re.compile(r'(?=(" +"))')
"""Between two quoted fields; each one is found, also where they overlap."""
OPENING = re.compile(r'( +)"')
"""Spaces, and the quote with which a quoted field may begin."""
QUOTES = re.compile('"')


def _optional(fields: tuple[Field, ...]) -> str:
    """Several fields, of which a line may have the first ones only."""
    nested = ""
    for one in reversed(fields):
        nested = f"(?: +(?:{one.pattern}){nested})?"
    return nested


COMPLETE = 6
"""Trailing fields that a line has at least since 2019."""
VERSION, HOST, SIGNATURE, _, AUTHENTICATION, _, TLS = range(COMPLETE + 1)
"""Which of them is which."""
UNKNOWN_SIGNATURE = re.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
"""A signature version that S3 may write one day; it is shorter than a host id."""
# As some stores write it, and as a client may have named the host.
_LOOSE = {
    "host_id": '[^ "]+',
    "signature_version": f"-|{UNKNOWN_SIGNATURE.pattern}",
    "host_header": '"[^ "]*"|[^ "][^ ]*',
}
_TRAILING = tuple(
    replace(one, pattern=_LOOSE.get(one.name, one.pattern)) for one in TRAILING
)
_KNOWN = (
    "".join(f" +(?:{one.pattern})" for one in _TRAILING[:COMPLETE])
    + _optional(_TRAILING[COMPLETE:])
    + "(?= |$)"
)
TRAILING_FIELDS = re.compile(_KNOWN)
"""The trailing fields of a line since 2019, as many as there are."""
_VERSION = r'(?:-|null|(?=[^ "]*[0-9])[A-Za-z0-9._~+/=-]+)'
_BARE = " +-"
# Any fields, so that there is one way only to match them.
_ALL_BARE = rf'(?: +[^ "]+){{{len(RESULT)}}} +- +-'


def _closing(after: str) -> tuple[re.Pattern[str], ...]:
    """Where a quoted field may end that only these fields follow, or a bare user agent, or all that may be bare."""
    return tuple(
        re.compile(f'"(?=(?P<after>{before}{after} *))')
        for before in ("", _BARE, _ALL_BARE)
    )


CLOSING = _closing(_KNOWN)
"""Where the last known quoted field may end, if quoted ones that nobody knows yet follow the trailing ones."""
CLOSING_OF_18 = _closing(f'(?: +{_VERSION})?(?= +")')
"""Likewise in lines that have a version id, or nothing, after the user agent."""
# IAM's ids are capitals and digits only; in a host id, which is base64, that does not happen.
PRINCIPAL_ID = re.compile(r"-|A[A-Z0-9]{15,}")
"""The extra column of March 2019."""

HEADER = re.compile(rb"\s*(?:Record format: .*|={20,})\s*", re.DOTALL)
"""A line at the head of Wasabi's log objects: the names of the fields, or what underlines them."""
MAPPED_ADDRESS = "::ffff:"
"""How IPv6 begins an address of IPv4."""
TIME_STAMP = re.compile(r"\[[0-9]{2}/[A-Za-z]{3}/[0-9]{4}:")
"""How the time of a record begins."""
CONTROLS = re.compile(r"[\x00-\x1f\x7f]")
DELETE = "\x7f"
"""The control character that IAM allows in the paths of users and roles."""
TOKENS = re.compile(r"[^ ]+")

is_host_id = re.compile(pattern_of("host_id").removeprefix("-|")).fullmatch
is_signature = re.compile(pattern_of("signature_version")).fullmatch
is_authentication = re.compile(pattern_of("authentication_type")).fullmatch
is_tls = re.compile(pattern_of("tls_version")).fullmatch
is_status = re.compile(pattern_of("http_status")).fullmatch
is_url = re.compile(_URL).match


def rounded(number: str) -> int:
    """A logged number as a whole one; Ceph's ends in `ms`, and Scality's may have decimals."""
    whole, _, fraction = number.removesuffix("ms").partition(".")
    return int(whole) + (fraction[:1] >= "5")


MISSING = ("-", "")
"""What is logged where there is no value."""


def or_null(logged: str | None) -> str | None:
    return None if logged in MISSING else logged
