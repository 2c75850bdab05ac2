"""Log objects -> batches: whole objects, in the order found (source bucket and day), about the same size."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from etl.config import Settings
from etl.sources import LogObject

# What a log object costs beside its text, in bytes of text that would take as much memory: many have a line or two.
_OBJECT_WEIGHT = 3072
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


def plan_batches(
    objects: Iterable[LogObject],
    settings: Settings,
    run_id: str,
    *,
    replace: bool = False,
) -> Iterator[Batch]:
    """Cut `objects`, in their order, into batches of about `batch_size` of raw text.

    A cut falls between two days where there is one, so that a day's partition is rewritten less often.
    """
    batch: list[LogObject] = []
    weight = 0
    for one in objects:
        # From three quarters on the next change of day will do: a day in two batches is written twice.
        full = weight >= settings.batch_size
        next_day = (
            bool(batch)
            and _group(batch[-1]) != _group(one)
            and weight * 4 >= settings.batch_size * 3
        )
        if full or next_day:
            yield Batch(tuple(batch), settings, run_id, replace)
            batch, weight = [], 0
        batch.append(one)
        weight += _text_size(one)
    if batch:
        yield Batch(tuple(batch), settings, run_id, replace, is_last=True)


def _group(one: LogObject) -> tuple[str, object]:
    """Objects of one group fall into the same partitions, mostly."""
    return one.name.rpartition("/")[0], one.day


def _text_size(one: LogObject) -> int:
    compressed = one.name.endswith((".gz", ".zst"))
    return _OBJECT_WEIGHT + one.size * (_COMPRESSED_RATIO if compressed else 1)
