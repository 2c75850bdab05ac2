"""The log lines of a run, each by a name that stays: programs rely on it, while people read the message."""

from collections.abc import Mapping
from dataclasses import dataclass

FIGURES: Mapping[str, str] = {
    "run_id": "Name of the run: when it began (UTC), and a random part.",
    "dry_run": "Whether it only listed.",
    "objects_discovered": "Log objects that were listed.",
    "objects_skipped": "Listed objects that are no log objects.",
    "objects_set_aside": "Log objects that `--skip` sets aside.",
    "objects_known": "Log objects that the lake had already.",
    "objects_changed": "Log objects that were overwritten after they were ingested.",
    "objects_new": "Log objects that the lake did not have.",
    "objects_failed": "Log objects that could not be read.",
    "objects_ingested": "Log objects that the run brought into the lake.",
    "objects_vanished": "Log objects that were deleted between listing and reading.",
    "lines": "Lines of the log objects that were ingested.",
    "rows": "Lines that became records.",
    "rejects": "Lines that could not be parsed.",
    "duplicates": "Lines of records that the lake had already.",
    "blank_lines": "Lines without text.",
    "rows_expired": "Records of days that `expire` has removed: counted, not written.",
    "bytes_read": "Bytes of log objects, as they are stored.",
    "bytes_written": "Bytes of parts that were written.",
    "bytes_grown": "Bytes by which the lake grew.",
    "parts_written": "Parts that were written.",
    "write_amplification": "bytes_written for each byte of bytes_grown.",
    "requests_*": "Requests to S3 by kind (list, get, head, put, delete, other), their bytes (bytes_received, "
    "bytes_sent), and their price by the settings.",
    "estimated_*": "Of a dry run: the same, for the run that would follow.",
    "listing_seconds": "Time spent listing; with the next two, of all processes together, which work at the same time.",
    "reading_seconds": "Time spent reading and parsing log objects.",
    "writing_seconds": "Time spent writing parts and the ledger.",
    "seconds": "How long the run took.",
}
"""What a run counts, as `ingest --json` prints it. `*` stands for one word or several."""


@dataclass(frozen=True, slots=True)
class Event:
    """One kind of log line: its name, its level (info, warning, error), when there is one, and its further fields."""

    name: str
    level: str
    meaning: str
    fields: tuple[str, ...] = ()


PROGRESS = Event(
    "progress",
    "info",
    "Every 10 seconds, while a run is at work.",
    (
        "objects_new",
        "objects_read",
        "bytes_new",
        "bytes_read",
        "parts_planned",
        "parts_written",
    ),
)
RUN_DONE = Event(
    "run_done",
    "info",
    "A run has ended that was not broken off; what was wrong has lines of its own.",
    tuple(FIGURES),
)
RUN_FAILED = Event(
    "run_failed",
    "error",
    "A run could not begin or go on; what it committed stays.",
    ("exit_code",),
)
RUN_GAVE_WAY = Event(
    "run_gave_way",
    "info",
    "Another run is at work (exit code 75), and this one has done nothing.",
    ("exit_code",),
)
RUN_WAITS = Event(
    "run_waits",
    "warning",
    "Spark has begun no batch for half a minute, as it has no executor for it. The run goes on to wait, for "
    "`spark_wait_seconds` in all.",
)
RUN_INTERRUPTED = Event(
    "run_interrupted",
    "warning",
    "Ctrl-C or SIGTERM has ended a run.",
    ("objects_new", "objects_ingested"),
)
TOO_MANY_REJECTS = Event(
    "too_many_rejects",
    "error",
    "More lines could not be parsed than `max_reject_fraction` allows.",
    ("reject_fraction", "max_reject_fraction"),
)
LOG_OBJECT_FAILED = Event(
    "log_object_failed",
    "error",
    "A log object could not be read; the next run tries it again. At most 50 lines.",
    ("log_object",),
)
MORE_LOG_OBJECTS_FAILED = Event(
    "more_log_objects_failed",
    "error",
    "So many others could not be read; `--json` names them.",
    ("objects_failed",),
)
LOG_OBJECT_OVERWRITTEN = Event(
    "log_object_overwritten",
    "warning",
    "A log object is not what it was when it was ingested; the lake keeps the older text.",
    ("log_object",),
)
SKIPPED_LOG_OBJECT_OVERWRITTEN = Event(
    "skipped_log_object_overwritten",
    "warning",
    "A log object is not what it was when `--skip` set it aside, and stays so.",
    ("log_object",),
)
NO_LOG_OBJECTS = Event(
    "no_log_objects", "warning", "There are no log objects at the sources."
)
TABLE_CHECKED = Event(
    "table_checked",
    "info",
    "The table of `--glue` is up to date; what was different before.",
    ("changes",),
)
TABLE_NOTE = Event("table_note", "info", "What has to be known of the table of `--glue`.")
TABLE_FAILED = Event(
    "table_failed",
    "error",
    "The table of `--glue` could not be brought up to date; the records are in the lake.",
)
PING_FAILED = Event(
    "ping_failed", "warning", "A ping did not arrive; the run goes on as ever."
)
GAUGES_FAILED = Event(
    "gauges_failed", "warning", "The file of gauges could not be written."
)
DEMO_STEP = Event("demo_step", "info", "What `accesslake demo` does next.")

EVENTS = (
    PROGRESS,
    RUN_DONE,
    RUN_FAILED,
    RUN_GAVE_WAY,
    RUN_WAITS,
    RUN_INTERRUPTED,
    TOO_MANY_REJECTS,
    LOG_OBJECT_FAILED,
    MORE_LOG_OBJECTS_FAILED,
    LOG_OBJECT_OVERWRITTEN,
    SKIPPED_LOG_OBJECT_OVERWRITTEN,
    NO_LOG_OBJECTS,
    TABLE_CHECKED,
    TABLE_NOTE,
    TABLE_FAILED,
    PING_FAILED,
    GAUGES_FAILED,
    DEMO_STEP,
)
