"""What a query sees of a lake: the parts in its scope, however they are listed, and no other file."""

import datetime as dt
import re
from fnmatch import fnmatchcase
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote, unquote

import pytest
from conftest import S3
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etl.errors import UsageError
from etl.query.scope import Scope
from etl.query.snapshot import take_snapshot
from etl.store.base import Entry, ReadableStore, Store
from etl.store.listed import ListedStore
from etl.store.local import LocalStore
from etl.store.open import open_store
from etl.store.s3_session import S3Session

# Some begin like another; some are not what a path would have.
BUCKETS = st.sampled_from(["a", "a-b", "a.b", "ab", "a/b", "a%2Fb", "b b", "~", "date=2026-01-02"])
DAYS = st.dates(dt.date(2025, 12, 28), dt.date(2026, 1, 6))
PARTITIONS = st.lists(st.tuples(BUCKETS, DAYS), max_size=25, unique=True)
# Names and patterns, of which some fit nothing.
WANTED = st.lists(BUCKETS | st.sampled_from(["a*", "*b", "?", "a?b", "x*"]), min_size=1, max_size=3).map(tuple)
SCOPES = st.tuples(st.none() | BUCKETS | WANTED, st.none() | DAYS, st.none() | DAYS)

_PATH = re.compile(r"(access_log|rejects|_ledger)/(?:bucket=([^/]*)/)?date=([^/]*)/part-\d{5}\.parquet")


def names_of(partitions: list[tuple[str, dt.date]]) -> list[str]:
    """The parts of these partitions, those that the other tables have then, and files that are no parts."""
    names = [f"access_log/bucket={quote(bucket, safe='')}/date={day}/" for bucket, day in partitions]
    names += [f"{table}/date={day}/" for table in ("rejects", "_ledger") for _, day in partitions]
    parts = [f"{folder}part-0000{n}.parquet" for folder in sorted(set(names)) for n in range(2)]
    foreign = [f"{folder}{name}" for folder in names[::5] for name in ("other.parquet", ".part-00000.parquet", "_x")]
    return [*parts, *foreign, "access_log/readme", "access_log/bucket=a/date=2026-13-01/part-00000.parquet"]


def fits(bucket: str, wanted: str) -> bool:
    return bucket == wanted or fnmatchcase(bucket, wanted)


def in_scope(scope: Scope, name: str) -> bool:
    """What a scope means, said once more."""
    match = _PATH.fullmatch(name)
    if match is None or match[3] == "2026-13-01":
        return False
    table, bucket, day = match.groups()
    if table == "_ledger":
        return True
    if table == "access_log" and scope.buckets and not any(fits(unquote(bucket), one) for one in scope.buckets):
        return False
    return str(scope.date_from or "") <= day <= str(scope.date_to or "9999-12-31")


def found(store: ReadableStore, scope: Scope) -> list[Entry] | None:
    """The parts of a snapshot, in the order of their names; None where the scope's bucket is unknown."""
    try:
        return sorted(take_snapshot(store, scope).parts.values(), key=lambda part: part.name)
    except UsageError:
        return None


def expected(store: ReadableStore, scope: Scope) -> list[Entry] | None:
    files = store.entries("")
    folders = {file.name.split("/")[1] for file in files if file.name.startswith("access_log/bucket=")}
    names = {unquote(folder.removeprefix("bucket=")) for folder in folders}
    if names and any(not any(fits(name, one) for name in names) for one in scope.buckets):
        return None
    return [file for file in files if in_scope(scope, file.name)]


