"""Long texts cut to what there is room for, so that people can tell them apart: keys, URLs, user agents, ARNs."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import takewhile

from rich.cells import cell_len, set_cell_size

ELLIPSIS = "\u2026"
# Who acts is at the end of an ARN; before it are the partition, the service and the account, which many share.
_ARN = re.compile(r"arn:[^:]*:[^:]*:[^:]*:[^:]*:(?:assumed-role/)?(?=.)", re.DOTALL)
# What is left of a session at least, and of the start of a text.
_SESSION = 6
_START = 4
# Of digits that stand together all are kept, or none: half a number is another number. Longer ones are no numbers.
_NUMBER = r"[0-9]{1,14}"
_NUMBER_AT_END = re.compile(rf"(?<![0-9]){_NUMBER}$")
_NUMBER_AT_START = re.compile(rf"{_NUMBER}(?![0-9])")


def fitted(texts: Iterable[str], width: int) -> dict[str, str]:
    """A name of at most `width` columns for each text: itself, or cut where it is long, and another one for each.

    Texts are cut in the middle, as keys begin alike; those that would look the same, where they differ.
    """
    names = {text: shortened(text, width) for text in texts}
    alike: dict[str, list[str]] = {}
    for text, name in names.items():
        alike.setdefault(name, []).append(text)
    for same in alike.values():
        if len(same) > 1:
            names.update(_told_apart(same, width))
    return names


def shortened(text: str, width: int) -> str:
    """The text in at most `width` columns of a terminal, of which East Asian letters and emoji take two.

    A longer one is cut in the middle, not within a number. Of an ARN the role is kept before its session, and both
    before the account.
    """
    if _fits(text, width):
        return text
    arn = _ARN.match(text)
    if not arn:
        return _without_middle(text, width)
    role, slash, session = text[arn.end() :].partition("/")
    room = width - len(ELLIPSIS + slash)
    role = _without_middle(role, room - min(cell_len(session), _SESSION))
    if slash:
        session = _without_middle(session, room - cell_len(role))
    return f"{ELLIPSIS}{role}{slash}{session}"


def _fits(text: str, width: int) -> bool:
    return len(text) <= width and cell_len(text) <= width


def _without_middle(text: str, width: int) -> str:
    if _fits(text, width):
        return text
    room = width - len(ELLIPSIS)
    end = _end(text, room - room * 2 // 5, room - _START)
    start = _start(text, min(room * 2 // 5, room - cell_len(end)))
    return f"{start}{ELLIPSIS}{end}"


def _start(text: str, width: int) -> str:
    """The first letters, without a number that goes on."""
    start = set_cell_size(text[:width], width).rstrip()
    goes_on = text[len(start) : len(start) + 1].isdecimal()
    return (_NUMBER_AT_END.sub("", start) or start) if goes_on else start


def _end(text: str, width: int, most: int) -> str:
    """The last letters, with the whole of their first number where that takes `most` columns, else without it."""
    end = _last(text, width)
    before = text[: len(text) - len(end)]
    if not (before[-1:].isdecimal() and end[:1].isdecimal()):
        return end
    number = _NUMBER_AT_END.search(before)
    if number and _fits(number[0] + end, most):
        return number[0] + end
    return _NUMBER_AT_START.sub("", end, count=1) or end


def _last(text: str, width: int) -> str:
    # Backwards, as it is cut at the end.
    backwards = text[: -width - 1 : -1]
    return set_cell_size(backwards, width).rstrip()[::-1]


def _told_apart(texts: Sequence[str], width: int) -> dict[str, str]:
    """Names of texts that are alike at both ends: what they share is cut, down to where they differ."""
    shared = _shared(texts)
    names = {text: _from(text, shared, width) for text in texts}
    numbers: Counter[str] = Counter()
    for text, name in names.items():
        numbers[name] += 1
        if numbers[name] > 1:
            suffix = f" ({numbers[name]})"
            names[text] = f"{_without_middle(name, width - len(suffix))}{suffix}"
    return names


def _shared(texts: Sequence[str]) -> int:
    """How many letters the texts have in common at their start."""
    # The first and the last in order differ the soonest.
    pairs = zip(min(texts), max(texts), strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _from(text: str, shared: int, width: int) -> str:
    """The start of a text, and what it has from a little before the place `shared` on."""
    start = _common_start(text, shared, width // 2)
    number = _NUMBER_AT_END.search(text[:shared])
    at = max(0, min(shared - 2, number.start() if number else shared))
    room = width - cell_len(start) - len(ELLIPSIS)
    rest = text[at:]
    if not _fits(rest, room):
        rest = f"{_start(rest, room - len(ELLIPSIS))}{ELLIPSIS}"
    return f"{start}{ELLIPSIS}{rest}"


def _common_start(text: str, shared: int, width: int) -> str:
    """What is kept of the start that many texts share: nothing of an ARN, unless they share a role."""
    arn = _ARN.match(text)
    if not arn:
        return _start(text[:shared], min(width, shared * 2 // 3))
    role, slash, _ = text[arn.end() : shared].partition("/")
    return f"{ELLIPSIS}{_without_middle(role, width - 2)}{slash}" if slash else ""
