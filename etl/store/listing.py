"""Listing much of a store with few requests, many at a time."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import NamedTuple

from etl.store.base import PAGE, Entry, ReadableStore

LISTINGS = 32
"""How many requests list at a time."""


class Stretch(NamedTuple):
    """Names that begin with `prefix`, greater than `after` and less than `before`."""

    prefix: str
    after: str
    before: str | None


def list_below(store: ReadableStore, prefix: str) -> list[Entry]:
    """Every object whose name starts with `prefix`, in name order.

    The first page often has all of them. If not, it tells how many objects a folder right below `prefix` has, and so
    how many neighboring folders fill a page: such groups are listed at the same time.
    """
    page = store.entries(prefix, limit=PAGE)
    if len(page) < PAGE:
        return page
    last = page[-1].name
    folders = folders_below(store, prefix)
    begun = sum(folder < last for folder in folders)
    following = folders[begun:]
    # The last of those that were begun is likely to have more.
    group = max(1, begun - 1)
    starts = [last, *following[group::group]]
    # What is between folders belongs to the group before it, so that nothing is left out. So does an object that is
    # named as a folder, as consoles make them: no name is between its own and that with a NUL.
    ends = [*(f"{start}\0" for start in starts[1:]), None]
    stretches = [
        Stretch(prefix, start, end) for start, end in zip(starts, ends, strict=True)
    ]
    return [*page, *list_stretches(store, stretches)]


def folders_below(store: ReadableStore, prefix: str) -> list[str]:
    """The names of the folders right below `prefix`, each with it and a final slash, in the order of their objects."""
    return sorted(f"{prefix}{name}/" for name in store.directories(prefix))


def list_stretches(store: ReadableStore, stretches: Sequence[Stretch]) -> Iterator[Entry]:
    """The objects of each stretch, in the order of these."""
    with ThreadPoolExecutor(LISTINGS) as pool:
        return chain.from_iterable(
            pool.map(
                lambda one: store.entries(one.prefix, one.after, one.before), stretches
            )
        )
