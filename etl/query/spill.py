"""Where queries put what does not fit into memory: a private directory each, of which nothing is left behind."""

import contextlib
import fcntl
import os
import shutil
import tempfile
from pathlib import Path

_PREFIX = "accesslake-query-"
_LOCK = "in_use"


def make_spill_directory() -> tuple[Path, int]:
    """A new directory that nobody else can read, and the descriptor of a lock in it.

    The directory is in use for as long as a process has the descriptor open. Those that are not, because the
    processes with them were killed, are removed first.
    """
    _sweep(Path(tempfile.gettempdir()))
    directory = Path(tempfile.mkdtemp(prefix=_PREFIX))
    lock = os.open(directory / _LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_SH)
    return directory, lock


def remove_spill_directory(directory: Path, lock: int) -> None:
    """Remove a directory and let its lock go."""
    shutil.rmtree(directory, ignore_errors=True)
    os.close(lock)


def _sweep(folder: Path) -> None:
    for directory in folder.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            if directory.lstat().st_uid == os.getuid() and not _is_in_use(directory):
                shutil.rmtree(directory, ignore_errors=True)


def _is_in_use(directory: Path) -> bool:
    """Whether a process has the lock; one that has not taken it yet counts, too. Raises OSError for what is none."""
    lock = os.open(directory / _LOCK, os.O_RDWR | os.O_NOFOLLOW)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False
