"""The lake's table in the AWS Glue Data Catalog, where Athena and others look it up."""

import copy
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import botocore.config
import botocore.exceptions

from etl.engines.projection import (
    BUCKET_TYPE,
    INJECTED,
    OWN_PROPERTIES,
    check_table_name,
    projection_notes,
    table_properties,
)
from etl.engines.syntax import HIVE_TYPES
from etl.engines.table import COLUMNS, DESCRIPTION, PARTITIONS, Column, LakeTable
from etl.errors import CatalogError, UsageError
from etl.store import S3Session, compete
from etl.store.s3_errors import code_of

Action = Literal["created", "updated", "unchanged"]
TableInput = dict[str, Any]
"""A table as the API takes it."""

_HIVE = "org.apache.hadoop.hive.ql.io.parquet"
_FORMAT = {
    "InputFormat": f"{_HIVE}.MapredParquetInputFormat",
    "OutputFormat": f"{_HIVE}.MapredParquetOutputFormat",
    "SerdeInfo": {
        "SerializationLibrary": f"{_HIVE}.serde.ParquetHiveSerDe",
        "Parameters": {"serialization.format": "1"},
    },
}
# Clients of Hadoop have schemes of their own for the same bucket.
_SCHEME = re.compile(r"^s3[an]?://")
_CONFIG = botocore.config.Config(
    retries={"mode": "standard", "max_attempts": 5}, connect_timeout=10, read_timeout=30
)
_ATTEMPTS = 5
_NOT_FOUND = "EntityNotFoundException"
# Another writer was first.
_LOST_CODES = ("AlreadyExistsException", "ConcurrentModificationException")
_NEXT_STEPS = {
    "AccessDeniedException": (
        "these credentials may not do that; their policy must allow glue:GetTable, glue:CreateTable and "
        "glue:UpdateTable, and so must Lake Formation where it is in use"
    ),
    "ResourceNumberLimitExceededException": "the account has as many tables as its quota allows",
    "UnrecognizedClientException": "AWS does not know this access key; check AWS_PROFILE",
    "ExpiredTokenException": "the session's credentials have expired; get new ones",
}


@dataclass(frozen=True, slots=True)
class GlueChange:
    """What was done to a table, or would be."""

    table: str
    """`database.table`"""
    action: Action
    changes: tuple[str, ...]
    """What is different afterwards, a line each; none of a new table."""
    notes: tuple[str, ...]
    """What has to be known of the table, a sentence each."""


class _LostError(Exception):
    """Somebody else wrote the table since it was read."""


def update_glue(
    table: LakeTable,
    session: S3Session,
    database: str,
    name: str,
    *,
    catalog_id: str | None = None,
    is_injected: bool | None = None,
    dry_run: bool = False,
) -> GlueChange:
    """Create the table in Glue, or bring it up to date; where nothing differs, nothing is written.

    Of a table that is there, what others gave it stays: other parameters, comments, the order of columns. The catalog
    is that of the credentials' account, unless `catalog_id` names another. `is_injected` is that of
    `table_properties`; None leaves it as it is, and lists the buckets of a new table.

    Raises UsageError where the table is not one of this lake's records, CatalogError where Glue refuses or fails.
    """
    check_table_name(name)
    glue = _Glue(session, database, name, catalog_id)

    def write() -> GlueChange:
        return _write(glue, table, is_injected=is_injected, dry_run=dry_run)

    return compete(write, glue.what, _ATTEMPTS, lost=(_LostError,))


def _write(
    glue: "_Glue", table: LakeTable, *, is_injected: bool | None, dry_run: bool
) -> GlueChange:
    found = glue.read()
    if is_injected is None:
        is_injected = (
            found is not None and _parameters(found).get(BUCKET_TYPE) == INJECTED
        )
    properties = table_properties(table, is_injected=is_injected)
    notes = tuple(projection_notes(table, is_injected=is_injected))
    if found is None:
        if not dry_run:
            glue.create(_new(glue.name, table, properties))
        return GlueChange(glue.table, "created", (), notes)
    _check_is_ours(glue.what, found, table)
    before = glue.as_input(found)
    after = _merged(before, properties)
    changes = tuple(_differences(before, after))
    if changes and not dry_run:
        glue.update(after, found.get("VersionId"))
    return GlueChange(glue.table, "updated" if changes else "unchanged", changes, notes)


