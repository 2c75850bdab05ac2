"""The fields of a log line, in its order: one table, from which patterns, columns, schema and documentation derive.

AWS adds fields at the end of the line (https://docs.aws.amazon.com/AmazonS3/latest/userguide/LogFormat.html); a new one
is one more entry at the end of `FIELDS`.
"""

from dataclasses import dataclass
from enum import Enum, auto

import pyarrow as pa

TEXT = pa.string()
TIME = pa.timestamp("us")


class Group(Enum):
    """Where in a line a field is: what is quoted stands between three runs of fields that are not."""

    LEADING = auto()
    """Before the request URI."""
    RESULT = auto()
    """Between the request URI and the referrer: status, error code, sizes and durations."""
    QUOTED = auto()
    """Untrusted text between quotes, and there may be more quotes in it."""
    TRAILING = auto()
    """After the user agent."""


# Outside quotes S3 writes neither spaces nor quotes.
_ANY = r'[^ "]+'
_NUMBER = r"[0-9]+|-"
# Scality writes decimals, and Ceph the unit.
_DURATION = r"[0-9]+(?:\.[0-9]+)?(?:ms)?|-"
HOST_ID_LENGTH = 40
"""Bytes from which a field can be a host id only."""
CLOUDFRONT_IDENTITY = (
    r'arn:aws[a-z-]*:iam::cloudfront:user/CloudFront Origin Access Identity [^ "]+'
)
"""The only requester with spaces in it (elastic/integrations#20417)."""
LARGEST_OBJECT = 50 * 2**40
"""Bytes that an object of S3 can have: 50 TB, since December 2025."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a log line, and the column of its name.

    `pattern` is a regular expression for it as it is logged, `largest` the largest number that it can be, and `since`
    how many fields a line has that has it: lines have had 17, 18, 23, 24, 25, 26 and 27.
    """

    name: str
    group: Group
    meaning: str
    type: pa.DataType = TEXT
    unit: str = ""
    pattern: str = _ANY
    largest: int | None = None
    since: int = 17
    is_number: bool = False
    is_trusted: bool = False
    """Of a text: whether no client can write a URL with a secret into it; `privacy.query_strings` cuts all others."""

    def __post_init__(self) -> None:
        if self.group is Group.TRAILING and self.type != TEXT:
            raise TypeError(
                f"{self.name}: trailing fields are text; a view may cast them"
            )


def _leading(name: str, meaning: str, pattern: str = _ANY) -> Field:
    return Field(name, Group.LEADING, meaning, pattern=pattern, is_trusted=True)


# A response may be larger than the object that it is about, but not than the largest object.
def _size(name: str, meaning: str) -> Field:
    return Field(
        name,
        Group.RESULT,
        meaning,
        pa.int64(),
        "bytes",
        _NUMBER,
        LARGEST_OBJECT,
        is_number=True,
    )


def _duration(name: str, meaning: str) -> Field:
    return Field(
        name,
        Group.RESULT,
        meaning,
        pa.int32(),
        "ms",
        _DURATION,
        is_number=True,
        is_trusted=True,
    )


def _trailing(
    name: str, since: int, pattern: str, meaning: str, *, is_trusted: bool = True
) -> Field:
    return Field(
        name, Group.TRAILING, meaning, pattern=pattern, since=since, is_trusted=is_trusted
    )


FIELDS: tuple[Field, ...] = (
    _leading("bucket_owner", "canonical user id"),
    _leading("bucket", "source bucket (partition)"),
    Field(
        "time", Group.LEADING, "when S3 received the request", TIME, "UTC", r'\[[^\]"]*\]'
    ),
    _leading("remote_ip", "apparent address; NULL where S3 or another service acted"),
    _leading(
        "requester",
        "ARN, canonical user id or service; NULL for anonymous requests",
        # The paths of IAM's users and roles may hold quotes.
        rf"{CLOUDFRONT_IDENTITY}|[^ ]+",
    ),
    _leading("request_id", "S3's id of the request; several records may have the same"),
    _leading("operation", "such as REST.GET.OBJECT or S3.EXPIRE.OBJECT"),
    _leading("key", "object key, decoded"),
    Field("request_uri", Group.QUOTED, "method, target and protocol, as sent"),
    Field(
        "http_status",
        Group.RESULT,
        "HTTP status; NULL for lifecycle events",
        pa.int16(),
        pattern="[0-9]{3}|-",
        is_number=True,
    ),
    Field("error_code", Group.RESULT, "S3's error code, such as NoSuchKey"),
    _size("bytes_sent", "sent as the response's body; NULL means none"),
    _size("object_size", "of the whole object, also where a range was requested"),
    _duration("total_time", "from the request's first byte to the last of the response"),
    _duration(
        "turn_around_time", "from the request's last byte to the first of the response"
    ),
    Field("referrer", Group.QUOTED, "Referer header, as sent"),
    Field("user_agent", Group.QUOTED, "User-Agent header, as sent"),
    _trailing("version_id", 18, _ANY, "version of the object"),
    _trailing(
        "host_id",
        23,
        rf"-|[A-Za-z0-9+/=_-]{{{HOST_ID_LENGTH},}}",
        "S3's extended request id (x-amz-id-2)",
    ),
    _trailing(
        "signature_version",
        23,
        "-|Sig[0-9A-Za-z_-]+",
        "SigV2 or SigV4; NULL for anonymous requests",
    ),
    _trailing("cipher_suite", 23, "[A-Za-z0-9_-]+", "NULL without TLS"),
    _trailing(
        "authentication_type",
        23,
        "-|AuthHeader|QueryString",
        "AuthHeader, or QueryString for presigned URLs; NULL for anonymous requests",
    ),
    _trailing("host_header", 23, _ANY, "host that the client named", is_trusted=False),
    _trailing(
        "tls_version",
        24,
        '-|TLS[^ "]*|INVALID[^ "]*',
        "such as TLSv1.3; NULL without TLS",
    ),
    _trailing("access_point_arn", 25, '-|arn:[^ "]+', "access point that was used"),
    _trailing(
        "acl_required",
        26,
        "-|Yes",
        "Yes where an ACL was needed to allow the request; else NULL",
    ),
    _trailing(
        "source_region",
        27,
        "-|[a-z]{2,}-[a-z0-9-]+",
        "Region of AWS that the request came from (since 2026)",
    ),
)


@dataclass(frozen=True, slots=True)
class Derived:
    """A column that is not a field of the line, but says something about it, or about one of its fields."""

    name: str
    meaning: str
    type: pa.DataType = TEXT
    unit: str = ""
    after: str | None = None
    """The field that it follows; without one it comes after all fields."""


DERIVED: tuple[Derived, ...] = (
    Derived("key_encoded", "key as logged, where that differs", after="key"),
    Derived(
        "field_count",
        "how many of the fields known today the line has",
        pa.int16(),
        "fields",
    ),
    Derived("extra_fields", "what follows them, as it is"),
    Derived("parse_note", "why the line needed care; NULL for a regular one"),
)


def in_group(group: Group) -> tuple[Field, ...]:
    """The fields of one group, in the order of the line."""
    return tuple(one for one in FIELDS if one.group is group)


def columns() -> list[Field | Derived]:
    """Fields and what is derived from them, in the order of the lake's columns."""
    found: list[Field | Derived] = []
    for field in FIELDS:
        found.append(field)
        found += [derived for derived in DERIVED if derived.after == field.name]
    return found + [derived for derived in DERIVED if derived.after is None]
