"""A lake in a local directory."""

import contextlib
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from stat import S_ISREG
from typing import BinaryIO

import filelock

from etl.errors import PreconditionFailedError, StoreError
from etl.store import Entry

LOCAL_TMP = "_tmp"
"""Where a local lake keeps its lock files and files half written; outside every glob."""


_LEFTOVER_SECONDS = 3600


class LocalStore:
    """A directory. Writes go through a temporary file and a short lock, both in `_tmp/`."""

    def __init__(self, root: Path) -> None:
        self.url = str(root)
        self._root = root

    def entries(self, prefix: str) -> list[Entry]:
        with os_errors(self._root / prefix, "read"):
            entries = [self._entry(path) for path in (self._root / prefix).rglob("*")]
        return sorted(filter(None, entries), key=lambda entry: entry.name)

    def _entry(self, path: Path) -> Entry | None:
        """None for what is no file, or not there any more."""
        try:
            stat = path.stat()
        except FileNotFoundError:
            return None
        is_file = S_ISREG(stat.st_mode)
        return Entry(path.relative_to(self._root).as_posix(), stat.st_size, local_etag(stat)) if is_file else None

    def directories(self, prefix: str) -> list[str]:
        directory = self._root / prefix
        with os_errors(directory, "read"):
            return sorted(path.name for path in directory.iterdir() if path.is_dir()) if directory.is_dir() else []

    def read(self, name: str) -> tuple[bytes, str]:
        with os_errors(self._root / name, "read"), self.open(name) as file:
            return file.read(), local_etag(os.fstat(file.fileno()))

    def open(self, name: str) -> BinaryIO:
        with os_errors(self._root / name, "read"):
            return (self._root / name).open("rb")

    def write(self, name: str, data: bytes, if_match: str | None) -> str:
        target = self._root / name
        temporary = self._root / LOCAL_TMP / uuid.uuid4().hex
        with os_errors(target):
            temporary.parent.mkdir(parents=True, exist_ok=True)
            try:
                with temporary.open("wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                with self._write_lock():
                    if self._etag_or_none(name) != if_match:
                        raise PreconditionFailedError(name)
                    self._make_directory(target.parent)
                    temporary.replace(target)
                    _fsync_directory(target.parent)
                    return self._etag(name)
            finally:
                temporary.unlink(missing_ok=True)

    def remove(self, prefix: str) -> None:
        target = self._root / prefix
        trash = self._root / LOCAL_TMP / uuid.uuid4().hex
        with os_errors(target):
            trash.parent.mkdir(parents=True, exist_ok=True)
            with self._write_lock(), contextlib.suppress(FileNotFoundError):
                target.rename(trash)  # at one instant, and out of every glob
                _fsync_directory(target.parent)
                with contextlib.suppress(OSError):
                    target.parent.rmdir()  # the bucket's directory, if this was its last day
            shutil.rmtree(trash, ignore_errors=True)

    def clear_leftovers(self) -> None:
        """Remove what killed runs left half written or half removed, once it is so old that nobody is at it."""
        horizon = time.time() - _LEFTOVER_SECONDS
        for path in (self._root / LOCAL_TMP).glob("[0-9a-f]" * 32):
            with contextlib.suppress(OSError):
                if path.stat().st_mtime < horizon:
                    shutil.rmtree(path) if path.is_dir() else path.unlink()

    def check_conditional_writes(self) -> None:
        """A local directory always keeps it."""

    def _write_lock(self) -> filelock.BaseFileLock:
        return filelock.FileLock(self._root / LOCAL_TMP / "write.lock")

    def _etag(self, name: str) -> str:
        return local_etag((self._root / name).stat())

    def _etag_or_none(self, name: str) -> str | None:
        try:
            return self._etag(name)
        except FileNotFoundError:
            return None

    def _make_directory(self, directory: Path) -> None:
        """Create `directory` so that it survives a power cut: each new entry's parent is synced."""
        if not directory.is_dir():
            self._make_directory(directory.parent)
            directory.mkdir(exist_ok=True)
            _fsync_directory(directory.parent)


def local_etag(stat: os.stat_result) -> str:
    """What changes whenever a local file does: its time of modification, inode and size."""
    return f"{stat.st_mtime_ns:x}-{stat.st_ino:x}-{stat.st_size:x}"


def _fsync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def os_errors(path: Path, what: str = "write") -> Iterator[None]:
    """Translate what the operating system raises to StoreError with the next step; FileNotFoundError is an answer."""
    try:
        yield
    except (filelock.Timeout, FileNotFoundError):
        raise
    except OSError as error:
        raise StoreError(
            f"{path}: cannot {what}: {error.strerror or error}; check space and permissions, then run it again: "
            "what was committed before is safe"
        ) from error
