"""Streams that run ahead of whoever takes their items, within a bound."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from etl.ahead import items_ahead


def numbers(count: int, made: list[int]) -> Callable[[], Iterator[int]]:
    def stream() -> Iterator[int]:
        for number in range(count):
            made.append(number)
            yield number

    return stream


def threads() -> int:
    return sum(thread.name == "ahead" for thread in threading.enumerate())


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_items_come_in_order_and_few_are_ahead() -> None:
    """All items, stream after stream; of streams that are long, only so many wait, and their threads end."""
    made: list[int] = []
    items = items_ahead([numbers(5, []), numbers(0, []), numbers(1000, made), numbers(1000, made)], 3, 4)
    assert [next(items) for _ in range(6)] == [0, 1, 2, 3, 4, 0]
    time.sleep(0.05)
    assert len(made) <= 2 * 6  # in each queue, in each hand, and one that is taken
    assert list(items) == [*range(1, 1000), *range(1000)]
    wait_until(lambda: threads() == 0)


def test_an_error_is_raised_where_its_item_would_be() -> None:
    """What comes before it is not lost."""

    def broken() -> Iterator[int]:
        yield 1
        raise ValueError("broken")

    items = items_ahead([broken, numbers(1000, [])], 2, 4)
    assert next(items) == 1
    with pytest.raises(ValueError, match="broken"):
        next(items)
    wait_until(lambda: threads() == 0)


def test_threads_end_when_nobody_takes_items() -> None:
    """Closed early, nothing is left at work."""
    items = items_ahead([numbers(1000, []), numbers(1000, [])], 2, 4)
    assert next(items) == 0
    assert threads() == 2
    items.close()  # type: ignore[attr-defined]
    wait_until(lambda: threads() == 0)
