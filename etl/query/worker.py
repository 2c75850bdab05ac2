"""The process that answers queries: it asks another one for bytes of the lake, and can do little else.

It has no credentials, no network and no file but Python's own and its spill directory; its memory is bounded, and it
ends with the process that started it. `python -m etl.query.worker DESCRIPTOR`, of a Unix socket.
"""

import contextlib
import os
import queue
import resource
import signal
import socket
import sys
import sysconfig
import threading
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import pyarrow as pa

from etl.errors import AccessLakeError
from etl.query.confine import confine, limit_memory
from etl.query.connection import open_connection, run_query
from etl.query.files import LakeFiles
from etl.query.messages import Query, Task, ask_for_bytes, receive, write_outcome
from etl.query.result import UnreadableError

_SYSTEM = ("/proc/self", "/proc/meminfo", "/proc/cpuinfo", "/sys/fs/cgroup", "/sys/devices/system/cpu", "/dev/urandom")
_LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache", "/usr/share/zoneinfo", "/etc/localtime")
_PACKAGES = ("duckdb", "pyarrow", "ua_parser")
_MIB = 1024 * 1024
_PIECE = 16 * _MIB
_OWN_MEMORY = 512 * _MIB
"""What Python and Arrow may use beside DuckDB."""
_STACK = 8 * _MIB


def main() -> None:
    """Open what the first message says, and answer the queries of all others until there are none."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # meant for the process that asks, which ends this one
    control = socket.socket(fileno=int(sys.argv[1]))
    with contextlib.suppress(EOFError, OSError):
        task, readers = receive(control)
        confine(_readable(), task.limits.spill_directory)
        # Twice, as DuckDB's own limit is not exact.
        limit_memory(2 * task.limits.memory + _OWN_MEMORY + _stacks())
        database = _Database(task, [socket.socket(fileno=one) for one in readers])
        while True:
            query, (channel,) = receive(control)
            threading.Thread(target=database.answer, args=(query, channel), daemon=True).start()
    os._exit(0)  # whatever DuckDB is at


def _stacks() -> int:
    """Bytes that the stacks of threads take of the limit, whether they are used or not."""
    size, _ = resource.getrlimit(resource.RLIMIT_STACK)
    return (os.cpu_count() or 1) * (_STACK if size == resource.RLIM_INFINITY else size)


def _readable() -> set[str]:
    found = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    for package in _PACKAGES:
        spec = find_spec(package)
        if spec and spec.origin:
            found.add(os.path.dirname(os.path.dirname(spec.origin)))  # noqa: PTH120 - texts, as all of them
    return {*found, *_SYSTEM, *_LIBRARIES}


class _Database:
    """A connection, opened for the first query, so that its errors go where somebody waits for them."""

    def __init__(self, task: Task, readers: list[socket.socket]) -> None:
        self._task = task
        self._readers: queue.SimpleQueue[socket.socket] = queue.SimpleQueue()
        for one in readers:
            self._readers.put(one)
        self._lock = threading.Lock()
        self._connection: Any = None

    def answer(self, query: Query, descriptor: int) -> None:
        """Write the result of a query to a socket."""
        channel = socket.socket(fileno=descriptor)
        with contextlib.suppress(OSError), channel, channel.makefile("wb") as stream:  # nobody wants the rest
            try:
                with self._cursor() as cursor:
                    result = run_query(cursor, query.sql, query.parameters)
                    write_outcome(stream)
                    with pa.ipc.new_stream(stream, result.schema) as writer:
                        for batch in result.batches():
                            for piece in _pieces(batch):
                                writer.write_batch(piece)
                            stream.flush()
                write_outcome(stream)
            except AccessLakeError as error:
                write_outcome(stream, error)
            except (RuntimeError, ValueError, TypeError) as error:  # of DuckDB's or Arrow's, and not foreseen
                write_outcome(stream, UnreadableError(f"DuckDB: {error}"))

    @contextlib.contextmanager
    def _cursor(self) -> Iterator[Any]:
        """A connection of its own to the database, which is interrupted after the time that a query may take."""
        with self._lock:
            if self._connection is None:
                files = LakeFiles(self._task.sizes, self._read)
                self._connection = open_connection(files, self._task.statements, self._task.limits)
            cursor = self._connection.cursor()
        timer = threading.Timer(self._task.limits.seconds, cursor.interrupt)
        timer.daemon = True
        timer.start()
        try:
            yield cursor
        finally:
            timer.cancel()
            cursor.close()

    def _read(self, path: str, position: int, length: int) -> bytes:
        reader = self._readers.get()
        try:
            return ask_for_bytes(reader, path, position, length)
        finally:
            self._readers.put(reader)


def _pieces(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """A batch in pieces of few bytes, or of one row: whoever reads them holds one at a time."""
    rows = max(1, batch.num_rows * _PIECE // max(1, batch.nbytes))
    yield from (batch.slice(start, rows) for start in range(0, batch.num_rows, rows))


if __name__ == "__main__":
    main()
