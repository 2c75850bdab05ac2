"""Loaded at the start of every Python process of a run under test: it counts renames, and kills the run at one of them.

A local lake is written by renames only. `RENAMES_FILE` names the file that counts them over all processes of the
run, `KILL_AT` is `before:N` or `after:N`, or `never:0`.
"""

import fcntl
import os
import signal
from collections.abc import Callable
from typing import Any


def _count(path: str) -> int:
    """Add one to the count in the file; the new count."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        count = int(os.read(descriptor, 20) or b"0") + 1
        os.pwrite(descriptor, str(count).encode(), 0)
        return count
    finally:
        os.close(descriptor)


def _or_die(rename: Callable[..., None], path: str, moment: str, at: int) -> Callable[..., None]:
    def counted(source: Any, target: Any, **options: Any) -> None:
        is_here = _count(path) == at
        if is_here and moment == "before":
            os.killpg(0, signal.SIGKILL)
        rename(source, target, **options)
        if is_here:
            os.killpg(0, signal.SIGKILL)

    return counted


if "RENAMES_FILE" in os.environ:
    _moment, _, _at = os.environ["KILL_AT"].partition(":")
    os.replace = _or_die(os.replace, os.environ["RENAMES_FILE"], _moment, int(_at))
    os.rename = _or_die(os.rename, os.environ["RENAMES_FILE"], _moment, int(_at))