@given(partitions=PARTITIONS, limits=SCOPES, page=st.integers(1, 12))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100, deadline=None)
def test_a_scope_is_the_full_listing_filtered(
    partitions: list[tuple[str, dt.date]],
    limits: tuple[str | tuple[str, ...] | None, dt.date | None, dt.date | None],
    page: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However it is listed, the whole scope is there, and each part once; also in what is left of a larger snapshot."""
    monkeypatch.setattr("etl.store.listing.PAGE", page)
    monkeypatch.setattr("etl.query.snapshot.PAGE", page)
    scope = Scope(*limits)
    with TemporaryDirectory() as root:
        for name in names_of(partitions):
            path = Path(root) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        store = LocalStore(Path(root))
        right = expected(store, scope)
        assert found(store, scope) == right
        assert found(ListedStore(store), scope) == right
        everything = take_snapshot(store, Scope())
        narrowed = everything.within(scope).parts.values()
        assert {part.name for part in narrowed} == {part.name for part in right or narrowed}


def test_a_scope_on_s3(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    """S3 lists in the order of bytes, which is that of names; a bucket or day is not taken for one that begins so."""
    monkeypatch.setattr("etl.store.listing.PAGE", 5)
    monkeypatch.setattr("etl.query.snapshot.PAGE", 5)
    store: Store = open_store(f"s3://{s3.lake}/deep/lake", S3Session(s3.endpoint_url))
    days = [dt.date(2025, 12, 31), dt.date(2026, 1, 1), dt.date(2026, 1, 2)]
    partitions = [(bucket, day) for bucket in ("a", "a-b", "a.b", "ab", "a/b") for day in days]
    for name in dict.fromkeys(names_of(partitions)):
        store.write(name, b"", if_match=None)
    for bucket in (None, "a", "a/b", "nobody's", "a?b", ("a.b", "ab")):
        for first in (None, days[1]):
            for last in (None, days[1]):
                scope = Scope(bucket, first, last)
                assert found(ListedStore(store), scope) == expected(store, scope), scope


DAY = dt.date(2026, 1, 2)


@pytest.mark.parametrize(
    ("scope", "page", "requests"),
    [
        # One page has all parts, or one bucket.
        (Scope(None, DAY, DAY), 1000, 1),
        (Scope("b05", None, None), 1000, 1),
        (Scope("b05", DAY, DAY), 10, 1),
        # After a page that has two buckets and a half, the others one by one.
        (Scope(None, DAY, DAY), 10, 1 + 10),
        # Of those that are wanted, by name or by pattern; a pattern needs the names of all.
        (Scope(("b05", "b07"), DAY, DAY), 10, 2),
        (Scope("b0?", DAY, DAY), 10, 1 + 8),
        # Of whole buckets two fill a page.
        (Scope(), 10, 1 + 5),
    ],
)
def test_requests_that_list_records(
    tmp_path: Path, scope: Scope, page: int, requests: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither what is of other days is listed, nor each bucket where one page has them all."""
    monkeypatch.setattr("etl.store.listing.PAGE", page)
    monkeypatch.setattr("etl.query.snapshot.PAGE", page)
    store = LocalStore(tmp_path)
    for bucket in range(12):
        for day in range(4):
            folder = tmp_path / f"access_log/bucket=b{bucket:02}/date={DAY + dt.timedelta(day - 1)}"
            folder.mkdir(parents=True)
            (folder / "part-00000.parquet").touch()
    listed: list[str] = []
    entries = LocalStore.entries

    def counted(self: LocalStore, prefix: str, *bounds: Any, **limit: Any) -> list[Entry]:
        if prefix.startswith("access_log/"):
            listed.append(prefix)
        return entries(self, prefix, *bounds, **limit)

    monkeypatch.setattr(LocalStore, "entries", counted)
    days = 1 if scope.date_from else 4
    buckets = sum(not scope.buckets or any(fits(f"b{n:02}", one) for one in scope.buckets) for n in range(12))
    assert len(take_snapshot(ListedStore(store), scope).parts) == days * buckets
    assert len(listed) == requests


@pytest.mark.parametrize("removed", range(7))
def test_buckets_that_are_removed_amid_a_listing(tmp_path: Path, removed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left is there, however many of the first buckets `expire` removes after the first page was listed."""
    monkeypatch.setattr("etl.query.snapshot.PAGE", 5)
    store = LocalStore(tmp_path)
    buckets = [f"b{number}" for number in range(5)]
    for name in dict.fromkeys(names_of([(bucket, DAY) for bucket in buckets])):
        store.write(name, b"", if_match=None)
    directories = LocalStore.directories

    def remove_first(self: LocalStore, prefix: str) -> list[str]:
        for folder in directories(self, "access_log/")[:removed]:
            self.remove(f"access_log/{folder}/")
        return directories(self, prefix)

    monkeypatch.setattr(LocalStore, "directories", remove_first)
    scope = Scope(None, DAY, DAY)
    seen = found(store, scope)
    left = expected(store, scope)
    assert seen is not None
    assert left is not None
    assert set(left) <= set(seen)


def test_files_before_the_first_bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that do not belong there, and fill a page, hide no bucket."""
    monkeypatch.setattr("etl.query.snapshot.PAGE", 2)
    store = LocalStore(tmp_path)
    strays = [f"access_log/a{number}" for number in range(3)]
    for name in [*strays, *dict.fromkeys(names_of([("a", DAY), ("b", DAY), ("c", DAY)]))]:
        store.write(name, b"", if_match=None)
    scope = Scope(None, DAY, DAY)
    assert found(store, scope) == expected(store, scope)


def test_expired_days_are_not_seen(tmp_path: Path) -> None:
    """From the moment when `expire` begins, whatever the scope says."""
    store = LocalStore(tmp_path)
    names = names_of([("a", dt.date(2026, 1, day)) for day in (1, 2, 3)])
    for name in dict.fromkeys(names):
        store.write(name, b"", if_match=None)
    store.write("_retention.json", b'{"expired_before": "2026-01-02"}', if_match=None)
    for scope in (Scope(), Scope("a"), Scope(None, dt.date(2026, 1, 1))):
        kept = [name for name in take_snapshot(store, scope).parts if not name.startswith("_ledger/")]
        assert kept
        assert not any("date=2026-01-01" in name for name in kept)
