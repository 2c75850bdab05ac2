"""What the errors of S3 and of its clients mean."""

import contextlib
import sys
from collections.abc import Iterator, Mapping
from typing import Any, cast

import botocore.exceptions
import botocore.parsers
import urllib3.exceptions

from etl.errors import StoreError

BODY_BROKE_OFF = (
    botocore.exceptions.ResponseStreamingError,
    botocore.exceptions.IncompleteReadError,
    botocore.exceptions.ReadTimeoutError,
    botocore.exceptions.FlexibleChecksumError,
    urllib3.exceptions.HTTPError,
)
"""What botocore does not try again: a response that began well."""
GONE_CODES = ("NoSuchKey", "404")
"""Of a request for an object that does not exist."""
REPLACED_CODES = ("PreconditionFailed", "412")
"""Of a request for an object that has another ETag."""


@contextlib.contextmanager
def s3_errors(what: str) -> Iterator[None]:
    """Translate what boto3, aiobotocore and s3fs raise, once, to StoreError with the next step."""
    try:
        yield
    except FileNotFoundError as error:
        # s3fs says the same of a bucket that is not there.
        failed = _client_error(error)
        if failed is None or code_of(failed) in GONE_CODES:
            raise
        raise _store_error(what, error) from error
    except botocore.exceptions.NoCredentialsError as error:
        raise StoreError(
            f"{what}: no AWS credentials found; set AWS_PROFILE or the usual variables"
        ) from error
    except RecursionError as error:  # botocore follows every redirect
        raise StoreError(
            f"{what}: the store redirects in a circle; check --endpoint-url and the region"
        ) from error
    except _failures() as error:
        raise _store_error(what, error) from error


def _failures() -> tuple[type[Exception], ...]:
    """What boto3, aiobotocore and s3fs raise."""
    # Imported by s3fs; without it, nothing raises its errors.
    aiohttp = sys.modules.get("aiohttp")
    return (
        botocore.exceptions.BotoCoreError,
        botocore.exceptions.ClientError,
        botocore.parsers.ResponseParserError,
        urllib3.exceptions.HTTPError,
        OSError,
        *([aiohttp.ClientError] if aiohttp else []),
    )


def _store_error(what: str, error: Exception) -> StoreError:
    failed = _client_error(error)
    if failed is None:
        problem = f"{error or type(error).__name__}; check the network and --endpoint-url, then run it again"
    else:
        problem = f"S3 answered {code_of(failed)} to {failed.operation_name}: {_next_step(failed)}"
    return StoreError(f"{what}: {problem}")


def error_code(error: BaseException | None) -> str | None:
    """S3's code (`AccessDenied`, ...) in an error or in what caused it."""
    failed = _client_error(error)
    return code_of(failed) if failed is not None else None


def etag_of(response: Mapping[str, Any], what: str) -> str:
    """The ETag in a response. Raises StoreError where the store gave none: nothing is safe to write then."""
    if "ETag" not in response:
        raise StoreError(
            f"{what}: this store gives no ETag; accesslake needs one that does, as Amazon S3"
        )
    return cast("str", response["ETag"].strip('"'))


def _client_error(error: BaseException | None) -> botocore.exceptions.ClientError | None:
    """The error that S3 responded with; s3fs wraps it."""
    while error is not None and not isinstance(error, botocore.exceptions.ClientError):
        error = error.__cause__
    return error


def code_of(error: botocore.exceptions.ClientError) -> str:
    return cast("str", error.response.get("Error", {}).get("Code", "unknown"))


# What a policy must allow for a request.
_PERMISSIONS = {
    "ListObjectsV2": "s3:ListBucket",
    "HeadObject": "s3:GetObject",
    "GetObject": "s3:GetObject",
    "PutObject": "s3:PutObject",
    "DeleteObject": "s3:DeleteObject",
}
_EXPIRED = "the session's credentials have expired; get new ones and run it again: it goes on where this ended"
_NEXT_STEPS = {
    "InvalidAccessKeyId": "the store does not know this access key; check AWS_PROFILE or AWS_ACCESS_KEY_ID",
    "SignatureDoesNotMatch": "the secret key does not belong to the access key; check AWS_SECRET_ACCESS_KEY",
    "ExpiredToken": _EXPIRED,
    "InvalidToken": _EXPIRED,
    "NoSuchBucket": "check the bucket's name",
    "NotImplemented": "this store does not support conditional writes; use one that does",
}


def _next_step(failed: botocore.exceptions.ClientError) -> str:
    code = code_of(failed)
    if code in ("AccessDenied", "403", "Forbidden"):
        permission = _PERMISSIONS.get(failed.operation_name, failed.operation_name)
        return f"these credentials may not do that; their policy and the bucket's must allow {permission}"
    return _NEXT_STEPS.get(code, "try again later; if it stays, see the store's own log")
