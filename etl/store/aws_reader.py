"""Reading objects of S3 by AWS's own clients."""

import asyncio
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import botocore.exceptions
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt

from etl.errors import PreconditionFailedError, StoreError
from etl.store.s3_client import BODY_ATTEMPTS, s3_filesystem
from etl.store.s3_errors import (
    BODY_BROKE_OFF,
    GONE_CODES,
    REPLACED_CODES,
    code_of,
    etag_of,
    s3_errors,
)
from etl.store.s3_reader import Pinned
from etl.store.s3_session import S3Session

if TYPE_CHECKING:
    import s3fs


class AwsReader:
    """Reads one object by boto3, many by s3fs."""

    reads_at_once = True

    def __init__(self, session: S3Session) -> None:
        self._session = session

    def get(
        self, bucket: str, key: str, pinned: Pinned | None = None
    ) -> tuple[bytes, str]:
        # botocore tries a request again, but not a body that breaks off: that is read after it has returned.
        retrying = Retrying(
            retry=retry_if_exception_type(BODY_BROKE_OFF),
            stop=stop_after_attempt(BODY_ATTEMPTS),
            reraise=True,
        )
        with s3_errors(f"s3://{bucket}/{key}"):
            return retrying(self._get_once, bucket, key, pinned)

    def _get_once(
        self, bucket: str, key: str, pinned: Pinned | None
    ) -> tuple[bytes, str]:
        try:
            response = self._session.client.get_object(
                Bucket=bucket, Key=key, **_conditions(pinned)
            )
        except botocore.exceptions.ClientError as error:
            if code_of(error) in GONE_CODES:
                raise FileNotFoundError(f"s3://{bucket}/{key}") from error
            if code_of(error) in REPLACED_CODES:
                raise PreconditionFailedError(key) from error
            raise
        data = response["Body"].read()
        self._session.requests.count_received(len(data))
        return data, etag_of(response, f"s3://{bucket}/{key}")

    def get_all(self, bucket: str, keys: Sequence[str]) -> list[bytes | Exception]:
        reading = self._get_all(bucket, keys)
        return asyncio.run_coroutine_threadsafe(reading, self._files.loop).result()

    @cached_property
    def _files(self) -> "s3fs.S3FileSystem":
        return s3_filesystem(self._session.endpoint_url, self._session.requests)

    async def _get_all(self, bucket: str, keys: Sequence[str]) -> list[bytes | Exception]:
        return list(await asyncio.gather(*(self._get_async(bucket, key) for key in keys)))

    async def _get_async(self, bucket: str, key: str) -> bytes | Exception:
        try:
            with s3_errors(f"s3://{bucket}/{key}"):
                data: bytes = await self._files._cat_file(f"{bucket}/{key}")  # noqa: SLF001 - fsspec's documented coroutine
        except (FileNotFoundError, StoreError) as error:
            return error
        self._session.requests.count_received(len(data))
        return data


def _conditions(pinned: Pinned | None) -> dict[str, str]:
    """The parameters of a request for pinned bytes."""
    if pinned is None:
        return {}
    last = pinned.start + pinned.length - 1
    return {"IfMatch": pinned.etag, "Range": f"bytes={pinned.start}-{last}"}
