"""The version of the lake's format: a lake of a newer one is refused, one of an older one is brought up to date.

Readers read all formats up to their own; only a run that ingests changes one, while it holds the lease.
"""

from collections.abc import Callable, Mapping
from importlib.metadata import version

from pydantic import BaseModel

from etl.errors import StoreError, UsageError
from etl.lake.coverage import read_covered
from etl.lake.document import Document
from etl.lake.parts import partition_path
from etl.schema import TABLES
from etl.store import ReadableStore, Store

FORMAT = 1
"""The format that this version writes."""
_BEFORE_FORMATS = 0
"""Of a lake without a note of its format."""


class LakeFormat(BaseModel):
    """The note of a lake's format."""

    format: int
    written_by: str


_DOCUMENT = Document(
    "_lake.json",
    LakeFormat,
    "it says which format the lake has; if no newer version was ever used on it, write "
    f'{{"format": {FORMAT}, "written_by": ""}} into it',
)

Migration = Callable[[Store], None]
MIGRATIONS: Mapping[int, Migration] = {
    # Lakes of before formats were noted are as those of format 1 are.
    0: lambda _store: None,
}
"""What brings a lake from each older format to the next one; each may be killed and repeated at any point."""


def check_format(store: ReadableStore) -> None:
    """Raise StoreError where the lake has a newer format than this version knows, or one that cannot be read."""
    _check(store, _DOCUMENT.read(store))


def migrate(store: Store) -> None:
    """Bring a lake, or what is to become one, to the present format. Only for the holder of the lease.

    Raises StoreError where it has a newer one.
    """
    known = _DOCUMENT.read(store)
    _check(store, known)
    for older in range(known.format if known else _BEFORE_FORMATS, FORMAT):
        MIGRATIONS[older](store)
        _note(store, LakeFormat(format=older + 1, written_by=f"accesslake {version('accesslake')}"))


def _note(store: Store, note: LakeFormat) -> None:
    _DOCUMENT.update(store, lambda _before: note)


def require_lake(store: ReadableStore) -> None:
    """Raise UsageError where no run has written anything, StoreError where a newer version has."""
    check_format(store)
    if not any(store.directories(partition_path(table)) for table in TABLES) and not read_covered(store):
        raise UsageError(f"{store.url}: there is no lake here; `accesslake ingest` makes one")


def _check(store: ReadableStore, known: LakeFormat | None) -> None:
    if known is not None and known.format > FORMAT:
        raise StoreError(
            f"{store.url}: the lake has format {known.format} ({known.written_by} wrote it), and this version knows "
            f"formats up to {FORMAT}; install a newer accesslake"
        )
