"""Findings on single buckets: those that are new, and days of one that drown in the sum of all."""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from etl.findings.access import DAYS
from etl.findings.case import Case, most_first, rule, total
from etl.findings.days import told_days
from etl.findings.finding import Finding
from etl.findings.usual import BYTES, COSTS, REQUESTS, JudgedDay, Measure, judged_days
from etl.findings.words import listed, quoted
from etl.kinds import KINDS

_MEASURES = (REQUESTS, BYTES, COSTS)
# So many days before the period have to be known of a bucket: a week has each day of the week.
_KNOWN_DAYS = 7


@rule("new-buckets", reads=(DAYS,))
def new_buckets(case: Case) -> Iterator[Finding]:
    """All of them in one finding; in a lake's first days every bucket is new."""
    kind = "new-buckets"
    if not case.has_before:
        return
    rows = [row for row in case.loud(kind, case.rows(DAYS)) if case.is_new(row["bucket"])]
    buckets = most_first(rows, "bucket", "records")
    if not buckets or len(buckets) < case.threshold(kind):
        return
    first = min(case.first_days[name] for name in buckets)
    if len(buckets) == 1:
        title = f"Bucket {quoted(buckets[0])} is new: its first record is of {first}"
    else:
        names = listed([quoted(name) for name in buckets])
        title = f"{len(buckets):,} buckets are new, the first since {first}: {names}"
    yield case.finding(
        kind,
        title,
        KINDS[kind].report,
        buckets=buckets,
        counts={"buckets": len(buckets), "records": total(rows, "records")},
        days=(first, case.period.last),
    )


@dataclass(frozen=True, slots=True)
class _Odd:
    """A bucket's day that is unlike its others, by one measure."""

    bucket: str
    day: JudgedDay
    measure: Measure
    count: float
    usual: float
    least: float

    @property
    def is_large(self) -> bool:
        return self.count > self.usual

    @property
    def factor(self) -> float:
        """How far it is from what is usual, beside other measures: small numbers that double are little."""
        low, high = sorted((self.count, self.usual))
        return (high + self.least) / (low + self.least)

    @property
    def text(self) -> str:
        """`5,000 requests (usually 100)`."""
        words = self.measure.words
        cost = "a cost of " if self.measure is COSTS else ""
        sent = " sent" if self.measure is BYTES else ""
        usual = f"{self.usual:,.0f}" if self.measure is REQUESTS else words(self.usual)
        return f"{cost}{words(self.count)}{sent} (usually {usual})"


@rule(
    "bucket-days",
    reads=tuple(
        dict.fromkeys([*(one for each in _MEASURES for one in each.reads), DAYS])
    ),
)
def bucket_days(case: Case) -> Iterator[Finding]:
    """Buckets with a day that has far more, or far less, than any of the weeks before; each once, the worst named."""
    told = {one for measure in _MEASURES for one in told_days(case, measure)}
    odd = [
        one
        for measure in _MEASURES
        for one in _odd_days(case, measure)
        if (one.bucket, one.day.date) not in told
    ]
    for is_large in (True, False):
        of_direction = [one for one in odd if one.is_large is is_large]
        if of_direction:
            yield _bucket_days(case, of_direction, is_large=is_large)


def _bucket_days(case: Case, odd: Sequence[_Odd], *, is_large: bool) -> Finding:
    ranked = sorted(odd, key=lambda one: -one.factor)
    buckets = list(dict.fromkeys(one.bucket for one in ranked))
    worst = ranked[0]
    same_day = [
        one
        for one in ranked
        if (one.bucket, one.day.date) == (worst.bucket, worst.day.date)
    ]
    has = " and ".join(one.text for one in same_day)
    had = f"{quoted(worst.bucket)} had {has} on {worst.day.date}{worst.day.until}"
    more = "more" if is_large else "less"
    others = sorted({one.day.date for one in odd} - {worst.day.date})
    if len(buckets) == 1:
        also = f"; also on {listed([str(day) for day in others])}" if others else ""
        title = f"{had}, {more} than on any day of the weeks before{also}"
    else:
        title = f"{len(buckets):,} buckets had a day with far {more} than usual; the worst: {had}"
    days = [one.day.date for one in odd]
    return case.finding(
        "bucket-days",
        title,
        KINDS["bucket-days"].report,
        buckets=buckets,
        counts={
            "buckets": len(buckets),
            "days": len({(one.bucket, one.day.date) for one in odd}),
        },
        days=(min(days), max(days)),
    )


def _odd_days(case: Case, measure: Measure) -> Iterator[_Odd]:
    """The odd days of each bucket, where there are several: one alone is the whole of what is looked at."""
    for day in judged_days(case, "bucket-days", measure):
        if len(day.counts.buckets) > 1:
            for bucket in day.counts.buckets:
                yield from _odd_day(case, measure, day, bucket)


def _odd_day(case: Case, measure: Measure, day: JudgedDay, bucket: str) -> Iterator[_Odd]:
    """The day of a bucket, if it is far from what is usual there, and from all of the weeks before."""
    counts = day.counts
    count = counts.of(bucket, day.date)
    others = [one for one in day.others if case.is_whole(bucket, one)]
    before = [counts.of(bucket, one) for one in _days_before(case, day, bucket)]
    if len(before) < _KNOWN_DAYS or not others:
        return
    ratio = case.threshold("bucket-days")
    least = case.threshold("bucket-days", measure.name)
    odd = _Odd(bucket, day, measure, count, counts.usual([bucket], others), least)
    # What irregular programs do now and then is usual, too.
    extreme = max(before) if odd.is_large else min(before)
    is_far = _is_far(count, odd.usual, ratio) and _is_far(count, extreme, ratio)
    is_beyond = (count > extreme) is odd.is_large
    if is_far and is_beyond and abs(count - odd.usual) >= least and _is_known(case, odd):
        yield odd


def _is_far(count: float, usual: float, ratio: float) -> bool:
    return min(count, usual) * ratio <= max(count, usual)


def _is_known(case: Case, odd: _Odd) -> bool:
    """Whether a day that has little is over, as logs may be late, and has records: days without are a finding."""
    if odd.is_large:
        return True
    if odd.day.until:
        return False
    day = (odd.bucket, odd.day.date)
    return not any(
        (row["bucket"], row["date"]) == day and not row["records"]
        for row in case.rows(DAYS)
    )


def _days_before(case: Case, day: JudgedDay, bucket: str) -> list[dt.date]:
    """The days before the period, from the bucket's first whole one on."""
    return [
        one
        for one in day.counts.days
        if one < case.period.first
        and case.is_whole(bucket, one)
        and not case.begins_amid(one)
    ]


RULES = (new_buckets, bucket_days)
