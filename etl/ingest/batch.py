"""One batch: its log objects are fetched, parsed and appended, and only then the ledger gets its entries.

A batch needs nothing but itself and the lake: it may be ingested, and again, in any process on any machine.
"""

from collections.abc import Iterable
from functools import lru_cache

from etl.errors import StaleRowsError
from etl.ingest.activity import Meter
from etl.ingest.piece import Piece
from etl.ingest.plan import Batch
from etl.ingest.read import read_pieces
from etl.ingest.result import BatchResult
from etl.ingest.write import Written, append_piece, commit_piece
from etl.lake import remove_rows
from etl.schema import ACCESS_LOG, LEDGER, REJECTS
from etl.store import S3Session, Store, open_store
from etl.store.s3_session import ReaderName

GARBAGE = 100_000
"""Objects after which garbage is looked for. Those of a batch are nearly all in use until it ends, without cycles."""

_OVERWRITTEN = (
    "was overwritten after a run that was killed had written rows of an older text of it; "
    "`accesslake verify --repair` replaces them"
)


def ingest_batch(
    batch: Batch,
    store: Store,
    session: S3Session,
    meter: Meter | None = None,
) -> BatchResult:
    """Fetch, parse and append one batch to the lake in `store`, and commit it; may be repeated at any time.

    Log objects on S3 are read by `session`.
    """
    meter = meter or Meter()
    writer = _Writer(batch, store, meter)
    pieces = read_pieces(batch, session, meter)
    while True:
        with meter.reading():
            piece = next(pieces, None)
        if piece is None:
            return writer.done
        with meter.writing():
            writer.write(piece)
        # Only one is in memory at a time.
        del piece


def ingest_alone(batch: Batch, meter: Meter | None = None) -> BatchResult:
    """The same in a process that has nothing but the batch: the result has what it requested of S3."""
    settings = batch.settings
    session = _session(settings.endpoint_url, settings.reader)
    before = session.requests.counts()
    store = open_store(settings.lake_url, session)
    result = ingest_batch(batch, store, session, meter)
    result.requests = session.requests.counts() - before
    return result


@lru_cache(maxsize=1)
def _session(endpoint_url: str | None, reader: ReaderName) -> S3Session:
    """One for all batches: its clients take half as long to set up as a batch of small objects takes."""
    return S3Session(endpoint_url, reader)


class _Writer:
    """Writes a batch piece by piece; `done` is what became of it so far."""

    def __init__(self, batch: Batch, store: Store, meter: Meter) -> None:
        self.done = BatchResult()
        self._batch = batch
        self._store = store
        self._meter = meter
        # Of a log object that is read in several pieces: what is written of it.
        self._earlier: Written | None = None

    def write(self, piece: Piece) -> None:
        """Append a piece, and commit the log objects that end with it."""
        names = {one.name for one in piece.objects}
        if piece.number and not names.isdisjoint(self.done.failures):
            return  # a piece before it could not be written
        if self._batch.replace and names and not piece.number:
            _remove_everywhere(self._store, names)
        piece, written = _append_current(self._store, self._batch, piece, self._meter)
        self.done += piece.result + written.cost
        if self._earlier and piece.result.failures:
            # The rest of a log object cannot be had: it has no entry in the ledger, and so may have no rows.
            _remove_everywhere(self._store, piece.result.failures)
            self._earlier = None
        else:
            self._commit(piece, written)

    def _commit(self, piece: Piece, written: Written) -> None:
        """Commit what is written, once all of it is."""
        if self._earlier and piece.number:
            written = self._earlier + written
        if not piece.is_last:
            self._earlier = written
            return
        self.done += commit_piece(self._store, self._batch, piece, written, self._meter)
        self._earlier = None


def _append_current(
    store: Store, batch: Batch, piece: Piece, meter: Meter
) -> tuple[Piece, Written]:
    """Append what was read, without log objects of which the lake holds rows of an older text."""
    while True:
        try:
            return piece, append_piece(store, batch, piece, meter)
        except StaleRowsError as error:
            # Each time there are fewer log objects, so this ends.
            piece = piece.without(dict.fromkeys(error.log_objects, _OVERWRITTEN))


def _remove_everywhere(store: Store, log_objects: Iterable[str]) -> None:
    """The ledger comes first: a log object that is not in it is read again, whatever happens in between."""
    for table in (LEDGER, ACCESS_LOG, REJECTS):
        remove_rows(store, table, frozenset(log_objects))
