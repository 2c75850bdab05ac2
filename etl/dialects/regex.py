"""Regular expressions of RE2, as DuckDB has them, for the engines that are written in Java."""

import re

from etl.dialects.vocabulary import NotOfferedError

# A class of characters, an escape, the start of a group, or one character.
_TOKEN = re.compile(r"\[\^?\]?(?:\\.|[^\]\\])*\]|\\[a-zA-Z]|\\.|\(\?[:i)]+|.", re.DOTALL)
_SAME = {r"\d", r"\D", r"\w", r"\W", r"\z", r"\A", r"\t", r"\n"}
_OTHER = {
    "$": r"\z",  # in Java also before a last line feed
    ".": r"[^\n]",  # in Java no other end of a line either
    r"\s": r"[\t\n\f\r ]",
    r"\b": r"(?:(?<=[0-9A-Za-z_])(?![0-9A-Za-z_])|(?<![0-9A-Za-z_])(?=[0-9A-Za-z_]))",
}


def java_pattern(pattern: str) -> str:
    """The pattern that matches the same in Java, where ends of lines mean something else.

    Raises NotOfferedError for what is not known to be the same.
    """
    return "".join(_token(token, pattern) for token in _TOKEN.findall(pattern))


def _token(token: str, pattern: str) -> str:
    if token in _OTHER:
        return _OTHER[token]
    if re.fullmatch(r"\\[a-zA-Z]", token) and token not in _SAME:
        raise NotOfferedError(
            f"its pattern {pattern!r} has {token}, which engines in Java may take for something else"
        )
    return token
