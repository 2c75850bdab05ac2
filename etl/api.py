"""The lake from Python: `etl.open_lake(url).report("website/top_objects").to_pandas()`."""

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from etl.config import Settings
from etl.maintenance.status import LakeStatus, read_status
from etl.query import Result, Scope, parse_day, query_lake
from etl.reports.loader import find_report, load_reports
from etl.reports.report import Report, run_report
from etl.store.base import Store
from etl.store.open import open_store


class Lake:
    """A lake to ask. Nothing is read before a question."""

    def __init__(self, url: str, endpoint_url: str | None = None, sql_dir: Sequence[Path | str] = ()) -> None:
        self.url = url
        self._settings = Settings(lake=url, endpoint_url=endpoint_url, sql_dir=tuple(map(Path, sql_dir)))
        self._store: Store = open_store(url, endpoint_url)

    def report(
        self,
        name: str,
        *,
        bucket: str | None = None,
        date_from: dt.date | str | None = None,
        date_to: dt.date | str | None = None,
        **params: Any,
    ) -> Result:
        """The result of a report; both days (a date, or `YYYY-MM-DD`) are part of the period.

        Raises UsageError for an unknown report, bucket or parameter, naming the nearest.
        """
        scope = Scope(bucket, _day("date_from", date_from), _day("date_to", date_to))
        return run_report(self._store, find_report(name, self._settings.sql_dir), scope, params, self._settings)

    def reports(self) -> list[Report]:
        """The bundled reports, and those of one's own."""
        return list(load_reports(self._settings.sql_dir).values())

    def sql(self, query: str) -> Result:
        """The result of one SELECT.

        The views: `access_log`, `website_requests`, `lifecycle_events`, `rejects` and `ledger`.
        """
        return query_lake(self._store, query, settings=self._settings)

    def status(self) -> LakeStatus:
        """What is in the lake, and how far behind it is."""
        return read_status(self._store, self._settings)


def open_lake(url: str, endpoint_url: str | None = None, sql_dir: Sequence[Path | str] = ()) -> Lake:
    """The lake at `url`: `s3://bucket/prefix` or a local directory; `sql_dir` adds directories with reports."""
    return Lake(url, endpoint_url, sql_dir)


def _day(name: str, day: dt.date | str | None) -> dt.date | None:
    return parse_day(name, day) if isinstance(day, str) else day
