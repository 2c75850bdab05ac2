"""The exceptions of accesslake: one tree, each with the exit code of the command line.

A message says what is wrong, where (file, key or URL) and what to do next. A malformed log line is data
(`rejects`), never an exception.
"""

from collections.abc import Iterable
from difflib import get_close_matches

NO_RECORDS_YET = "holds no records yet; `accesslake ingest` fills it"
"""What is said of a lake that no run has found a record for: after its URL."""


class AccessLakeError(Exception):
    """Anything that accesslake refuses or fails to do; the command line prints it and exits with `exit_code`."""

    exit_code = 1


class UsageError(AccessLakeError):
    """A wrong argument, setting or parameter."""

    exit_code = 2


class NoLakeError(UsageError):
    """There is no lake where one is to be read; the message names the one that is probably meant."""


class StoreError(AccessLakeError):
    """A store (S3 or a local disk) refused or failed; the message names the URL and the cause."""


class GoneError(StoreError):
    """A part is gone since it was listed: `expire` removed it, or the store is at odds with itself."""


class LostRacesError(StoreError):
    """Other writers were first, as often as it was tried."""


class CatalogError(AccessLakeError):
    """AWS Glue refused or failed; the message names the table and the cause."""


class AccountingError(AccessLakeError):
    """The lines of a log object do not add up (invariant I3)."""


class LeaseHeldError(AccessLakeError):
    """Another run holds the lake's lease."""

    exit_code = 75


class PreconditionFailedError(Exception):
    """A conditional write lost to another writer; the caller looks again. Never reaches the user."""


class LockedError(Exception):
    """Another process holds a lock. Never reaches the user."""


class StaleRowsError(Exception):
    """The lake holds rows of an older text of these log objects (names). Never reaches the user."""

    def __init__(self, log_objects: list[str]) -> None:
        super().__init__(log_objects)
        self.log_objects = log_objects


def nearest(name: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` for the known name nearest to `name`, or an empty string."""
    close = get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else ""


def reason_of(message: str) -> str:
    """What pydantic says is wrong with a value, without its own words for errors of ours."""
    return message.removeprefix("Value error, ")
