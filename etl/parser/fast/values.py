"""Times and numbers of many lines at once, eight bytes at a time.

A word holds eight bytes, the first one lowest. What is done to all bytes of a word in one operation is chosen so that
no byte spills over into its neighbor.
"""

from functools import lru_cache

import numpy as np
import pyarrow as pa

from etl.arrow import Bools, Ints
from etl.parser.fast.block import WORD, Block, Words, are_dashes, words_at
from etl.parser.fast.fields import Lines
from etl.parser.grammar import NUMBERS, RESULT, RejectError
from etl.parser.record import parse_time
from etl.schema import LOG_FIELDS

_ZERO, _BRACKET, _SLASH, _COLON = b"0[/:"
_NUMBERS = [RESULT[number] for number in NUMBERS]
_LARGEST = np.array(
    [
        [one.largest if one.largest is not None else 2 ** (one.type.bit_width - 1) - 1]
        for one in _NUMBERS
    ]
)
_TIME_LENGTH = len("[06/Feb/2026:00:00:38 +0000]")
# Where, in a time, the word with the year begins, the clock, and the last digit of the clock before the zone.
_YEAR_AT, _CLOCK_AT, _ZONE_AT = 5, 13, 20
_ZONE = int.from_bytes(b" +0000]", "little")
# Taken off by an exclusive or, digits are their values and colons are 0.
_CLOCK = int.from_bytes(b"00:00:00", "little")
_HIGH_BITS = 0x8080808080808080
# Added to the values of digits, it sets the high bit of those beyond 9: 9 + 0x76 = 0x7f.
_DIGITS_LIMIT = 0x7676767676767676
# Likewise for digits and colons, of which 0 is the only one: 0 + 0x7f = 0x7f.
_CLOCK_LIMIT = int.from_bytes(bytes.fromhex("7676 7f 7676 7f 7676"), "little")
_DATE_LENGTH = len("[06/Feb/2026:")


def read_values(
    block: Block, lines: Lines, latest: int
) -> tuple[Lines, dict[str, pa.Array]]:
    """Lines with a valid time in UTC, `latest` at most, and valid numbers, and the columns of these."""
    lines, times = _read_times(block, lines, latest)
    begin, end = lines.spans(_NUMBERS[0].name, _NUMBERS[-1].name)
    is_null = are_dashes(block, begin, end)
    numbers, is_number = _read_numbers(block, begin, end)
    is_right: Bools = np.logical_and.reduce(
        is_null | is_number & (numbers <= _LARGEST), axis=0
    )
    columns = {"time": pa.array(times[is_right], LOG_FIELDS["time"])}
    for at, one in enumerate(_NUMBERS):
        columns[one.name] = pa.array(
            numbers[at, is_right], one.type, mask=is_null[at, is_right]
        )
    return lines.where(is_right), columns


def _read_times(block: Block, lines: Lines, latest: int) -> tuple[Lines, Ints]:
    """Lines with a valid time in UTC, and no other that looks like one; and these times in microseconds since 1970."""
    begin, end = lines.span("time")
    lines = lines.where(end - begin == _TIME_LENGTH)
    begin, _ = lines.span("time")
    clock = words_at(block, begin + _CLOCK_AT) ^ np.uint64(_CLOCK)
    is_right = ((clock + np.uint64(_CLOCK_LIMIT)) | clock) & np.uint64(_HIGH_BITS) == 0
    is_right &= words_at(block, begin + _ZONE_AT) >> np.uint64(8) == _ZONE
    hour, minute, second = (_two_digits(clock, at) for at in (0, 3, 6))
    is_right &= (hour < 24) & (minute < 60) & (second < 60)  # noqa: PLR2004
    midnight = _read_dates(block, begin)
    is_right &= midnight >= 0
    # A second time in a line may be a forgery, or another record that ran into it: the slow path notes it.
    is_right &= _are_alone(block, lines)
    seconds = (hour * 60 + minute) * 60 + second
    times = midnight + seconds.astype(np.int64) * 1_000_000
    is_right &= times <= latest
    return lines.where(is_right), times[is_right]


