"""Where in a query DuckDB found an error, as the end of its message shows it: a line, and a mark below it."""

import re

_SHOWN = re.compile(r"^LINE (?P<line>\d+): (?P<text>.*)\n(?P<space> *)\^", re.MULTILINE)
_CUT = "..."


def moved(message: str, lines: int) -> str:
    """The message with the number of its line so much greater, and the mark below the same place."""
    shown = _SHOWN.search(message)
    if shown is None:
        return message
    number = str(int(shown["line"]) + lines)
    # The mark moves with the text, whose number may have one digit more.
    width = len(shown["space"]) + len(number) - len(shown["line"])
    moved_text = f"LINE {number}: {shown['text']}\n{' ' * width}^"
    return message[: shown.start()] + moved_text + message[shown.end() :]


def place_of(message: str, sql: str) -> tuple[int, int] | None:
    """The line and column, both from 1, that a message about this SQL shows; None where it shows none."""
    shown = _SHOWN.search(message)
    if shown is None:
        return None
    line = int(shown["line"])
    at = len(shown["space"]) - len(f"LINE {line}: ")
    # Of a long line only what is around the place is shown.
    if shown["text"].startswith(_CUT):
        text = shown["text"].removeprefix(_CUT).removesuffix(_CUT)
        at += sql.split("\n")[line - 1].find(text) - len(_CUT)
    return line, at + 1
