"""What one half of a batch hands to the other: log objects, and what was parsed of them."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace

from etl.arrow import without_texts
from etl.ingest.result import BatchResult
from etl.parser import Parsed
from etl.sources import LogObject


@dataclass(frozen=True, slots=True)
class Piece:
    """Log objects of a batch that could be read, and what is in them."""

    objects: list[LogObject]
    parsed: Parsed
    read_at: dt.datetime
    """In UTC and naive."""
    result: BatchResult
    number: int | None = None
    """Of a log object that is read in several pieces, which one this is: from 0 on."""
    is_last: bool = True

    def without(self, reasons: Mapping[str, str]) -> "Piece":
        """The piece without some log objects, which are failures then, each for its reason."""
        result = self.result + BatchResult(failures=dict(sorted(reasons.items())))
        # A log object in several pieces counts with the last one.
        result.objects_ingested -= len(reasons) if self.is_last else 0
        parsed = replace(
            self.parsed,
            records=without_texts(self.parsed.records, "log_object", reasons),
            rejects=without_texts(self.parsed.rejects, "log_object", reasons),
        )
        objects = [one for one in self.objects if one.name not in reasons]
        return replace(self, objects=objects, parsed=parsed, result=result)
