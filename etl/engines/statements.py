"""The statements that make the lake a table (in DuckDB a view) of another engine, in the dialect of each."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from etl.dialects import Dialect, check_qualified_name
from etl.engines.projection import projection_notes, table_properties
from etl.engines.syntax import ATHENA, DUCKDB, SPARK, TRINO, block, indented
from etl.engines.table import COLUMNS, DESCRIPTION, PARTITIONS, LakeTable
from etl.errors import UsageError
from etl.schema import ACCESS_LOG

# Hive has them after all others; so do those who learned from it.
_ALL_COLUMNS = (*COLUMNS, *PARTITIONS)
_STALE = (
    "a bucket that is not in the list, or a day before the first one, has no rows, without an error: when there are "
    "new ones, make the table anew (DROP TABLE removes no file), or let `accesslake ingest --glue` keep it up to date"
)
_SPARK_LISTING = (
    "a session lists the files once, and leaves out rows of one that `ingest` has replaced since, without an error: "
    "query between runs, with spark.sql.hive.filesourcePartitionFileCacheSize=0"
)
_WILDCARDS = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True)
class Script:
    """Statements to run one after the other, and what has to be known of them, a sentence each."""

    statements: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "".join(f"{statement};\n" for statement in self.statements)


def write_script(
    table: LakeTable,
    dialect: Dialect,
    name: str | None = None,
    *,
    is_injected: bool = False,
) -> Script:
    """The statements for a table of this name, by default `access_log` in whatever database is in use.

    `is_injected` is of Athena's projection: see `table_properties`. Raises UsageError for a name that is none, and for
    a lake that the engine cannot reach.
    """
    name = ACCESS_LOG.name if name is None else name
    check_qualified_name(name)
    if dialect is Dialect.ATHENA:
        return _athena(table, name, is_injected=is_injected)
    if is_injected:
        raise UsageError(f"--injected is for Athena; leave it out for {dialect}")
    return _WRITERS[dialect](table, name)


def _athena(table: LakeTable, name: str, *, is_injected: bool) -> Script:
    properties = table_properties(table, is_injected=is_injected)
    statement = (
        f"CREATE EXTERNAL TABLE {ATHENA.name(name)} {ATHENA.columns(COLUMNS)}\n"
        f"COMMENT {ATHENA.literal(DESCRIPTION)}\n"
        f"PARTITIONED BY {ATHENA.columns(PARTITIONS)}\n"
        "STORED AS PARQUET\n"
        f"LOCATION {ATHENA.literal(table.location)}\n"
        f"TBLPROPERTIES {ATHENA.properties(properties)}"
    )
    notes = projection_notes(table, is_injected=is_injected)
    return Script((statement,), (_STALE, *notes))


def _trino(table: LakeTable, name: str) -> Script:
    if not table.is_remote:
        raise UsageError(f"Trino reads S3, and {table.location} is on a disk")
    # The procedure has to be told the schema.
    name = name if "." in name else f"default.{name}"
    *catalog, schema, bare_name = name.split(".")
    properties = (
        f"external_location = {TRINO.literal(table.location)}",
        "format = 'PARQUET'",
        "partitioned_by = ARRAY['bucket', 'date']",
    )
    create = (
        f"CREATE TABLE {TRINO.name(name)} {TRINO.columns(_ALL_COLUMNS)}\n"
        f"COMMENT {TRINO.literal(DESCRIPTION)}\n"
        f"WITH {block(properties)}"
    )
    procedure = TRINO.name(".".join((*catalog, "system", "sync_partition_metadata")))
    arguments = f"{TRINO.literal(schema)}, {TRINO.literal(bare_name)}, 'FULL'"
    return Script((create, f"CALL {procedure}({arguments})"), (_run_again("CALL"),))


def _spark(table: LakeTable, name: str) -> Script:
    location = table.location if table.is_remote else f"file://{table.location}"
    create = (
        f"CREATE TABLE {SPARK.name(name)} {SPARK.columns(_ALL_COLUMNS)}\n"
        "USING parquet\n"
        "PARTITIONED BY (`bucket`, `date`)\n"
        f"LOCATION {SPARK.literal(location)}\n"
        f"COMMENT {SPARK.literal(DESCRIPTION)}"
    )
    repair = f"MSCK REPAIR TABLE {SPARK.name(name)} SYNC PARTITIONS"
    return Script((create, repair), (_run_again("MSCK REPAIR TABLE"), _SPARK_LISTING))


def _run_again(statement: str) -> str:
    return f"new days are seen only after the last statement ({statement}): run that one again after each ingest"


def _duckdb(table: LakeTable, name: str) -> Script:
    view = DUCKDB.name(name)
    columns = (*PARTITIONS, *COLUMNS)
    names = indented(DUCKDB.name(one.name) for one in columns)
    create = (
        f"CREATE OR REPLACE VIEW {view} AS\nSELECT\n{names}\nFROM {_duckdb_source(table)}"
    )
    comments = [f"COMMENT ON VIEW {view} IS {DUCKDB.literal(DESCRIPTION)}"]
    for one in columns:
        what = f"{view}.{DUCKDB.name(one.name)}"
        comments.append(f"COMMENT ON COLUMN {what} IS {DUCKDB.literal(one.comment)}")
    return Script((create, *comments))


def _duckdb_source(table: LakeTable) -> str:
    """What stands after FROM: the files, by a glob, so that new ones are seen at once."""
    folder = _WILDCARDS.sub(r"[\g<0>]", table.location)
    # Without types DuckDB would guess them from the folders' names, and a bucket may be named like a number.
    types = ", ".join(f"'{one.name}': {DUCKDB.types[one.type]}" for one in PARTITIONS)
    options = [
        DUCKDB.literal(f"{folder}*/*/*.parquet"),
        "hive_partitioning = true",
        f"hive_types = {{{types}}}",
    ]
    if not table.has_older_parts:
        return f"read_parquet{block(options)}"
    # A column that some files lack is NULL there; one that all of them lack is in the empty table only.
    nulls = ", ".join(
        f"NULL::{DUCKDB.types[one.type]} AS {DUCKDB.name(one.name)}"
        for one in (*PARTITIONS, *COLUMNS)
    )
    files = f"read_parquet{block([*options, 'union_by_name = true'])}"
    return f"(\nSELECT {nulls} WHERE false\nUNION ALL BY NAME\nFROM {files}\n)"


_WRITERS: Mapping[Dialect, Callable[[LakeTable, str], Script]] = {
    Dialect.TRINO: _trino,
    Dialect.SPARK: _spark,
    Dialect.DUCKDB: _duckdb,
}
