"""A block of log text, and where in it everything is that decides how a line is read."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from etl.arrow import Bools, Ints

Bytes = npt.NDArray[np.uint8]
Words = npt.NDArray[np.uint64]

QUOTE, NEWLINE, _EXCLAMATION, _DASH = b'"\n!-'
_TILDE = ord("~")
WORD = 8
"""Bytes in a word."""


@dataclass(frozen=True, slots=True)
class Block:
    """Lines of text, each with its newline, and its delimiters: spaces, quotes, and what no regular line has."""

    data: bytes
    text: Bytes
    positions: Ints
    """Of the delimiters."""
    delimiters: Bytes
    """The delimiters themselves."""
    newlines: Ints
    """Which of the delimiters are newlines."""
    starts: Ints
    """Where each line starts."""
    ends: Ints
    """Where its newline is."""


def split_block(data: bytes) -> Block:
    """The lines of `data`, and where in it everything is that decides how a line is read."""
    text = np.frombuffer(data, np.uint8)
    # Delimiters are the bytes up to the quote and those beyond the tilde. One comparison finds both: with the byte
    # after the quote subtracted, the small ones wrap around to the end of the range.
    lowest = QUOTE + 1
    positions = np.flatnonzero(text - np.uint8(lowest) > _TILDE - lowest)
    delimiters = text[positions]
    # Between space and quote there is one more byte, which delimits nothing.
    if (delimiters == _EXCLAMATION).any():
        positions = positions[delimiters != _EXCLAMATION]
        delimiters = text[positions]
    newlines = np.flatnonzero(delimiters == NEWLINE)
    ends = positions[newlines]
    return Block(
        data, text, positions, delimiters, newlines, starts=after_each(ends), ends=ends
    )


def after_each(ends: Ints) -> Ints:
    """Where lines begin that end there."""
    return np.concatenate(([0], ends[:-1] + 1))


def are_dashes(block: Block, begin: Ints, end: Ints) -> Bools:
    """Which of the texts that begin and end there are a dash."""
    are: Bools = (end - begin == 1) & (block.text[begin] == _DASH)
    return are


def words_at(block: Block, at: Ints) -> Words:
    """The eight bytes at each of these positions, the first one lowest."""
    # An array of words that overlap: each byte begins one, and nothing is copied until they are chosen.
    count = max(0, len(block.text) - WORD + 1)
    every = np.ndarray((count,), "<u8", block.data, strides=(1,))
    words: Words = every[at]
    return words
