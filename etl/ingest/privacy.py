"""What is taken out of records and rejects before anything is written: remote addresses and query strings.

Presigned signatures and tokens travel in the query strings of request URIs and referrers.
"""

import hashlib
import hmac
import ipaddress
import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import SecretStr

from etl.arrow import (
    array_of,
    as_dictionary,
    codes_of,
    dictionary_of,
    mapped_texts,
    to_numpy,
    where_text,
)
from etl.config import Privacy
from etl.errors import UsageError
from etl.fields import FIELDS, TEXT
from etl.parser import Note, Parsed

# Bytes that a key has at least: there are few addresses, so only the key keeps a hash from being turned around.
_KEY_LENGTH = 16
# Hexadecimal digits of a hash; of 128 bits no two addresses share one.
_HASH_LENGTH = 32
# What of a reject is surely nobody's address or query string: owner, bucket and time, at the start of the line.
_UP_TO_TIME = re.compile(
    r"[!-~]+ [!-~]+ \[[0-9]{2}/[A-Z][a-z]{2}/[0-9]{4}:[0-9]{2}:[0-9]{2}:[0-9]{2} [+-][0-9]{4}\]"
)
_HTTP_VERSION = re.compile(r" HTTP/[0-9.]+$")
# Where a URL's query string or fragment begins, or would, however often it is percent-encoded.
_QUERY = re.compile(r"[?#]|%(?:25)*(?:3[Ff]|23)")
# Who logs in by a URL, wherever in a text it is.
_USER_INFO = re.compile(r"//[^/?#\s\"]*@")
# HTTP statuses from here on: there may be no object of this key, so it may be anybody's text.
_FAILED = 400

# Texts from which query strings are cut, and what follows the known fields.
_UNTRUSTED = (
    *(one.name for one in FIELDS if one.type == TEXT and not one.is_trusted),
    "extra_fields",
)

Address = Callable[[str], str | None]
"""What becomes of an address; it gets whatever text stands for one."""


def with_hash_key(privacy: Privacy) -> Privacy:
    """`privacy` with the key itself in it, wherever it was to be found, if one is needed.

    Raises UsageError where addresses are to be hashed and there is no key of at least 16 bytes.
    """
    if privacy.remote_ip != "hash":
        return privacy
    key = privacy.hash_key.get_secret_value() if privacy.hash_key else None
    if key is None and privacy.hash_key_file is not None:
        try:
            key = privacy.hash_key_file.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(
                f"{privacy.hash_key_file}: cannot read the key: {error}"
            ) from error
    if key is None or len(key.encode()) < _KEY_LENGTH:
        raise UsageError(
            f"privacy.remote_ip = hash needs a key of at least {_KEY_LENGTH} bytes, always the same: "
            "set privacy.hash_key_file or ACCESSLAKE_PRIVACY_HASH_KEY (`openssl rand -hex 32` makes one)"
        )
    return privacy.model_copy(update={"hash_key": SecretStr(key)})


def protect(parsed: Parsed, privacy: Privacy) -> Parsed:
    """`parsed` as `privacy` wants it, rejects included."""
    if privacy.remote_ip == "keep" and privacy.query_strings == "keep":
        return parsed
    records = _without_ambiguous_texts(parsed.records)
    if privacy.remote_ip != "keep":
        records = _changed(records, "remote_ip", _address(privacy))
    if privacy.query_strings == "drop":
        for name in _UNTRUSTED:
            # The request URI has a protocol behind it.
            change = _uri_before_query if name == "request_uri" else _before_query
            records = _changed(records, name, change)
        records = _without_queries_in_keys(records)
    return replace(parsed, records=records, rejects=_with_starts_of_lines(parsed.rejects))


