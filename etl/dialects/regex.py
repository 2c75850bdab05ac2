"""Regular expressions of RE2, as DuckDB has them, for the engines that are written in Java.

Spark has those of Java itself, Trino and Athena have Joni's: what the three could take for something else, characters
of other scripts before all, is written out.
"""

import re
import string

from etl.dialects.vocabulary import NotOfferedError

# A class of characters, an escape, the start of a group, a number of times, or one character.
_TOKEN = re.compile(r"\[\^?\]?(?:\\.|[^\]\\])*\]|\\.|\(\?:?|\{[^}]*\}?|.", re.DOTALL)
_TIMES = re.compile(r"\{\d+(,\d*)?\}")
# RE2 takes time in proportion to the text, and Java may take for ever, or all of its stack.
_ENDLESS = re.compile(r"(?<!\\)\)(?:[*+]|\{\d+,\})")
_IN_CLASS = re.compile(r"\\.|.", re.DOTALL)
_WORD = "0-9A-Za-z_"
_SAME = {r"\z", r"\A", r"\t", r"\n"}
_CLASSES = {r"\d": "0-9", r"\w": _WORD, r"\s": r"\t\n\f\r "}
_OTHER = {
    "^": r"\A",  # to Joni perhaps the start of any line
    "$": r"\z",  # in Java also before a last line feed
    ".": r"[^\n]",  # in Java no other end of a line either
    r"[\s\S]": r"(?:[^\n]|\n)",
    r"\D": "[^0-9]",
    r"\W": f"[^{_WORD}]",
    r"\S": r"[^\t\n\f\r ]",
    r"\b": f"(?:(?<=[{_WORD}])(?![{_WORD}])|(?<![{_WORD}])(?=[{_WORD}]))",
} | {escape: f"[{members}]" for escape, members in _CLASSES.items()}
# What RE2 takes for the same letter besides the two of ASCII.
_THIRD = {"k": "\u212a", "s": "\u017f"}


def java_pattern(pattern: str, *, ignores_case: bool = False) -> str:
    """The pattern that matches the same in Java.

    Raises NotOfferedError for what is not known to be the same.
    """
    if endless := _ENDLESS.search(pattern):
        raise NotOfferedError(
            f"its pattern {pattern!r} has {endless[0]}, a group without end: engines in Java may never be done with it"
        )
    if pattern.startswith("(?i)"):
        return java_pattern(pattern.removeprefix("(?i)"), ignores_case=True)
    tokens = [_token(token, pattern) for token in _TOKEN.findall(pattern)]
    return "".join(map(_any_case, tokens) if ignores_case else tokens)


def _token(token: str, pattern: str) -> str:
    if token in _OTHER:
        return _OTHER[token]
    if token.startswith("[") and len(token) > 1:
        return _class(token, pattern)
    is_letter = re.fullmatch(r"\\[a-zA-Z0-9]", token) and token not in _SAME
    is_number = token.startswith("{") and not _TIMES.fullmatch(token)
    is_other_group = token.endswith("(?")
    if is_letter or is_number or is_other_group:
        raise _unknown(token, pattern)
    return token


def _class(token: str, pattern: str) -> str:
    """A class of characters: within it, Java knows unions, intersections and other classes."""
    if "&&" in token or "[:" in token:
        raise _unknown(token, pattern)
    negation = "^" if token.startswith("[^") else ""
    members = token.removeprefix(f"[{negation}").removesuffix("]")
    pieces = [_member(one, pattern) for one in _IN_CLASS.findall(members)]
    return f"[{negation}{''.join(pieces)}]"


def _member(piece: str, pattern: str) -> str:
    if piece in _CLASSES:
        return _CLASSES[piece]
    if re.fullmatch(r"\\[a-zA-Z0-9]", piece) and piece not in _SAME:
        raise _unknown(piece, pattern)
    return rf"\{piece}" if piece in ("[", "]") else piece


def _any_case(token: str) -> str:
    """A token that matches letters of either case: engines differ in what else is the same letter."""
    if not token.isascii():
        raise _unknown(token, token)
    if token in string.ascii_letters:
        return f"[{token.lower()}{token.upper()}{_THIRD.get(token.lower(), '')}]"
    if not token.startswith("[") or len(token) == 1:
        return token
    letters = {one for one in string.ascii_letters if re.fullmatch(token, one)}
    if token.startswith("[^"):
        if letters != set(string.ascii_letters):
            raise _unknown(token, token)
        return token
    others = {one.swapcase() for one in letters} - letters
    thirds = {_THIRD[one] for one in _THIRD if {one, one.upper()} & letters}
    more = "".join(sorted(others)).replace(string.ascii_uppercase, "A-Z")
    return f"{token[:-1]}{more}{''.join(sorted(thirds))}]"


def _unknown(token: str, pattern: str) -> NotOfferedError:
    return NotOfferedError(
        f"its pattern {pattern!r} has {token}, which engines in Java may take for something else"
    )
