"""Where the fields of regular lines are, as the positions of spaces, quotes and newlines alone show."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np

from etl.arrow import Bools, Ints
from etl.fields import FIELDS, HOST_ID_LENGTH, Group
from etl.parser.fast.block import NEWLINE, QUOTE, Block, after_each, are_dashes
from etl.parser.grammar import (
    BEFORE_TRAILING,
    LEADING,
    LONGEST_LINE,
    OFTEN_NEW,
    RESULT,
    TRAILING,
    TRAILING_COUNTS,
)

Span = tuple[Ints, Ints]
"""Where a field begins and ends in each line; for several fields of one shape, the first axis is over these."""

(_SPACE,) = b" "
_QUOTES = 6
# Spaces inside the only requester that has any, a CloudFront identity.
_IDENTITY_SPACES = 4
# Spaces inside the time: before its zone.
_TIME_SPACES = 1
_LEADING_SPACES = len(LEADING) + _TIME_SPACES
# Delimiters up to the one after the address. As a requester may have spaces, the others are counted from the URI.
_BEFORE_REQUESTER = (
    1
    + _TIME_SPACES
    + next(at for at, one in enumerate(LEADING) if one.name == "remote_ip")
)
_AFTER_REQUESTER = _LEADING_SPACES - _BEFORE_REQUESTER
# Spaces around and between the fields from status to turn-around time.
_RESULT_SPACES = len(RESULT) + 1


class _Place(NamedTuple):
    """The delimiters on both sides of a field: in which array of `Lines`, and in which of its rows."""

    delimiters: str
    before: int | None
    """None at the start of the line."""
    after: int


def _leading_places() -> Iterator[tuple[str, _Place]]:
    before: int | None = None
    for field in LEADING:
        spaces_inside = _TIME_SPACES if field.name == "time" else 0
        after = (-1 if before is None else before) + 1 + spaces_inside
        yield field.name, _Place("leading", before, after)
        before = after


_PLACES = dict(_leading_places())
_PLACES.update({one.name: _Place("result", at, at + 1) for at, one in enumerate(RESULT)})
_PLACES.update(
    {one.name: _Place("trailing", at, at + 1) for at, one in enumerate(OFTEN_NEW)}
)
_QUOTED = [one.name for one in FIELDS if one.group is Group.QUOTED]


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines that may be regular, and the positions in the block of the delimiters of their fields.

    Every array has a column for each line; the first axis of those with two is over delimiters or fields. `span` gives
    a field by its name.
    """

    number: Ints
    start: Ints
    end: Ints
    """The newline."""
    leading: Ints
    """After each leading field, and inside the time."""
    quoted_begins: Ints
    """Of URI, referrer and user agent, after the opening quote."""
    quoted_ends: Ints
    result: Ints
    """Around and between the fields of the result."""
    trailing: Ints
    """After the user agent, the version id and the host id: a space, or the newline."""
    trailing_count: Ints
    """How many fields follow the user agent."""

    def where(self, mask: Bools) -> "Lines":
        return (
            self
            if mask.all()
            else Lines(*(getattr(self, one.name)[..., mask] for one in fields(self)))
        )

    def span(self, first: str, last: str | None = None) -> Span:
        """Where a field begins and ends, or where the first of several does, and the last."""
        return self._begin(first), self._end(last or first)

    def spans(self, first: str, last: str) -> Span:
        """The spans of neighbors in the result, one field after the other."""
        rows = slice(_PLACES[first].after, _PLACES[last].after + 1)
        rows_before = slice(rows.start - 1, rows.stop - 1)
        return self.result[rows_before] + 1, self.result[rows]

    def other_trailing(self) -> Span:
        """The trailing fields after the host id, with the space before them."""
        return self.trailing[-1], self.end

    def _begin(self, name: str) -> Ints:
        begin: Ints
        if name in _QUOTED:
            begin = self.quoted_begins[_QUOTED.index(name)]
            return begin
        place = _PLACES[name]
        if place.before is None:
            return self.start
        delimiters = getattr(self, place.delimiters)
        # A line that ends before a trailing field has its newline on both sides of it.
        begin = np.minimum(delimiters[place.before] + 1, delimiters[place.after])
        return begin

    def _end(self, name: str) -> Ints:
        end: Ints
        if name in _QUOTED:
            end = self.quoted_ends[_QUOTED.index(name)]
            return end
        place = _PLACES[name]
        end = getattr(self, place.delimiters)[place.after]
        return end


def find_fields(block: Block) -> Iterator[Lines]:
    """The lines of a block that may be regular: those with six quotes, then those without any."""
    firsts = after_each(block.newlines)
    quotes = np.flatnonzero(block.delimiters == QUOTE)
    before = np.searchsorted(quotes, firsts)
    count = np.searchsorted(quotes, block.newlines) - before
    is_usual = _are_printable(block, firsts) & (block.ends - block.starts <= LONGEST_LINE)
    # Six quotes are those around URI, referrer and user agent, or somebody has put one into a text.
    quoted = np.flatnonzero(is_usual & (count == _QUOTES))
    yield _without_empty(
        _quoted(block, firsts[quoted], quotes[_and_next(before[quoted], _QUOTES)], quoted)
    )
    unquoted = np.flatnonzero(is_usual & (count == 0))
    yield _without_empty(_unquoted(block, firsts[unquoted], unquoted))


