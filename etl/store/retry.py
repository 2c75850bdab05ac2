"""Trying again, where another writer was first."""

from collections.abc import Callable
from typing import TypeVar

from tenacity import (
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)

from etl.errors import LostRacesError, PreconditionFailedError

T = TypeVar("T")

LOST = (PreconditionFailedError,)
"""What a write raises that lost to another one."""
# Seconds; drawn at random below a bound that doubles, so that writers who met once do not meet again.
_FIRST_WAIT, _LONGEST_WAIT = 0.02, 2.0


def compete(
    write: Callable[[], T],
    what: str,
    attempts: int = 100,
    lost: tuple[type[Exception], ...] = LOST,
) -> T:
    """What `write` returns, which looks before it writes and is called again each time it lost to another writer.

    Raises LostRacesError, which names `what`, where it lost as often as `attempts` says.
    """
    retrying = Retrying(
        retry=retry_if_exception_type(lost),
        stop=stop_after_attempt(attempts),
        wait=wait_random_exponential(multiplier=_FIRST_WAIT, max=_LONGEST_WAIT),
        reraise=True,
    )
    try:
        return retrying(write)
    except lost as error:
        raise LostRacesError(
            f"{what}: {attempts} writes in a row lost to other writers; run it again"
        ) from error
