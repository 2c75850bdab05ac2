"""What an executor of Spark does with a task, and what it answers.

The driver sends the code of `task_function` along: it has to run where there is no accesslake, or another version.
Nothing of etl is imported before that is known.
"""

import pickle
import zlib
from collections.abc import Callable, Sequence
from typing import Any

from etl.spark.executors import find_problem

DONE = "done"
FAILED = "failed"
REFUSED = "refused"
WARM_UP = b""
"""A task without a batch: whoever gets it imports what the next one needs."""

Outcome = tuple[str, bytes]
"""One of the words above, and the pickled result of the batch, the pickled error, or why the executor cannot do it."""


def pack(value: object) -> bytes:
    """A value as it travels. Names of log objects have much in common: they shrink to a fifth."""
    return zlib.compress(pickle.dumps(value, pickle.HIGHEST_PROTOCOL), level=1)


def unpack(data: bytes) -> Any:
    return pickle.loads(zlib.decompress(data))  # noqa: S301 - from our own driver or executor


def task_function(
    driver_version: str, counters: Sequence[Any]
) -> Callable[[bytes], Outcome]:
    """What Spark calls with each packed batch; `counters` are accumulators for what it counts."""

    def run(task: bytes) -> Outcome:
        problem = find_problem(driver_version, "etl.ingest.remote")
        if problem:
            return REFUSED, problem.encode()
        if task == WARM_UP:
            return DONE, WARM_UP
        from etl.ingest.remote import ingest_task  # noqa: PLC0415 - may not be there

        outcome, counted = ingest_task(task)
        for counter, amount in zip(counters, counted, strict=True):
            counter.add(amount)
        return outcome

    return run
