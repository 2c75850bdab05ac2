"""The clients for S3: how they are set up, how they read listings, and that they count their requests."""

import contextlib
import datetime as dt
from collections.abc import Callable, Iterator
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import boto3
import botocore.config
import botocore.exceptions
import botocore.loaders
import botocore.session

from etl.errors import UsageError
from etl.store.requests import RequestCounter

if TYPE_CHECKING:
    import s3fs

_RETRIES = {"mode": "standard", "max_attempts": 5}
_TIMEOUTS = {"connect_timeout": 10, "read_timeout": 30}
BODY_ATTEMPTS = 3
"""How often a body is read that breaks off."""


@lru_cache(maxsize=1)
def _api_descriptions() -> Any:
    """Where botocore looks its API up; it takes 0.2 s to read, so the clients of a process share it."""
    return botocore.loaders.create_loader()


def boto3_session(requests: RequestCounter) -> Any:
    """A boto3 session; credentials from the AWS chain. Raises UsageError for a profile that does not exist."""
    session = _prepared(botocore.session.get_session(), requests)
    session.register("before-parse.s3.ListObjectsV2", _parse_contents)
    with _usage_errors():
        return boto3.session.Session(botocore_session=session)


def s3_client(session: Any, endpoint_url: str | None) -> Any:
    """A boto3 S3 client with time-outs and retries set."""
    config = botocore.config.Config(
        retries=_RETRIES, max_pool_connections=64, **_TIMEOUTS
    )
    with _usage_errors():
        return session.client("s3", endpoint_url=endpoint_url, config=config)


@contextlib.contextmanager
def _usage_errors() -> Iterator[None]:
    try:
        yield
    except (botocore.exceptions.BotoCoreError, ValueError) as error:
        raise UsageError(
            f"cannot set up an S3 client: {error}; check --endpoint-url and AWS_PROFILE"
        ) from error


def s3_filesystem(
    endpoint_url: str | None, requests: RequestCounter
) -> "s3fs.S3FileSystem":
    """An s3fs file system that caches nothing: other processes write what it reads."""
    # These take longer to import than boto3, and whoever reads by obstore needs none of them.
    import aiobotocore.session  # noqa: PLC0415
    import s3fs  # noqa: PLC0415

    files = s3fs.S3FileSystem(
        session=_prepared(aiobotocore.session.get_session(), requests),
        endpoint_url=endpoint_url,
        use_listings_cache=False,
        skip_instance_cache=True,
        default_cache_type="none",
        max_concurrency=1,  # one GET for an object, not HEAD and GET
        config_kwargs={"retries": _RETRIES, "max_pool_connections": 64, **_TIMEOUTS},
    )
    files.retries = BODY_ATTEMPTS  # of its own, around those of botocore
    return files


def _prepared(session: Any, requests: RequestCounter) -> Any:
    """A session whose clients count their requests."""
    session.register_component("data_loader", _api_descriptions())
    session.register("before-send.s3", _counting(requests))
    return session


def _counting(requests: RequestCounter) -> Callable[..., None]:
    def count(event_name: str, request: Any, **_others: Any) -> None:
        operation = event_name.rpartition(".")[2]
        is_write = operation == "PutObject"
        requests.count_operation(operation, _body_size(request) if is_write else 0)

    return count


def _body_size(request: Any) -> int:
    return int(request.headers.get("Content-Length", 0))


def _parse_contents(
    response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any
) -> None:
    """Read the objects of a listing from its XML, and leave the rest of it to botocore.

    botocore looks the description of each element up, and reads times in every form that there is: 64 ms of CPU for
    1,000 objects, of which this leaves 10. What it does not understand it leaves to botocore, too.
    """
    if response_dict["status_code"] != HTTPStatus.OK:
        return
    try:
        listing = ET.fromstring(response_dict["body"])  # noqa: S314 - as botocore does
        found = [one for one in listing if _local_name(one) == "Contents"]
        contents = [_listed_object(one) for one in found]
    except (ET.ParseError, KeyError, TypeError, ValueError):
        return
    # In botocore's own form; it decodes the keys afterwards.
    customized_response_dict["Contents"] = contents
    for one in found:
        listing.remove(one)
    response_dict["body"] = ET.tostring(listing)


def _listed_object(element: ET.Element) -> dict[str, Any]:
    texts: dict[str, Any] = {_local_name(one): one.text for one in element}
    listed = {
        "Key": texts["Key"] or "",
        "Size": int(texts["Size"]),
        "LastModified": dt.datetime.fromisoformat(texts["LastModified"]),
    }
    # Some stores give none, which is an error of its own.
    return listed | {"ETag": texts["ETag"]} if "ETag" in texts else listed


def _local_name(element: ET.Element) -> str:
    """An element's name without its namespace, of which some stores have none."""
    return element.tag.rpartition("}")[2]
