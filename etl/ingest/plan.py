"""Log objects -> batches: whole objects, in the order found (source bucket and day), about the same size."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import ceil

from etl.config import Settings
from etl.sources import LogObject

# What a log object costs beside its text, in bytes of text that would take as much memory: many have a line or two.
_OBJECT_WEIGHT = 3072
# Batches that are held back at most, to be shared at the end: there may be hundreds of workers, and each of these
# batches has up to 85,000 log objects.
_MOST_HELD_BACK = 16
# So many parts of a batch are still worth a worker of their own.
_SHARES = 8
# Log text shrinks by about this much; a compressed object weighs as much as its text.
_COMPRESSED_RATIO = 8


@dataclass(frozen=True, slots=True)
class Batch:
    """A unit of work that any process can do: log objects, and the settings to do it with."""

    objects: tuple[LogObject, ...]
    settings: Settings
    run_id: str
    replace: bool = False
    """Take out what the lake holds of these log objects before they are appended."""
    is_last: bool = False


Planned = Iterator[Batch | None]
"""Batches as they are planned; None where the next one is a while away, and there is time for something else."""


def text_size(one: LogObject) -> int:
    """Bytes of text that take as much memory as a log object does, about."""
    compressed = one.name.endswith((".gz", ".zst"))
    return _OBJECT_WEIGHT + one.size * (_COMPRESSED_RATIO if compressed else 1)


def is_little(weight: int, settings: Settings) -> bool:
    """Whether so many bytes of text are not worth to be shared."""
    return weight * 2 <= settings.batch_size


def plan_batches(
    objects: Iterable[LogObject],
    settings: Settings,
    run_id: str,
    *,
    workers: int = 1,
    replace: bool = False,
) -> Iterator[Batch]:
    """Cut `objects`, in their order, into batches of up to about `batch_size` of raw text.

    A cut falls between two days where there is one, so that a day's partition is rewritten less often. What is left at
    the end is shared evenly by so many `workers`, unless it is little.
    """
    return filter(
        None,
        plan_while_listing(objects, settings, run_id, workers=workers, replace=replace),
    )


def plan_while_listing(
    objects: Iterable[LogObject | None],
    settings: Settings,
    run_id: str,
    *,
    workers: int = 1,
    replace: bool = False,
) -> Planned:
    """The same of log objects that are still being listed: None stands for a wait, and is passed on."""
    most = settings.batch_size * min(workers, _MOST_HELD_BACK)
    planned: deque[LogObject] = deque()
    weight = 0
    for one in objects:
        if one is None:
            yield None
            continue
        planned.append(one)
        weight += text_size(one)
        # A batch for each worker is held back: only the end of the listing tells how much there is to share.
        if weight > most and len(planned) > 1:
            batch = _take_batch(planned, settings.batch_size)
            weight -= sum(map(text_size, batch))
            yield Batch(batch, settings, run_id, replace)
    shares = ceil(weight * _SHARES / settings.batch_size)
    shared_by = 1 if is_little(weight, settings) else min(workers, shares)
    for left in range(shared_by, 0, -1):
        batch = _take_batch(planned, weight / left)
        weight -= sum(map(text_size, batch))
        if batch:
            yield Batch(batch, settings, run_id, replace, is_last=not planned)


def _take_batch(planned: "deque[LogObject]", size: float) -> tuple[LogObject, ...]:
    """The first objects, of up to `size`: up to the last change of day in its second half, if there is one."""
    batch: list[LogObject] = []
    weight = cut = 0
    while planned and (not batch or weight + text_size(planned[0]) <= size):
        one = planned.popleft()
        batch.append(one)
        weight += text_size(one)
        is_change = bool(planned) and _group(one) != _group(planned[0])
        if is_change and weight * 2 >= size:
            cut = len(batch)
    if cut and planned:
        planned.extendleft(reversed(batch[cut:]))
        del batch[cut:]
    return tuple(batch)


def _group(one: LogObject) -> tuple[str, object]:
    """Objects of one group fall into the same partitions, mostly."""
    return one.name.rpartition("/")[0], one.day
