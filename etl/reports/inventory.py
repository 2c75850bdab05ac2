"""S3 Inventory: the objects of a bucket as AWS lists them, daily or weekly.

A manifest says which files an inventory has, with their sizes and checksums; AWS's user guide, "Locating your inventory
list". Its columns have the names of Parquet files here; in CSV files keys are URL-encoded.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from etl.arrow import reader_of
from etl.errors import StoreError, UsageError, reason_of
from etl.parser.fast.keys import decode_keys
from etl.store import S3Session, open_store, parse_location

OBJECTS = pa.schema(
    [
        ("bucket", pa.string()),
        ("key", pa.string()),
        ("size", pa.int64()),
        ("storage_class", pa.string()),
        ("last_modified", pa.timestamp("us")),
    ]
)
"""The columns of the objects of an inventory."""
_REQUIRED = ("bucket", "key")
_FORMATS = {".csv": "CSV", ".csv.gz": "CSV", ".parquet": "Parquet"}
_TIME_FORMATS = ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S"]


class _File(BaseModel):
    """A file of an inventory, as its manifest has it."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    key: str
    size: int
    md5: str = Field(alias="MD5checksum")


class _Manifest(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="ignore", frozen=True)

    file_format: str
    file_schema: str
    creation_timestamp: int
    """Milliseconds since 1970; not used, but every manifest has it."""
    files: list[_File]


def read_inventory(names: Sequence[str], session: S3Session) -> pa.Table:
    """The objects that buckets had (`OBJECTS`): current versions, without delete markers.

    An inventory is a `manifest.json`, or CSV (with a header) or Parquet files; local, or on S3.

    Raises UsageError for what is no inventory, or not the file that its manifest names, and StoreError for what cannot
    be read.
    """
    if not names:
        raise UsageError("--inventory: no file given; name the manifest.json")
    if len(names) == 1 and names[0].endswith(".json"):
        return _read_manifest(names[0], session)
    tables = [_current_objects(_table_of(name, session), name) for name in names]
    return pa.concat_tables(tables)


def _read_manifest(name: str, session: S3Session) -> pa.Table:
    try:
        manifest = _Manifest.model_validate_json(_read(name, session))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise UsageError(
            f"{name}: not the manifest of an S3 Inventory: {where}: {reason_of(first['msg'])}"
        ) from error
    return pa.concat_tables([OBJECTS.empty_table(), *_tables_of(manifest, name, session)])


def _tables_of(manifest: _Manifest, name: str, session: S3Session) -> Iterator[pa.Table]:
    columns = [_snake_case(column) for column in manifest.file_schema.split(",")]
    for file in manifest.files:
        place = _place_of(file, name)
        data = _read(place, session)
        if len(data) != file.size or _md5(data) != file.md5:
            raise UsageError(
                f"{place}: not the file that {name} names: its size or checksum is another; fetch both again"
            )
        if manifest.file_format == "CSV":
            table = _csv_table(data, place, columns)
        elif manifest.file_format == "Parquet":
            table = _parquet_table(data, place)
        else:
            raise UsageError(
                f"{name}: an inventory in {manifest.file_format}; have it made as CSV or Parquet"
            )
        yield _current_objects(table, place)


def _place_of(file: _File, manifest: str) -> str:
    """Where a file is: in the bucket of its manifest, or beside a manifest that was downloaded."""
    location = parse_location(manifest)
    if location.is_s3:
        return f"s3://{location.bucket}/{file.key}"
    folder, name = Path(manifest).parent, Path(file.key).name
    candidates = (folder / name, folder / "data" / name, folder.parent / "data" / name)
    found = [one for one in candidates if one.is_file()]
    if not found:
        raise UsageError(
            f"{manifest}: {name} is not beside it, nor in a folder data; download it from {file.key}"
        )
    return str(found[0])


def _table_of(name: str, session: S3Session) -> pa.Table:
    """A file that is given without its manifest."""
    suffix = next((one for one in _FORMATS if name.endswith(one)), None)
    if suffix is None:
        raise UsageError(
            f"{name}: no inventory; give its manifest.json, or files that end in {', '.join(_FORMATS)}"
        )
    data = _read(name, session)
    is_csv = _FORMATS[suffix] == "CSV"
    return _csv_table(data, name, None) if is_csv else _parquet_table(data, name)


