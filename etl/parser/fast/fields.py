"""Where the fields of regular lines are, told from the positions of spaces, quotes and line feeds alone."""

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np

from etl.arrow import Bools, Ints
from etl.parser.fast.block import FEED, QUOTE, Block, after_each, are_dashes
from etl.parser.line import BEFORE_TAIL, HOST_ID_LENGTH, LONGEST_LINE, TAIL_LENGTH, TAIL_LENGTHS

(_SPACE,) = b" "
_QUOTES = 6
_HEAD_SPACES = 9
"""Spaces before the URI; one of them is inside the time."""
_IDENTITY_SPACES = 4
"""Spaces inside the only requester that has any."""
_COUNT_SPACES = 7
"""Spaces around the six fields from status to turn-around time."""


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines that may be regular, and the positions in the block where their fields begin and end.

    Every array has a column for each line; the first axis of those with two is over fields.
    """

    number: Ints
    head: Ints
    """Of 9 spaces: after owner and bucket, in and after the time, after address, requester, id, operation and key."""
    text_begins: Ints
    """Of URI, referrer and user agent, after the opening quote."""
    text_ends: Ints
    counts: Ints
    """Of the 7 spaces around status, error code and the four numbers."""
    tail: Ints
    """After the user agent, the version id and the host id: a space, or the line feed."""
    tail_length: Ints
    """How many fields follow the user agent."""

    def where(self, mask: Bools) -> "Lines":
        return self if mask.all() else Lines(*(getattr(self, one.name)[..., mask] for one in fields(self)))


def find_fields(block: Block) -> Iterator[Lines]:
    """The lines of a block that may be regular: those with six quotes, then those without any."""
    firsts = after_each(block.feeds)
    quotes = np.flatnonzero(block.kinds == QUOTE)
    before = np.searchsorted(quotes, firsts)
    count = np.searchsorted(quotes, block.feeds) - before
    usual = _are_usual(block, firsts) & (block.ends - block.starts <= LONGEST_LINE)
    quoted = np.flatnonzero(usual & (count == _QUOTES))
    yield _without_empty(block, _quoted(block, firsts[quoted], quotes[_from(before[quoted], _QUOTES)], quoted))
    unquoted = np.flatnonzero(usual & (count == 0))
    yield _without_empty(block, _unquoted(block, firsts[unquoted], unquoted))


def _from(first: Ints, count: int) -> Ints:
    """For each mark its number and those of the next ones, `count` in all."""
    return first + np.arange(count)[:, None]


def _are_usual(block: Block, firsts: Ints) -> Bools:
    """Which lines are printable ASCII."""
    unusual = np.flatnonzero((block.kinds < _SPACE) & (block.kinds != FEED) | (block.kinds > QUOTE))
    are: Bools = np.searchsorted(unusual, block.feeds) == np.searchsorted(unusual, firsts)
    return are


def _quoted(block: Block, first: Ints, at: Ints, lines: Ints) -> Lines:
    """Of lines with six quotes those with the right spaces around; `first` is their first mark, `at` are the quotes."""
    spaces = at[0] - first
    right = (spaces == _HEAD_SPACES) | (spaces == _HEAD_SPACES + _IDENTITY_SPACES)
    right &= at[2] - at[1] == _COUNT_SPACES + 1
    right &= at[4] - at[3] == 2  # noqa: PLR2004 - the one space between referrer and user agent
    at, first, lines = at[:, right], first[right], lines[right]
    position = block.positions
    quotes = position[at]
    # Next to each other: space and opening quote, closing quote and space.
    right = quotes[0] - position[at[0] - 1] == 1
    right &= position[at[1] + 1] - quotes[1] == 1
    right &= quotes[2] - position[at[2] - 1] == 1
    right &= quotes[4] - quotes[3] == 2  # noqa: PLR2004
    right &= position[at[5] + 1] - quotes[5] == 1
    # A text that begins with a space could make its own quote look like the end of the URI.
    right &= (block.text[quotes[::2] + 1] != _SPACE).all(axis=0)
    texts = (quotes[::2] + 1, quotes[1::2])
    found = _lines(block, lines, first, texts, at[0], at[1] + 1, at[5] + 1)
    # Without a host id, the quoted fields could all be the URI's.
    right &= (found.tail_length <= 1) | (found.tail[2] - found.tail[1] > HOST_ID_LENGTH)
    return found.where(right)


def _unquoted(block: Block, first: Ints, lines: Ints) -> Lines:
    """Of lines without quotes those whose URI, referrer and user agent are each a dash."""
    right = block.feeds[lines] - first >= BEFORE_TAIL
    first, lines = first[right], lines[right]
    uri, tail = first + _HEAD_SPACES, first + BEFORE_TAIL
    after = np.stack((uri, tail - 1, tail))
    begins, ends = block.positions[after - 1] + 1, block.positions[after]
    found = _lines(block, lines, first, (begins, ends), uri, uri, tail)
    return found.where(np.logical_and.reduce(are_dashes(block, begins, ends), axis=0))


def _lines(
    block: Block, lines: Ints, first: Ints, texts: tuple[Ints, Ints], uri: Ints, counts: Ints, tail: Ints
) -> Lines:
    """`first`, `uri`, `counts` and `tail` are marks: after the owner, at the URI, and after URI and user agent."""
    feed = block.feeds[lines]
    up_to_address = 5
    head = np.concatenate((_from(first, up_to_address), _from(uri + up_to_address - _HEAD_SPACES, 4)))
    return Lines(
        lines,
        head=block.positions[head],
        text_begins=texts[0],
        text_ends=texts[1],
        counts=block.positions[_from(counts, _COUNT_SPACES)],
        tail=block.positions[np.minimum(_from(tail, 3), feed)],
        tail_length=feed - tail,
    )


_IS_TAIL_LENGTH = np.array([length in TAIL_LENGTHS for length in range(TAIL_LENGTH + 1)])


def _without_empty(block: Block, lines: Lines) -> Lines:
    """Lines without an empty field outside quotes, and with a number of fields that lines have had."""
    right = lines.head[0] > block.starts[lines.number]
    right &= (np.diff(lines.head, axis=0) > 1).all(axis=0)
    right &= (np.diff(lines.counts, axis=0) > 1).all(axis=0)
    right &= ((np.diff(lines.tail, axis=0) > 1) | (lines.tail_length < [[1], [2]])).all(axis=0)
    right &= _IS_TAIL_LENGTH[np.minimum(lines.tail_length, TAIL_LENGTH)]
    return lines.where(right)
