"""Parts that are read ahead: as they were listed, once, and in bounded space."""

import os
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

import pytest
from conftest import S3, ingest_local
from lines import LINE

from etl.api import Lake
from etl.config import Settings
from etl.errors import StoreError
from etl.query import Database
from etl.query.database import connect
from etl.query.reader import SnapshotReader
from etl.query.scope import Scope
from etl.query.snapshot import take_snapshot
from etl.query.views import tables_of
from etl.store.base import Entry, Store
from etl.store.open import open_store
from etl.store.s3_session import S3Session

BUCKETS = ("site", "zoo", "art")
COUNT = "SELECT count(*) AS n FROM access_log"


def write_logs(logs: Path) -> Path:
    logs.mkdir()
    for number, bucket in enumerate(BUCKETS):
        text = LINE.replace(" site ", f" {bucket} ")
        (logs / f"2026-02-06-0{number}-00-00-AA").write_text(f"{text}\n")
    return logs


@pytest.fixture
def store(s3: S3, tmp_path: Path) -> Store:
    """A lake on S3 with a part for each of three buckets."""
    logs = write_logs(tmp_path / "logs")
    settings = Settings(source=(f"{logs}/*",), lake=f"s3://{s3.lake}/lake", endpoint_url=s3.endpoint_url)
    Lake(settings).ingest()
    return open_store(f"s3://{s3.lake}/lake", S3Session(s3.endpoint_url))


def large_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """All parts count as large: of each only the end is kept."""
    monkeypatch.setattr("etl.query.reader._SMALL", 0)
    monkeypatch.setattr("etl.query.reader._END", 1000)


