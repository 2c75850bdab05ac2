"""What became of a batch, and of a run."""

from collections import Counter
from dataclasses import dataclass, field, fields

from etl.store import Requests


@dataclass(slots=True)
class BatchResult:
    """What became of a batch. Of every log object (I3): lines = rows + rejects + duplicates + blank lines."""

    objects_ingested: int = 0
    objects_vanished: int = 0
    """Gone between listing and reading, says the store; the next run lists the same days again."""
    failures: dict[str, str] = field(default_factory=dict)
    """Log objects that could not be read, and why; the next run tries them again."""
    lines: int = 0
    rows: int = 0
    rejects: int = 0
    reject_reasons: Counter[str] = field(default_factory=Counter)
    """How many of `rejects` there are for each reason."""
    duplicates: int = 0
    blank_lines: int = 0
    rows_expired: int = 0
    """Of `rows`, those of days that `expire` has removed already: they are counted, not written."""
    bytes_read: int = 0
    bytes_written: int = 0
    bytes_grown: int = 0
    """By how much the lake grew; less than `bytes_written` where an open part was written again."""
    parts_written: int = 0
    requests: Requests = field(default_factory=Requests)
    """Of a batch in another process; a run adds its own."""

    def __add__(self, other: "BatchResult") -> "BatchResult":
        names = [one.name for one in fields(self) if one.name != "failures"]
        sums = {name: getattr(self, name) + getattr(other, name) for name in names}
        return BatchResult(failures={**self.failures, **other.failures}, **sums)
