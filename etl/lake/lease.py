"""The run lease: it spares two runs the same work. Correctness never rests on it.

On S3 it is `_lock.json`, created if there is none, renewed while the run lives, and taken over once expired;
each write is conditional on the ETag seen. On a local disk it is an OS file lock, which dies with its process, and
`_lock.json` only says who holds it.
"""

import contextlib
import datetime as dt
import getpass
import os
import socket
import threading
from collections.abc import Callable, Iterator

from pydantic import AwareDatetime, BaseModel

from etl.errors import AccessLakeError, LeaseHeldError, LockedError
from etl.lake.document import Document
from etl.store import Store

# In each term: two may fail before the lease expires.
_RENEWALS = 3


class Holder(BaseModel):
    """Who holds the lease, and until when."""

    run_id: str
    who: str
    since: AwareDatetime
    expires: AwareDatetime


_DOCUMENT = Document("_lock.json", Holder)


class _LostError(Exception):
    """The lease is another run's now."""


@contextlib.contextmanager
def hold_lease(store: Store, run_id: str, seconds: int) -> Iterator[Callable[[], bool]]:
    """Hold the lake's lease; yields a function that says whether it is still held. Raises LeaseHeldError."""
    now = _now()
    holder = Holder(
        run_id=run_id, who=who(), since=now, expires=now + dt.timedelta(seconds=seconds)
    )
    try:
        with store.lock_run() as is_locked:
            if is_locked:
                _DOCUMENT.update(store, lambda _before: holder)
                yield lambda: True
            else:
                with _renewed_lease(store, holder, seconds) as still_held:
                    yield still_held
    except LockedError:
        raise _held(store, _DOCUMENT.read(store)) from None


@contextlib.contextmanager
def _renewed_lease(
    store: Store, holder: Holder, seconds: int
) -> Iterator[Callable[[], bool]]:
    lost = threading.Event()
    stop = threading.Event()
    _acquire(store, holder)

    def renew() -> None:
        while not stop.wait(seconds / _RENEWALS):
            try:
                _extend(store, holder, dt.timedelta(seconds=seconds))
            except _LostError:
                lost.set()
                return
            except AccessLakeError:
                continue  # a passing fault

    thread = threading.Thread(target=renew, name="lease", daemon=True)
    thread.start()
    try:
        yield lambda: not lost.is_set()
    finally:
        stop.set()
        thread.join()
        if not lost.is_set():
            # Released by expiry, not by a delete: a delete has no precondition, and the job needs no right to it.
            with contextlib.suppress(_LostError, AccessLakeError):
                _extend(store, holder, dt.timedelta())


def _acquire(store: Store, holder: Holder) -> None:
    """Write the lease, where nobody has one that is valid. Raises LeaseHeldError."""

    def taken(before: Holder | None) -> Holder:
        if before is not None and before.run_id == holder.run_id:
            return before  # our own write was stored, and the response to it lost
        if before is not None and before.expires > _now():
            raise _held(store, before)
        return holder

    _DOCUMENT.update(store, taken)


def _extend(store: Store, holder: Holder, term: dt.timedelta) -> None:
    """Let the lease end after this `term`, counted from now. Raises _LostError where it is another run's."""

    def extended(before: Holder | None) -> Holder:
        if before is None or before.run_id != holder.run_id:
            raise _LostError
        return holder.model_copy(update={"expires": _now() + term})

    _DOCUMENT.update(store, extended)


def _held(store: Store, holder: Holder | None) -> LeaseHeldError:
    by = (
        f"{holder.who} (run {holder.run_id}, since {holder.since:%Y-%m-%d %H:%M:%S} UTC)"
        if holder
        else "another run"
    )
    return LeaseHeldError(
        f"{store.url}: {by} is writing to this lake; try again when it is done"
    )


def who() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = f"uid {os.getuid()}"
    return f"{user}@{socket.gethostname()} pid {os.getpid()}"


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
