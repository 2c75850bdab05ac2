"""Regular expressions of RE2, as DuckDB has them, for the engines that are written in Java."""

import re

from etl.dialects.vocabulary import NotOfferedError

# A class of characters, an escape, the start of a group, or one character.
_TOKEN = re.compile(r"\[\^?\]?(?:\\.|[^\]\\])*\]|\\.|\(\?[a-zA-Z<=!]*:?|.", re.DOTALL)
_SAME_GROUPS = {"(?:"}
_SAME_ESCAPES = re.compile(r"\\(?:[dDwWzAtn]|[^a-zA-Z0-9])", re.DOTALL)
# In Java a class may have others in it, and `&&` between them; its blanks are others.
_OTHER_CLASS = re.compile(r"(?<!\\)\[|&&|\\[^dDwWtn\W]")
_OTHER = {
    "$": r"\z",  # in Java also before a last line feed
    ".": r"[^\n]",  # in Java no other end of a line either
    r"\s": r"[\t\n\f\r ]",
    r"\S": r"[^\t\n\f\r ]",
    r"\b": r"(?:(?<=[0-9A-Za-z_])(?![0-9A-Za-z_])|(?<![0-9A-Za-z_])(?=[0-9A-Za-z_]))",
    "(?i": "(?iu",  # letters beyond ASCII have cases, too
    "(?i:": "(?iu:",
}


def java_pattern(pattern: str) -> str:
    """The pattern that matches the same in Java, where ends of lines mean something else.

    `pattern` is one that RE2 takes. Raises NotOfferedError for what is not known to be the same.
    """
    return "".join(_token(token, pattern) for token in _TOKEN.findall(pattern))


def _token(token: str, pattern: str) -> str:
    if token in _OTHER:
        return _OTHER[token]
    if not _is_same(token):
        raise NotOfferedError(
            f"the pattern {pattern!r} has {token}, which engines in Java may take for something else"
        )
    return token


def _is_same(token: str) -> bool:
    if token.startswith("\\"):
        return _SAME_ESCAPES.fullmatch(token) is not None
    if token.startswith("(?"):
        return token in _SAME_GROUPS
    return len(token) == 1 or not _OTHER_CLASS.search(token[1:])
