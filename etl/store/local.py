"""A lake in a local directory."""

import contextlib
import io
import os
import shutil
import stat
import time
import uuid
import zlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import filelock

from etl.errors import LockedError, PreconditionFailedError, StoreError
from etl.store.base import Entry, is_between

LOCAL_TMP = "_tmp"
"""Where a local lake keeps its lock files and files half written; outside every glob."""


PRIVATE_DIRECTORY, PRIVATE_FILE = 0o700, 0o600
"""Modes of what no other user may open."""
_LEFTOVER_SECONDS = 3600
_RUN_LOCK = "run.lock"
# A write takes a moment.
_LOCK_SECONDS, _POLL_SECONDS = 60, 0.01
# So many writes can go on at a time, if they are into different folders.
_WRITE_LOCKS = 64


class LocalStore:
    """A directory. Writes go through a temporary file and a short lock of its folder, both in `_tmp/`.

    There are no symbolic links in it: what one leads to may be anybody's.
    """

    is_remote = False

    def __init__(self, root: Path) -> None:
        self.url = str(root)
        self._root = root

    def entries(
        self,
        prefix: str,
        after: str = "",
        before: str | None = None,
        limit: int | None = None,
    ) -> list[Entry]:
        with os_errors(self._root / prefix, "read"):
            self._refuse_links_to(prefix)
            return list(islice(self._entries(prefix, after, before), limit))

    def _entries(self, prefix: str, after: str, before: str | None) -> Iterator[Entry]:
        """The files below a folder with names between these, in name order; none where there is no such folder."""
        for name, one in sorted(self._names(prefix)):
            if name.endswith("/"):
                # What is below a folder may come after `after` although the folder itself does not.
                if is_between(name, after, before) or after.startswith(name):
                    yield from self._entries(name, after, before)
            elif is_between(name, after, before) and one.is_file(follow_symlinks=False):
                with contextlib.suppress(FileNotFoundError):
                    status = one.stat(follow_symlinks=False)
                    yield Entry(name, status.st_size, local_etag(status))

    def _names(self, prefix: str) -> Iterator[tuple[str, "os.DirEntry[str]"]]:
        """What is right below a folder, by name; the names of folders end in a slash, as in those of their files."""
        with (
            contextlib.suppress(FileNotFoundError),
            os.scandir(self._root / prefix) as found,
        ):
            for one in found:
                self._refuse_link(one)
                slash = "/" if one.is_dir(follow_symlinks=False) else ""
                yield f"{prefix}{one.name}{slash}", one

    def directories(self, prefix: str) -> list[str]:
        with os_errors(self._root / prefix, "read"):
            self._refuse_links_to(prefix)
            with (
                contextlib.suppress(FileNotFoundError),
                os.scandir(self._root / prefix) as found,
            ):
                folders = list(found)
                for one in folders:
                    self._refuse_link(one)
                return sorted(
                    one.name for one in folders if one.is_dir(follow_symlinks=False)
                )
        return []

    def _refuse_links_to(self, prefix: str) -> None:
        for folder in (self._root / prefix, *(self._root / prefix).parents):
            if folder == self._root:
                return
            if folder.is_symlink():
                raise _link(folder)

    def _refuse_link(self, entry: "os.DirEntry[str]") -> None:
        if entry.is_symlink():
            raise _link(Path(entry.path))

    def read(self, name: str) -> tuple[bytes, str]:
        with os_errors(self._root / name, "read"), self._open(name) as file:
            return file.read(), local_etag(os.fstat(file.fileno()))

    def read_range(self, entry: Entry, start: int, length: int) -> bytes:
        with os_errors(self._root / entry.name, "read"), self._open(entry.name) as file:
            if local_etag(os.fstat(file.fileno())) != entry.etag:
                raise PreconditionFailedError(entry.name)
            return os.pread(file.fileno(), length, start)

    def open(self, entry: Entry) -> io.RawIOBase:
        return self._open(entry.name)

    def _open(self, name: str) -> io.RawIOBase:
        with os_errors(self._root / name, "read"):
            return open(self._root / name, "rb", buffering=0, opener=open_no_link)

    def write(self, name: str, data: bytes, if_match: str | None) -> str:
        target = self._root / name
        temporary = self._root / LOCAL_TMP / uuid.uuid4().hex
        with os_errors(target):
            self._make_temporary()
            try:
                with temporary.open("wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                # POSIX has no rename that depends on what is there, so the lock makes it one step.
                with self._write_lock(target.parent):
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
            self._make_temporary()
            with self._write_lock(target), contextlib.suppress(FileNotFoundError):
                target.rename(trash)  # at one instant, and out of every glob
                _fsync_directory(target.parent)
                with contextlib.suppress(OSError):
                    target.parent.rmdir()  # the bucket's directory, if this was its last day
            shutil.rmtree(trash, ignore_errors=True)

    @contextlib.contextmanager
    def lock_run(self) -> Iterator[bool]:
        path = self._root / LOCAL_TMP / _RUN_LOCK
        lock = filelock.FileLock(path, blocking=False, mode=PRIVATE_FILE)
        try:
            with os_errors(path):
                self._make_temporary()
                lock.acquire()
        except filelock.Timeout:
            raise LockedError(str(path)) from None
        try:
            self._clear_leftovers()
            yield True
        finally:
            lock.release()

    def _clear_leftovers(self) -> None:
        """Remove what killed runs left half written or half removed, once it is so old that no process can use it."""
        horizon = time.time() - _LEFTOVER_SECONDS
        for path in (self._root / LOCAL_TMP).glob("[0-9a-f]" * 32):
            with contextlib.suppress(OSError):
                if path.stat().st_mtime < horizon:
                    shutil.rmtree(path) if path.is_dir() else path.unlink()

    def check_conditional_writes(self) -> None:
        """A local directory always keeps it."""

    def forget(self) -> None:
        """Nothing is kept."""

    def _make_temporary(self) -> None:
        """Make the directory for locks and files half written, or make it private: others could hold the locks."""
        directory = self._root / LOCAL_TMP
        directory.mkdir(mode=PRIVATE_DIRECTORY, parents=True, exist_ok=True)
        status = directory.stat()
        if (
            stat.S_IMODE(status.st_mode) != PRIVATE_DIRECTORY
            and status.st_uid == os.getuid()
        ):
            directory.chmod(PRIVATE_DIRECTORY)

    @contextlib.contextmanager
    def _write_lock(self, folder: Path) -> Iterator[None]:
        """Let nobody else write into a folder, or remove it; the folder that it is in may come and go."""
        number = zlib.crc32(bytes(folder.relative_to(self._root))) % _WRITE_LOCKS
        path = self._root / LOCAL_TMP / f"write-{number:02}.lock"
        lock = filelock.FileLock(path, _LOCK_SECONDS, PRIVATE_FILE)
        try:
            with lock.acquire(poll_interval=_POLL_SECONDS):
                yield
        except filelock.Timeout as error:
            raise StoreError(
                f"{path}: another process has held this lock for {_LOCK_SECONDS} seconds; end it (`fuser {path}` says "
                "which), then run it again"
            ) from error

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


def _link(path: Path) -> StoreError:
    return StoreError(
        f"{path}: is a symbolic link, of which a lake has none; remove it, or put there what it leads to"
    )


def open_no_link(path: str, flags: int) -> int:
    """An opener that follows no symbolic link: whoever made it may not be able to read what it leads to, and we are."""
    return os.open(path, flags | os.O_NOFOLLOW)


def local_etag(status: os.stat_result) -> str:
    """What changes whenever a local file does: its time of modification, inode and size."""
    return f"{status.st_mtime_ns:x}-{status.st_ino:x}-{status.st_size:x}"


def _fsync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def os_errors(path: Path, what: str = "write") -> Iterator[None]:
    """Translate what the operating system raises to StoreError with the next step; FileNotFoundError passes."""
    try:
        yield
    except (filelock.Timeout, FileNotFoundError):
        raise
    except OSError as error:
        raise StoreError(
            f"{path}: cannot {what}: {error.strerror or error}; check space and permissions, then run it again: "
            "what was committed before is safe"
        ) from error
