"""How a process reaches S3."""

import threading
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from etl.store.requests import RequestCounter

if TYPE_CHECKING:
    from etl.store.s3_reader import S3Reader

ReaderName = Literal["auto", "s3fs", "obstore"]


class S3Session:
    """The clients of a process for S3, made when first needed, and a count of what they requested.

    Several threads may share it. `reader` says what reads objects: obstore, s3fs, or obstore where it is installed.
    """

    def __init__(
        self, endpoint_url: str | None = None, reader: ReaderName = "auto"
    ) -> None:
        self.endpoint_url = endpoint_url
        self.reader_name = reader
        self.requests = RequestCounter()
        # botocore's sessions make clients for one thread at a time. One client needs another.
        self._lock = threading.RLock()

    # To import the clients takes half of the start-up time, and a lake on a disk needs none.

    @cached_property
    def boto3_session(self) -> Any:
        """Where credentials come from: the AWS chain."""
        from etl.store.s3_client import boto3_session  # noqa: PLC0415

        return boto3_session(self.requests)

    @property
    def client(self) -> Any:
        """The boto3 client. Raises UsageError where the endpoint or the profile is wrong."""
        with self._lock:
            return self._client

    @property
    def reader(self) -> "S3Reader":
        """What reads objects. Raises UsageError where it is not installed."""
        with self._lock:
            return self._reader

    @cached_property
    def _client(self) -> Any:
        from etl.store.s3_client import s3_client  # noqa: PLC0415

        return s3_client(self.boto3_session, self.endpoint_url)

    @cached_property
    def _reader(self) -> "S3Reader":
        from etl.store.s3_reader import open_reader  # noqa: PLC0415

        return open_reader(self)
