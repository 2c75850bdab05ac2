"""A lake in an S3 bucket."""

import contextlib
import io
import json
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import botocore.exceptions

from etl.errors import LostRacesError, PreconditionFailedError, StoreError
from etl.store.base import Entry, is_between
from etl.store.location import Location
from etl.store.range_file import RangeFile
from etl.store.retry import compete
from etl.store.s3_errors import GONE_CODES, REPLACED_CODES, code_of, etag_of, s3_errors
from etl.store.s3_reader import Pinned
from etl.store.s3_session import S3Session

_PROBE = "_probe.json"
_PROBES = 5
# Of a conditional write that lost. S3 says 409 where two writes met while they were stored, and 404 to an If-Match
# on an object that is gone.
_LOST_CODES = (*REPLACED_CODES, "ConditionalRequestConflict", "409")


class S3Store:
    """The objects of an S3 bucket below a prefix."""

    is_remote = True

    def __init__(self, location: Location, session: S3Session) -> None:
        prefix = location.key.strip("/")
        self.url = f"s3://{location.bucket}/{prefix}".rstrip("/")
        self._bucket = location.bucket or ""
        self._prefix = f"{prefix}/" if prefix else ""
        self._session = session

    @property
    def _s3(self) -> Any:
        """The boto3 client; only now, as a query process can start while it is made."""
        return self._session.client

    def entries(
        self,
        prefix: str,
        after: str = "",
        before: str | None = None,
        limit: int | None = None,
    ) -> list[Entry]:
        options = {"StartAfter": self._prefix + after} if after else {}
        found: list[Entry] = []
        for page in self._pages(prefix, **options):
            listed = [self._entry(item) for item in page.get("Contents", [])]
            found += [one for one in listed if is_between(one.name, after, before)]
            is_enough = limit is not None and len(found) >= limit
            if is_enough or (before and listed and listed[-1].name >= before):
                break
        return found[:limit]

    def _entry(self, item: Mapping[str, Any]) -> Entry:
        name = item["Key"].removeprefix(self._prefix)
        return Entry(name, item["Size"], etag_of(item, item["Key"]))

    def directories(self, prefix: str) -> list[str]:
        skip = len(self._prefix) + len(prefix)
        return [
            item["Prefix"][skip:].rstrip("/")
            for page in self._pages(prefix, Delimiter="/")
            for item in page.get("CommonPrefixes", [])
        ]

    def read(self, name: str) -> tuple[bytes, str]:
        return self._session.reader.get(self._bucket, self._prefix + name)

    def read_range(self, entry: Entry, start: int, length: int) -> bytes:
        # HTTP has no range of nothing.
        if length == 0:
            return b""
        key, pinned = self._prefix + entry.name, Pinned(entry.etag, start, length)
        return self._session.reader.get(self._bucket, key, pinned)[0]

    def open(self, entry: Entry) -> io.RawIOBase:
        return RangeFile(self, entry)

    def write(self, name: str, data: bytes, if_match: str | None) -> str:
        condition = {"IfNoneMatch": "*"} if if_match is None else {"IfMatch": if_match}
        with s3_errors(f"{self.url}/{name}"):
            try:
                response = self._s3.put_object(
                    Bucket=self._bucket, Key=self._prefix + name, Body=data, **condition
                )
            except botocore.exceptions.ClientError as error:
                code = code_of(error)
                is_gone = if_match is not None and code in GONE_CODES
                if code in _LOST_CODES or is_gone:
                    raise PreconditionFailedError(name) from error
                raise
            return etag_of(response, f"{self.url}/{name}")

    def remove(self, prefix: str) -> None:
        with s3_errors(f"{self.url}/{prefix}"):
            for one in self.entries(prefix):
                self._s3.delete_object(Bucket=self._bucket, Key=self._prefix + one.name)

    def check_conditional_writes(self) -> None:
        """Put a small object with conditions that must hold and conditions that must fail."""
        probe = json.dumps(
            {
                "probe": "does this store honor If-Match and If-None-Match?",
                "id": uuid.uuid4().hex,
            }
        )
        # There has to be an object before a store can refuse to create it.
        with contextlib.suppress(PreconditionFailedError):
            self.write(_PROBE, probe.encode(), if_match=None)
        accepted = [
            condition
            for condition, if_match in (
                ("If-None-Match: *", None),
                ("a stale If-Match", "0" * 32),
            )
            if self._accepts(probe.encode(), if_match)
        ]
        if accepted:
            raise StoreError(
                f"{self.url}: this store ignores conditional writes (it accepted {' and '.join(accepted)}), "
                "so two runs could overwrite each other's records; use a store that honors them"
            )
        try:  # several times, as another run may probe at the same time
            compete(
                lambda: self.write(_PROBE, probe.encode(), self.read(_PROBE)[1]),
                self.url,
                _PROBES,
            )
        except LostRacesError as error:
            raise StoreError(
                f"{self.url}: this store refuses a right If-Match; accesslake cannot append to a lake there"
            ) from error

    @contextlib.contextmanager
    def lock_run(self) -> Iterator[bool]:
        # S3 knows no locks: the lease is an object with an end.
        yield False

    def forget(self) -> None:
        """Nothing is kept."""

    def _accepts(self, data: bytes, if_match: str | None) -> bool:
        try:
            self.write(_PROBE, data, if_match)
        except PreconditionFailedError:
            return False
        return True

    def _pages(self, prefix: str, **options: str) -> Iterator[dict[str, Any]]:
        with s3_errors(f"{self.url}/{prefix}"):
            paginator = self._s3.get_paginator("list_objects_v2")
            yield from paginator.paginate(
                Bucket=self._bucket, Prefix=self._prefix + prefix, **options
            )
