"""Links among log objects, and locks in a lake that others can write to."""

import os
from pathlib import Path
from unittest.mock import patch

import filelock
import pytest
from attacks import request, write_log
from conftest import ingest_local

from etl.errors import StoreError, UsageError
from etl.store.local import LocalStore


def test_links_among_log_objects_are_passed_over(tmp_path: Path) -> None:
    """Whoever may write logs can neither have the job read other files for them nor stop a run by a file's name."""
    logs = write_log(tmp_path / "logs", [request(1)])
    secret = tmp_path / "secret"
    secret.write_text("root:secret\n")
    (logs / "2026-02-06-02-00-00-BB").symlink_to(secret)
    (logs / "deep").symlink_to(tmp_path)
    Path(os.fsdecode(os.fsencode(logs) + b"/2026-02-06-03-00-00-\xff")).write_text("x\n")
    Path(os.fsdecode(os.fsencode(logs) + b"/\xff.gz")).write_text("x\n")
    for n, source in enumerate((str(logs), f"{logs}/*")):
        summary = ingest_local(source, tmp_path / f"lake{n}", max_reject_fraction=1)
        assert (summary.result.rows, summary.result.rejects, summary.result.failures) == (1, 0, {})
    assert ingest_local(str(logs), tmp_path / "lake0").found.skipped > 0
    with pytest.raises(UsageError, match="is a symbolic link"):
        ingest_local(logs / "2026-02-06-02-00-00-BB", tmp_path / "lake")


def test_a_log_object_that_becomes_a_link_is_not_read(tmp_path: Path) -> None:
    """A log object that is replaced by a link after it was listed is a failure, and nothing is read through it."""
    logs = write_log(tmp_path / "logs", [request(1)])
    secret = tmp_path / "secret"
    secret.write_text(next(logs.iterdir()).read_text())

    def replaced(path: str, flags: int) -> int:
        Path(path).unlink()
        Path(path).symlink_to(secret)
        return os.open(path, flags | os.O_NOFOLLOW)

    with patch("etl.sources.fetch.open_no_link", replaced):
        result = ingest_local(logs, tmp_path / "lake").result
    assert (result.rows, len(result.failures)) == (0, 1)


def test_nobody_else_can_hold_the_locks(tmp_path: Path) -> None:
    """Locks and temporary files are in a directory of the owner's, made private where an older version made it."""
    lake = tmp_path / "lake"
    (lake / "_tmp").mkdir(parents=True, mode=0o755)
    (lake / "_tmp" / "run.lock").touch(0o644)
    ingest_local(write_log(tmp_path / "logs", [request(1)]), lake)
    assert (lake / "_tmp").stat().st_mode & 0o777 == 0o700
    locks = [*(lake / "_tmp").glob("write-*.lock")]
    assert {lock.stat().st_mode & 0o777 for lock in locks} == {0o600}
    part = next((lake / "access_log").rglob("*.parquet"))
    assert part.stat().st_mode & 0o044 == 0o044 & ~_umask()


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def test_a_lock_that_is_held_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write waits a while, then says what holds it up and what to do; it does not hang."""
    monkeypatch.setattr("etl.store.local._LOCK_SECONDS", 0.1)
    store = LocalStore(tmp_path)
    store.write("a", b"1", None)
    (lock,) = (tmp_path / "_tmp").glob("write-*.lock")
    with filelock.FileLock(lock), pytest.raises(StoreError, match="fuser"):
        store.write("b", b"2", None)
    store.write("b", b"2", None)
