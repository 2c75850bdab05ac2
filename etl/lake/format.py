"""The version of the lake's format: a lake of a newer one is refused, one of an older one is brought up to date.

Readers read all formats up to their own; whoever writes brings an older one up to date first, while holding the lease.
"""

from collections.abc import Callable, Mapping
from importlib.metadata import version

from pydantic import BaseModel, NonNegativeInt

from etl.errors import StoreError
from etl.fields import FIELDS
from etl.lake.document import Document
from etl.lake.parts import partition_path
from etl.schema import TABLES
from etl.store import ReadableStore, Store

FORMAT = 2
"""The format that this version writes: since 2, footers may name pieces of a log object."""
# Of a lake without a note of its format, from before there were notes.
_FIRST_FORMAT, _FIRST_FIELDS = 0, 27


class LakeFormat(BaseModel):
    """The note of a lake's format."""

    format: NonNegativeInt
    fields: NonNegativeInt = _FIRST_FIELDS
    """How many fields of a log line the version that wrote last knew."""
    oldest_fields: NonNegativeInt = _FIRST_FIELDS
    """How many the version that wrote first knew: its parts may still be there, without the columns of newer ones."""
    written_by: str = ""


NOTE = "_lake.json"
"""The file that every lake has, since formats have versions."""
_DOCUMENT = Document(
    NOTE,
    LakeFormat,
    f'it says which format the lake has; if no newer version was ever used on it, write {{"format": {FORMAT}}} into it',
)

Migration = Callable[[Store], None]
MIGRATIONS: Mapping[int, Migration] = {
    # A lake from before formats were noted looks like one of format 1.
    0: lambda _store: None,
    # One in which no log object was large enough to be read in pieces looks like one of format 2.
    1: lambda _store: None,
}
"""What brings a lake from each older format to the next one; each may be killed and repeated at any point."""


def read_format(store: ReadableStore) -> LakeFormat | None:
    """What the lake notes of its format, None where it has no note.

    Raises StoreError where it has a newer format than this version knows, or one that cannot be read.
    """
    known = _DOCUMENT.read(store)
    _check(store, known)
    return known


def has_older_parts(store: ReadableStore) -> bool:
    """Whether there may be parts without the columns of fields that were added since.

    Raises what `read_format` does.
    """
    known = read_format(store)
    return (known.oldest_fields if known else _FIRST_FIELDS) < len(FIELDS)


def migrate(store: Store) -> None:
    """Bring a lake, or what is to become one, to the present format. Only for the holder of the lease.

    Raises StoreError where it has a newer one.
    """
    known = read_format(store)
    if known is None:
        known = LakeFormat(
            format=_FIRST_FORMAT,
            oldest_fields=_FIRST_FIELDS if has_parts(store) else len(FIELDS),
        )
    for older in range(known.format, FORMAT):
        MIGRATIONS[older](store)
        _note(store, known, older + 1)
    if known.fields < len(FIELDS):
        _note(store, known, FORMAT)


def _note(store: Store, known: LakeFormat, new_format: int) -> None:
    written_by = f"accesslake {version('accesslake')}"
    note = known.model_copy(
        update={"format": new_format, "fields": len(FIELDS), "written_by": written_by}
    )
    _DOCUMENT.update(store, lambda _before: note)


def has_parts(store: ReadableStore) -> bool:
    """Whether any table has a partition."""
    return any(store.directories(partition_path(table)) for table in TABLES)


def _check(store: ReadableStore, known: LakeFormat | None) -> None:
    if known is None or (known.format <= FORMAT and known.fields <= len(FIELDS)):
        return
    raise StoreError(
        f"{store.url}: the lake has format {known.format} and {known.fields} fields ({known.written_by} wrote it), "
        f"this version knows formats up to {FORMAT} and {len(FIELDS)} fields; install a newer accesslake"
    )
