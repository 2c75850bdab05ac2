"""A page for each bucket, and one that lists them with their figures."""

import datetime as dt
import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from etl.config import Settings
from etl.dashboard.cards import column_width, step_of
from etl.dashboard.page import Page, render_page
from etl.dashboard.render import page_of
from etl.dashboard.tiles import Tile
from etl.dates import FIRST_DAY, period_in_words
from etl.findings.inspection import (
    as_looked_at,
    extent_of,
    latest_day,
    no_records,
    records_of,
)
from etl.query import Advance, Database, Scope, check_days
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
# Somebody may have made up records of the future: they count only where there are no others.
_NEWEST_OF_BUCKETS = """
    SELECT
        bucket,
        max(time) FILTER (WHERE time <= $now) AS newest,
        coalesce(CAST(newest AS DATE), max(date)) AS last_day
    FROM access_log
    WHERE date BETWEEN $earliest AND $latest
    GROUP BY bucket
    ORDER BY bucket
"""


@dataclass(frozen=True, slots=True)
class _Entry:
    """A bucket in the list: its last day with records, and its page, if it has records in the period."""

    bucket: str
    newest: dt.datetime | None
    """The time of its newest record, without those of the future."""
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
    utc = now.astimezone(dt.UTC).replace(tzinfo=None)
    scope = as_looked_at(scope, utc)
    records = records_of(store, scope, settings)
    history = records.within(scope.until_its_end())
    entries = _entries(history, latest_day(scope, now), utc)
    newest = max((entry.newest for entry in entries if entry.newest), default=None)
    if newest is None:
        raise no_records(store)
    extent = extent_of(store, scope, settings, records, newest, utc)
    begin = extent.of(scope).begin or newest
    shown = [entry for entry in entries if entry.newest and entry.newest >= begin]
    if not shown:
        raise no_records(store)
    reports = load_reports()

    def draw(entry: _Entry) -> Page:
        # An end that nobody chose stays open: only then may the last day be one that is not over.
        of_bucket = replace(scope, bucket=entry.bucket)
        return render_page(
            store,
            of_bucket,
            settings,
            now,
            extent=extent,
            index=INDEX,
            reports=reports,
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
    period = period_in_words(begin, extent.known)
    yield INDEX, _index(store.url, scope.buckets, period, now, drawn, silent)


def _entries(history: Database, latest: dt.date, now: dt.datetime) -> list[_Entry]:
    parameters = {"earliest": FIRST_DAY, "latest": latest, "now": now}
    result = history.query(_NEWEST_OF_BUCKETS, parameters, reads_all=True)
    return [_Entry(**row) for row in result.to_arrow().to_pylist()]


def _with_page(entry: _Entry, page: Page) -> _Entry:
    alarms = sum(notice.is_alarm for notice in page.notices)
    return replace(
        entry,
        file=file_name(entry.bucket),
        tiles=page.tiles,
        alarms=alarms,
        notices=len(page.notices) - alarms,
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
    period: str,
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
        period=period,
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
