"""Private directories, such as for what queries spill from memory to disk, of which nothing is left behind."""

import contextlib
import fcntl
import glob
import os
import shutil
import tempfile
from pathlib import Path

from etl.errors import StoreError

_PREFIX = "accesslake-query-"
_LOCK = "in_use"
# A lock takes its name once it is locked. A directory without that name is new, and not swept: otherwise another query
# could remove it between the making of the lock and the locking.
_NEW_LOCK = "new"


def make_spill_directory() -> tuple[Path, int]:
    """A new directory for what a query spills: see `make_directory`. Raises StoreError where none can be made."""
    try:
        return make_directory(Path(tempfile.gettempdir()), _PREFIX)
    except OSError as error:
        raise StoreError(
            f"no directory for what a query spills: {error}; set TMPDIR to one that can be written"
        ) from error


def make_directory(folder: Path, prefix: str) -> tuple[Path, int]:
    """A new directory in `folder` that nobody else can read, and the descriptor of a lock in it.

    The directory is in use for as long as a process has the descriptor open. Directories of this prefix that are not in
    use, because the processes with them were killed, are removed first. Raises OSError where none can be made.
    """
    _sweep(folder, prefix)
    directory = Path(tempfile.mkdtemp(dir=folder, prefix=prefix))
    lock = os.open(directory / _NEW_LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    # A lock of `flock` belongs to the open file, which the query process inherits: the kernel lets it go when the
    # last of both processes ends, however it ends. One of `lockf` would end with the process that took it.
    fcntl.flock(lock, fcntl.LOCK_SH)
    (directory / _NEW_LOCK).rename(directory / _LOCK)
    return directory, lock


def remove_directory(directory: Path, lock: int) -> None:
    """Remove a directory and let its lock go."""
    shutil.rmtree(directory, ignore_errors=True)
    os.close(lock)


def _sweep(folder: Path, prefix: str) -> None:
    """Remove the directories in `folder` that are not in use."""
    for directory in folder.glob(f"{glob.escape(prefix)}*"):
        with contextlib.suppress(OSError):
            # The folder is everybody's: what another user put there, or a link, is not ours to remove.
            is_ours = directory.lstat().st_uid == os.getuid()
            if is_ours and not _is_in_use(directory):
                shutil.rmtree(directory, ignore_errors=True)


def _is_in_use(directory: Path) -> bool:
    """Whether a process has the lock. Raises OSError where there is none."""
    lock = os.open(directory / _LOCK, os.O_RDWR | os.O_NOFOLLOW)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False
