"""Findings on single days, beside those that are usual: over all buckets that there were on these, too."""

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from etl.findings.case import MANY_ROWS, Case, Question, rule
from etl.findings.figures import MOST, differs, largest
from etl.findings.finding import Finding
from etl.findings.usual import BYTES, COSTS, REQUESTS, JudgedDay, Measure, judged_days
from etl.findings.words import listed, money, quoted, who
from etl.kinds import KINDS
from etl.text import counted, size

# So many are told one by one.
_ODD_DAYS = 3
DOWNLOADS = Question(
    "security/large_downloads",
    ("hour", "bucket", "principal", "remote_ip", "bytes_sent"),
    fixed=MANY_ROWS,
)
KIND_OF = {"requests": "day-requests", "bytes": "day-bytes", "cost": "day-cost"}
"""The kind of finding of each measure."""


@dataclass(frozen=True, slots=True)
class _OddDay:
    """A day that is far from what is usual; both counts are of its hours so far, where it is not over."""

    date: dt.date
    count: float
    usual: float
    usual_day: str
    until: str
    bucket: str | None
    """The one that has most of the difference, if one of several has."""
    among: str = ""
    """Of which buckets the counts are, where the day has something in others, too."""

    @property
    def is_large(self) -> bool:
        return self.count > self.usual

    @property
    def difference(self) -> float:
        return self.count - self.usual

    @property
    def counts(self) -> dict[str, float]:
        return {"difference": self.difference, "now": self.count, "usual": self.usual}

    @property
    def on_a_usual_day(self) -> str:
        return f"{'by then ' if self.until else ''}on {self.usual_day}"


@rule(KIND_OF["requests"], reads=REQUESTS.reads)
def days_of_requests(case: Case) -> Iterator[Finding]:
    """Days with many or few requests; the last by its hours so far, which are compared with the same ones."""
    odd = odd_days(case, REQUESTS)
    for day in odd[:_ODD_DAYS]:
        title = f"{day.date} had {counted(day.count, 'request')}{day.among}{day.until}"
        title += f", against {day.usual:,.0f} {day.on_a_usual_day}"
        yield _odd_day(case, REQUESTS, day, title + _most(day))
    yield from _other_days(case, REQUESTS, odd)


@rule(KIND_OF["bytes"], reads=(*BYTES.reads, DOWNLOADS))
def days_of_bytes(case: Case) -> Iterator[Finding]:
    """The same of bytes, and who took most of them."""
    odd = odd_days(case, BYTES)
    for day in odd[:_ODD_DAYS]:
        reader = _reader_of(case, day)
        title = f"{size(day.count)} were sent{day.among} on {day.date}{day.until},"
        title += f" against {size(day.usual)} {day.on_a_usual_day}{_most(day, reader)}"
        yield _odd_day(case, BYTES, day, title, reader)
    yield from _other_days(case, BYTES, odd)


@rule(KIND_OF["cost"], reads=COSTS.reads)
def days_of_cost(case: Case) -> Iterator[Finding]:
    """Days that cost much or little; the last, if it is not over, can only have cost too much already."""
    odd = odd_days(case, COSTS)
    for day in odd[:_ODD_DAYS]:
        title = f"{day.date} cost {money(day.count)}{day.among}{day.until}"
        title += f", against {money(day.usual)} on {day.usual_day}"
        yield _odd_day(case, COSTS, day, title + _most(day))
    yield from _other_days(case, COSTS, odd)


def odd_days(case: Case, measure: Measure) -> list[_OddDay]:
    """The days of the period that are far from what is usual, the oddest first."""
    kind = KIND_OF[measure.name]
    beside = [_of_all(case, day) for day in judged_days(case, kind, measure)]
    odd = [day for day in beside if differs(case, kind, day.count, day.usual)]
    if measure.so_far is None:
        odd = [day for day in odd if day.is_large or not day.until]
    return sorted(odd, key=lambda day: -abs(day.difference))


