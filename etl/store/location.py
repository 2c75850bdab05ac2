"""What a URL of a lake or of a source names, taken apart once."""

import os
from dataclasses import dataclass
from urllib.parse import unquote

from etl.errors import UsageError


@dataclass(frozen=True, slots=True)
class Location:
    """A key, or how keys begin, in an S3 bucket; or an absolute path on a local disk, which has no bucket."""

    bucket: str | None
    key: str

    @property
    def is_s3(self) -> bool:
        return self.bucket is not None

    @property
    def url(self) -> str:
        return f"s3://{self.bucket}/{self.key}" if self.is_s3 else self.key

    def is_inside(self, other: "Location") -> bool:
        """Whether this is `other` or below it, on a disk whatever symbolic links there are."""
        if self.is_s3 or other.is_s3:
            return self.bucket == other.bucket and _folder(self.key).startswith(
                _folder(other.key)
            )
        return _folder(os.path.realpath(self.key)).startswith(
            _folder(os.path.realpath(other.key))
        )


def _folder(key: str) -> str:
    # With its slash, so that `logs-old` is not inside `logs`; the root of a bucket holds everything.
    return f"{key.rstrip('/')}/".lstrip("/")


def parse_location(url: str) -> Location:
    """The location of a URL: `s3://bucket/prefix`, `file:///path` or a path. Raises UsageError for any other."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        return Location(None, os.path.abspath(os.path.expanduser(url)))  # noqa: PTH100, PTH111 - resolves no symlinks
    if scheme == "file":
        return Location(None, os.path.abspath(unquote(rest)))  # noqa: PTH100
    if scheme != "s3":
        raise UsageError(
            f"{url}: unknown scheme {scheme!r}; use s3://bucket/prefix or a local directory"
        )
    bucket, _, key = rest.partition("/")
    if not bucket:
        raise UsageError(f"{url}: names no bucket; use s3://bucket/prefix")
    return Location(bucket, key)
