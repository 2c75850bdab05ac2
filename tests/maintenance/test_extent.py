"""From when to when a lake has records."""

import datetime as dt
from pathlib import Path

from conftest import ingest_local
from lines import LINE

from etl import open_lake
from etl.maintenance import Extent

FIRST, LAST = dt.date(2026, 2, 6), dt.date(2026, 2, 8)
NEWEST = dt.datetime(2026, 2, 8, 5)  # noqa: DTZ001


def test_an_extent_has_the_days_of_a_bucket_and_the_newest_record_of_all(tmp_path: Path) -> None:
    """What no other bucket has either has not been delivered yet: a bucket without visitors is not behind."""
    later = LINE.replace(" site ", " other ").replace("06/Feb/2026:00:00:38", "08/Feb/2026:05:00:00")
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "2026-02-08-06-00-00-AA").write_text(f"{LINE}\n{later}\n")
    ingest_local(logs, tmp_path / "lake")
    lake = open_lake(str(tmp_path / "lake"))
    assert lake.extent() == Extent(FIRST, LAST, NEWEST)
    assert lake.extent(bucket="site") == Extent(FIRST, FIRST, NEWEST)
    assert lake.extent(date_from="2026-02-07") == Extent(LAST, LAST, NEWEST)
    assert lake.extent(bucket="site", date_from="2026-02-07") is None
    assert open_lake(str(tmp_path / "none")).extent() is None