@pytest.mark.parametrize("space", [0, 10_000, 10**9])
@pytest.mark.parametrize("prepare", [lambda _patch: None, large_parts], ids=["small", "large"])
def test_bytes_are_those_of_the_store(
    store: Store, space: int, prepare: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever a read begins and ends, whether there is room to keep a part or not; no more is kept than that."""
    prepare(monkeypatch)
    snapshot = take_snapshot(store, Scope())
    reader = SnapshotReader(store, snapshot, space)
    reader.read_ahead(snapshot.parts.values())
    for path, part in snapshot.parts.items():
        data, _ = store.read(part.name)
        for start in (0, 7, part.size - 1000, part.size - 8, part.size, part.size + 5):
            for length in (0, 8, 500, part.size, part.size + 5):
                assert reader.read(path, start, length) == data[start : start + length]
    assert reader._kept
    assert os.fstat(reader._kept._file.fileno()).st_size <= space


def test_nobody_can_open_what_is_kept(store: Store) -> None:
    """The file of what was read has no name, and no other user may read it."""
    reader = SnapshotReader(store, take_snapshot(store, Scope()), 10**9)
    assert reader._kept
    status = os.fstat(reader._kept._file.fileno())
    assert (status.st_nlink, status.st_mode & 0o077) == (0, 0)


def test_a_replaced_part_is_an_error(store: Store) -> None:
    """Also where nothing is kept yet, and also when it was read ahead in vain."""
    snapshot = take_snapshot(store, Scope())
    path, part = next(iter(snapshot.parts.items()))
    reader = SnapshotReader(store, snapshot, 10**9)
    store.write(part.name, b"another", if_match=part.etag)
    reader.read_ahead([part])
    with pytest.raises(OSError, match="was replaced or removed"):
        reader.read(path, 0, 4)
    assert reader.is_outdated


def test_a_failed_read_takes_no_space(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """However often the store fails, a part has the room that it had before."""
    snapshot = take_snapshot(store, Scope())
    path, part = next(iter(snapshot.parts.items()))
    reader = SnapshotReader(store, snapshot, part.size)
    with monkeypatch.context() as patch:
        patch.setattr(type(store), "read_range", fail)
        for _ in range(3):
            with pytest.raises(StoreError, match="not now"):
                reader.read(path, 0, 4)
    data = reader.read(path, 0, part.size)
    monkeypatch.setattr(type(store), "read_range", fail)
    assert reader.read(path, 0, part.size) == data


def fail(*_arguments: object) -> bytes:
    raise StoreError("not now")


def test_who_waits_in_vain_reads_itself(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where reading ahead fails while a query waits for it, the query has the bytes nonetheless."""
    snapshot = take_snapshot(store, Scope())
    path, part = next(iter(snapshot.parts.items()))
    reader = SnapshotReader(store, snapshot, 10**9)
    is_reading, is_awaited = threading.Event(), threading.Event()
    read_range = type(store).read_range

    class Awaited(Future[int | None]):
        def result(self, timeout: float | None = None) -> int | None:
            is_awaited.set()
            return super().result(timeout)

    def fail_first(self: Store, part: Entry, start: int, length: int) -> bytes:
        if is_reading.is_set():
            return read_range(self, part, start, length)
        is_reading.set()
        assert is_awaited.wait(60)
        return fail()

    monkeypatch.setattr("etl.query.reader.Future", Awaited)
    monkeypatch.setattr(type(store), "read_range", fail_first)
    reader.read_ahead([part])
    assert is_reading.wait(60)
    assert reader.read(path, 0, 4) == b"PAR1"
    assert reader.failure is None


def test_databases_share_what_was_read(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database of a part of another lists nothing and reads nothing again, and sees no more than its scope."""
    whole = Database(store)
    assert whole.query(COUNT, reads_all=True).to_arrow()["n"].to_pylist() == [3]
    names = [part.name for part in whole.snapshot.parts.values() if part.name.startswith("access_log/")]
    assert len(names) == len(BUCKETS)
    for method in ("entries", "directories", "read", "read_range"):
        monkeypatch.setattr(type(store), method, None)
    part = whole.within(Scope("zoo"))
    assert part.query(COUNT, reads_all=True).to_arrow()["n"].to_pylist() == [1]
    assert part.query("SELECT DISTINCT bucket FROM access_log").to_arrow()["bucket"].to_pylist() == ["zoo"]


def test_a_handle_says_how_far_a_query_is(tmp_path: Path) -> None:
    """The parts that were read, up to all of them; the dashboard counts reports, and verify what it has checked."""
    ingest_local(write_logs(tmp_path / "logs"), tmp_path / "lake")
    said: list[tuple[int, int]] = []
    lake = Lake(Settings(lake=str(tmp_path / "lake")))
    lake.advance = lambda done, of: said.append((done, of))
    lake.report("operations/errors_by_day").to_arrow()
    assert sorted(said) == [(1, 3), (2, 3), (3, 3)]
    said.clear()
    lake.dashboard()
    reports = len(said)
    assert said == [(done, reports) for done in range(1, reports + 1)]
    assert reports > 10
    said.clear()
    lake.verify()
    assert said[-1][0] == said[-1][1] > len(BUCKETS)


def test_tables_of_a_statement(tmp_path: Path) -> None:
    """Whatever `sql/views` makes of a table is known as that table by its name."""
    connection = connect(open_store(str(tmp_path)))
    made = connection.sql(
        "SELECT view_name, sql FROM duckdb_views() WHERE NOT internal UNION ALL "
        "SELECT function_name, macro_definition FROM duckdb_functions() WHERE NOT internal AND schema_name = 'main'"
    ).fetchall()
    assert {"website_requests", "newest_day"} <= {name for name, _ in made}
    for name, definition in made:
        if name not in ("access_log", "rejects", "ledger"):
            assert {table.name for table in tables_of(definition)} <= {table.name for table in tables_of(name)}, name
    assert [table.name for table in tables_of("SELECT * FROM ledger JOIN lifecycle_events")] == [
        "access_log",
        "_ledger",
    ]
    assert tables_of("SELECT 1") == []
