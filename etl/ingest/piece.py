"""What one half of a batch hands to the other: log objects, and what was parsed of them."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from etl.arrow import as_dictionary, where_text
from etl.ingest.result import BatchResult
from etl.parser import Parsed
from etl.sources import LogObject


@dataclass(frozen=True, slots=True)
class Piece:
    """Log objects of a batch that could be read, and what is in them."""

    objects: list[LogObject]
    parsed: Parsed
    """Its records are in the order of partitions and parts."""
    read_at: dt.datetime
    """In UTC and naive."""
    result: BatchResult

    def without(self, reasons: Mapping[str, str]) -> "Piece":
        """The piece without some log objects, which are failures then, each for its reason."""
        result = self.result + BatchResult(failures=dict(sorted(reasons.items())))
        result.objects_ingested -= len(reasons)
        parsed = replace(
            self.parsed,
            records=_of_others(self.parsed.records, reasons),
            rejects=_of_others(self.parsed.rejects, reasons),
        )
        objects = [one for one in self.objects if one.name not in reasons]
        return replace(self, objects=objects, parsed=parsed, result=result)


def _of_others(rows: pa.Table, log_objects: Mapping[str, str]) -> pa.Table:
    names = as_dictionary(rows["log_object"])
    return rows.filter(pa.array(where_text(names, lambda name: name not in log_objects)))


def dates_of(records: pa.Table) -> pa.ChunkedArray:
    """The UTC day of each record, which names its partition."""
    return pc.cast(records["time"], pa.date32())
