"""The part of a lake in a scope, to be queried in SQL."""

import threading
from collections.abc import Collection, Mapping
from typing import Any

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt

from etl.config import DEFAULTS, Settings
from etl.query.files import LakeFiles
from etl.query.messages import Limits, Task
from etl.query.process import WorkerProcess
from etl.query.result import ChangedError, Result
from etl.query.scope import EVERYTHING, Scope, check_scope
from etl.query.snapshot import SnapshotReader, take_snapshot
from etl.query.views import view_statements
from etl.store import ReadableStore

# Each finds that a run replaced a part between the listing and the reading, which is seldom twice in a row.
_ATTEMPTS = 4


class Database:
    """The part of a lake in `scope`, as it was when the first query came; several results may be open at a time.

    `without` names parts to leave out, as the store names them; for `with_files` see `view_statements`. Raises
    UsageError for a bucket that is not in the lake.
    """

    def __init__(
        self,
        store: ReadableStore,
        scope: Scope = EVERYTHING,
        settings: Settings = DEFAULTS,
        *,
        without: Collection[str] = (),
        with_files: bool = False,
    ) -> None:
        # It starts while the scope is checked and the lake is listed.
        self._process = WorkerProcess()
        self._is_open = False
        # Threads may share a database, also for its first query.
        self._lock = threading.Lock()
        check_scope(store, scope)
        self._store = store
        self._scope = scope
        self._settings = settings
        self._without = without
        self._with_files = with_files

    def query(self, sql: str, parameters: Mapping[str, object] | None = None) -> Result:
        """The result of one SELECT.

        The lake is listed anew and the query tried again where a run replaced a part since it was listed. Raises
        QueryError for a wrong query, LimitError for one that needs too much, StoreError for a store that fails.
        """

        def query_once() -> Result:
            try:
                return self._running().query(sql, parameters)
            except ChangedError:
                self._start_again()
                raise

        # It must not hold this object: in a cycle with itself, it would keep the process until Python looks for cycles.
        retrying = Retrying(
            retry=retry_if_exception_type(ChangedError),
            stop=stop_after_attempt(_ATTEMPTS),
            reraise=True,
        )
        return retrying(query_once)

    def close(self) -> None:
        """End the query process; results that are open end, too."""
        with self._lock:
            self._process.close()
            self._is_open = False

    def _start_again(self) -> None:
        """Let the next query list the lake anew, in a process of its own."""
        # The present process is not ended: other results may still be read from it, and end it when they are.
        with self._lock:
            self._process, self._is_open = WorkerProcess(), False
            self._store.forget()

    def _running(self) -> WorkerProcess:
        """The query process, with the lake listed for it."""
        with self._lock:
            if not self._process.is_alive:
                self._process, self._is_open = WorkerProcess(), False
            if not self._is_open:
                self._open()
            return self._process

    def _open(self) -> None:
        snapshot = take_snapshot(self._store, self._scope, self._without)
        statements = list(
            view_statements(snapshot, self._settings, with_files=self._with_files)
        )
        task = Task(snapshot.sizes, statements, limits_of(self._settings))
        self._process.open(SnapshotReader(self._store, snapshot), task)
        self._is_open = True


def limits_of(settings: Settings) -> Limits:
    """The limits of the settings, without a spill directory yet."""
    return Limits(
        int(settings.query_memory), int(settings.query_spill), settings.query_seconds
    )


def query_lake(
    store: ReadableStore,
    sql: str,
    parameters: Mapping[str, object] | None = None,
    scope: Scope = EVERYTHING,
    settings: Settings = DEFAULTS,
) -> Result:
    """The result of one SELECT over the lake's part in `scope`; see `Database.query`."""
    return Database(store, scope, settings).query(sql, parameters)


def connect(
    store: ReadableStore, scope: Scope = EVERYTHING, settings: Settings = DEFAULTS
) -> Any:
    """A DuckDB in this process, over the lake's part in `scope`: for small queries of our own.

    All others go through `Database`, whose process can do no harm. Raises UsageError for a bucket that is not in the
    lake.
    """
    from etl.query.connection import open_connection  # noqa: PLC0415 - nothing else here needs DuckDB

    check_scope(store, scope)
    snapshot = take_snapshot(store, scope)
    files = LakeFiles(snapshot.sizes, SnapshotReader(store, snapshot).read)
    return open_connection(
        files, view_statements(snapshot, settings), limits_of(settings)
    )
