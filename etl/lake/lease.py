"""The run lease: it spares two runs the same work. Correctness never rests on it.

Beside who holds it stands the last run that ingests, until one is complete: whoever reads the lake can say so.

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
from etl.store import ReadableStore, Store

# In each term: two may fail before the lease expires.
_RENEWALS = 3


class IncompleteRun(BaseModel):
    """A run that ingests, and is not complete: it is at work, was killed, interrupted, or could not read everything."""

    run_id: str
    since: AwareDatetime
    ended: AwareDatetime | None = None
    """None: it is at work, or was killed."""

    def __str__(self) -> str:
        name = f"`accesslake ingest` (run {self.run_id}, since {self.since:%Y-%m-%d %H:%M:%S} UTC)"
        if self.ended is None:
            return f"{name} has not ended: it is at work, or was killed"
        return f"the last {name} was interrupted, or did not read everything"


class Holder(BaseModel):
    """Who holds the lease, and until when."""

    run_id: str
    who: str
    since: AwareDatetime
    expires: AwareDatetime
    incomplete: IncompleteRun | None = None
    """The last run that ingests, unless it is complete; a holder with other work passes it on."""


_DOCUMENT = Document("_lock.json", Holder)


class _LostError(Exception):
    """The lease is another run's now."""


def read_incomplete(store: ReadableStore) -> IncompleteRun | None:
    """The last run that ingests, None where it is complete."""
    holder = _DOCUMENT.read(store)
    return holder.incomplete if holder else None


def note_complete(store: Store, run_id: str) -> None:
    """Note that the run of this id, which holds the lease, has ingested everything."""

    def completed(before: Holder | None) -> Holder:
        if before is None or before.run_id != run_id:
            raise _LostError
        return before.model_copy(update={"incomplete": None})

    # Another run has taken the lease over, and is to say so itself.
    with contextlib.suppress(_LostError):
        _DOCUMENT.update(store, completed)


@contextlib.contextmanager
def hold_lease(
    store: Store, run_id: str, seconds: int, *, ingests: bool = False
) -> Iterator[Callable[[], bool]]:
    """Hold the lake's lease; yields a function that says whether it is still held. Raises LeaseHeldError.

    A run that `ingests` counts as incomplete until `note_complete`.
    """
    now = _now()
    incomplete = IncompleteRun(run_id=run_id, since=now) if ingests else None
    holder = Holder(
        run_id=run_id,
        who=who(),
        since=now,
        expires=now + dt.timedelta(seconds=seconds),
        incomplete=incomplete,
    )
    try:
        with store.lock_run() as is_locked:
            if is_locked:
                _DOCUMENT.update(store, lambda before: _after(before, holder))
                with _ended(store, holder):
                    yield lambda: True
            else:
                with _renewed_lease(store, holder, seconds) as still_held:
                    yield still_held
    except LockedError:
        raise _held(store, _DOCUMENT.read(store)) from None


def _after(before: Holder | None, holder: Holder) -> Holder:
    """The holder, with what is incomplete from before where that is not its own work."""
    if before is None or holder.incomplete:
        return holder
    return holder.model_copy(update={"incomplete": before.incomplete})


@contextlib.contextmanager
def _ended(store: Store, holder: Holder) -> Iterator[None]:
    """Note at the end of a run that it has ended; nothing where it is complete or does not ingest."""
    try:
        yield
    finally:
        if holder.incomplete:
            # A disk that is full, for one, ended it.
            with contextlib.suppress(_LostError, AccessLakeError):
                _extend(store, holder, dt.timedelta(), is_over=True)


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
                _extend(store, holder, dt.timedelta(), is_over=True)


def _acquire(store: Store, holder: Holder) -> None:
    """Write the lease, where nobody has one that is valid. Raises LeaseHeldError."""

    def taken(before: Holder | None) -> Holder:
        if before is not None and before.run_id == holder.run_id:
            return before  # our own write was stored, and the response to it lost
        if before is not None and before.expires > _now():
            raise _held(store, before)
        return _after(before, holder)

    _DOCUMENT.update(store, taken)


def _extend(
    store: Store, holder: Holder, term: dt.timedelta, *, is_over: bool = False
) -> None:
    """Let the lease end after this `term`, counted from now. Raises _LostError where it is another run's."""

    def extended(before: Holder | None) -> Holder:
        if before is None or before.run_id != holder.run_id:
            raise _LostError
        updates: dict[str, object] = {"expires": _now() + term}
        if is_over and holder.incomplete and before.incomplete:
            updates["incomplete"] = before.incomplete.model_copy(update={"ended": _now()})
        return before.model_copy(update=updates)

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
