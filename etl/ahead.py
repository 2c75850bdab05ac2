"""Doing what will be needed before it is, within a bound."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from typing import TypeVar

T = TypeVar("T")


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
