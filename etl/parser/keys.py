"""Object keys as they are logged: URL-encoded, how often depends on the operation."""

import re
from urllib.parse import quote, quote_plus, unquote_to_bytes

from etl.caches import cached_by_text

# Python's unquote leaves such a one as it is, and would hide that the key does not decode.
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


def is_encoded_once(operation: str) -> bool:
    """Whether `operation` logs a key encoded once; all others log it encoded twice.

    Yelp engineering, September 2025; double encoding is seen in AWS's own lines.
    """
    return operation.startswith(("S3.", "BATCH.DELETE.OBJECT"))


def decode_key(logged: str, operation: str) -> tuple[str, bool]:
    """The key behind the `logged` text, and whether every layer of encoding could be taken off."""
    return decode_layers(logged, 1 if is_encoded_once(operation) else 2)


@cached_by_text(entries=32768)
def decode_layers(logged: str, layers: int) -> tuple[str, bool]:
    """`logged` without its one or two layers of encoding, and whether all came off.

    The innermost layer is form encoding, where `+` is a space; that a space in a twice-encoded key is logged as
    `%2B` is an inference. A layer that does not decode, or not to UTF-8, stays as it is.
    """
    # The outer layer is of the log's own: percent escapes only, in which `+` is itself.
    outer = logged if layers == 1 else _decode_layer(logged)
    if outer is None:
        return logged, False
    inner = _decode_layer(outer.replace("+", " "))
    return (outer, False) if inner is None else (inner, True)


def encode_key(key: str, operation: str) -> str:
    """`key` as S3 logs it for `operation`: the inverse of `decode_key`. `/` and `*` stay as they are."""
    inner = quote_plus(key, safe="/*")
    return inner if is_encoded_once(operation) else quote(inner, safe="/*")


def _decode_layer(text: str) -> str | None:
    """`text` with its percent escapes decoded, or None where one is malformed or the result is not UTF-8."""
    if "%" not in text:
        return text
    if _BAD_ESCAPE.search(text):
        return None
    try:
        return unquote_to_bytes(text).decode("utf-8")
    except UnicodeDecodeError:
        return None
