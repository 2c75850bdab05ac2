"""What a run would request of S3, estimated from its batches."""

from dataclasses import dataclass

from etl.ingest.plan import Batch
from etl.store import Requests

# Who holds the lease, what was listed, which format: each is read, and most are written.
_DOCUMENTS = Requests(get=8, put=7)


@dataclass(slots=True)
class Estimate:
    """Adds up batches: their log objects, and the partitions that they would be appended to.

    A log object says little of its records: they are counted as if they were of its folder and its day. How many bytes
    of parts they will make, nobody knows.
    """

    objects: int = 0
    bytes: int = 0
    appends: int = 0

    def add(self, batch: Batch) -> None:
        on_s3 = [one for one in batch.objects if one.name.startswith("s3://")]
        self.objects += len(on_s3)
        self.bytes += sum(one.size for one in on_s3)
        partitions = {(one.name.rpartition("/")[0], one.day) for one in batch.objects}
        # And the ledger has a partition for each day.
        self.appends += len(partitions) + len({day for _, day in partitions})

    def requests(self, of_listing: Requests, *, to_s3: bool) -> Requests:
        """Those of the listing, which the run repeats, of the log objects, and of a lake on S3."""
        total = of_listing + Requests(get=self.objects, bytes_received=self.bytes)
        if to_s3 and self.appends:
            # Where nobody else is at work, an append lists the parts, and reads and writes the open one.
            appends = Requests(list=self.appends, get=self.appends, put=self.appends)
            total = total + _DOCUMENTS + appends
        return total
