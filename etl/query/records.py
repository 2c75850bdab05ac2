"""The records themselves, as Arrow and pandas have them: which columns, and what they mean."""

from collections import Counter
from collections.abc import Sequence

import pyarrow as pa

from etl.errors import UsageError, nearest
from etl.fields import FIELDS
from etl.schema import ACCESS_LOG, Notes

_BUCKET = next(one for one in FIELDS if one.name == "bucket")
NOTES: Notes = {
    "bucket": (_BUCKET.unit, _BUCKET.meaning),
    "date": ("UTC day", "day of time (partition)"),
    **ACCESS_LOG.notes,
}
"""The columns of `access_log`: unit and meaning."""


def select_records(columns: Sequence[str] | None = None) -> str:
    """SQL for these columns of all records; None means all columns.

    Raises UsageError for an unknown one, for one that is named twice, and where none is.
    """
    given = NOTES if columns is None else columns
    names = [given] if isinstance(given, str) else list(given)
    if not names:
        raise UsageError("columns: name at least one; without the argument it is all")
    for name, count in Counter(names).items():
        if name not in NOTES:
            raise UsageError(f"records have no column {name!r}{nearest(name, NOTES)}")
        if count > 1:
            raise UsageError(f"columns: {name!r} is named {count} times")
    selected = ", ".join(f'"{name}"' for name in names)
    return f"SELECT {selected} FROM access_log"


def described(records: pa.Table) -> pa.Table:
    """The same, in whose schema each field has a `description`, and a `unit` where there is one."""
    fields = [one.with_metadata(_metadata(*NOTES[one.name])) for one in records.schema]
    return records.cast(pa.schema(fields))


def _metadata(unit: str, meaning: str) -> dict[str, str]:
    return {"description": meaning} | ({"unit": unit} if unit else {})
