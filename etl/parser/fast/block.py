"""A block of log text, and where in it everything is that decides how a line is read."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from etl.arrow import Bools, Ints

Bytes = npt.NDArray[np.uint8]
Words = npt.NDArray[np.uint64]

QUOTE, FEED, _EXCLAMATION, _DASH = b'"\n!-'
WORD = 8
"""Bytes in a word."""


@dataclass(frozen=True, slots=True)
class Block:
    """Lines of text, each with its line feed, and the marks in it: spaces, quotes, and what no regular line has."""

    data: bytes
    text: Bytes
    positions: Ints
    """Of the marks."""
    kinds: Bytes
    """The marks themselves."""
    feeds: Ints
    """Which of the marks are line feeds."""
    starts: Ints
    """Where each line starts."""
    ends: Ints
    """Where its line feed is."""


def split_block(data: bytes) -> Block:
    """The lines of `data`, and where in it everything is that decides how a line is read."""
    text = np.frombuffer(data, np.uint8)
    # Up to the quote, or beyond the tilde: in one comparison, as the difference wraps around.
    positions = np.flatnonzero(text - np.uint8(QUOTE + 1) > ord("~") - QUOTE - 1)
    kinds = text[positions]
    if (kinds == _EXCLAMATION).any():
        positions = positions[kinds != _EXCLAMATION]
        kinds = text[positions]
    feeds = np.flatnonzero(kinds == FEED)
    ends = positions[feeds]
    return Block(data, text, positions, kinds, feeds, starts=after_each(ends), ends=ends)


def after_each(ends: Ints) -> Ints:
    """Where lines begin that end there."""
    return np.concatenate(([0], ends[:-1] + 1))


def are_dashes(block: Block, begin: Ints, end: Ints) -> Bools:
    """Which of the texts that begin and end there are a dash."""
    are: Bools = (end - begin == 1) & (block.text[begin] == _DASH)
    return are


def words_at(block: Block, at: Ints) -> Words:
    """The eight bytes at each of these positions, the first one lowest."""
    every = np.ndarray((max(0, len(block.text) - WORD + 1),), "<u8", block.data, strides=(1,))
    words: Words = every[at]
    return words
