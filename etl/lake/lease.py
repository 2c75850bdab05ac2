"""The run lease: it spares two runs the same work. Correctness never rests on it.

On S3 it is `_lock.json`, created if there is none, renewed while the run lives, and taken over once expired;
each write is conditional on the ETag seen. On a local disk it is an OS file lock, which dies with its process.
"""

import contextlib
import datetime as dt
import getpass
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from filelock import FileLock, Timeout
from pydantic import AwareDatetime, BaseModel, ValidationError

from etl.errors import AccessLakeError, LeaseHeldError, PreconditionFailedError
from etl.store import Store
from etl.store.local import LOCAL_TMP, PRIVATE_FILE, LocalStore, os_errors

_NAME = "_lock.json"


class Holder(BaseModel):
    """Who holds the lease, and until when."""

    run_id: str
    who: str
    since: AwareDatetime
    expires: AwareDatetime


@contextlib.contextmanager
def hold_lease(store: Store, run_id: str, seconds: int) -> Iterator[Callable[[], bool]]:
    """Hold the lake's lease; yields a function that says whether it is still held. Raises LeaseHeldError."""
    now = _now()
    holder = Holder(run_id=run_id, who=_who(), since=now, expires=now + dt.timedelta(seconds=seconds))
    if isinstance(store, LocalStore):
        with _hold_locally(store, holder) as still_held:
            yield still_held
    else:
        with _hold_on_s3(store, holder, seconds) as still_held:
            yield still_held


@contextlib.contextmanager
def _hold_locally(store: LocalStore, holder: Holder) -> Iterator[Callable[[], bool]]:
    path = Path(store.url) / LOCAL_TMP / "run.lock"
    lock = FileLock(path, blocking=False, mode=PRIVATE_FILE)
    try:
        with os_errors(path):
            store.make_temporary()
            lock.acquire()
    except Timeout:
        raise _held(store, _read(store)[0]) from None
    try:
        store.clear_leftovers()
        store.write(_NAME, _dump(holder), if_match=_read(store)[1])
        yield lambda: True
    finally:
        lock.release()


@contextlib.contextmanager
def _hold_on_s3(store: Store, holder: Holder, seconds: int) -> Iterator[Callable[[], bool]]:
    lost = threading.Event()
    stop = threading.Event()
    etag = _acquire(store, holder)

    def renew() -> None:
        nonlocal etag
        while not stop.wait(seconds / 3):
            try:
                etag = _renew(store, holder, seconds, etag)
            except PreconditionFailedError:
                lost.set()
                return
            except AccessLakeError:
                continue  # a passing fault: there are two more chances before the lease expires

    thread = threading.Thread(target=renew, name="lease", daemon=True)
    thread.start()
    try:
        yield lambda: not lost.is_set()
    finally:
        stop.set()
        thread.join()
        if not lost.is_set():
            # Released by expiry, not by a delete: a delete has no precondition, and the job needs no right to it.
            with contextlib.suppress(PreconditionFailedError, AccessLakeError):
                store.write(_NAME, _dump(holder.model_copy(update={"expires": _now()})), if_match=etag)


def _renew(store: Store, holder: Holder, seconds: int, etag: str) -> str:
    """Write the lease with a later end; its new ETag. Raises PreconditionFailedError where it is another's now."""
    for _ in range(3):
        renewed = holder.model_copy(update={"expires": _now() + dt.timedelta(seconds=seconds)})
        with contextlib.suppress(PreconditionFailedError):
            return store.write(_NAME, _dump(renewed), if_match=etag)
        other, seen = _read(store)
        if other is None or other.run_id != holder.run_id or seen is None:
            break
        etag = seen  # the answer to our own write was lost on the way
    raise PreconditionFailedError(_NAME)


def _acquire(store: Store, holder: Holder) -> str:
    for _ in range(5):
        other, etag = _read(store)
        if other is not None and other.run_id == holder.run_id and etag is not None:
            return etag  # the first answer to our own write was lost on the way
        if other is not None and other.expires > _now():
            raise _held(store, other)
        with contextlib.suppress(PreconditionFailedError):
            return store.write(_NAME, _dump(holder), if_match=etag)
    raise _held(store, _read(store)[0])


def _read(store: Store) -> tuple[Holder | None, str | None]:
    """The holder, or None where nobody holds the lease or the file is unreadable, and the file's ETag."""
    try:
        data, etag = store.read(_NAME)
    except FileNotFoundError:
        return None, None
    try:
        return Holder.model_validate_json(data), etag
    except ValidationError:
        return None, etag


def _held(store: Store, holder: Holder | None) -> LeaseHeldError:
    by = f"{holder.who} (run {holder.run_id}, since {holder.since:%Y-%m-%d %H:%M:%S} UTC)" if holder else "another run"
    return LeaseHeldError(f"{store.url}: {by} is writing to this lake; try again when it is done")


def _dump(holder: Holder) -> bytes:
    return holder.model_dump_json(indent=2).encode()


def _who() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = f"uid {os.getuid()}"
    return f"{user}@{socket.gethostname()} pid {os.getpid()}"


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
