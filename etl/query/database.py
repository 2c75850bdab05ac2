"""The part of a lake in a scope, to be queried in SQL."""

import threading
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt

from etl.config import DEFAULTS, Settings
from etl.errors import UsageError
from etl.query.files import LakeFiles
from etl.query.locations import Locations
from etl.query.messages import Limits, Task
from etl.query.process import WorkerProcess
from etl.query.reader import Advance, SharedReader
from etl.query.result import ChangedError, Result
from etl.query.scope import EVERYTHING, Scope, check_days
from etl.query.snapshot import Snapshot
from etl.query.views import asks_for_locations, tables_of, view_statements
from etl.schema import TABLES, Table
from etl.store import ReadableStore

# Each finds that a run replaced a part between the listing and the reading, which is seldom twice in a row.
_ATTEMPTS = 8


class Database:
    """The part of a lake in `scope`, as it was when the first query came; several results may be open at a time.

    `without` names parts to leave out, as the store names them; for `with_files` see `view_statements`. `advance` is
    called, by other threads, with the number of parts with records that queries have read, and of those there are. With
    `shared`, nothing is listed or read again that was for another database: the scope is a part of that one's.
    """

    def __init__(
        self,
        store: ReadableStore,
        scope: Scope = EVERYTHING,
        settings: Settings = DEFAULTS,
        *,
        without: Collection[str] = (),
        with_files: bool = False,
        advance: Advance | None = None,
        shared: SharedReader | None = None,
    ) -> None:
        check_days(scope)
        # It starts while the lake is listed.
        self._process = WorkerProcess()
        self._is_open = False
        # Threads may share a database, also for its first query.
        self._lock = threading.Lock()
        self._store = store
        self._scope = scope
        self._settings = settings
        self._without = without
        self._with_files = with_files
        space = int(settings.query_spill)
        self._shared = shared or SharedReader(store, scope, space, advance)

    def within(self, scope: Scope) -> "Database":
        """Another database, of what this one has in `scope`; it shares what was listed and read."""
        return Database(self._store, scope, self._settings, shared=self._shared)

    @property
    def snapshot(self) -> Snapshot:
        """The parts that it has. Raises UsageError for a bucket that is not in the lake."""
        return self._shared.get().snapshot.within(self._scope, self._without)

    def query(
        self,
        sql: str,
        parameters: Mapping[str, object] | None = None,
        *,
        reads_all: bool = False,
    ) -> Result:
        """The result of one SELECT; one that `reads_all` has the parts of its tables read ahead.

        For all others, parts of days that their conditions on `time` leave out are not opened.

        The lake is listed anew and the query tried again where a run replaced a part since it was listed. Raises
        QueryError for a wrong query, LimitError for one that needs too much, StoreError for a store that fails, and
        UsageError for a bucket that is not in the lake.
        """

        def query_once() -> Result:
            try:
                process = self._running()
                if reads_all:
                    self._read_ahead(tables_of(sql))
                return process.query(sql, parameters, is_pruned=not reads_all)
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
            self._shared.replace(self._reader)

    def _running(self) -> WorkerProcess:
        """The query process, with the lake listed for it."""
        with self._lock:
            if not self._process.is_alive:
                self._process, self._is_open = WorkerProcess(), False
            if not self._is_open:
                self._open()
            return self._process

    def _open(self) -> None:
        self._reader = self._shared.get()
        snapshot = self._reader.snapshot.within(self._scope, self._without)
        # Whatever the query, DuckDB looks up the columns of each table in its first part.
        self._parts = {table: snapshot.of(table) for table in TABLES}
        self._reader.read_ahead(
            part for parts in self._parts.values() for part in parts[:1]
        )
        statements = list(
            view_statements(
                snapshot, self._settings, self._scope, with_files=self._with_files
            )
        )
        task = Task(
            snapshot.sizes,
            statements,
            limits_of(self._settings),
            geo_databases_of(self._settings),
        )
        self._process.open(self._reader, task)
        self._is_open = True

    def _read_ahead(self, tables: Iterable[Table]) -> None:
        """Begin to read all parts of these tables, if that was not begun before."""
        with self._lock:
            parts = [part for table in tables for part in self._parts.pop(table, ())]
        self._reader.read_ahead(parts)


def limits_of(settings: Settings) -> Limits:
    """The limits of the settings, without a spill directory yet."""
    return Limits(
        int(settings.query_memory), int(settings.query_spill), settings.query_seconds
    )


def geo_databases_of(settings: Settings) -> tuple[str, ...]:
    """The paths of the databases that tell where addresses are; another process opens them."""
    return tuple(str(path.absolute()) for path in settings.geo_database)


def check_locations(sql: str, settings: Settings) -> None:
    """Raise UsageError where a statement asks where addresses are, and the settings name no databases that tell."""
    if not asks_for_locations(sql):
        return
    if not settings.geo_database:
        raise UsageError(
            "where addresses are is in databases of your own: name them in the setting geo_database "
            "(or ACCESSLAKE_GEO_DATABASE), such as GeoLite2-Country.mmdb and GeoLite2-ASN.mmdb"
        )
    Locations(geo_databases_of(settings)).check()


def query_lake(
    store: ReadableStore,
    sql: str,
    parameters: Mapping[str, object] | None = None,
    scope: Scope = EVERYTHING,
    settings: Settings = DEFAULTS,
    advance: Advance | None = None,
) -> Result:
    """The result of one SELECT over the lake's part in `scope`; see `Database` and `check_locations`."""
    check_locations(sql, settings)
    return Database(store, scope, settings, advance=advance).query(sql, parameters)


def connect(
    store: ReadableStore, scope: Scope = EVERYTHING, settings: Settings = DEFAULTS
) -> Any:
    """A DuckDB in this process, over the lake's part in `scope`: for small queries of our own, and for notebooks.

    All others go through `Database`, whose process can do no harm. Nothing is spilled to disk. Raises UsageError for a
    bucket that is not in the lake.
    """
    from etl.query.connection import open_connection  # noqa: PLC0415 - nothing else here needs DuckDB

    reader = SharedReader(store, scope, space=0).get()
    snapshot = reader.snapshot
    files = LakeFiles(snapshot.sizes, reader.read)
    return open_connection(
        files,
        view_statements(snapshot, settings, scope),
        limits_of(settings),
        geo_databases_of(settings),
    )
