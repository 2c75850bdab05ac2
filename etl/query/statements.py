"""Several statements in one text."""

from typing import NamedTuple

import duckdb

(_SEMICOLON,) = b";"


class Split(NamedTuple):
    """The statements of a text, each without its semicolon, and what follows the last semicolon."""

    statements: list[str]
    rest: str


def split_statements(text: str) -> Split:
    """Split at semicolons, other than those in quotes and comments; nothing but a comment is no statement."""
    data = text.encode()
    statements = []
    begin, is_empty = 0, True
    # What is quoted is one token, and so is a comment, also where its end is missing. Positions are in bytes.
    for at, kind in duckdb.tokenize(text):
        if data[at] != _SEMICOLON:
            is_empty = is_empty and kind == duckdb.token_type.comment
            continue
        if not is_empty:
            statements.append(data[begin:at].decode().strip())
        begin, is_empty = at + 1, True
    rest = "" if is_empty else data[begin:].decode().strip()
    return Split(statements, rest)