class _Glue:
    """One table in Glue."""

    def __init__(
        self, session: S3Session, database: str, name: str, catalog_id: str | None
    ) -> None:
        self.name = name
        self.table = f"{database}.{name}"
        catalog = f", catalog {catalog_id}" if catalog_id else ""
        self.what = f"the table {self.table} in AWS Glue{catalog}"
        self._database = database
        self._place = {"DatabaseName": database}
        if catalog_id:
            self._place["CatalogId"] = catalog_id
        with self._errors():
            self._client = session.boto3_session.client("glue", config=_CONFIG)

    def read(self) -> Mapping[str, Any] | None:
        """The table with what Glue says of it; None where there is none."""
        with self._errors():
            try:
                response = self._client.get_table(**self._place, Name=self.name)
            except botocore.exceptions.ClientError as error:
                if code_of(error) == _NOT_FOUND:
                    return None
                raise
        return dict(response["Table"])

    def create(self, table: TableInput) -> None:
        with self._errors():
            self._client.create_table(**self._place, TableInput=table)

    def update(self, table: TableInput, version: str | None) -> None:
        """Replace the table as it was read; no older version of it is kept, or each run would add one."""
        read = {} if version is None else {"VersionId": version}
        with self._errors():
            self._client.update_table(
                **self._place, TableInput=table, SkipArchive=True, **read
            )

    def as_input(self, table: Mapping[str, Any]) -> TableInput:
        """A table that was read, without what only Glue may say of it."""
        members = self._client.meta.service_model.shape_for("TableInput").members
        return {key: copy.deepcopy(table[key]) for key in members if key in table}

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Translate what boto3 raises."""
        try:
            yield
        except botocore.exceptions.ClientError as error:
            if code_of(error) in _LOST_CODES:
                raise _LostError from error
            raise CatalogError(f"{self.what}: {self._problem(error)}") from error
        except botocore.exceptions.NoRegionError as error:
            raise CatalogError(
                f"{self.what}: no region is set; set AWS_REGION, or one in the profile"
            ) from error
        except botocore.exceptions.BotoCoreError as error:
            raise CatalogError(f"{self.what}: {error}") from error

    def _problem(self, error: botocore.exceptions.ClientError) -> str:
        code = code_of(error)
        if code == _NOT_FOUND:
            region = self._client.meta.region_name
            return (
                f"there is no database {self._database!r} in {region}; make one "
                f"(aws glue create-database --database-input Name={self._database}), or set AWS_REGION"
            )
        said = error.response["Error"].get("Message", "")
        step = _NEXT_STEPS.get(code, said)
        return f"Glue answered {code} to {error.operation_name}: {step}"


def _new(name: str, table: LakeTable, properties: Mapping[str, str]) -> TableInput:
    return {
        "Name": name,
        "Description": DESCRIPTION,
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {"EXTERNAL": "TRUE", **properties},
        "PartitionKeys": [_described(one) for one in PARTITIONS],
        "StorageDescriptor": {
            "Columns": [_described(one) for one in COLUMNS],
            "Location": table.location,
            **_FORMAT,
        },
    }


def _described(column: Column) -> dict[str, str]:
    return {
        "Name": column.name,
        "Type": HIVE_TYPES[column.type],
        "Comment": column.comment,
    }


def _check_is_ours(what: str, found: Mapping[str, Any], table: LakeTable) -> None:
    """Raise UsageError where a table is not one of this lake's records."""
    storage = found.get("StorageDescriptor", {})
    location = storage.get("Location", "")
    if _folder(location) != _folder(table.location):
        raise UsageError(
            f"{what} is of {location or 'no location'}, not of {table.location}: name another table"
        )
    keys = [(one["Name"], one.get("Type")) for one in found.get("PartitionKeys", [])]
    wanted = [(one.name, HIVE_TYPES[one.type]) for one in PARTITIONS]
    is_parquet = storage.get("InputFormat") == _FORMAT["InputFormat"]
    if keys != wanted or not is_parquet or "table_type" in _parameters(found):
        raise UsageError(
            f"{what} is not one of Parquet files that is partitioned by bucket (string) and date (date): drop it, or "
            "name another table"
        )


def _folder(url: str) -> str:
    return _SCHEME.sub("s3://", url).rstrip("/")


def _parameters(table: Mapping[str, Any]) -> dict[str, str]:
    return dict(table.get("Parameters") or {})


def _merged(before: TableInput, properties: Mapping[str, str]) -> TableInput:
    """A table with its columns and properties as they have to be, and all else as it was."""
    storage = before["StorageDescriptor"]
    parameters = _parameters(before)
    others = {name: parameters[name] for name in parameters if name not in OWN_PROPERTIES}
    return {
        **before,
        "Parameters": {**others, **properties},
        "PartitionKeys": _merged_columns(before["PartitionKeys"], PARTITIONS),
        "StorageDescriptor": {
            **storage,
            "Columns": _merged_columns(storage.get("Columns", []), COLUMNS),
        },
    }


def _merged_columns(
    before: Iterable[dict[str, Any]], columns: Iterable[Column]
) -> list[dict[str, Any]]:
    """The columns that are there with our types, then those that are not.

    A column that we do not know stays: a newer version has added it.
    """
    missing = {one.name: _described(one) for one in columns}
    merged = []
    for column in before:
        ours = missing.pop(column["Name"], {})
        comment = column.get("Comment") or ours.get("Comment")
        merged.append({**column, **ours, **({"Comment": comment} if comment else {})})
    return [*merged, *missing.values()]


def _differences(before: TableInput, after: TableInput) -> Iterator[str]:
    """What one table has that another one has not, a line each."""
    yield from _changed("", _parameters(before), _parameters(after))
    for old, new in zip(_column_lists(before), _column_lists(after), strict=True):
        yield from _changed("column ", _by_name(old), _by_name(new))


def _column_lists(table: TableInput) -> list[list[dict[str, Any]]]:
    return [table["PartitionKeys"], table["StorageDescriptor"].get("Columns", [])]


def _by_name(columns: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    return {
        one["Name"]: f"{one.get('Type')} ({one.get('Comment', 'no comment')})"
        for one in columns
    }


def _changed(
    what: str, before: Mapping[str, str], after: Mapping[str, str]
) -> Iterator[str]:
    for name in {**before, **after}:
        old, new = before.get(name, "none"), after.get(name, "none")
        if old != new:
            yield f"{what}{name}: {old} -> {new}"
