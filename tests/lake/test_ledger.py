"""The ledger, as discovery asks it: which log objects of a day are ingested."""

import datetime as dt
import shutil
from pathlib import Path

import pyarrow as pa
import pytest

from etl.lake import Ledger, append_rows, ledger, partition_path
from etl.schema import LEDGER
from etl.store import open_store

DAYS = [dt.date(2026, 1, 1) + dt.timedelta(days=number) for number in range(70)]


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    """A ledger of more days than are held in any case, each with one log object."""
    store = open_store(str(tmp_path))
    for day in DAYS:
        rows = pa.Table.from_pylist([{"log_object": f"{day}-00-00-00-AA", "etag": "e"}], LEDGER.schema)
        append_rows(store, LEDGER, partition_path(LEDGER, date=day), rows, {f"{day}-00-00-00-AA": "e"}, 1)
    return tmp_path


def test_days_with_few_log_objects_are_read_once(lake: Path) -> None:
    """Source buckets are listed one after the other, each with all days: no day is read for each of them."""
    known = Ledger(open_store(str(lake))).lookup(None)
    first = [dict(known(day)) for day in DAYS]
    shutil.rmtree(lake / "_ledger")
    assert [dict(known(day)) for day in DAYS] == first == [{f"{day}-00-00-00-AA": "e"} for day in DAYS]


def test_what_is_held_is_bounded(lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With many log objects, the days that were used longest ago are let go, and read again when they are needed."""
    monkeypatch.setattr(ledger, "_NAMES_IN_MEMORY", 1)
    known = Ledger(open_store(str(lake))).lookup(None)
    for day in DAYS:
        known(day)
    (lake / "_ledger" / f"date={DAYS[0]}" / "part-00000.parquet").unlink()
    (lake / "_ledger" / f"date={DAYS[-1]}" / "part-00000.parquet").unlink()
    assert not known(DAYS[0])
    assert known(DAYS[-1])
