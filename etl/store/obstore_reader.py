"""Reading objects of S3 by obstore, which is written in Rust: a tenth of the CPU time for a small object.

It only reads. Its listings give `/logs/a` as `logs/a`, fail at any key with `//` or `..` in it, and know no prefix that
ends within a name.
"""

import threading
import time
from collections.abc import Sequence
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import botocore.exceptions
import obstore
import obstore.exceptions
from obstore.auth.boto3 import Boto3CredentialProvider
from obstore.store import S3Store

from etl.errors import PreconditionFailedError, StoreError
from etl.store.aws_reader import AwsReader
from etl.store.s3_reader import Pinned
from etl.store.s3_session import S3Session

if TYPE_CHECKING:  # there is nothing of these at run time
    from obstore import GetOptions
    from obstore.store import ClientConfig, RetryConfig

# Objects one after the other that boto3 could read and obstore could not, until obstore is left alone for some seconds.
_MOST_FAILURES, _PAUSE_SECONDS = 10, 60
# obstore keeps credentials for so long. botocore gives none that end within ten minutes.
_CREDENTIALS_LIVE = timedelta(minutes=5)
_OPTIONS: "ClientConfig" = {
    "connect_timeout": "10s",
    "read_timeout": "30s",
    "allow_http": True,
}
# What fails is requested of boto3, which tries it again.
_RETRIES: "RetryConfig" = {"max_retries": 0}
_ERRORS = (
    obstore.exceptions.BaseError,
    FileNotFoundError,
    ValueError,
    OSError,
)


class ObstoreReader:
    """Reads objects by obstore, and what that cannot read by AWS's clients.

    They address every key, know every kind of endpoint and credentials, and name what is wrong.
    """

    reads_at_once = False

    def __init__(self, session: S3Session, exact: AwsReader) -> None:
        self._session = session
        self._exact = exact
        self._failures = 0
        self._paused_until = 0.0
        self._store_of = lru_cache(maxsize=16)(self._open)

    def get(
        self, bucket: str, key: str, pinned: Pinned | None = None
    ) -> tuple[bytes, str]:
        if time.monotonic() < self._paused_until or not _is_addressable(key):
            return self._exact.get(bucket, key, pinned)
        # obstore does not return to Python before it is done, so Ctrl-C would wait for a store that hangs.
        if threading.current_thread() is threading.main_thread():
            return self._exact.get(bucket, key, pinned)
        try:
            found = self._get(bucket, key, pinned)
        except obstore.exceptions.PreconditionError as error:
            raise PreconditionFailedError(key) from error
        except _ERRORS:
            found = self._exact.get(bucket, key, pinned)
            self._note_failure()
        else:
            self._failures = 0
        return found

    def _note_failure(self) -> None:
        self._failures += 1
        if self._failures >= _MOST_FAILURES:
            self._failures = 0
            self._paused_until = time.monotonic() + _PAUSE_SECONDS

    def _get(self, bucket: str, key: str, pinned: Pinned | None) -> tuple[bytes, str]:
        self._session.requests.count_operation("GetObject")
        response = obstore.get(self._store_of(bucket), key, options=_conditions(pinned))
        data = response.bytes().to_bytes()
        self._session.requests.count_received(len(data))
        etag = response.meta["e_tag"]
        if etag is None:
            raise ValueError("the store gives no ETag")
        return data, etag.strip('"')

    def get_all(self, bucket: str, keys: Sequence[str]) -> list[bytes | Exception]:
        return [self._get_or_error(bucket, key) for key in keys]

    def _get_or_error(self, bucket: str, key: str) -> bytes | Exception:
        try:
            return self.get(bucket, key)[0]
        except (FileNotFoundError, StoreError) as error:
            return error

    def _open(self, bucket: str) -> S3Store:
        client = self._session.client
        region = client.meta.region_name
        endpoint = client.meta.endpoint_url
        if _is_aws(endpoint):
            # boto3 follows S3 to a bucket's region; obstore has to be told.
            bucket_region = _region_of(client, bucket)
            endpoint = endpoint if bucket_region == region else None
            region = bucket_region
        return S3Store(
            bucket,
            region=region,
            endpoint=endpoint,
            virtual_hosted_style_request=False,
            credential_provider=Boto3CredentialProvider(
                self._session.boto3_session, ttl=_CREDENTIALS_LIVE
            ),
            client_options=_OPTIONS,
            retry_config=_RETRIES,
        )


def _is_addressable(key: str) -> bool:
    """Whether obstore requests just this key; some it refuses, and of others it requests one without a slash."""
    names = key.split("/")
    return key.isprintable() and not any(name in ("", ".", "..") for name in names)


def _is_aws(endpoint: str) -> bool:
    host = urlsplit(endpoint).hostname or ""
    return host.endswith((".amazonaws.com", ".amazonaws.com.cn"))


def _region_of(client: Any, bucket: str) -> str:
    try:
        response = client.head_bucket(Bucket=bucket)
    except botocore.exceptions.ClientError as error:
        response = error.response
    headers = response["ResponseMetadata"]["HTTPHeaders"]
    region: str = headers.get("x-amz-bucket-region", client.meta.region_name)
    return region


def _conditions(pinned: Pinned | None) -> "GetOptions":
    """The options of a request for pinned bytes."""
    if pinned is None:
        return {}
    return {
        "if_match": f'"{pinned.etag}"',
        "range": (pinned.start, pinned.start + pinned.length),
    }
