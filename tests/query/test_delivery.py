"""When log objects were delivered: by their names, and nothing is claimed where nothing tells."""

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from conftest import S3
from lines import LINE

from etl import open_lake

DAY = dt.date(2026, 2, 6)
FOLDER = f"111122223333/eu-central-1/site/{DAY:%Y/%m/%d}"
SIMPLE, BY_DELIVERY, BY_EVENT = (
    f"logs{DAY}-01-02-03-AA",
    f"{FOLDER}/{DAY}-04-05-06-BB.gz",
    f"{FOLDER}/{DAY}-00-00-00-CC",
)
SIMPLE_AT_MIDNIGHT = f"logs{DAY}-00-00-00-DD"
BY_NAME = {
    SIMPLE: dt.datetime(2026, 2, 6, 1, 2, 3),  # noqa: DTZ001 - naive and UTC, as in the lake
    BY_DELIVERY: dt.datetime(2026, 2, 6, 4, 5, 6),  # noqa: DTZ001
    SIMPLE_AT_MIDNIGHT: dt.datetime(2026, 2, 6),  # noqa: DTZ001
}


def ledger(url: str, source: str, **settings: Any) -> dict[str, dict[str, Any]]:
    """The ledger by the names below the source."""
    lake = open_lake(url, source=[source], **settings)
    lake.ingest()
    rows = lake.sql("SELECT log_object, last_modified, delivered_at FROM ledger").to_arrow().to_pylist()
    return {row["log_object"].removeprefix(source): row for row in rows}


def test_local_files_tell_by_their_names_only(tmp_path: Path) -> None:
    """A file is modified when somebody copies it: then nothing tells of folders by the time of events."""
    for number, name in enumerate((*BY_NAME, BY_EVENT)):
        path = tmp_path / "logs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{LINE.replace('EXAMPLE', str(number))}\n")
    rows = ledger(str(tmp_path / "lake"), f"{tmp_path}/logs/")
    assert {name: row["delivered_at"] for name, row in rows.items()} == {**BY_NAME, BY_EVENT: None}


def test_on_s3_names_go_before_the_time_of_a_copy(s3: S3, tmp_path: Path) -> None:
    """Where a name has no time of delivery, that of the object has to do."""
    for number, name in enumerate((*BY_NAME, BY_EVENT)):
        s3.put(name, f"{LINE.replace('EXAMPLE', str(number))}\n".encode())
    rows = ledger(str(tmp_path / "lake"), f"s3://{s3.logs}/", endpoint_url=s3.endpoint_url)
    stored = rows[BY_EVENT]["last_modified"]
    assert stored.date() >= dt.date(2026, 1, 1)
    assert {name: row["delivered_at"] for name, row in rows.items()} == {**BY_NAME, BY_EVENT: stored}


@pytest.mark.parametrize(("name", "lag", "newest"), [(SIMPLE, 61.4, BY_NAME[SIMPLE]), (BY_EVENT, None, None)])
def test_the_lag_is_that_of_the_name_or_none(
    name: str, lag: float | None, newest: dt.datetime | None, tmp_path: Path
) -> None:
    """In the report, in the figures and in the status; a log object is not delivered before its records."""
    for number, other in enumerate((name, f"logs{DAY - dt.timedelta(days=1)}-01-02-03-EE")):
        path = tmp_path / "logs" / other
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{LINE.replace('EXAMPLE', str(number))}\n")
    lake = open_lake(str(tmp_path / "lake"), source=[f"{tmp_path}/logs"])
    lake.ingest()
    (row,) = lake.report("operations/delivery_lag").to_arrow().to_pylist()
    assert (row["records"], row["p50_minutes"], row["longest_minutes"]) == (2, lag, lag)
    (figures,) = lake.report("overview/figures").to_arrow().to_pylist()
    assert figures["lag_minutes"] == (None if lag is None else 62)
    assert lake.status().newest_log_object == (newest or dt.datetime(2026, 2, 5, 1, 2, 3))  # noqa: DTZ001
