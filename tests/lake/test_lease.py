"""The lease: one run at a time, taken over from the dead, given back by the living."""

import datetime as dt
import os
import time
from pathlib import Path

import pytest
from conftest import S3

from etl.errors import LeaseHeldError
from etl.lake.lease import hold_lease, note_complete, read_incomplete
from etl.store.base import Store
from etl.store.open import open_store
from etl.store.s3_session import S3Session


def test_a_second_run_is_told_who_holds_the_lease(store: Store) -> None:
    """The loser learns who it is and since when; once released, the lease is free."""
    with (
        hold_lease(store, "first", 60) as still_held,
        pytest.raises(LeaseHeldError, match=r"@.* pid \d+ \(run first, since ") as caught,
        hold_lease(store, "second", 60),
    ):
        pytest.fail("two runs hold the lease")
    assert caught.value.exit_code == 75
    assert still_held()
    with hold_lease(store, "third", 60):
        pass


def test_a_garbled_lock_file_stops_nobody(store: Store) -> None:
    """Correctness never rests on the lease."""
    store.write("_lock.json", b"{garbled", if_match=None)
    with hold_lease(store, "run", 60) as still_held:
        assert still_held()


def test_an_expired_lease_is_taken_over_and_its_holder_learns_it(s3: S3) -> None:
    """On S3 a run that does not renew in time loses the lease, and does not take it back."""
    store = open_store(f"s3://{s3.lake}/lake", S3Session(s3.endpoint_url))
    with hold_lease(store, "stalled", 3) as still_held:
        expired = store.read("_lock.json")
        past = (dt.datetime.now(dt.UTC) - dt.timedelta(seconds=1)).isoformat()
        text = f'{{"run_id": "stalled", "who": "x", "since": "{past}", "expires": "{past}"}}'
        store.write("_lock.json", text.encode(), if_match=expired[1])
        with hold_lease(store, "heir", 60):
            deadline = time.monotonic() + 10
            while still_held() and time.monotonic() < deadline:
                time.sleep(0.05)
            assert not still_held()
    with hold_lease(store, "later", 60):
        pass


def test_a_living_run_renews(s3: S3) -> None:
    """The lease outlives its first term while the run lives."""
    store = open_store(f"s3://{s3.lake}/lake", S3Session(s3.endpoint_url))
    with hold_lease(store, "long", 1):
        time.sleep(2)
        with pytest.raises(LeaseHeldError), hold_lease(store, "other", 60):
            pytest.fail("a living run lost its lease")


def test_a_renewal_whose_answer_was_lost_is_ours(s3: S3) -> None:
    """The write was stored, the answer never came: the lease is not given up for it."""
    store = open_store(f"s3://{s3.lake}/lake", S3Session(s3.endpoint_url))
    with hold_lease(store, "run", 5) as still_held:
        data, etag = store.read("_lock.json")
        store.write("_lock.json", data + b" ", if_match=etag)
        time.sleep(3)
        assert still_held()
        assert store.read("_lock.json")[0] != data + b" "


def test_a_run_is_incomplete_until_it_says_otherwise(store: Store) -> None:
    """Whoever reads learns of the last run that ingests, also while others hold the lease after it."""
    with hold_lease(store, "first", 60, ingests=True):
        at_work = read_incomplete(store)
        assert at_work is not None
        assert (at_work.run_id, at_work.ended) == ("first", None)
    with hold_lease(store, "expire", 60):
        failed = read_incomplete(store)
    assert failed == read_incomplete(store)
    assert failed is not None
    assert (failed.run_id, failed.ended is None) == ("first", False)
    with hold_lease(store, "second", 60, ingests=True):
        note_complete(store, "second")
        assert read_incomplete(store) is None
    assert read_incomplete(store) is None


def test_leftovers_of_killed_runs_are_cleared(tmp_path: Path) -> None:
    """What a killed run left half written goes once it is old; what may be another's work stays."""
    store = open_store(str(tmp_path))
    trash = tmp_path / "_tmp"
    (trash / ("a" * 32)).mkdir(parents=True)
    for name in ("a" * 32 + "/part-00000.parquet", "b" * 32, "c" * 32, "notes.txt"):
        (trash / name).write_bytes(b"x")
    long_ago = time.time() - 7200
    for name in ("a" * 32, "b" * 32, "notes.txt"):
        os.utime(trash / name, (long_ago, long_ago))
    with hold_lease(store, "run", 60):
        left = {path.name for path in trash.iterdir()}
    assert {name for name in left if not name.endswith(".lock")} == {"c" * 32, "notes.txt"}
