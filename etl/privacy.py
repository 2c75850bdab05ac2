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
from pydantic import SecretStr

from etl.arrays import Bools, array_of, as_dictionary, codes_of, dictionary_of, mapped_texts, where_text
from etl.config import Privacy
from etl.errors import UsageError
from etl.line import Note
from etl.parse import Parsed
from etl.schema import TEXT

_KEY_LENGTH = 16
"""Bytes that a key has at least: there are few addresses, so only the key keeps a hash from being turned around."""
_HASH_LENGTH = 32
"""Hexadecimal digits of a hash; of 128 bits no two addresses share one."""
_AFTER_TIME = re.compile(r"(?<=\] )[^ ]+")
"""Where a line has its remote address."""
_IPV4 = re.compile(r"(?<![0-9.])[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?![0-9])")
_MAY_BE_IPV6 = re.compile(r"[0-9A-Fa-f:.]+")
_COLONS_OF_A_TIME = 3
_HTTP_VERSION = re.compile(r" HTTP/[0-9.]+$")
_QUERY = re.compile(r"[?#]")
"""Where a URL's query string or fragment begins."""

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
            raise UsageError(f"{privacy.hash_key_file}: cannot read the key: {error}") from error
    if key is None or len(key.encode()) < _KEY_LENGTH:
        raise UsageError(
            f"privacy.remote_ip = hash needs a key of at least {_KEY_LENGTH} bytes, always the same: "
            "set privacy.hash_key_file or ACCESSLAKE_PRIVACY_HASH_KEY (`openssl rand -hex 32` makes one)"
        )
    return privacy.model_copy(update={"hash_key": SecretStr(key)})


def protect(parsed: Parsed, privacy: Privacy) -> Parsed:
    """`parsed` as `privacy` wants it, rejects included."""
    records, rejects = parsed.records, parsed.rejects
    if privacy.remote_ip != "keep":
        address = _address(privacy)
        records = _set(records, "remote_ip", mapped_texts(as_dictionary(records["remote_ip"]), address))
        records = _without_addresses_in_texts(records, address)
        rejects = _with_lines(rejects, lambda line: _hide_addresses(line, address))
    if privacy.query_strings == "drop":
        records = _without_query_strings(records)
        # Where fields begin and end in such a line nobody knows, so all that follows goes.
        rejects = _with_lines(rejects, _before_query)
    return replace(parsed, records=records, rejects=rejects)


def _address(privacy: Privacy) -> Address:
    if privacy.remote_ip == "drop":
        return lambda _text: None
    if privacy.remote_ip == "truncate":
        return _truncated
    key = privacy.hash_key.get_secret_value().encode() if privacy.hash_key else b""
    return lambda text: hmac.new(key, _canonical(text).encode(), hashlib.sha256).hexdigest()[:_HASH_LENGTH]


def _truncated(text: str) -> str | None:
    """The network of an address: the first 24 bits of IPv4, 48 of IPv6; None for what is no address."""
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
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if address.version == 6 else address  # noqa: PLR2004


def _hide_addresses(line: str, address: Address) -> str:
    """A line that nothing is known about, without its remote address and whatever else in it is an address."""

    def hide(match: re.Match[str]) -> str:
        return address(match[0]) or "-"

    def hide_ipv6(match: re.Match[str]) -> str:
        text = match[0] if match[0].endswith("::") else match[0].strip(".:")
        is_address = ":" in text and _parsed_address(text) is not None
        return hide(match) if is_address or text.count(":") > _COLONS_OF_A_TIME else match[0]

    return _MAY_BE_IPV6.sub(hide_ipv6, _IPV4.sub(hide, _AFTER_TIME.sub(hide, line)))


def _without_addresses_in_texts(records: pa.Table, address: Address) -> pa.Table:
    """Records whose texts hold no addresses where a line can be read in more than one way: one may be another's."""
    is_ambiguous = _are_ambiguous(records)
    if not is_ambiguous.any():
        return records
    for name in _TEXTS:
        texts = as_dictionary(records[name])
        distinct, codes = texts.dictionary.to_pylist(), codes_of(texts)
        hidden = [_hide_addresses(text, address) for text in distinct]
        here = np.where(is_ambiguous & (codes >= 0), codes + len(distinct), codes)
        records = _set(records, name, dictionary_of([*distinct, *hidden], here))
    return records


def _are_ambiguous(records: pa.Table) -> Bools:
    return where_text(as_dictionary(records["parse_note"]), Note.AMBIGUOUS.__eq__)


def _without_query_strings(records: pa.Table) -> pa.Table:
    """Records without what follows `?` in request URIs and `?` or `#` in referrers.

    Where a line can be read in more than one way, a text after a query string may be more of it, and goes too.
    """
    is_ambiguous = _are_ambiguous(records)
    may_be_query = np.zeros(records.num_rows, np.bool_)
    for name, cut in _TEXTS.items():
        texts = as_dictionary(records[name])
        has_query = is_ambiguous & where_text(texts, _QUERY.search)
        if cut is None:
            may_be_query |= has_query
        left = np.where(may_be_query, -1, codes_of(texts))
        distinct = texts.dictionary.to_pylist()
        records = _set(records, name, dictionary_of([cut(text) for text in distinct] if cut else distinct, left))
        may_be_query |= has_query
    return records


def _uri_before_query(uri: str) -> str:
    """`GET /key?query HTTP/1.1` without the query."""
    before, mark, query = uri.partition("?")
    version = _HTTP_VERSION.search(query) if mark else None
    return before + (version[0] if version else "")


def _before_query(text: str) -> str:
    return _QUERY.split(text, maxsplit=1)[0]


_TEXTS: dict[str, Callable[[str], str] | None] = {
    "request_uri": _uri_before_query,
    "referrer": _before_query,
    "user_agent": None,
    "extra_fields": None,
}
"""The texts that strangers write, in the order of the line, and how those that are URLs are cut."""


def _set(table: pa.Table, name: str, texts: pa.DictionaryArray) -> pa.Table:
    at = table.schema.get_field_index(name)
    return table.set_column(at, table.schema.field(at), texts.cast(table.schema.field(at).type))


def _with_lines(rejects: pa.Table, change: Callable[[str], str]) -> pa.Table:
    lines = array_of([change(line) for line in rejects["line"].to_pylist()], TEXT)
    return rejects.set_column(rejects.schema.get_field_index("line"), "line", lines)
