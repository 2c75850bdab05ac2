"""Ctrl-C and SIGTERM: a command ends within two seconds, cleanly where it can, and says what it leaves behind."""

import contextlib
import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType

# For what is under way to end, and for a lease to be given back. A store that hangs gets no more.
_GRACE_SECONDS = 1.5


class Interrupted(SystemExit):
    """A user or a scheduler ends the command; the exit code is 128 and the number of the signal."""


def _say_interrupted() -> None:
    sys.stderr.write("accesslake: interrupted\n")


# What to say, the innermost last. Whoever takes it out says it, so that it is said once.
_farewells: list[Callable[[], None]] = [_say_interrupted]


def end_on_signals() -> None:
    """Let SIGINT and SIGTERM raise Interrupted in the main thread, and end the process where that takes too long."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    # Python calls a handler only between two steps of the main thread, which may be sorting, or waiting for threads.
    # The descriptor is written to at once.
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    threading.Thread(target=_end_late, args=(reader,), name="end", daemon=True).start()


@contextlib.contextmanager
def on_interrupt(farewell: Callable[[], None]) -> Iterator[None]:
    """Have `farewell` called, from any thread, where the command is interrupted meanwhile."""
    _farewells.append(farewell)
    try:
        yield
    except Interrupted:
        say_farewell()
        raise
    finally:
        if farewell in _farewells:
            _farewells.remove(farewell)


@contextlib.contextmanager
def cancelling() -> Iterator[None]:
    """Have Ctrl-C raise KeyboardInterrupt in the main thread, and end nothing by itself; SIGTERM ends as ever."""
    wakeup = signal.set_wakeup_fd(-1)
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)


def say_farewell() -> None:
    """Call the innermost farewell; only the first call does."""
    with contextlib.suppress(IndexError):
        farewell = _farewells.pop()
        _farewells.clear()
        farewell()


def _interrupt(number: int, _frame: FrameType | None) -> None:
    # Only once: a second one would break off the end of the first.
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda *_: None)
    raise Interrupted(128 + number)


def _end_late(reader: int) -> None:
    """End the process some time after the first signal, or at the second one."""
    (number,) = os.read(reader, 1)
    select.select([reader], [], [], _GRACE_SECONDS)
    say_farewell()
    os._exit(128 + number)
