"""A lake in an S3 bucket, and the clients for it."""

import contextlib
import json
import uuid
from collections.abc import Iterator
from typing import Any, BinaryIO, cast

import boto3
import botocore.config
import botocore.exceptions
import s3fs

from etl.errors import PreconditionFailedError, StoreError, UsageError
from etl.store import Entry

_PROBE = "_probe.json"
_RETRIES = {"mode": "standard", "max_attempts": 5}
_TIMEOUTS = {"connect_timeout": 10, "read_timeout": 60}


def s3_client(endpoint_url: str | None = None) -> Any:
    """A boto3 S3 client with time-outs and retries set; credentials from the AWS chain."""
    config = botocore.config.Config(retries=_RETRIES, max_pool_connections=64, **_TIMEOUTS)
    try:
        return boto3.session.Session().client("s3", endpoint_url=endpoint_url, config=config)
    except (botocore.exceptions.BotoCoreError, ValueError) as error:
        raise UsageError(f"cannot set up an S3 client: {error}; check --endpoint-url and AWS_PROFILE") from error


def s3_filesystem(endpoint_url: str | None = None) -> s3fs.S3FileSystem:
    """An s3fs file system that caches nothing: other processes write what it reads."""
    return s3fs.S3FileSystem(
        endpoint_url=endpoint_url,
        use_listings_cache=False,
        skip_instance_cache=True,
        default_cache_type="none",
        max_concurrency=1,  # one GET for an object, not HEAD and GET
        config_kwargs={"retries": _RETRIES, **_TIMEOUTS},
    )


@contextlib.contextmanager
def s3_errors(what: str) -> Iterator[None]:
    """Translate what boto3, aiobotocore and s3fs raise, once, to StoreError with the next step."""
    try:
        yield
    except FileNotFoundError:
        raise
    except botocore.exceptions.NoCredentialsError as error:
        raise StoreError(f"{what}: no AWS credentials found; set AWS_PROFILE or the usual variables") from error
    except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError, OSError) as error:
        code = error_code(error)
        problem = f"S3 answered {code}: {_next_step(code)}" if code else str(error)
        raise StoreError(f"{what}: {problem}") from error


def error_code(error: BaseException | None) -> str | None:
    """S3's code (`AccessDenied`, ...) in an error or in what caused it; s3fs wraps the answers of S3."""
    while error is not None:
        if isinstance(error, botocore.exceptions.ClientError):
            return cast("str", error.response.get("Error", {}).get("Code", "unknown"))
        error = error.__cause__
    return None


def _next_step(code: str) -> str:
    if code in ("AccessDenied", "403", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken"):
        return "check the credentials and that their policy allows this"
    if code in ("NoSuchBucket", "404"):
        return "check the bucket's name"
    if code == "NotImplemented":
        return "this store does not support conditional writes; use one that does"
    return "try again later; if it stays, see the store's own log"


class S3Store:
    """The objects of an S3 bucket below a prefix."""

    def __init__(self, bucket: str, prefix: str, endpoint_url: str | None) -> None:
        self.url = f"s3://{bucket}/{prefix}".rstrip("/")
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""
        self._s3 = s3_client(endpoint_url)
        self._files = s3_filesystem(endpoint_url)

    def entries(self, prefix: str) -> list[Entry]:
        skip = len(self._prefix)
        return [
            Entry(item["Key"][skip:], item["Size"], item["ETag"].strip('"'))
            for page in self._pages(prefix)
            for item in page.get("Contents", [])
        ]

    def directories(self, prefix: str) -> list[str]:
        skip = len(self._prefix) + len(prefix)
        return [
            item["Prefix"][skip:].rstrip("/")
            for page in self._pages(prefix, Delimiter="/")
            for item in page.get("CommonPrefixes", [])
        ]

    def read(self, name: str) -> tuple[bytes, str]:
        with s3_errors(f"{self.url}/{name}"):
            try:
                answer = self._s3.get_object(Bucket=self._bucket, Key=self._prefix + name)
                return answer["Body"].read(), answer["ETag"].strip('"')
            except self._s3.exceptions.NoSuchKey as error:
                raise FileNotFoundError(f"{self.url}/{name}") from error

    def open(self, name: str) -> BinaryIO:
        with s3_errors(f"{self.url}/{name}"):
            return cast("BinaryIO", self._files.open(f"{self._bucket}/{self._prefix}{name}", "rb"))

    def write(self, name: str, data: bytes, if_match: str | None) -> str:
        condition = {"IfNoneMatch": "*"} if if_match is None else {"IfMatch": if_match}
        with s3_errors(f"{self.url}/{name}"):
            try:
                answer = self._s3.put_object(Bucket=self._bucket, Key=self._prefix + name, Body=data, **condition)
            except botocore.exceptions.ClientError as error:
                code = error.response["Error"]["Code"]
                if code in ("PreconditionFailed", "412", "ConditionalRequestConflict", "409") or (
                    if_match is not None and code in ("NoSuchKey", "404")
                ):
                    raise PreconditionFailedError(name) from error
                raise
            return cast("str", answer["ETag"].strip('"'))

    def check_conditional_writes(self) -> None:
        """Put a small object with conditions that must hold and conditions that must fail."""
        probe = json.dumps({"probe": "does this store honour If-Match and If-None-Match?", "id": uuid.uuid4().hex})
        with contextlib.suppress(PreconditionFailedError):
            self.write(_PROBE, probe.encode(), if_match=None)
        accepted = [
            condition
            for condition, if_match in (("If-None-Match: *", None), ("a stale If-Match", "0" * 32))
            if self._accepts(probe.encode(), if_match)
        ]
        if accepted:
            raise StoreError(
                f"{self.url}: this store ignores conditional writes (it accepted {' and '.join(accepted)}), "
                "so two runs could overwrite each other's records; use a store that honours them"
            )
        for _ in range(5):  # another run may probe at the same time
            if self._accepts(probe.encode(), self.read(_PROBE)[1]):
                return
        raise StoreError(f"{self.url}: this store refuses a right If-Match; accesslake cannot append to a lake there")

    def _accepts(self, data: bytes, if_match: str | None) -> bool:
        try:
            self.write(_PROBE, data, if_match)
        except PreconditionFailedError:
            return False
        return True

    def _pages(self, prefix: str, **options: str) -> Iterator[dict[str, Any]]:
        with s3_errors(f"{self.url}/{prefix}"):
            paginator = self._s3.get_paginator("list_objects_v2")
            yield from paginator.paginate(Bucket=self._bucket, Prefix=self._prefix + prefix, **options)
