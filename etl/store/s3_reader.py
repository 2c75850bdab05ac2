"""What reads objects of S3: boto3 and s3fs, or obstore where it is installed."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Protocol

from etl.errors import UsageError
from etl.store.s3_session import S3Session


@dataclass(frozen=True, slots=True)
class Pinned:
    """Bytes of an object as it was listed: so many from `start` on, fewer where it ends."""

    etag: str
    start: int
    length: int


class S3Reader(Protocol):
    """Reads objects, for several threads at a time."""

    reads_at_once: bool
    """Whether `get_all` requests all objects at once, not one after the other."""

    def get(
        self, bucket: str, key: str, pinned: Pinned | None = None
    ) -> tuple[bytes, str]:
        """An object's bytes, or some of them, and its ETag.

        Raises FileNotFoundError where there is none, PreconditionFailedError where it has another ETag than `pinned`
        says, and StoreError where the store fails.
        """

    def get_all(self, bucket: str, keys: Sequence[str]) -> list[bytes | Exception]:
        """The bytes of a few objects, or of each what `get` would raise."""


def open_reader(session: S3Session) -> S3Reader:
    """The reader of a session. Raises UsageError where it is to be obstore, which is not installed."""
    from etl.store.aws_reader import AwsReader  # noqa: PLC0415 - as in S3Session

    is_installed = find_spec("obstore") is not None
    if session.reader_name == "obstore" and not is_installed:
        raise UsageError(
            "reader = obstore: it is not installed; `pip install 'accesslake[fast]'`"
        )
    exact = AwsReader(session)
    if session.reader_name == "s3fs" or not is_installed:
        return exact
    from etl.store.obstore_reader import ObstoreReader  # noqa: PLC0415 - as it says

    return ObstoreReader(session, exact)
