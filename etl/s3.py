"""A lake in an S3 bucket, and the clients for it."""

import contextlib
import json
import uuid
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, BinaryIO, cast

import aiobotocore.session
import aiohttp
import boto3
import botocore.config
import botocore.exceptions
import botocore.loaders
import botocore.parsers
import botocore.session
import s3fs
import urllib3.exceptions

from etl.errors import PreconditionFailedError, StoreError, UsageError
from etl.store import Entry

_PROBE = "_probe.json"
_RETRIES = {"mode": "standard", "max_attempts": 5}
_TIMEOUTS = {"connect_timeout": 10, "read_timeout": 30}
_FAILURES = (
    botocore.exceptions.BotoCoreError,
    botocore.exceptions.ClientError,
    botocore.parsers.ResponseParserError,
    aiohttp.ClientError,
    urllib3.exceptions.HTTPError,
    OSError,
)
"""What boto3, aiobotocore and s3fs raise."""
_BODY_ATTEMPTS = 3
_BODY_BROKE_OFF = (
    botocore.exceptions.ResponseStreamingError,
    botocore.exceptions.IncompleteReadError,
    botocore.exceptions.ReadTimeoutError,
    botocore.exceptions.FlexibleChecksumError,
    urllib3.exceptions.HTTPError,
)
"""What botocore does not try again: an answer that began well."""


@lru_cache(maxsize=1)
def _api_descriptions() -> Any:
    """Where botocore looks its API up; it takes 0.2 s to read, so the clients of a process share it."""
    return botocore.loaders.create_loader()


def s3_client(endpoint_url: str | None = None) -> Any:
    """A boto3 S3 client with time-outs and retries set; credentials from the AWS chain."""
    config = botocore.config.Config(retries=_RETRIES, max_pool_connections=64, **_TIMEOUTS)
    session = botocore.session.get_session()
    session.register_component("data_loader", _api_descriptions())
    try:
        return boto3.session.Session(botocore_session=session).client("s3", endpoint_url=endpoint_url, config=config)
    except (botocore.exceptions.BotoCoreError, ValueError) as error:
        raise UsageError(f"cannot set up an S3 client: {error}; check --endpoint-url and AWS_PROFILE") from error


def s3_filesystem(endpoint_url: str | None = None) -> s3fs.S3FileSystem:
    """An s3fs file system that caches nothing: other processes write what it reads."""
    session = aiobotocore.session.get_session()
    session.register_component("data_loader", _api_descriptions())
    files = s3fs.S3FileSystem(
        session=session,
        endpoint_url=endpoint_url,
        use_listings_cache=False,
        skip_instance_cache=True,
        default_cache_type="none",
        max_concurrency=1,  # one GET for an object, not HEAD and GET
        config_kwargs={"retries": _RETRIES, **_TIMEOUTS},
    )
    files.retries = _BODY_ATTEMPTS  # of its own, around those of botocore
    return files


@contextlib.contextmanager
def s3_errors(what: str) -> Iterator[None]:
    """Translate what boto3, aiobotocore and s3fs raise, once, to StoreError with the next step."""
    try:
        yield
    except FileNotFoundError:
        raise
    except botocore.exceptions.NoCredentialsError as error:
        raise StoreError(f"{what}: no AWS credentials found; set AWS_PROFILE or the usual variables") from error
    except RecursionError as error:  # botocore follows every redirect
        raise StoreError(f"{what}: the store redirects in a circle; check --endpoint-url and the region") from error
    except _FAILURES as error:
        answer = _answer(error)
        if answer is None:
            problem = f"{error or type(error).__name__}; check the network and --endpoint-url, then run it again"
        else:
            problem = f"S3 answered {_code(answer)} to {answer.operation_name}: {_next_step(answer)}"
        raise StoreError(f"{what}: {problem}") from error


def error_code(error: BaseException | None) -> str | None:
    """S3's code (`AccessDenied`, ...) in an error or in what caused it."""
    answer = _answer(error)
    return _code(answer) if answer is not None else None


def etag_of(answer: Mapping[str, Any], what: str) -> str:
    """The ETag in an answer. Raises StoreError where the store gave none: nothing is safe to write then."""
    if "ETag" not in answer:
        raise StoreError(f"{what}: this store gives no ETag; accesslake needs one that does, as Amazon S3")
    return cast("str", answer["ETag"].strip('"'))


