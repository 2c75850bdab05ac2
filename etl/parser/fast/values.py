"""Times and numbers of many lines at once, eight bytes at a time."""

from functools import lru_cache

import numpy as np
import pyarrow as pa

from etl.arrow import Bools, Ints, from_numpy, with_nulls
from etl.parser.fast.block import WORD, Block, Words, are_dashes, words_at
from etl.parser.fast.fields import Lines
from etl.parser.line import RejectError, parse_time
from etl.schema import LARGEST_OBJECT, LOG_FIELDS

_ZERO, _BRACKET, _SLASH, _COLON = b"0[/:"
_NUMBERS = ("bytes_sent", "object_size", "total_time", "turn_around_time")
_LIMITS = np.array([[LARGEST_OBJECT + 1], [LARGEST_OBJECT + 1], [2**31], [2**31]])
_TIME_SPAN = 29
"""From the space before the time to the one after it."""
_CLOCK = int.from_bytes(b"00:00:00", "little")
_CLOCK_LIMIT = int.from_bytes(bytes.fromhex("7676 7f 7676 7f 7676"), "little")
_DIGITS_LIMIT = 0x7676767676767676
_HIGH_BITS = 0x8080808080808080
"""Set where a byte is no digit (9 + 0x76 = 0x7f), or nothing but a colon."""
_ZONE = int.from_bytes(b" +0000]", "little")


def read_values(block: Block, lines: Lines, latest: int) -> tuple[Lines, dict[str, pa.Array]]:
    """Lines with a valid time in UTC, `latest` at most, and valid numbers, and the columns of these."""
    lines, times = _read_times(block, lines, latest)
    begin, end = lines.counts[2:-1] + 1, lines.counts[3:]
    is_null = are_dashes(block, begin, end)
    numbers, is_number = _read_numbers(block, begin, end)
    right: Bools = np.logical_and.reduce(is_null | is_number & (numbers < _LIMITS), axis=0)
    columns = {"time": from_numpy(times[right], LOG_FIELDS["time"])}
    for at, name in enumerate(_NUMBERS):
        columns[name] = with_nulls(from_numpy(numbers[at, right], LOG_FIELDS[name]), is_null[at, right])
    return lines.where(right), columns


def _read_times(block: Block, lines: Lines, latest: int) -> tuple[Lines, Ints]:
    """Lines with a valid time in UTC, and no other that looks like one; and these times in microseconds since 1970."""
    lines = lines.where(lines.head[3] - lines.head[1] == _TIME_SPAN)
    begin = lines.head[1] + 1
    clock = words_at(block, begin + 13) ^ np.uint64(_CLOCK)
    right = ((clock + np.uint64(_CLOCK_LIMIT)) | clock) & np.uint64(_HIGH_BITS) == 0
    right &= words_at(block, begin + 20) >> np.uint64(8) == _ZONE
    hour, minute, second = ((clock >> 8 * at & 15) * 10 + (clock >> 8 * at + 8 & 15) for at in (0, 3, 6))
    right &= (hour < 24) & (minute < 60) & (second < 60)  # noqa: PLR2004
    midnight = _read_dates(block, begin)
    right &= midnight >= 0
    right &= _are_alone(block, lines)
    times = midnight + ((hour * 60 + minute) * 60 + second).astype(np.int64) * 1_000_000
    right &= times <= latest
    return lines.where(right), times[right]


def _read_dates(block: Block, begin: Ints) -> Ints:
    """The midnights of the times that begin there, -1 where a date is none; read once for a run of equal ones."""
    day, year = words_at(block, begin), words_at(block, begin + 5)
    is_new = np.ones(len(begin), np.bool_)
    is_new[1:] = (day[1:] != day[:-1]) | (year[1:] != year[:-1])
    runs = [_midnight(block.data[at : at + 13]) for at in begin[is_new].tolist()]
    midnights: Ints = np.array(runs, np.int64)[np.cumsum(is_new) - 1]
    return midnights


@lru_cache(maxsize=8192)
def _midnight(date: bytes) -> int:
    """Microseconds since 1970 at the beginning of `[06/Feb/2026:`; -1 where it is none, or before S3."""
    if not date.startswith(b"["):
        return -1
    try:
        return parse_time(f"{date[1:].decode()}00:00:00 +0000")[0]
    except RejectError:
        return -1


def _are_alone(block: Block, lines: Lines) -> Bools:
    """Which lines have one text that looks like the time of a record (`[../.../....:`): its own."""
    text = block.text
    brackets = np.flatnonzero(text[:-12] == _BRACKET)
    is_stamp = (text[brackets + 3] == _SLASH) & (text[brackets + 7] == _SLASH) & (text[brackets + 12] == _COLON)
    stamps = brackets[is_stamp]
    starts, ends = block.starts[lines.number], block.ends[lines.number]
    are: Bools = np.searchsorted(stamps, ends) - np.searchsorted(stamps, starts) == 1
    return are


def _read_numbers(block: Block, begin: Ints, end: Ints) -> tuple[Ints, Bools]:
    """The numbers between these positions, of which none is empty; and which are plain, of at most 16 digits."""
    length = end - begin
    numbers, right = _eight_digits(words_at(block, end - WORD), length)
    if (is_long := length > WORD).any():
        high, high_right = _eight_digits(words_at(block, end - 2 * WORD), length - WORD)
        numbers = np.where(is_long, high * 10**WORD + numbers, numbers)
        right &= ~is_long | high_right & (length <= 2 * WORD)
    right &= (block.text[begin] != _ZERO) | (length == 1)
    return numbers, right


def _eight_digits(words: Words, length: Ints) -> tuple[Ints, Bools]:
    """The number in the last `length` bytes of each word, all of them if there are more; and whether it is one."""
    unused = (np.clip(WORD - length, 0, WORD - 1) * 8).astype(np.uint64)
    digits = (words ^ np.uint64(int.from_bytes(b"0" * WORD))) >> unused << unused
    right = ((digits + np.uint64(_DIGITS_LIMIT)) | digits) & np.uint64(_HIGH_BITS) == 0
    # Neighbours are joined: digits to pairs, pairs to fours, fours to eight.
    pairs = (digits * np.uint64(10 * 2**8 + 1)) >> np.uint64(8) & np.uint64(0x00FF00FF00FF00FF)
    fours = (pairs * np.uint64(100 * 2**16 + 1)) >> np.uint64(16) & np.uint64(0x0000FFFF0000FFFF)
    eight = (fours * np.uint64(10_000 * 2**32 + 1)) >> np.uint64(32)
    return eight.astype(np.int64), right
