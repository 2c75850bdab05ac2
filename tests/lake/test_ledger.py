"""The ledger, as discovery asks it: which log objects of a day are ingested."""

import datetime as dt
import shutil
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pytest

from etl.lake import Ledger, append_rows, ledger, partition_path
from etl.schema import LEDGER
from etl.store import Store, open_store

DAYS = [dt.date(2026, 1, 1) + dt.timedelta(days=number) for number in range(70)]
DAY = DAYS[0]


def append(store: Store, day: dt.date, names: Iterable[str]) -> None:
    """One sealed part of the ledger."""
    etags = {name: f"etag of {name}" for name in names}
    rows = [{"log_object": name, "etag": etag} for name, etag in etags.items()]
    partition = partition_path(LEDGER, date=day)
    append_rows(store, LEDGER, partition, pa.Table.from_pylist(rows, LEDGER.schema), etags, 1)


def name_of(day: dt.date) -> str:
    return f"{day}-00-00-00-AA"


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    """A ledger of many days, each with one log object."""
    store = open_store(str(tmp_path))
    for day in DAYS:
        append(store, day, [name_of(day)])
    return tmp_path


def test_days_with_few_log_objects_are_read_once(lake: Path) -> None:
    """Source buckets are listed one after the other, each with all days: no day is read for each of them."""
    known = Ledger(open_store(str(lake))).lookup(None)
    expected = [f"etag of {name_of(day)}" for day in DAYS]
    assert [known(day, name_of(day)) for day in DAYS] == expected
    shutil.rmtree(lake / "_ledger")
    assert [known(day, name_of(day)) for day in DAYS] == expected


def test_what_is_held_is_bounded(lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With many log objects, the days that were used longest ago are let go, and read again when they are needed."""
    monkeypatch.setattr(ledger, "_NAMES_IN_MEMORY", 1)
    known = Ledger(open_store(str(lake))).lookup(None)
    for day in DAYS:
        assert known(day, name_of(day))
    (lake / "_ledger" / f"date={DAYS[0]}" / "part-00000.parquet").unlink()
    (lake / "_ledger" / f"date={DAYS[-1]}" / "part-00000.parquet").unlink()
    assert not known(DAYS[0], name_of(DAYS[0]))
    assert known(DAYS[-1], name_of(DAYS[-1]))


@pytest.mark.parametrize("held", [1, 4, 1_000_000])
def test_a_day_with_many_log_objects_is_read_as_it_is_asked_for(
    held: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its parts overlap, as those of several runs do, and the last one may grow; each name is found, and no other."""
    store = open_store(str(tmp_path))
    names = [f"{DAY}-00-00-00-{number:04X}" for number in range(0, 400, 2)]
    parts = [names[:20], names[100:], names[10:150:7], names[50:60], names[60:90:3]]
    for part in parts:
        append(store, DAY, part)
    monkeypatch.setattr(ledger, "_WHOLE_DAY", 0)
    monkeypatch.setattr(ledger, "_NAMES_IN_MEMORY", held)
    known = Ledger(store).lookup(None)
    ingested = {name for part in parts for name in part}
    asked = [f"{DAY}-00-00-00-{number:04X}" for number in range(-1, 402)]
    for name in (*asked, *reversed(asked)):
        assert known(DAY, name) == (f"etag of {name}" if name in ingested else None)
    assert known(DAYS[1], names[0]) is None