def _read(name: str, session: S3Session) -> bytes:
    location = parse_location(name)
    try:
        if location.is_s3:
            return open_store(f"s3://{location.bucket}", session).read(location.key)[0]
        return Path(name).read_bytes()
    except FileNotFoundError as error:
        raise UsageError(f"{name}: no such file") from error
    except OSError as error:
        raise StoreError(f"{name}: cannot be read: {error.strerror or error}") from error


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def _csv_table(data: bytes, name: str, columns: list[str] | None) -> pa.Table:
    """A CSV file with these columns, or with those of its header; its keys decoded."""
    compression = "gzip" if name.endswith(".gz") else None
    try:
        text = pa.input_stream(reader_of(data), compression=compression).read()
        table = _parse_csv(text, columns)
    except (pa.ArrowInvalid, OSError) as error:
        raise UsageError(f"{name}: not valid CSV: {error}") from error
    table = table.rename_columns([_snake_case(one) for one in table.column_names])
    _require(table, name)
    keys, _ = decode_keys(table["key"].combine_chunks(), 1)
    return table.set_column(table.column_names.index("key"), "key", keys)


def _parse_csv(text: bytes, columns: list[str] | None) -> pa.Table:
    read = pyarrow.csv.ReadOptions(column_names=columns)
    names = columns or text.partition(b"\n")[0].decode("utf-8-sig").split(",")
    texts = {name.strip().strip('"'): pa.string() for name in names}
    convert = pyarrow.csv.ConvertOptions(column_types=texts, strings_can_be_null=False)
    parse = pyarrow.csv.ParseOptions(newlines_in_values=True)
    return pyarrow.csv.read_csv(reader_of(text), read, parse, convert)


def _parquet_table(data: bytes, name: str) -> pa.Table:
    try:
        return pq.read_table(reader_of(data))
    except pa.ArrowException as error:
        raise UsageError(f"{name}: not a Parquet file: {error}") from error


def _snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name.strip().strip('"')).lower()


def _require(table: pa.Table, name: str) -> None:
    missing = [one for one in _REQUIRED if one not in table.column_names]
    if missing:
        raise UsageError(
            f"{name}: no column {' or '.join(missing)}; give the manifest.json, which says what the columns are"
        )


def _current_objects(table: pa.Table, name: str) -> pa.Table:
    """The objects (`OBJECTS`) of a file; NULL in columns that it lacks."""
    _require(table, name)
    if "is_latest" in table.column_names:
        table = table.filter(_is_true(table["is_latest"]))
    if "is_delete_marker" in table.column_names:
        table = table.filter(pc.invert(_is_true(table["is_delete_marker"])))
    if "last_modified_date" in table.column_names:
        table = table.append_column("last_modified", table["last_modified_date"])
    try:
        return pa.Table.from_arrays(
            [_column(table, field) for field in OBJECTS], schema=OBJECTS
        )
    except pa.ArrowInvalid as error:
        raise UsageError(f"{name}: not an inventory: {error}") from error


def _is_true(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Which values of a column of booleans, or of their texts, are true."""
    if pa.types.is_boolean(column.type):
        return column.fill_null(False)
    return pc.equal(pc.utf8_lower(column), "true").fill_null(False)


def _column(table: pa.Table, field: pa.Field) -> pa.ChunkedArray:
    if field.name not in table.column_names:
        return pa.chunked_array([pa.nulls(table.num_rows, field.type)])
    column = table[field.name]
    if pa.types.is_binary(column.type):
        column = column.cast(pa.string())
    if not pa.types.is_string(column.type) or field.type == pa.string():
        return column.cast(field.type, safe=False)
    column = pc.if_else(pc.equal(column, ""), pa.scalar(None, pa.string()), column)
    if pa.types.is_timestamp(field.type):
        return _times(column)
    return column.cast(field.type)


def _times(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """Times as AWS writes them, such as 2026-02-06T00:00:38.000Z."""
    whole = pc.utf8_slice_codeunits(texts, 0, 19)
    parsed = [
        pc.strptime(whole, format=one, unit="us", error_is_null=True)
        for one in _TIME_FORMATS
    ]
    return pc.coalesce(*parsed)