def _answer(error: BaseException | None) -> botocore.exceptions.ClientError | None:
    """S3's answer; s3fs wraps it."""
    while error is not None and not isinstance(error, botocore.exceptions.ClientError):
        error = error.__cause__
    return error


def _code(answer: botocore.exceptions.ClientError) -> str:
    return cast("str", answer.response.get("Error", {}).get("Code", "unknown"))


_PERMISSIONS = {
    "ListObjectsV2": "s3:ListBucket",
    "HeadObject": "s3:GetObject",
    "GetObject": "s3:GetObject",
    "PutObject": "s3:PutObject",
    "DeleteObject": "s3:DeleteObject",
}
"""What a policy must allow for a request."""
_EXPIRED = "the session's credentials have expired; get new ones and run it again: it goes on where this ended"
_NEXT_STEPS = {
    "InvalidAccessKeyId": "the store does not know this access key; check AWS_PROFILE or AWS_ACCESS_KEY_ID",
    "SignatureDoesNotMatch": "the secret key does not belong to the access key; check AWS_SECRET_ACCESS_KEY",
    "ExpiredToken": _EXPIRED,
    "InvalidToken": _EXPIRED,
    "NoSuchBucket": "check the bucket's name",
    "NotImplemented": "this store does not support conditional writes; use one that does",
}


def _next_step(answer: botocore.exceptions.ClientError) -> str:
    code = _code(answer)
    if code in ("AccessDenied", "403", "Forbidden"):
        permission = _PERMISSIONS.get(answer.operation_name, answer.operation_name)
        return f"these credentials may not do that; their policy and the bucket's must allow {permission}"
    return _NEXT_STEPS.get(code, "try again later; if it stays, see the store's own log")


class S3Store:
    """The objects of an S3 bucket below a prefix."""

    is_remote = True

    def __init__(self, bucket: str, prefix: str, endpoint_url: str | None) -> None:
        self.url = f"s3://{bucket}/{prefix}".rstrip("/")
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""
        self._s3 = s3_client(endpoint_url)
        self._files = s3_filesystem(endpoint_url)

    def entries(self, prefix: str) -> list[Entry]:
        skip = len(self._prefix)
        return [
            Entry(item["Key"][skip:], item["Size"], etag_of(item, item["Key"]))
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
        return self._get(name)

    def read_range(self, entry: Entry, start: int, length: int) -> bytes:
        if length == 0:
            return b""
        last = start + length - 1
        return self._get(entry.name, IfMatch=entry.etag, Range=f"bytes={start}-{last}")[0]

    def _get(self, name: str, **options: str) -> tuple[bytes, str]:
        with s3_errors(f"{self.url}/{name}"):
            for _ in range(_BODY_ATTEMPTS - 1):
                with contextlib.suppress(*_BODY_BROKE_OFF):
                    return self._get_once(name, **options)
            return self._get_once(name, **options)

    def _get_once(self, name: str, **options: str) -> tuple[bytes, str]:
        try:
            answer = self._s3.get_object(Bucket=self._bucket, Key=self._prefix + name, **options)
        except botocore.exceptions.ClientError as error:
            if _code(error) in ("NoSuchKey", "404"):
                raise FileNotFoundError(f"{self.url}/{name}") from error
            if _code(error) in ("PreconditionFailed", "412"):
                raise PreconditionFailedError(name) from error
            raise
        return answer["Body"].read(), etag_of(answer, f"{self.url}/{name}")

    def open(self, name: str) -> BinaryIO:
        with s3_errors(f"{self.url}/{name}"):
            return cast("BinaryIO", self._files.open(f"{self._bucket}/{self._prefix}{name}", "rb"))

    def write(self, name: str, data: bytes, if_match: str | None) -> str:
        condition = {"IfNoneMatch": "*"} if if_match is None else {"IfMatch": if_match}
        with s3_errors(f"{self.url}/{name}"):
            try:
                answer = self._s3.put_object(Bucket=self._bucket, Key=self._prefix + name, Body=data, **condition)
            except botocore.exceptions.ClientError as error:
                code = _code(error)
                if code in ("PreconditionFailed", "412", "ConditionalRequestConflict", "409") or (
                    if_match is not None and code in ("NoSuchKey", "404")
                ):
                    raise PreconditionFailedError(name) from error
                raise
            return etag_of(answer, f"{self.url}/{name}")

    def remove(self, prefix: str) -> None:
        with s3_errors(f"{self.url}/{prefix}"):
            for one in self.entries(prefix):
                self._s3.delete_object(Bucket=self._bucket, Key=self._prefix + one.name)

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
