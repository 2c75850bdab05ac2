"""A page for each bucket, and one that lists them with their figures."""

import datetime as dt
import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from etl.config import Settings
from etl.dashboard.cards import column_width, step_of
from etl.dashboard.page import Page, render_page
from etl.dashboard.render import page_of
from etl.dashboard.tiles import Tile
from etl.dates import FIRST_DAY, day_span, shifted
from etl.findings.inspection import DAYS, latest_day, no_records, up_to
from etl.query import Advance, Database, Scope, check_days
from etl.query.known import end_of_records, newest_time, with_a_day_more
from etl.reports import load_reports
from etl.store import ReadableStore
from etl.text import safe_text

INDEX = "index.html"
"""The name of the page that lists the others."""
# Names that S3 gives buckets today. Others are untrusted text, or may differ in case only.
_PLAIN_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
# A query process has a thread for each processor, but a page is also drawn, in this one.
_PAGES_AT_A_TIME = max(2, min(8, os.cpu_count() or 1))
# A longer name is broken into lines.
_NAME_LINE = 24
_DAYS_OF_BUCKETS = """
    SELECT bucket, min(date) AS first, max(date) AS last
    FROM access_log
    WHERE date BETWEEN $earliest AND $latest
    GROUP BY bucket
    ORDER BY bucket
"""


@dataclass(frozen=True, slots=True)
class _Entry:
    """A bucket in the list: its last day with records, and its page, if it has records in the period."""

    bucket: str
    last_day: dt.date
    file: str = ""
    tiles: Sequence[Tile] = field(default=())
    alarms: int = 0
    notices: int = 0

    @property
    def name(self) -> str:
        return safe_text(self.bucket)

    @property
    def rank(self) -> tuple[int, int, str]:
        """Its place in the list: what needs somebody comes first."""
        return (-self.alarms, -self.notices, self.bucket)


def render_buckets(
    store: ReadableStore,
    scope: Scope,
    settings: Settings,
    now: dt.datetime,
    advance: Advance | None = None,
) -> Iterator[tuple[str, str]]:
    """The file name and the HTML of a page for each bucket, as they are done; last of all the list of them.

    They are the buckets of the scope. The lake is listed once, for all of them, and the period is the same: by default
    the last week with records of any. Raises UsageError without records. `advance` is called with the number of pages
    that are done, and of all.
    """
    check_days(scope)
    whole = Database(store, with_a_day_more(scope.until_its_end()), settings)
    entries = _entries(whole, latest_day(scope, now))
    newest = max((entry.last_day for entry in entries), default=None)
    if newest is None or (scope.date_from and newest < scope.date_from):
        raise no_records(store)
    last = scope.date_to or newest
    period = Scope(None, scope.date_from or shifted(last, 1 - DAYS), last)
    shown = [entry for entry in entries if entry.last_day >= (period.date_from or last)]

    reports = load_reports()

    def draw(entry: _Entry) -> Page:
        of_bucket = Scope(entry.bucket, period.date_from, period.date_to)
        return render_page(
            store, of_bucket, settings, now, whole=whole, index=INDEX, reports=reports
        )

    drawn = []
    pool = ThreadPoolExecutor(_PAGES_AT_A_TIME)
    try:
        for entry, page in zip(shown, pool.map(draw, shown), strict=True):
            drawn.append(_with_page(entry, page))
            yield drawn[-1].file, page.html
            if advance:
                advance(len(drawn), len(shown))
    finally:
        # Whoever stops here, or fails, does not wait for pages that are not begun.
        pool.shutdown(cancel_futures=True)
    silent = [entry for entry in entries if entry not in shown]
    known = _up_to_its_records(whole, scope, period, last, now)
    yield INDEX, _index(store.url, scope.buckets, known, now, drawn, silent)


def _up_to_its_records(
    whole: Database, scope: Scope, period: Scope, last: dt.date, now: dt.datetime
) -> Scope:
    """The period of the pages, whose last days they leave out where there are no records of these yet."""
    utc = now.astimezone(dt.UTC).replace(tzinfo=None)
    end, newest = day_span(last).end, newest_time(whole, utc)
    known = end_of_records(whole.within, scope, end, newest, utc)
    period, _ = up_to(period, known, last)
    return period


def _entries(whole: Database, latest: dt.date) -> list[_Entry]:
    parameters = {"earliest": FIRST_DAY, "latest": latest}
    result = whole.query(_DAYS_OF_BUCKETS, parameters, reads_all=True)
    rows = result.to_arrow().to_pylist()
    return [_Entry(row["bucket"], row["last"]) for row in rows]


def _with_page(entry: _Entry, page: Page) -> _Entry:
    alarms = sum(notice.is_alarm for notice in page.notices)
    return _Entry(
        entry.bucket,
        entry.last_day,
        file_name(entry.bucket),
        page.tiles,
        alarms,
        len(page.notices) - alarms,
    )


def file_name(bucket: str) -> str:
    """The name of a bucket's page: the bucket's own where it is a plain one, else one that is safe and its own."""
    if _PLAIN_NAME.fullmatch(bucket) and f"{bucket}.html" != INDEX:
        return f"{bucket}.html"
    # No bucket's own name begins like this.
    return f"_{hashlib.sha256(bucket.encode()).hexdigest()[:32]}.html"


def _index(
    url: str,
    buckets: Sequence[str],
    period: Scope,
    now: dt.datetime,
    drawn: Sequence[_Entry],
    silent: Sequence[_Entry],
) -> str:
    ranked = sorted(drawn, key=lambda entry: entry.rank)
    width = _width(ranked)
    return page_of(
        "index.html",
        lake=safe_text(url),
        selected=[safe_text(bucket) for bucket in buckets],
        first=period.date_from,
        last=period.date_to,
        now=now,
        entries=ranked,
        silent=silent,
        width=width,
        steps=[width],
    )


def _width(entries: Sequence[_Entry]) -> int:
    """The width that the list needs in rem, as one of the steps of the style sheet."""
    longest_name = max(len(entry.name) for entry in entries)
    columns = [
        column_width("bucket", min(longest_name, _NAME_LINE)),
        2 * column_width("notices", 0),
    ]
    for tiles in zip(*(entry.tiles for entry in entries), strict=True):
        texts = [text for tile in tiles for text in (tile.value, tile.change or "")]
        longest = max(map(len, texts))
        columns.append(column_width(tiles[0].name, longest))
    return step_of(sum(columns))
