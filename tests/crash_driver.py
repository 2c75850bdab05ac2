"""Runs `ingest` and kills its own process, as SIGKILL does, right before or after the N-th write of a name.

Usage: crash_driver.py SOURCE LAKE before|after SUBSTRING N
"""

import os
import signal
import sys
import threading

from etl.config import Settings
from etl.ingest import ingest
from etl.local import LocalStore

source, lake, moment, substring, count = sys.argv[1:]
left = int(count)
lock = threading.Lock()
write = LocalStore.write


def write_or_die(self: LocalStore, name: str, data: bytes, if_match: str | None) -> str:
    global left  # noqa: PLW0603
    with lock:  # appends run in threads
        left -= substring in name
        last = substring in name and left == 0
    if last and moment == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    etag = write(self, name, data, if_match)
    if last:
        os.kill(os.getpid(), signal.SIGKILL)
    return etag


LocalStore.write = write_or_die  # type: ignore[method-assign]
ingest(Settings(source=(source,), lake=lake, workers=1))