def _two_digits(words: Words, at: int) -> Words:
    """The number of the two digits, as values, at byte `at` of each word."""
    tens, ones = words >> 8 * at & 15, words >> 8 * at + 8 & 15
    return tens * 10 + ones


def _read_dates(block: Block, begin: Ints) -> Ints:
    """The midnights of the times that begin there, -1 for an invalid date; parsed once for a run of equal ones."""
    # Lines of a log object are of few days, and mostly in order.
    day, year = words_at(block, begin), words_at(block, begin + _YEAR_AT)
    is_new = np.ones(len(begin), np.bool_)
    is_new[1:] = (day[1:] != day[:-1]) | (year[1:] != year[:-1])
    of_runs = [
        _midnight(block.data[at : at + _DATE_LENGTH]) for at in begin[is_new].tolist()
    ]
    midnights: Ints = np.array(of_runs, np.int64)[np.cumsum(is_new) - 1]
    return midnights


@lru_cache(maxsize=8192)
def _midnight(date: bytes) -> int:
    """Microseconds since 1970 at the beginning of `[06/Feb/2026:`; -1 for an invalid date, or one before S3 existed."""
    try:
        return parse_time(f"{date.decode()}00:00:00 +0000]")[0]
    except RejectError:
        return -1


def _are_alone(block: Block, lines: Lines) -> Bools:
    """Which lines have one text that looks like the time of a record (`[../.../....:`): its own."""
    text = block.text
    brackets = np.flatnonzero(text[: 1 - _DATE_LENGTH] == _BRACKET)
    is_stamp = text[brackets + 3] == _SLASH
    is_stamp &= text[brackets + 7] == _SLASH
    is_stamp &= text[brackets + _DATE_LENGTH - 1] == _COLON
    stamps = brackets[is_stamp]
    are: Bools = (
        np.searchsorted(stamps, lines.end) - np.searchsorted(stamps, lines.start) == 1
    )
    return are


def _read_numbers(block: Block, begin: Ints, end: Ints) -> tuple[Ints, Bools]:
    """The numbers between these positions, of which none is empty; and which are plain, of at most 16 digits."""
    length = end - begin
    numbers, is_right = _eight_digits(words_at(block, end - WORD), length)
    is_long = length > WORD
    if is_long.any():
        high, high_is_right = _eight_digits(
            words_at(block, end - 2 * WORD), length - WORD
        )
        numbers = np.where(is_long, high * 10**WORD + numbers, numbers)
        is_right &= ~is_long | high_is_right & (length <= 2 * WORD)
    # S3 writes no number with a leading zero; the slow path notes such a one.
    is_right &= (block.text[begin] != _ZERO) | (length == 1)
    return numbers, is_right


def _eight_digits(words: Words, length: Ints) -> tuple[Ints, Bools]:
    """The number in the last `length` bytes of each word, all of them if there are more; and whether it is one."""
    # The bytes before the number are the low ones: they are shifted out, and zeros in.
    unused = (np.clip(WORD - length, 0, WORD - 1) * 8).astype(np.uint64)
    digits = (words ^ np.uint64(int.from_bytes(b"0" * WORD))) >> unused << unused
    is_right = ((digits + np.uint64(_DIGITS_LIMIT)) | digits) & np.uint64(_HIGH_BITS) == 0
    # Neighbors are joined: digits to pairs, pairs to fours, fours to eight.
    pairs = (digits * np.uint64(10 * 2**8 + 1)) >> np.uint64(8) & np.uint64(
        0x00FF00FF00FF00FF
    )
    fours = (pairs * np.uint64(100 * 2**16 + 1)) >> np.uint64(16) & np.uint64(
        0x0000FFFF0000FFFF
    )
    eight = (fours * np.uint64(10_000 * 2**32 + 1)) >> np.uint64(32)
    return eight.astype(np.int64), is_right
