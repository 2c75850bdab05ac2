"""Reading the parts of a snapshot, each only as it was listed; small ones on S3 entirely, once, and ahead of queries.

DuckDB could read S3 itself, with its extension `httpfs`. It does not: the extension cannot be installed without the
internet, its version has to match DuckDB's, and a query process with a network and credentials is what the
confinement (`etl.query.confine`) is there to prevent.
"""

import contextlib
import os
import queue
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from tempfile import TemporaryFile

from etl.errors import PreconditionFailedError, StoreError
from etl.query.scope import Scope
from etl.query.snapshot import Snapshot, take_snapshot
from etl.schema import ACCESS_LOG
from etl.store import Entry, ReadableStore

Advance = Callable[[int, int], None]
"""Is called, perhaps by another thread, with how much of a task is done, and how much there is to do."""

# How many requests for parts are under way at a time. DuckDB reads from as many threads, whatever the processors.
_REMOTE_READS = 32
# Up to so many bytes a part is read entirely, with one request. DuckDB reads a larger one by its columns, after its
# footer: three requests or more, but for a tenth of its bytes.
_SMALL = 512 * 1024
# So much of its end is read at once. It has the footer, which is larger only with thousands of log objects.
_END = 128 * 1024


class SnapshotReader:
    """Reads parts of a snapshot, from several threads at a time.

    A request to S3 takes about as long for a small part as for a few of its bytes, and DuckDB reads a part in several
    pieces: so small parts are read entirely, and large ones' ends, which have the footers. These are kept in a private
    file of at most `space` bytes, for all queries of the snapshot; a part that has no room is read as it is asked for.

    The query process learns only that a read failed. Why, is noted here for its parent: `is_outdated` where a part was
    not there any more as it was listed, `failure` where the store failed.
    """

    def __init__(
        self,
        store: ReadableStore,
        snapshot: Snapshot,
        space: int,
        advance: Advance | None = None,
    ) -> None:
        self.snapshot = snapshot
        self.is_outdated = False
        self.failure: StoreError | None = None
        self._store = store
        # A disk has no delay that would be worth it.
        self._kept = _Kept(store, space) if store.is_remote else None
        self._advance = advance
        self._records = {part.name for part in snapshot.of(ACCESS_LOG)}
        self._unread = set(self._records)
        self._lock = threading.Lock()

    @property
    def concurrency(self) -> int:
        """How many threads should read at a time."""
        # DuckDB has a thread for each processor, and a few others. Those that wait for a disk do not wait for long.
        local_reads = min(16, 2 + (os.cpu_count() or 1))
        return _REMOTE_READS if self._store.is_remote else local_reads

    def read(self, path: str, start: int, length: int) -> bytes:
        """Bytes of a part. Raises OSError where it is not what was listed, StoreError where the store fails."""
        part = self.snapshot.parts[path]
        length = max(0, min(length, part.size - start))
        with self._noted_errors(part):
            data = self._read(part, start, length)
        self._note_read(part)
        return data

    def read_part(self, part: Entry) -> bytes:
        """All of a part. Raises what `ReadableStore.read_range` does."""
        return self._read(part, 0, part.size)

    def read_ahead(self, parts: Iterable[Entry]) -> None:
        """Begin to read parts that will be needed, in this order, from several threads.

        They end with this object. What they cannot read is read again when it is needed, and fails then.
        """
        if self._kept is None:
            return
        waiting: queue.SimpleQueue[Entry] = queue.SimpleQueue()
        for part in parts:
            waiting.put(part)
        for _ in range(min(_REMOTE_READS, waiting.qsize())):
            # Daemons, so that this process can end amid a read.
            threading.Thread(
                target=_keep_each,
                args=(weakref.ref(self._kept), waiting),
                name="lake-read-ahead",
                daemon=True,
            ).start()

    def _read(self, part: Entry, start: int, length: int) -> bytes:
        if self._kept and start >= _first_kept(part):
            return self._kept.read(part, start, length)
        return self._store.read_range(part, start, length)

    @contextlib.contextmanager
    def _noted_errors(self, part: Entry) -> Iterator[None]:
        try:
            yield
        except (FileNotFoundError, PreconditionFailedError) as error:
            self.is_outdated = True
            raise OSError(
                f"{part.name} was replaced or removed since it was listed"
            ) from error
        except StoreError as error:
            self.failure = error
            raise

    def _note_read(self, part: Entry) -> None:
        with self._lock:
            is_news = part.name in self._unread
            self._unread.discard(part.name)
            done = len(self._records) - len(self._unread)
        if is_news and self._advance:
            self._advance(done, len(self._records))


