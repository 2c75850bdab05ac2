"""Starting a query process, and reading the lake for it."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from etl.errors import AccessLakeError
from etl.query.messages import (
    Query,
    Task,
    read_outcome,
    receive_read_request,
    send,
    send_bytes,
)
from etl.query.reader import SnapshotReader
from etl.query.result import ChangedError, LimitError, Result, UnreadableError
from etl.query.spill import make_spill_directory, remove_directory

# Sending to a process that has died raises one of these. It is ignored: reading the result then finds out why.
_GONE = (BrokenPipeError, ConnectionResetError)
# In the spill directory: what the process writes to standard error.
_MESSAGES = "messages"
# DuckDB interrupts a query that takes too long, but not in the middle of every function; the process is killed then.
_GRACE_SECONDS = 5
# What Python and the C library need to start.
_VARIABLES = ("LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "PYTHONHOME")
# What the C++ library and Python write last when memory is refused.
_OUT_OF_MEMORY = ("MemoryError", "bad_alloc")


class WorkerProcess:
    """A process that queries one snapshot; it ends with this object, or with this process.

    It takes a moment to start, in which the lake can be listed: `open` it then.
    """

    def __init__(self) -> None:
        directory, lock = make_spill_directory()
        self._directory = directory
        self._control, theirs = socket.socketpair()
        self._process = _start(theirs, directory, lock)
        # Only the query process may have the other end open: otherwise it would not be seen to close.
        theirs.close()
        # A message and its descriptors are sent in two calls.
        self._sending = threading.Lock()
        self._threads: list[threading.Thread] = []
        # Unlike a method, it runs at the interpreter's end too, and refers to what it needs, but not to this object.
        self.close = weakref.finalize(
            self, _end, self._process, self._control, self._threads, directory, lock
        )

    def open(self, reader: SnapshotReader, task: Task) -> None:
        """Send the process its task, and read for it from now on."""
        self._reader = reader
        self._seconds = task.limits.seconds
        limits = replace(task.limits, spill_directory=str(self._directory))
        pairs = [socket.socketpair() for _ in range(reader.concurrency)]
        with contextlib.suppress(*_GONE), self._sending:
            send(
                self._control,
                replace(task, limits=limits),
                [theirs.fileno() for _, theirs in pairs],
            )
        for ours, theirs in pairs:
            theirs.close()
            # Daemons, so that threads that wait for the query process do not keep this one alive.
            thread = threading.Thread(
                target=_serve_reads,
                args=(ours, reader, task.sizes),
                name="lake-reader",
                daemon=True,
            )
            thread.start()
            self._threads.append(thread)

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def query(
        self,
        sql: str,
        parameters: Mapping[str, object] | None = None,
        *,
        is_pruned: bool = False,
    ) -> Result:
        """The result of one SELECT; several may be open at a time. For `is_pruned` see `Query`."""
        channel, theirs = socket.socketpair()
        channel.settimeout(self._seconds + _GRACE_SECONDS)
        with theirs, contextlib.suppress(*_GONE), self._sending:
            query = Query(sql, dict(parameters or {}), is_pruned)
            send(self._control, query, [theirs.fileno()])
        return Result(_ReceivedRows(self, channel))

    @contextlib.contextmanager
    def errors(self) -> Iterator[None]:
        """Translate what reading a result raises."""
        try:
            yield
        except TimeoutError:
            raise self._timed_out() from None
        except AccessLakeError as error:
            raise self._cause_of(error) from error
        except (EOFError, pa.ArrowException, OSError, ValueError):
            # The stream ended early, perhaps in the middle of a value.
            raise self._died() from None

    def _died(self) -> AccessLakeError:
        """The error for a process that ended in the middle of a result."""
        try:
            code = self._process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:  # it hangs: the bytes stopped in the middle
            return self._timed_out()
        message = self._last_message()
        # The kernel kills a process when the machine is out of memory.
        if code == -signal.SIGKILL or any(sign in message for sign in _OUT_OF_MEMORY):
            return LimitError(
                f"the query process was killed or died ({message}): was it out of memory (query_memory)? "
                "Then select less at a time"
            )
        return UnreadableError(
            f"the query process died ({message}, exit code {code}); run it again, or report this"
        )

    def _last_message(self) -> str:
        """The last line that the process wrote to standard error."""
        messages = self._directory / _MESSAGES
        lines = (
            messages.read_text("utf-8", "backslashreplace").splitlines()
            if messages.exists()
            else []
        )
        return lines[-1] if lines else "without a message"

    def _cause_of(self, error: AccessLakeError) -> AccessLakeError:
        """The reason behind an error, where it is that this process could not read the lake."""
        if self._reader.is_outdated:
            return ChangedError(f"{error}; a run replaced what was read: run it again")
        return self._reader.failure or error

    def _timed_out(self) -> AccessLakeError:
        """End the process; the error to raise then."""
        self.close()
        return LimitError(
            "the query was stopped: it took longer than query_seconds allows"
        )


class _ReceivedRows:
    """The rows that a query process sends."""

    def __init__(self, process: WorkerProcess, channel: socket.socket) -> None:
        self._process: WorkerProcess | None = process
        # The stream keeps the socket open until it is closed itself.
        self._stream = channel.makefile("rb")
        channel.close()
        with self._errors():
            read_outcome(self._stream)
            self._reader = pa.ipc.open_stream(self._stream)
        self.schema = self._reader.schema

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        with self._errors():
            yield from self._reader
            read_outcome(self._stream)
        self._stream.close()
        # Nothing more comes from the process: it ends unless something else refers to it, such as another result.
        self._process = None

    def __del__(self) -> None:
        self._stream.close()

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        """Close the stream, whatever ends the rows early: the query process then stops sending."""
        try:
            with self._process.errors() if self._process else contextlib.nullcontext():
                yield
        except BaseException:
            self._stream.close()
            raise


def _start(
    control: socket.socket, directory: Path, lock: int
) -> "subprocess.Popen[bytes]":
    """Start a query process, at the other end of `control`, with the lock of its spill directory."""
    with (directory / _MESSAGES).open("wb") as messages:
        return subprocess.Popen(  # noqa: S603 - Python, and our own module
            # -P: modules of the current directory would be imported before those installed.
            [sys.executable, "-P", "-m", "etl.query.worker", str(control.fileno())],
            pass_fds=(control.fileno(), lock),
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=messages,
        )


def _environment() -> dict[str, str]:
    """What Python needs to start, and nothing of ours: no credentials, no settings."""
    environment = {name: os.environ[name] for name in _VARIABLES if name in os.environ}
    # So that it finds the modules that this process has found, however they were installed.
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    # No threads for linear algebra, which wait busily for it.
    environment["OPENBLAS_NUM_THREADS"] = "1"
    return environment


def _serve_reads(
    channel: socket.socket, reader: SnapshotReader, paths: Collection[str]
) -> None:
    """Read the parts with these paths for the process at the other end, until it is gone."""
    with channel, contextlib.suppress(EOFError, OSError, UnicodeDecodeError):
        while True:
            path, position, length = receive_read_request(channel)
            is_known = path in paths
            data = _read_or_none(reader, path, position, length) if is_known else None
            send_bytes(channel, data)


def _read_or_none(
    reader: SnapshotReader, path: str, position: int, length: int
) -> bytes | None:
    """The bytes of a part, or None where they cannot be read."""
    try:
        return reader.read(path, position, length)
    except (AccessLakeError, OSError):
        return None


def _end(
    process: "subprocess.Popen[bytes]",
    control: socket.socket,
    threads: Iterable[threading.Thread],
    directory: Path,
    lock: int,
) -> None:
    control.close()
    process.kill()
    process.wait()
    # The threads end once the process is gone. The garbage collector may have called this in one of them.
    deadline = time.monotonic() + _GRACE_SECONDS
    for thread in threads:
        if thread is not threading.current_thread():
            thread.join(max(0, deadline - time.monotonic()))
    remove_directory(directory, lock)
