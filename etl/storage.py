"""Where a lake and its sources live: S3 or a local directory, behind one small interface.

`write` is the one primitive that correctness rests on: a whole object is put in place atomically, and only if
the object of that name is still the one that the caller saw (its ETag), or there is still none.
"""

import contextlib
import json
import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast
from urllib.parse import unquote

import boto3
import botocore.config
import botocore.exceptions
import filelock
import s3fs

from etl.errors import PreconditionFailedError, StoreError, UsageError

LOCAL_TMP = "_tmp"
"""Where a local lake keeps its lock files and files half written; outside every glob."""
_PROBE = "_probe.json"
_RETRIES = {"mode": "standard", "max_attempts": 5}
_TIMEOUTS = {"connect_timeout": 10, "read_timeout": 60}


@dataclass(frozen=True, slots=True)
class Entry:
    """A stored object: its name relative to the store's root, its size in bytes and its ETag."""

    name: str
    size: int
    etag: str


class Store(Protocol):
    """The objects below one URL."""

    url: str

    def entries(self, prefix: str) -> list[Entry]:
        """Every object whose name starts with `prefix` (whole path parts, ending in `/`), in name order."""

    def directories(self, prefix: str) -> list[str]:
        """The names of the directories right below `prefix`, in order."""

    def read(self, name: str) -> tuple[bytes, str]:
        """An object's bytes and the ETag that goes with them. Raises FileNotFoundError."""

    def open(self, name: str) -> BinaryIO:
        """An object for reading at random. Raises FileNotFoundError."""

    def write(self, name: str, data: bytes, if_match: str | None) -> str:
        """Put `data` in place of the object with the ETag `if_match` (None: of no object); the new ETag.

        Raises PreconditionFailedError where there is another object, or none.
        """

    def check_conditional_writes(self) -> None:
        """Raise StoreError if the store does not keep the promise of `write`."""


def split_url(url: str) -> tuple[str, str]:
    """The scheme ("s3" or "file") of a lake or source URL, and the rest: `bucket/key` or an absolute path."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        return "file", os.path.abspath(os.path.expanduser(url))  # noqa: PTH100, PTH111 - resolves no symlinks
    if scheme == "file":
        return "file", os.path.abspath(unquote(rest))  # noqa: PTH100
    if scheme != "s3":
        raise UsageError(f"{url}: unknown scheme {scheme!r}; use s3://bucket/prefix or a local directory")
    if not rest.strip("/"):
        raise UsageError(f"{url}: names no bucket; use s3://bucket/prefix")
    return "s3", rest


def open_store(url: str, endpoint_url: str | None = None) -> Store:
    """The store at `url`; nothing is read or written yet."""
    scheme, rest = split_url(url)
    if scheme == "file":
        return LocalStore(Path(rest))
    bucket, _, prefix = rest.partition("/")
    return S3Store(bucket, prefix.strip("/"), endpoint_url)


def s3_client(endpoint_url: str | None = None) -> Any:
    """A boto3 S3 client with time-outs and retries set; credentials from the AWS chain."""
    config = botocore.config.Config(retries=_RETRIES, max_pool_connections=64, **_TIMEOUTS)
    return boto3.session.Session().client("s3", endpoint_url=endpoint_url, config=config)


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
    except botocore.exceptions.ClientError as error:
        code = error.response.get("Error", {}).get("Code", "unknown")
        raise StoreError(f"{what}: S3 answered {code}: {_next_step(code)}") from error
    except (botocore.exceptions.BotoCoreError, OSError) as error:
        raise StoreError(f"{what}: {error}") from error


def _next_step(code: str) -> str:
    if code in ("AccessDenied", "403", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken"):
        return "check the credentials and that their policy allows this"
    if code in ("NoSuchBucket", "404"):
        return "check the bucket's name"
    if code == "NotImplemented":
        return "this store does not support conditional writes; use one that does"
    return "try again later; if it stays, see the store's own log"


class LocalStore:
    """A directory. Writes go through a temporary file and a short lock, both in `_tmp/`."""

    def __init__(self, root: Path) -> None:
        self.url = str(root)
        self._root = root

    def entries(self, prefix: str) -> list[Entry]:
        stats = [(path, path.stat()) for path in (self._root / prefix).rglob("*") if path.is_file()]
        entries = [
            Entry(path.relative_to(self._root).as_posix(), stat.st_size, local_etag(stat)) for path, stat in stats
        ]
        return sorted(entries, key=lambda entry: entry.name)

    def directories(self, prefix: str) -> list[str]:
        directory = self._root / prefix
        return sorted(path.name for path in directory.iterdir() if path.is_dir()) if directory.is_dir() else []

    def read(self, name: str) -> tuple[bytes, str]:
        with self.open(name) as file:
            return file.read(), local_etag(os.fstat(file.fileno()))

    def open(self, name: str) -> BinaryIO:
        return (self._root / name).open("rb")

    def write(self, name: str, data: bytes, if_match: str | None) -> str:
        target = self._root / name
        temporary = self._root / LOCAL_TMP / uuid.uuid4().hex
        with os_errors(target):
            temporary.parent.mkdir(parents=True, exist_ok=True)
            try:
                with temporary.open("wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                with filelock.FileLock(self._root / LOCAL_TMP / "write.lock"):
                    if self._etag_or_none(name) != if_match:
                        raise PreconditionFailedError(name)
                    self._make_directory(target.parent)
                    temporary.replace(target)
                    _fsync_directory(target.parent)
                    return self._etag(name)
            finally:
                temporary.unlink(missing_ok=True)

    def check_conditional_writes(self) -> None:
        """A local directory always keeps it."""

    def _etag(self, name: str) -> str:
        return local_etag((self._root / name).stat())

    def _etag_or_none(self, name: str) -> str | None:
        try:
            return self._etag(name)
        except FileNotFoundError:
            return None

    def _make_directory(self, directory: Path) -> None:
        """Create `directory` so that it survives a power cut: each new entry's parent is synced."""
        if not directory.is_dir():
            self._make_directory(directory.parent)
            directory.mkdir(exist_ok=True)
            _fsync_directory(directory.parent)


def local_etag(stat: os.stat_result) -> str:
    """What changes whenever a local file does: its time of modification, inode and size."""
    return f"{stat.st_mtime_ns:x}-{stat.st_ino:x}-{stat.st_size:x}"


def _fsync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def os_errors(path: Path) -> Iterator[None]:
    """Translate what the operating system raises on a write to StoreError with the next step."""
    try:
        yield
    except filelock.Timeout:
        raise
    except OSError as error:
        raise StoreError(f"{path}: cannot write: {error.strerror or error}; check space and permissions") from error


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
