"""The ledger, as discovery asks it: which log objects of a day are ingested."""

import datetime as dt
import shutil
import tracemalloc
from pathlib import Path

import pyarrow as pa
import pytest

from etl.lake import Ledger, append_rows, ledger, partition_path
from etl.lake.ledger import _HALVES, Ingested, _digest
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
    first = [known(day).get(f"{day}-00-00-00-AA") for day in DAYS]
    shutil.rmtree(lake / "_ledger")
    assert [known(day).get(f"{day}-00-00-00-AA") for day in DAYS] == first == ["e"] * len(DAYS)
    assert [len(known(day)) for day in DAYS] == [1] * len(DAYS)


def test_what_is_held_is_bounded(lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With many log objects, the days that were used longest ago are let go, and read again when they are needed."""
    monkeypatch.setattr(ledger, "_NAMES_IN_MEMORY", 1)
    known = Ledger(open_store(str(lake))).lookup(None)
    for day in DAYS:
        known(day)
    (lake / "_ledger" / f"date={DAYS[0]}" / "part-00000.parquet").unlink()
    (lake / "_ledger" / f"date={DAYS[-1]}" / "part-00000.parquet").unlink()
    assert len(known(DAYS[0])) == 0
    assert f"{DAYS[-1]}-00-00-00-AA" in known(DAYS[-1])


def test_names_are_told_apart_in_few_bytes() -> None:
    """Each of many log objects has its own ETag, no other name has one, and two digests may begin alike."""
    names = [f"s3://my-log-bucket/logs/2026-01-01-00-00-00-{number:016X}" for number in range(100_000)]
    tracemalloc.start()
    ingested = Ingested.of((names[at::7], pa.array([f"e{name[-5:]}" for name in names[at::7]])) for at in range(7))
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size < 25 * len(names)  # and what Arrow has of ETags
    assert len(ingested) == len(names)
    assert all(ingested.get(name) == f"e{name[-5:]}" for name in names)
    assert not any(f"{name}0" in ingested for name in names)
    alike = Ingested(
        b"".join(_HALVES.pack(*_HALVES.unpack(_digest("a"))[:1], second) for second in (1, 2)), pa.array(["x", "y"])
    )
    assert len(alike) == 2
    assert "a" not in alike
