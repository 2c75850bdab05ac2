"""Both readers of S3: every key, pinned bytes, what is missing or refused; and listings, which are read faster."""

import datetime as dt
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import boto3
import pytest
from conftest import S3

from etl.errors import PreconditionFailedError, StoreError, UsageError
from etl.sources import Found, discover_objects, fetch_objects, parse_source
from etl.store import Requests
from etl.store.open import open_store
from etl.store.s3_session import ReaderName, S3Session

T = TypeVar("T")

FIRST_DAY = dt.date(2026, 1, 1)

READERS: tuple[ReaderName, ...] = ("s3fs", "obstore")
ODD_KEYS = (
    "logs/plain",
    "/logs/slash-before",
    "logs//two-slashes",
    "logs/slash-behind/",
    "logs/./dot",
    "logs/../dots",
    "logs/ü €",
    "logs/a%2Fb+c d",
    'logs/q?r#s&t=u*~{}|\\^[]`<>"',
    "logs/control\x01",
)


@pytest.fixture(params=READERS)
def session(request: pytest.FixtureRequest, s3: S3) -> S3Session:
    return S3Session(s3.endpoint_url, request.param)


def in_thread(work: Callable[[], T]) -> T:
    """What `work` returns in a thread, where objects are read; the main thread is left to boto3."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result()


def test_every_key_is_listed_and_read(session: S3Session, s3: S3) -> None:
    """Whatever a key looks like, a listing has it as it is, and each way to read it gives its own bytes."""
    for key in ODD_KEYS:
        s3.put(key, key.encode())
    listed = [one.name for one in open_store(f"s3://{s3.logs}", session).entries("")]
    assert listed == sorted(ODD_KEYS)
    every = [key.encode() for key in ODD_KEYS]
    assert in_thread(lambda: session.reader.get_all(s3.logs, ODD_KEYS)) == every
    # Each with one request: obstore is not tried with what it cannot address.
    assert session.requests.counts().get == len(ODD_KEYS)
    assert in_thread(lambda: [session.reader.get(s3.logs, key)[0] for key in ODD_KEYS]) == every


def test_pinned_bytes_are_of_the_object_as_it_was_listed(session: S3Session, s3: S3) -> None:
    """Some bytes of an object are read, fewer where it ends; none once it was overwritten or removed."""
    s3.put("part", b"0123456789")
    store = open_store(f"s3://{s3.logs}", session)
    [entry] = store.entries("")
    assert in_thread(lambda: store.read_range(entry, 3, 4)) == b"3456"
    assert in_thread(lambda: store.read_range(entry, 8, 100)) == b"89"
    assert store.read_range(entry, 4, 0) == b""
    with store.open(entry) as file:
        assert (file.seek(-2, 2), file.read(1), file.read(), file.tell()) == (8, b"8", b"9", 10)
    s3.put("part", b"abcdefghij")
    with pytest.raises(PreconditionFailedError):
        in_thread(lambda: store.read_range(entry, 3, 4))
    s3.client.delete_object(Bucket=s3.logs, Key="part")
    with pytest.raises(FileNotFoundError):
        in_thread(lambda: store.read_range(entry, 3, 4))


def test_a_missing_object_is_told_from_a_missing_bucket(session: S3Session, s3: S3) -> None:
    """An object that is gone is not there; a bucket that is not there is a mistake of somebody's."""
    with pytest.raises(FileNotFoundError):
        in_thread(lambda: session.reader.get(s3.logs, "nothing"))
    with pytest.raises(StoreError, match="NoSuchBucket to GetObject: check the bucket's name"):
        in_thread(lambda: session.reader.get("no-such-bucket", "nothing"))
    [gone] = in_thread(lambda: session.reader.get_all(s3.logs, ["nothing"]))
    [mistake] = in_thread(lambda: session.reader.get_all("no-such-bucket", ["nothing"]))
    assert isinstance(gone, FileNotFoundError)
    assert isinstance(mistake, StoreError)


def test_obstore_is_left_alone_where_it_fails(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    """After some failures in a row everything is read by boto3, and obstore tried again after a while."""
    s3.put("a", b"text")
    session = S3Session(s3.endpoint_url, "obstore")
    nowhere = S3Session("http://127.0.0.1:9", "obstore")
    monkeypatch.setattr(session.reader, "_store_of", nowhere.reader._store_of)  # type: ignore[attr-defined]
    assert in_thread(lambda: session.reader.get_all(s3.logs, ["a"] * 15)) == [b"text"] * 15
    # Ten by both, and five by boto3 alone.
    assert session.requests.counts().get == 25
    monkeypatch.undo()
    monkeypatch.setattr(session.reader, "_paused_until", 0.0)
    assert in_thread(lambda: session.reader.get_all(s3.logs, ["a"] * 15)) == [b"text"] * 15
    assert session.requests.counts().get == 40


def test_requests_are_counted(session: S3Session, s3: S3) -> None:
    """By kind, with the bytes that went each way."""
    store = open_store(f"s3://{s3.logs}", session)
    etag = store.write("a", b"12345", if_match=None)
    store.write("a", b"123", if_match=etag)
    [entry] = store.entries("")
    in_thread(lambda: store.read_range(entry, 0, 2))
    in_thread(lambda: session.reader.get_all(s3.logs, ["a"]))
    store.remove("")
    counted = session.requests.counts()
    assert counted == Requests(list=2, get=2, put=2, delete=1, bytes_received=5, bytes_sent=8)


def test_many_objects_are_read_in_their_order(session: S3Session, s3: S3) -> None:
    """Groups of objects that are on their way at once come back in order, each with its own text."""
    for n in range(40):
        s3.put(f"2026-01-01-00-00-00-{n:04X}", b"x" * n)
    source = parse_source(f"s3://{s3.logs}/")
    objects = list(discover_objects(source, None, FIRST_DAY, session, Found(), full=True))
    fetched = list(fetch_objects(objects, session, concurrency=32))
    assert [one.data for one in fetched] == [b"x" * n for n in range(40)]


def test_a_listing_is_what_botocore_reads(s3: S3) -> None:
    """The same keys, sizes, ETags and times, and folders, over several pages."""
    for key in ODD_KEYS:
        s3.put(key, key.encode())
    plain = boto3.client("s3", endpoint_url=s3.endpoint_url).get_paginator("list_objects_v2")
    ours = S3Session(s3.endpoint_url).client.get_paginator("list_objects_v2")
    for options in ({}, {"Delimiter": "/"}, {"Prefix": "logs/", "Delimiter": "/"}, {"Prefix": "none"}):
        pages = [
            list(one.paginate(Bucket=s3.logs, PaginationConfig={"PageSize": 3}, **options)) for one in (plain, ours)
        ]
        expected, found = ([_objects_and_folders(page) for page in of_one] for of_one in pages)
        assert found == expected


def _objects_and_folders(page: dict[str, Any]) -> tuple[list[tuple[Any, ...]], list[str]]:
    objects = [
        (one["Key"], one["Size"], one["ETag"], one["LastModified"].timestamp()) for one in page.get("Contents", [])
    ]
    return objects, [one["Prefix"] for one in page.get("CommonPrefixes", [])]


def test_obstore_has_to_be_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks for it is told how; `auto` does without it."""
    monkeypatch.setattr("etl.store.s3_reader.find_spec", lambda _name: None)
    with pytest.raises(UsageError, match=r"accesslake\[fast\]"):
        _ = S3Session(reader="obstore").reader
    assert S3Session(reader="auto").reader.reads_at_once
