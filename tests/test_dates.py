"""The words in which people name days and hours, and the periods that these make."""

import datetime as dt

import pytest

from etl.config import load_settings
from etl.dates import Span, parse_last, parse_span, period_in_words, word_of_begin, word_of_end
from etl.errors import UsageError
from etl.query.known import whole_minutes
from etl.query.scope import EVERYTHING, Scope, check_days, period_before, scope_of

NOW = dt.datetime(2026, 3, 1, 10, 20, 30)  # noqa: DTZ001 - naive and UTC, as records are


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("text", "begin", "end"),
    [
        ("2026-02-28", "2026-02-28", "2026-03-01"),
        ("2026-02", "2026-02-01", "2026-03-01"),
        ("2024-02", "2024-02-01", "2024-03-01"),
        ("2025-12", "2025-12-01", "2026-01-01"),
        ("2025", "2025-01-01", "2026-01-01"),
        ("2026-02-28T23", "2026-02-28T23:00", "2026-03-01"),
        ("2026-02-28 23:59Z", "2026-02-28T23:59", "2026-03-01"),
        ("today", "2026-03-01", "2026-03-02"),
        ("yesterday", "2026-02-28", "2026-03-01"),
        ("-0d", "2026-03-01", "2026-03-02"),
        ("-7d", "2026-02-22", "2026-02-23"),
        ("-1h", "2026-03-01T09:00", "2026-03-01T10:00"),
        ("-24h", "2026-02-28T10:00", "2026-02-28T11:00"),
    ],
)
def test_words_for_days_and_hours(text: str, begin: str, end: str) -> None:
    """Each word names a day, month, year, hour or minute as a whole, across the ends of months and years."""
    span = parse_span("--from", text, NOW)
    assert (span.begin, span.end) == (at(begin), at(end))


@pytest.mark.parametrize(
    ("begin", "end", "words", "text"),
    [
        ("2026-03-01", "2026-03-08", ("2026-03-01T00", "2026-03-07T23"), "2026-03-01 to 2026-03-07"),
        ("2026-03-01", "2026-03-02", ("2026-03-01T00", "2026-03-01T23"), "2026-03-01"),
        ("2026-03-01", "2026-03-07 14:06", ("2026-03-01T00", "2026-03-07T14:05"),
         "2026-03-01 to 2026-03-07 14:06"),
        ("2026-03-07", "2026-03-07 14:06", ("2026-03-07T00", "2026-03-07T14:05"), "2026-03-07 until 14:06"),
        ("2026-03-01 13:00", "2026-03-01 15:00", ("2026-03-01T13", "2026-03-01T14"), "2026-03-01 from 13:00 to 15:00"),
        ("2026-03-01 13:30", "2026-03-02 00:00", ("2026-03-01T13:30", "2026-03-01T23"),
         "2026-03-01 from 13:30 to 24:00"),
        ("2026-03-01 13:30", "2026-03-02 00:01", ("2026-03-01T13:30", "2026-03-02T00:00"),
         "2026-03-01 13:30 to 2026-03-02 00:01"),
    ],
)  # fmt: skip
def test_a_period_is_named_as_it_is_read(begin: str, end: str, words: tuple[str, str], text: str) -> None:
    """The words for its bounds name the same period again, and people read its days, and times where there are any."""
    assert (word_of_begin(at(begin)), word_of_end(at(end))) == words
    assert (parse_span("--from", words[0]).begin, parse_span("--to", words[1]).end) == (at(begin), at(end))
    assert period_in_words(at(begin), at(end)) == text


def test_days_are_named_as_days() -> None:
    """A bound that is a day is its date, whichever bound it is."""
    assert (word_of_begin(NOW.date()), word_of_end(NOW.date())) == ("2026-03-01", "2026-03-01")


@pytest.mark.parametrize(
    "text",
    ["", "May", "2026-13", "2026-02-30", "0000", "2026-02-28T24", "2026-02-28T1", "7d", "-7", "-d", "-7w", "-9999999h",
     "2026-2-3", "٢٠٢٦", "20260228", "2026-02-28T13:61"],
)  # fmt: skip
def test_what_names_no_day_or_hour(text: str) -> None:
    """The error names the argument, quotes the text, and says which forms there are."""
    with pytest.raises(UsageError, match=rf"--to {text!r} names no day or hour; write 2026-11-24, .*yesterday, -7d"):
        parse_span("--to", text, NOW)