def _and_next(first: Ints, count: int) -> Ints:
    """For each delimiter its number and those of the next ones, `count` in all."""
    return first + np.arange(count)[:, None]


def _are_printable(block: Block, firsts: Ints) -> Bools:
    """Which lines are printable ASCII."""
    is_other = (block.delimiters < _SPACE) & (block.delimiters != NEWLINE) | (
        block.delimiters > QUOTE
    )
    others = np.flatnonzero(is_other)
    are: Bools = np.searchsorted(others, block.newlines) == np.searchsorted(
        others, firsts
    )
    return are


def _quoted(block: Block, first: Ints, quote_at: Ints, numbers: Ints) -> Lines:
    """Of lines with six quotes those with the right number of spaces around, and single ones beside the quotes.

    `first` is the first delimiter of each line, and `quote_at` which delimiters the quotes are.
    """
    before_uri = quote_at[0] - first
    is_right = (before_uri == _LEADING_SPACES) | (
        before_uri == _LEADING_SPACES + _IDENTITY_SPACES
    )
    is_right &= quote_at[2] - quote_at[1] == _RESULT_SPACES + 1
    is_right &= quote_at[4] - quote_at[3] == 2  # noqa: PLR2004 - the one space between referrer and user agent
    quote_at, first, numbers = quote_at[:, is_right], first[is_right], numbers[is_right]

    position = block.positions
    quotes = position[quote_at]
    opening, closing = quotes[::2], quotes[1::2]
    uri, referrer, _ = quote_at[::2]
    after_uri, _, after_agent = quote_at[1::2] + 1
    # Next to each other: a space and the opening quote, the closing quote and a space.
    is_right = opening[0] - position[uri - 1] == 1
    is_right &= position[after_uri] - closing[0] == 1
    is_right &= opening[1] - position[referrer - 1] == 1
    is_right &= opening[2] - closing[1] == 2  # noqa: PLR2004
    is_right &= position[after_agent] - closing[2] == 1
    # A text that begins with a space could make its own quote look like the end of the URI.
    is_right &= (block.text[opening + 1] != _SPACE).all(axis=0)
    found = _lines(
        block, numbers, first, (opening + 1, closing), uri, after_uri, after_agent
    )
    # Without a host id, the quoted fields could all be the URI's.
    version_end, host_end = found.trailing[1], found.trailing[2]
    is_right &= (found.trailing_count <= 1) | (host_end - version_end > HOST_ID_LENGTH)
    return found.where(is_right)


def _unquoted(block: Block, first: Ints, numbers: Ints) -> Lines:
    """Of lines without quotes those whose URI, referrer and user agent are each a dash."""
    is_right = block.newlines[numbers] - first >= BEFORE_TRAILING
    first, numbers = first[is_right], numbers[is_right]
    uri, after_agent = first + _LEADING_SPACES, first + BEFORE_TRAILING
    after_quoted = np.stack((uri, after_agent - 1, after_agent))
    begins, ends = block.positions[after_quoted - 1] + 1, block.positions[after_quoted]
    found = _lines(block, numbers, first, (begins, ends), uri, uri, after_agent)
    return found.where(np.logical_and.reduce(are_dashes(block, begins, ends), axis=0))


def _lines(
    block: Block,
    numbers: Ints,
    first: Ints,
    quoted: Span,
    uri: Ints,
    after_uri: Ints,
    after_agent: Ints,
) -> Lines:
    """The lines of these numbers, of which it is known which delimiters are where.

    `first` is that after the owner, `uri` the one at the URI's beginning; all are counted within the block.
    """
    newline = block.newlines[numbers]
    up_to_address = _and_next(first, _BEFORE_REQUESTER)
    from_requester = _and_next(uri - _AFTER_REQUESTER, _AFTER_REQUESTER)
    leading = np.concatenate((up_to_address, from_requester))
    trailing = np.minimum(_and_next(after_agent, len(OFTEN_NEW) + 1), newline)
    return Lines(
        numbers,
        block.starts[numbers],
        block.ends[numbers],
        leading=block.positions[leading],
        quoted_begins=quoted[0],
        quoted_ends=quoted[1],
        result=block.positions[_and_next(after_uri, _RESULT_SPACES)],
        trailing=block.positions[trailing],
        trailing_count=newline - after_agent,
    )


_IS_COUNT = np.array([count in TRAILING_COUNTS for count in range(len(TRAILING) + 1)])


def _without_empty(lines: Lines) -> Lines:
    """Lines without an empty field outside quotes, and with a number of fields that lines have had."""
    is_right = lines.leading[0] > lines.start
    is_right &= (np.diff(lines.leading, axis=0) > 1).all(axis=0)
    is_right &= (np.diff(lines.result, axis=0) > 1).all(axis=0)
    is_there = lines.trailing_count >= np.arange(1, len(OFTEN_NEW) + 1)[:, None]
    is_right &= ((np.diff(lines.trailing, axis=0) > 1) | ~is_there).all(axis=0)
    is_right &= _IS_COUNT[np.minimum(lines.trailing_count, len(TRAILING))]
    return lines.where(is_right)