def _first_kept(part: Entry) -> int:
    """The position from which on a part is kept."""
    return 0 if part.size <= _SMALL else part.size - _END


class SharedReader:
    """The reader of one snapshot, which is taken when it is first needed, and anew once it is outdated."""

    def __init__(
        self,
        store: ReadableStore,
        scope: Scope,
        space: int,
        advance: Advance | None = None,
    ) -> None:
        self._store = store
        self._scope = scope
        self._space = space
        self._advance = advance
        self._reader: SnapshotReader | None = None
        self._lock = threading.Lock()

    def get(self) -> SnapshotReader:
        """The reader. Raises UsageError for a bucket that is not in the lake."""
        with self._lock:
            if self._reader is None:
                snapshot = take_snapshot(self._store, self._scope)
                self._reader = SnapshotReader(
                    self._store, snapshot, self._space, self._advance
                )
            return self._reader

    def replace(self, outdated: SnapshotReader) -> None:
        """List the lake anew for whoever comes next, unless somebody else has."""
        with self._lock:
            if self._reader is outdated:
                self._store.forget()
                self._reader = None


class _Kept:
    """What was read of parts, in a file without a name, which nobody else can open."""

    def __init__(self, store: ReadableStore, space: int) -> None:
        self._store = store
        self._space = space
        self._file = TemporaryFile(buffering=0)  # noqa: SIM115 - it ends with this object
        # Not at the interpreter's end, when other threads may still be reading ahead: then the system closes it.
        weakref.finalize(self, self._file.close).atexit = False
        # More than the file's length, while parts are being read that will have room in it.
        self._reserved = 0
        self._length = 0
        self._places: dict[str, Future[int | None]] = {}
        self._lock = threading.Lock()

    def read(self, part: Entry, start: int, length: int) -> bytes:
        """Bytes of a part from its first that is kept on. Raises what `ReadableStore.read_range` does."""
        place = self.keep(part)
        if place is None:
            return self._store.read_range(part, start, length)
        return os.pread(self._file.fileno(), length, place + start - _first_kept(part))

    def keep(self, part: Entry) -> int | None:
        """Where the file has a part, read now or before, perhaps by another thread.

        None where it has no room, or where another thread failed: who waited for that one has to read the part itself.
        """
        with self._lock:
            known = self._places.get(part.name)
            if known is None:
                ours = self._places[part.name] = Future()
        if known is not None:
            return known.result()
        place = None
        try:
            place = self._place(part)
        except BaseException:
            # It is tried again by who needs it next.
            with self._lock:
                del self._places[part.name]
            raise
        finally:
            ours.set_result(place)
        return place

    def _place(self, part: Entry) -> int | None:
        """Read a part, and find a place for it."""
        length = part.size - _first_kept(part)
        with self._lock:
            if self._reserved + length > self._space:
                return None
            self._reserved += length
        try:
            data = self._read(part, length)
        except BaseException:
            with self._lock:
                self._reserved -= length
            raise
        return self._write(data)

    def _read(self, part: Entry, length: int) -> bytes:
        data = self._store.read_range(part, _first_kept(part), length)
        if len(data) != length:
            raise StoreError(
                f"{part.name}: the store gave {len(data)} bytes of {length}; try again"
            )
        return data

    def _write(self, data: bytes) -> int | None:
        """Put at the file's end what room is reserved for."""
        with self._lock:
            place = self._length
            self._length += len(data)
        with contextlib.suppress(OSError):
            if os.pwrite(self._file.fileno(), data, place) == len(data):
                return place
        # The disk is full.
        return None


def _keep_each(kept: "weakref.ref[_Kept]", waiting: "queue.SimpleQueue[Entry]") -> None:
    """Keep the parts that wait, until there are none, or nobody needs them."""
    with contextlib.suppress(queue.Empty):
        while (to := kept()) is not None:
            with contextlib.suppress(StoreError, PreconditionFailedError, OSError):
                to.keep(waiting.get_nowait())
            # It must not be held by this thread alone.
            del to