def test_the_last_hours_and_days() -> None:
    """Hours end now, to the second; days are whole ones, of which today is the last."""
    day = parse_last("--last", "24h", NOW)
    assert (day.begin, day.end) == (at("2026-02-28T10:20:30"), NOW)
    week = parse_last("--last", "7d", NOW)
    assert (week.begin, week.end) == (at("2026-02-23"), at("2026-03-02"))
    for text in ("0d", "7", "d", "-7d", "1w", "1.5h"):
        with pytest.raises(UsageError, match=rf"--last {text!r} is no number of hours or days; write 1h, 24h"):
            parse_last("--last", text, NOW)


def scope(begin: str | None, end: str | None) -> Scope:
    first, last = (parse_span("--from", text, NOW) if text else None for text in (begin, end))
    return scope_of(None, first, last)


def test_whole_days_need_no_times() -> None:
    """Days, months and hours that begin or end a day select partitions only; other hours have times as well."""
    first, last = dt.date(2026, 2, 1), dt.date(2026, 2, 28)
    assert scope("2026-02", "2026-02") == Scope(None, first, last)
    assert scope("2026-02-01T00", "2026-02-28T23") == Scope(None, first, last)
    assert scope(None, None) == EVERYTHING
    assert scope("0001", "9999") == Scope(None, dt.date.min, dt.date.max)
    amid = scope("2026-02-01T13", "2026-02-28T13")
    assert amid == Scope(None, first, last, at("2026-02-01T13:00"), at("2026-02-28T14:00"))


def test_the_period_before() -> None:
    """It is as long as the period; of hours, it has the same ones of a day before, to the minute."""
    assert period_before(scope("2026-03-01", "2026-03-02")) == scope("2026-02-27", "2026-02-28")
    assert period_before(scope("2026-03-01T00", "2026-03-01T01")) == scope("2026-02-28T00", "2026-02-28T01")
    assert period_before(scope("2026-03-01T13", "2026-03-01T23")) == scope("2026-02-28T13", "2026-02-28T23")
    assert period_before(scope("2026-02-28T10:20", "2026-03-01T10:20")) == scope("2026-02-26T10:20", "2026-02-27T10:20")
    # Before the first day that there is, there is none.
    assert period_before(scope("0001", "0001")).end == at("0001-01-02")


def test_the_last_day_in_minutes_is_a_day_long() -> None:
    """24 hours up to a second of now are 24 hours in whole minutes, too; what is shorter than a minute is one."""
    last = parse_last("--last", "24h", NOW)
    day = whole_minutes(scope_of(None, last, last))
    assert (day.begin, day.end) == (at("2026-02-28T10:21"), at("2026-03-01T10:21"))
    second = Span(NOW, NOW + dt.timedelta(seconds=1))
    minute = whole_minutes(scope_of(None, second, second))
    assert (minute.begin, minute.end) == (at("2026-03-01T10:20"), at("2026-03-01T10:21"))


def test_a_period_that_ends_before_it_begins() -> None:
    """It is refused by the hour, too; a single hour is none."""
    check_days(scope("2026-03-01T13", "2026-03-01T13"))
    with pytest.raises(
        UsageError, match="--from is after --to: the period would begin at 2026-03-01 14:00:00, and end"
    ):
        check_days(scope("2026-03-01T14", "2026-03-01T13"))


def test_settings_take_the_same_words() -> None:
    """`since` is a day by any name, `until` the last one that it names; an hour is none."""
    today = dt.datetime.now(dt.UTC).date()
    assert load_settings({"since": "yesterday"}, {}).since in (today - dt.timedelta(1), today)
    assert load_settings({"since": "2026-02"}, {}).since == dt.date(2026, 2, 1)
    with pytest.raises(UsageError, match=r"--since '2026-02-01T13': it names no day; write 2026-11-24, .*yesterday"):
        load_settings({"since": "2026-02-01T13"}, {})
    assert load_settings({"until": "2026-02"}, {}).until == dt.date(2026, 2, 28)
    assert load_settings({"until": "2026"}, {"ACCESSLAKE_SINCE": "2026-12-31"}).until == dt.date(2026, 12, 31)
    with pytest.raises(UsageError, match=r"--until '2026-02-01T13': it names no day; write 2026-11-24"):
        load_settings({"until": "2026-02-01T13"}, {})
    with pytest.raises(UsageError, match=r"--until '2026-01': that is before `since`, 2026-02-01"):
        load_settings({"until": "2026-01"}, {"ACCESSLAKE_SINCE": "2026-02"})
