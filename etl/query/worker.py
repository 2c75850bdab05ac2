"""The query process: it runs queries over bytes of the lake that another process reads for it, and can do little else.

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
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from typing import Any, BinaryIO

import pyarrow as pa

from etl.errors import AccessLakeError
from etl.query.confine import confine, limit_memory
from etl.query.connection import open_connection, run_query
from etl.query.files import LakeFiles
from etl.query.messages import Query, Task, receive, request_bytes, write_outcome
from etl.query.result import UnreadableError

# Not imported from etl.config, which imports pydantic: every query would wait for it.
_MIB = 1024 * 1024
# From these the C library, DuckDB and Arrow learn how many processors and how much memory there are; /proc/self is
# where this process finds how much memory it has.
_MACHINE = (
    "/proc/self",
    "/proc/meminfo",
    "/proc/cpuinfo",
    "/sys/fs/cgroup",
    "/sys/devices/system/cpu",
    "/dev/urandom",
)
# Modules are imported, and with them libraries loaded, also after the process is confined.
_LIBRARIES = (
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/etc/ld.so.cache",
    "/usr/share/zoneinfo",
    "/etc/localtime",
)
# Python's own folders need not have them: they may be installed for one user only, or anywhere on PYTHONPATH.
_PACKAGES = ("duckdb", "pyarrow", "ua_parser", "maxminddb")
_PYTHON_FOLDERS = ("stdlib", "platstdlib", "purelib", "platlib")
# What Python and Arrow may use beside DuckDB.
_OWN_MEMORY = 512 * _MIB
# The kernel's default, for where there is no limit to divide by.
_DEFAULT_STACK = 8 * _MIB
# The process that reads the result holds one message in memory at a time.
_MESSAGE_BYTES = 16 * _MIB


def main() -> None:
    """Open the database of the first message, and run the queries of all others until there are none."""
    # Ctrl-C reaches every process of a terminal. It is meant for the parent process, which then ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    control = socket.socket(fileno=int(sys.argv[1]))
    with contextlib.suppress(EOFError, OSError):
        task, readers = receive(control)
        readable = {*_readable_paths(), *task.geo_databases}
        confine(readable, task.limits.spill_directory)
        limit_memory(_memory_limit(task.limits.memory))
        database = _Database(task, readers)
        while True:
            query, (channel,) = receive(control)
            threading.Thread(
                target=database.run, args=(query, channel), daemon=True
            ).start()
    # The parent process is gone or has closed the socket. At its own end the interpreter would wait for DuckDB, which
    # may still run a query.
    os._exit(0)


def _memory_limit(duckdb_memory: int) -> int:
    """Bytes that this process may allocate, where DuckDB may use `duckdb_memory`."""
    # Twice, as DuckDB does not count all that it allocates. A query should reach DuckDB's own limit first, at which it
    # spills to disk or ends with a message; the kernel's limit is for what DuckDB does not count.
    return 2 * duckdb_memory + _OWN_MEMORY + _stack_bytes()


def _stack_bytes() -> int:
    """Bytes that the stacks of DuckDB's threads take of the limit, whether they are used or not."""
    size, _ = resource.getrlimit(resource.RLIMIT_STACK)
    if size == resource.RLIM_INFINITY:
        size = _DEFAULT_STACK
    return (os.cpu_count() or 1) * size


def _readable_paths() -> set[str]:
    python = {sysconfig.get_path(name) for name in _PYTHON_FOLDERS}
    return {*python, *_package_folders(), *_MACHINE, *_LIBRARIES}


def _package_folders() -> Iterator[str]:
    """The folders that the packages were installed into."""
    for package in _PACKAGES:
        spec = find_spec(package)
        if spec and spec.origin:
            package_folder = os.path.dirname(spec.origin)  # noqa: PTH120 - texts, as all of them
            yield os.path.dirname(package_folder)  # noqa: PTH120


class _Database:
    """A connection, opened by the first query, so that its errors reach somebody who waits for a result."""

    def __init__(self, task: Task, readers: Iterable[int]) -> None:
        self._task = task
        # Behind each socket is a thread of the parent process. A thread of DuckDB takes one of them for the time of a
        # read, and waits where none is free.
        self._readers: queue.SimpleQueue[socket.socket] = queue.SimpleQueue()
        for descriptor in readers:
            self._readers.put(socket.socket(fileno=descriptor))
        self._lock = threading.Lock()
        self._connection: Any = None
        self._files = LakeFiles(task.sizes, self._read)

    def run(self, query: Query, descriptor: int) -> None:
        """Run a query and write its result to a socket."""
        channel = socket.socket(fileno=descriptor)
        # A reader that wants no more rows closes its end, which is no error.
        with contextlib.suppress(OSError), channel, channel.makefile("wb") as stream:
            try:
                self._write_result(query, stream)
            except AccessLakeError as error:
                write_outcome(stream, error)
            except (RuntimeError, ValueError, TypeError) as error:
                # DuckDB and Arrow raise these for what they did not foresee; the next query may fare better.
                write_outcome(stream, UnreadableError(f"DuckDB: {error}"))

    def _write_result(self, query: Query, stream: BinaryIO) -> None:
        with self._cursor() as cursor:
            files = self._files if query.is_pruned else None
            result = run_query(cursor, query.sql, query.parameters, files)
            write_outcome(stream)
            # Closed also by an error amid the rows: the reader then finds the outcome after the stream's end.
            with pa.ipc.new_stream(stream, result.schema) as writer:
                for batch in result.batches():
                    for piece in _slices(batch):
                        writer.write_batch(piece)
                    stream.flush()
        write_outcome(stream)

    @contextlib.contextmanager
    def _cursor(self) -> Iterator[Any]:
        """A connection of its own to the database, which is interrupted after the time that a query may take."""
        with self._lock:
            if self._connection is None:
                self._connection = self._open()
            cursor = self._connection.cursor()
        timer = threading.Timer(self._task.limits.seconds, cursor.interrupt)
        timer.daemon = True
        timer.start()
        try:
            yield cursor
        finally:
            timer.cancel()
            cursor.close()

    def _open(self) -> Any:
        task = self._task
        return open_connection(
            self._files, task.statements, task.limits, task.geo_databases
        )

    def _read(self, path: str, position: int, length: int) -> bytes:
        reader = self._readers.get()
        try:
            return request_bytes(reader, path, position, length)
        finally:
            self._readers.put(reader)


def _slices(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """A batch in slices of few bytes, or of one row."""
    rows = max(1, batch.num_rows * _MESSAGE_BYTES // max(1, batch.nbytes))
    for start in range(0, batch.num_rows, rows):
        yield batch.slice(start, rows)


if __name__ == "__main__":
    main()