def told_days(case: Case, measure: Measure) -> list[tuple[str | None, dt.date]]:
    """The odd days that are told one by one, each with its bucket."""
    if case.of(KIND_OF[measure.name]).silent:
        return []
    return [(day.bucket, day.date) for day in odd_days(case, measure)[:_ODD_DAYS]]


def _of_all(case: Case, day: JudgedDay) -> _OddDay:
    """A day over the buckets that there were on all of the days that it is compared with."""
    counts, first = day.counts, min(day.others)
    buckets = [name for name in counts.buckets if case.is_whole(name, first)]
    count = counts.total(buckets, day.date)
    usual = counts.usual(buckets, day.others)
    bucket = _where(day, buckets, is_large=count > usual) if len(buckets) > 1 else None
    among = _among(buckets, counts.total(counts.buckets, day.date) - count)
    return _OddDay(day.date, count, usual, day.usual_day, day.until, bucket, among)


def _among(buckets: Sequence[str], others: float) -> str:
    """That counts are of these buckets only, as the page has those of `others`, which are new, too."""
    if not others:
        return ""
    if len(buckets) == 1:
        return " in the bucket that was there before"
    return f" in the {len(buckets):,} buckets that were there before"


def _where(day: JudgedDay, buckets: Sequence[str], *, is_large: bool) -> str | None:
    """The bucket that has most of what a day has more, or less, if one has."""
    sign = 1 if is_large else -1
    more = {
        name: sign
        * (day.counts.of(name, day.date) - day.counts.usual([name], day.others))
        for name in buckets
    }
    return next(
        iter(largest({name: max(count, 0) for name, count in more.items()})), None
    )


def _most(day: _OddDay, reader: tuple[str | None, str | None] | None = None) -> str:
    """Where most of the difference is, and to whom it was sent."""
    parts = [
        *([f"is in {quoted(day.bucket)}"] if day.bucket else []),
        *([f"went to {who(*reader)}"] if reader else []),
    ]
    return f"; most of the difference {' and '.join(parts)}" if parts else ""


def _odd_day(
    case: Case,
    measure: Measure,
    day: _OddDay,
    title: str,
    reader: tuple[str | None, str | None] | None = None,
) -> Finding:
    kind = KIND_OF[measure.name]
    person, address = reader or (None, None)
    # A day with too little may be one of which records are missing.
    report = KINDS[kind].report if day.is_large else "operations/completeness"
    return case.finding(
        kind,
        title,
        report,
        buckets=[day.bucket] if day.bucket else [],
        principals=[person],
        addresses=[address],
        counts=day.counts,
        days=(day.date, day.date),
    )


def _other_days(
    case: Case, measure: Measure, odd: Sequence[_OddDay]
) -> Iterator[Finding]:
    others = sorted(odd[_ODD_DAYS:], key=lambda day: day.date)
    if not others:
        return
    kind = KIND_OF[measure.name]
    dates = [day.date for day in others]
    directions = [day.is_large for day in others]
    far = (
        "far more"
        if all(directions)
        else "far less"
        if not any(directions)
        else "far more or less"
    )
    had = f"had {far} {measure.noun}"
    if measure is COSTS:
        had = f"cost {far}"
    title = f"{counted(len(others), 'more day')} {had} than usual: {listed([str(date) for date in dates])}"
    counts = {"days": len(others)}
    days = (dates[0], dates[-1])
    yield case.finding(kind, title, KINDS[kind].report, counts=counts, days=days)


def _reader_of(case: Case, day: _OddDay) -> tuple[str | None, str | None] | None:
    """Who was sent at least half of what a day has more than a usual one: a principal, or an address."""
    sent: Counter[tuple[str | None, str | None]] = Counter()
    for row in case.rows(DOWNLOADS):
        if row["hour"].date() == day.date:
            sent[row["principal"], row["remote_ip"]] += row["bytes_sent"]
    if not sent or not day.is_large:
        return None
    reader, count = sent.most_common(1)[0]
    return reader if count >= MOST * day.difference else None


RULES = (days_of_cost, days_of_bytes, days_of_requests)
