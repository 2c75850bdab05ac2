"""How long Spark has had work, and nobody to do it: Spark itself waits for executors for ever, in silence."""

import time
from typing import TYPE_CHECKING

from etl.errors import AccessLakeError

if TYPE_CHECKING:
    from pyspark import SparkContext

# Executors of a cluster that has room take up to a minute to start.
_NOTICE_SECONDS = 30.0
_LOOK_SECONDS = 1.0


class Idle:
    """Watches a SparkContext with jobs; after `most_seconds` without a task at work it gives up (0: never)."""

    def __init__(self, context: "SparkContext", most_seconds: int) -> None:
        self._context = context
        self._most = most_seconds
        self._since = self._looked_at = time.monotonic()

    @property
    def seconds(self) -> float:
        """How long no task has been at work, by the last look."""
        return self._looked_at - self._since

    @property
    def notice(self) -> str | None:
        """What to look after, once it takes long."""
        long = min(_NOTICE_SECONDS, self._most / 2 if self._most else _NOTICE_SECONDS)
        return self._problem() if self.seconds >= long else None

    def end(self) -> None:
        """A job has ended, or there is none."""
        self._since = self._looked_at = time.monotonic()

    def look(self) -> None:
        """Look, if the last time is long enough ago. Raises AccessLakeError where it has taken too long."""
        now = time.monotonic()
        if now < self._looked_at + _LOOK_SECONDS:
            return
        self._looked_at = now
        if self._is_at_work():
            self._since = now
        elif 0 < self._most <= self.seconds:
            raise AccessLakeError(
                f"{self._problem()}. What was committed is safe: run again; spark_wait_seconds is how long a run waits"
            )

    def _is_at_work(self) -> bool:
        tracker = self._context.statusTracker()
        stages = map(tracker.getStageInfo, tracker.getActiveStageIds())
        return any(stage is not None and stage.numActiveTasks > 0 for stage in stages)

    def _problem(self) -> str:
        conf = self._context.getConf()
        memory = conf.get("spark.executor.memory", "1g")
        cores = conf.get("spark.executor.cores", conf.get("spark.task.cpus", "1"))
        return (
            f"Spark has begun no batch for {self.seconds:.0f} s: no executor takes it. See whether "
            f"{self._context.master} has workers, and room for an executor of spark.executor.cores ({cores}) and "
            f"spark.executor.memory ({memory}, and the overhead)"
        )
