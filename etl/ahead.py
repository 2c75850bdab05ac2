"""Doing what will be needed before it is, within a bound."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from itertools import islice
from queue import Full, Queue
from typing import Generic, TypeVar

T = TypeVar("T")

# Until a thread sees that nobody wants its items any more.
_LOOK_SECONDS = 0.1


def results_ahead(
    pool: Executor, tasks: Iterable[tuple[int, Callable[[], T]]], most: int
) -> Iterator[T]:
    """The results of tasks in their order, of which the next ones begin before they are needed.

    A task comes with its size. The sizes of those that are under way, or wait to be used, add up to no more than
    `most`, unless there is only one.
    """
    waiting: deque[tuple[int, Future[T]]] = deque()
    size_ahead = 0
    for size, task in tasks:
        while waiting and size_ahead + size > most:
            first_size, first = waiting.popleft()
            size_ahead -= first_size
            yield first.result()
        waiting.append((size, pool.submit(task)))
        size_ahead += size
    for _, future in waiting:
        yield future.result()


def items_ahead(
    streams: Iterable[Callable[[], Iterable[T]]], most: int, depth: int
) -> Iterator[T]:
    """The items of streams, one stream after the other; so many streams run ahead, by so many items each.

    A stream runs in a thread of its own, which ends with it, or when the iterator that this returns is closed.
    """
    remaining = iter(streams)
    waiting: deque[_Stream[T]] = deque()
    stopped = threading.Event()
    try:
        while True:
            for stream in islice(remaining, most - len(waiting)):
                waiting.append(_Stream(stream, depth, stopped))
            if not waiting:
                return
            yield from waiting.popleft().items()
    finally:
        stopped.set()


class _Stream(Generic[T]):
    """Items that wait in a queue of bounded length, into which a thread puts them."""

    def __init__(
        self,
        stream: Callable[[], Iterable[T]],
        depth: int,
        stopped: threading.Event,
    ) -> None:
        self._stream = stream
        self._stopped = stopped
        self._error: BaseException | None = None
        # An item, or none at the end.
        self._queue: Queue[tuple[T, ...]] = Queue(depth)
        # Nobody waits for it at exit, when it may wait for its items to be taken.
        threading.Thread(target=self._run, name="ahead", daemon=True).start()

    def items(self) -> Iterator[T]:
        while item := self._queue.get():
            yield item[0]
        if self._error:
            raise self._error

    def _run(self) -> None:
        try:
            for item in self._stream():
                if not self._put((item,)):
                    return
        except BaseException as error:  # noqa: BLE001 - is raised where the items are taken
            self._error = error
        self._put(())

    def _put(self, item: tuple[T, ...]) -> bool:
        """Whether there was room, before nobody wanted it any more."""
        while not self._stopped.is_set():
            try:
                self._queue.put(item, timeout=_LOOK_SECONDS)
            except Full:
                continue
            return True
        return False
