"""One run of the job: from new log objects to rows of the lake."""

from etl.ingest.activity import Activity
from etl.ingest.batch import ingest_batch
from etl.ingest.plan import Batch, plan_batches
from etl.ingest.privacy import with_hash_key
from etl.ingest.result import BatchResult
from etl.ingest.run import Progress, RunSummary, new_run_id, parse_sources, run_ingest
from etl.ingest.skips import SkipRequest

__all__ = [
    "Activity",
    "Batch",
    "BatchResult",
    "Progress",
    "RunSummary",
    "SkipRequest",
    "ingest_batch",
    "new_run_id",
    "parse_sources",
    "plan_batches",
    "run_ingest",
    "with_hash_key",
]
