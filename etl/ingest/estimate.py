"""What a run would request of S3, estimated from what it would read."""

import datetime as dt
from dataclasses import dataclass, field

from etl.sources import LogObject
from etl.store import Requests

# Of an append, where nobody else is at work: the parts are listed, the open one is read and written again.
_APPEND = Requests(list=1, get=1, put=1)
# Who holds the lease, what was listed, which format: read and written once.
_DOCUMENTS = Requests(get=6, put=6, delete=1)


@dataclass(slots=True)
class Estimate:
    """Counts the log objects that a run would read, and the partitions that it would append to, at least.

    A log object says little of its records: they are counted as if they were of its folder and its day.
    """

    objects: int = 0
    bytes: int = 0
    _partitions: set[tuple[str, dt.date]] = field(default_factory=set)

    def add(self, one: LogObject) -> None:
        if one.name.startswith("s3://"):
            self.objects += 1
            self.bytes += one.size
        folder, _, _ = one.name.rpartition("/")
        self._partitions.add((folder, one.day))

    def requests(self, of_listing: Requests, *, to_s3: bool) -> Requests:
        """Those of the listing, which the run repeats, of the log objects, and of a lake on S3."""
        read = Requests(get=self.objects, bytes_received=self.bytes)
        total = of_listing + read
        if not to_s3 or not self._partitions:
            return total
        ledger_days = {day for _, day in self._partitions}
        appends = len(self._partitions) + len(ledger_days)
        return sum([_APPEND] * appends, total + _DOCUMENTS)
