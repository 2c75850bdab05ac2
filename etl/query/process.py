"""Starting the process that answers queries, and reading the lake for it."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from etl.errors import AccessLakeError
from etl.query.messages import Query, Task, read_outcome, receive_read, send, send_bytes
from etl.query.result import ChangedError, LimitError, Result, UnreadableError
from etl.query.snapshot import SnapshotReader
from etl.query.spill import make_spill_directory, remove_spill_directory

_READERS = min(16, 2 + (os.cpu_count() or 1))
"""Reads at a time: DuckDB has a thread for each processor, and a few others."""
_GONE = (BrokenPipeError, ConnectionResetError)
"""What sending to a process raises that died, which shows when its answer is read."""
_MESSAGES = "messages"
"""In the spill directory: what the process writes to standard error."""
_GRACE_SECONDS = 5
"""After which a query that does not stop when it should is ended with its process."""


class WorkerProcess:
    """A process that answers queries about one snapshot; it ends with this object, or with this process.

    It takes a moment to start, in which the lake can be listed: `open` it then.
    """

    def __init__(self) -> None:
        directory, lock = make_spill_directory()
        self._directory = directory
        self._control, theirs = socket.socketpair()
        with (directory / _MESSAGES).open("wb") as messages:
            self._process = subprocess.Popen(  # noqa: S603 - Python, and our own module
                [sys.executable, "-P", "-m", "etl.query.worker", str(theirs.fileno())],
                pass_fds=(theirs.fileno(), lock),
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=messages,
            )
        theirs.close()
        self._sending = threading.Lock()
        self._threads: list[threading.Thread] = []
        self.close = weakref.finalize(self, _end, self._process, self._control, self._threads, directory, lock)

    def open(self, reader: SnapshotReader, task: Task) -> None:
        """Give the process its task, and read for it from now on."""
        self._reader = reader
        self._seconds = task.limits.seconds
        ours, others = zip(*(socket.socketpair() for _ in range(_READERS)), strict=True)
        with contextlib.suppress(*_GONE), self._sending:
            limits = replace(task.limits, spill_directory=str(self._directory))
            send(self._control, replace(task, limits=limits), [one.fileno() for one in others])
        for one in others:
            one.close()
        for one in ours:
            thread = threading.Thread(target=_serve, args=(one, reader), name="lake-reader", daemon=True)
            thread.start()
            self._threads.append(thread)

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def query(self, sql: str, parameters: Mapping[str, object] | None = None) -> Result:
        """The result of one SELECT; several may be open at a time."""
        channel, theirs = socket.socketpair()
        channel.settimeout(self._seconds + _GRACE_SECONDS)
        with theirs, contextlib.suppress(*_GONE), self._sending:
            send(self._control, Query(sql, dict(parameters or {})), [theirs.fileno()])
        return Result(_Answer(self, channel))

    @contextlib.contextmanager
    def errors(self) -> Iterator[None]:
        """Translate what reading an answer raises."""
        try:
            yield
        except TimeoutError:
            raise self._too_late() from None
        except AccessLakeError as error:
            raise self._explained(error) from error
        except (EOFError, pa.ArrowException, OSError, ValueError):
            raise self._died() from None

    def _died(self) -> AccessLakeError:
        """What to say where the process is gone in the middle of an answer."""
        try:
            code = self._process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:  # it hangs: the bytes stopped in the middle
            return self._too_late()
        messages = self._directory / _MESSAGES
        lines = messages.read_text("utf-8", "backslashreplace").splitlines() if messages.exists() else []
        last = lines[-1] if lines else "without a word"
        if code == -signal.SIGKILL or any(word in last for word in ("MemoryError", "bad_alloc")):
            return LimitError(
                f"the process of the query was killed or died ({last}): was it out of memory (query_memory)? "
                "Then ask for less at a time"
            )
        return UnreadableError(
            f"the process of the query died ({last}, exit code {code}); run it again, or report this"
        )

    def _explained(self, error: AccessLakeError) -> AccessLakeError:
        """The reason behind an error, where it is that this process could not read the lake."""
        if self._reader.is_outdated:
            return ChangedError(f"{error}; a run replaced what was read: run it again")
        return self._reader.failure or error

    def _too_late(self) -> AccessLakeError:
        """End the process, and what to say then."""
        self.close()
        return LimitError("the query was stopped: it took longer than query_seconds allows")


class _Answer:
    """The rows that a process sends."""

    def __init__(self, process: WorkerProcess, channel: socket.socket) -> None:
        self._process: WorkerProcess | None = process
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
        self._process = None  # which ends it, if nobody else has a use for it

    def __del__(self) -> None:
        self._stream.close()

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        """Tell what ends the rows early, whatever it is; nobody reads on then."""
        try:
            with self._process.errors() if self._process else contextlib.nullcontext():
                yield
        except BaseException:
            self._stream.close()
            raise


def _environment() -> dict[str, str]:
    """What Python needs to start, and nothing of ours: no credentials, no settings."""
    kept = {
        name: os.environ[name]
        for name in ("LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "PYTHONHOME")
        if name in os.environ
    }
    return {**kept, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def _serve(channel: socket.socket, reader: SnapshotReader) -> None:
    """Read parts for the process at the other end, until it is gone."""
    with channel, contextlib.suppress(EOFError, OSError, UnicodeDecodeError):
        while True:
            path, position, length = receive_read(channel)
            try:
                data = reader.read(path, position, length)
            except (AccessLakeError, OSError, KeyError):  # it may ask for what it has no right to
                data = None
            send_bytes(channel, data)


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
    deadline = time.monotonic() + _GRACE_SECONDS
    for one in threads:  # they see that it is gone
        if one is not threading.current_thread():
            one.join(max(0, deadline - time.monotonic()))
    remove_spill_directory(directory, lock)