def _address(privacy: Privacy) -> Address:
    # What stands for an address is replaced even where it is none: it may be one that nobody recognizes.
    if privacy.remote_ip == "drop":
        return lambda _text: None
    if privacy.remote_ip == "truncate":
        return _truncated
    key = privacy.hash_key.get_secret_value().encode() if privacy.hash_key else b""
    return lambda text: hmac.new(
        key, _canonical(text).encode(), hashlib.sha256
    ).hexdigest()[:_HASH_LENGTH]


def _truncated(text: str) -> str | None:
    """The network of an address: the first 24 bits of IPv4, 48 of IPv6; None for any other text."""
    address = _parsed_address(text)
    if address is None:
        return None
    bits = 24 if address.version == 4 else 48  # noqa: PLR2004
    return str(ipaddress.ip_network((address, bits), strict=False).network_address)


def _canonical(text: str) -> str:
    """An address in its one usual form, so that all forms of it have one hash."""
    address = _parsed_address(text)
    return text if address is None else str(address)


def _parsed_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """An address; of IPv4 where IPv6's form only wraps one (mapped, or 6to4)."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        return address.ipv4_mapped or address.sixtofour or address
    return address


def _without_ambiguous_texts(records: pa.Table) -> pa.Table:
    """Records without untrusted text where a line can be interpreted in more than one way.

    Nobody knows where one ends, so there may be more of a query string in the next, or another record's address.
    """
    is_ambiguous = where_text(as_dictionary(records["parse_note"]), Note.AMBIGUOUS.__eq__)
    if is_ambiguous.any():
        for name in ("request_uri", "referrer", "user_agent", "extra_fields"):
            texts = as_dictionary(records[name])
            left = np.where(is_ambiguous, -1, codes_of(texts))
            records = _set(records, name, dictionary_of(texts.dictionary, left))
    return records


def _uri_before_query(uri: str) -> str:
    """`GET /key?query HTTP/1.1` without the query."""
    version = _HTTP_VERSION.search(uri) if _QUERY.search(uri) else None
    return _before_query(uri) + (version[0] if version else "")


def _before_query(text: str) -> str:
    return _USER_INFO.sub("//", _QUERY.split(text, maxsplit=1)[0])


def _without_queries_in_keys(records: pa.Table) -> pa.Table:
    """Keys without what follows a question mark, where the request failed; the key of an object is its name."""
    status = records["http_status"].combine_chunks()
    has_failed = to_numpy(
        pc.fill_null(pc.greater_equal(status, _FAILED), fill_value=False)
    )
    for name in ("key", "key_encoded"):
        keys = as_dictionary(records[name])
        cut = mapped_texts(keys, _before_query)
        texts = pa.concat_arrays([keys.dictionary, cut.dictionary])
        codes = np.where(has_failed, len(keys.dictionary) + codes_of(cut), codes_of(keys))
        codes[codes_of(keys) < 0] = -1
        records = _set(records, name, dictionary_of(texts, codes))
    return records


def _changed(table: pa.Table, name: str, change: Callable[[str], str | None]) -> pa.Table:
    return _set(table, name, mapped_texts(as_dictionary(table[name]), change))


def _set(table: pa.Table, name: str, texts: pa.DictionaryArray) -> pa.Table:
    at = table.schema.get_field_index(name)
    return table.set_column(
        at, table.schema.field(at), texts.cast(table.schema.field(at).type)
    )


def _with_starts_of_lines(rejects: pa.Table) -> pa.Table:
    """Rejects of which only owner, bucket and time are kept, and the length: nobody knows what the rest is."""
    chunks = [
        array_of([_start_of(line) for line in chunk.to_pylist()], TEXT)
        for chunk in rejects["line"].chunks
    ]
    lines = pa.chunked_array(chunks, TEXT)
    return rejects.set_column(rejects.schema.get_field_index("line"), "line", lines)


def _start_of(line: str) -> str:
    start = _UP_TO_TIME.match(line)
    kept = start[0] if start else ""
    return f"{kept} ({len(line) - len(kept)} characters not kept)".strip()
