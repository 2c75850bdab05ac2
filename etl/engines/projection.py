"""Partition projection: which partitions Athena works out by itself, so that no crawler has to find them.

See https://docs.aws.amazon.com/athena/latest/ug/partition-projection.html. The default location of a projected
partition is that of the lake's own layout.
"""

import re

from etl.engines.table import LakeTable
from etl.errors import UsageError

# Of tables that Athena can query without quotes.
_NAME = re.compile(r"[a-z0-9_]{1,255}")
BUCKET_TYPE = "projection.bucket.type"
_BUCKET_VALUES = "projection.bucket.values"
INJECTED = "injected"
_ENUM = "enum"
MOST_LISTED = 100
"""Buckets beyond which a list of them is too long: AWS advises a few dozen."""


def check_table_name(name: str) -> None:
    """Raise UsageError for a name that Athena can query in quotes only, or not at all."""
    if _NAME.fullmatch(name) is None:
        raise UsageError(
            f"table {name!r}: write lower-case letters, digits and _, as Athena wants them"
        )


def table_properties(table: LakeTable, *, is_injected: bool) -> dict[str, str]:
    """The properties of the table in Glue, those of the projection among them.

    Either the table lists its buckets, or (`is_injected`) each query has to name its own. Raises UsageError for a lake
    on a disk, and where no bucket can be listed.
    """
    if not table.is_remote:
        raise UsageError(f"Athena and Glue know S3 only, and {table.location} is a disk")
    if not table.buckets:
        raise UsageError(
            f"{table.location}: no bucket of the lake has a name that S3 would give it, and others cannot be projected"
        )
    # A blank would be part of the value.
    names = {} if is_injected else {_BUCKET_VALUES: ",".join(table.buckets)}
    return {
        "classification": "parquet",
        "projection.enabled": "true",
        BUCKET_TYPE: INJECTED if is_injected else _ENUM,
        **names,
        "projection.date.type": "date",
        "projection.date.format": "yyyy-MM-dd",
        "projection.date.range": f"{table.first_day},NOW",
    }


OWN_PROPERTIES = frozenset(
    {
        "classification",
        "projection.enabled",
        BUCKET_TYPE,
        _BUCKET_VALUES,
        "projection.date.type",
        "projection.date.format",
        "projection.date.range",
    }
)
"""The names of all that `table_properties` may set; what else a table has is others'."""


def projection_notes(table: LakeTable, *, is_injected: bool) -> list[str]:
    """What has to be known of the projection, a sentence each: Athena says nothing of what it leaves out."""
    notes = []
    if is_injected:
        notes.append(
            "every query has to name its buckets: WHERE bucket = '...' or bucket IN (...)"
        )
    elif len(table.buckets) > MOST_LISTED:
        notes.append(
            f"the table lists {len(table.buckets):,} buckets, and a query that names none looks for each of them on "
            "each day; with --injected queries have to name theirs, and the table lists none"
        )
    if table.encoded:
        names = ", ".join(map(repr, table.encoded))
        notes.append(
            f"left out, as Athena finds no folder by names that S3 would not give: {names}"
        )
    return notes
