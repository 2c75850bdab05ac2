"""Gauges of runs and of the lake in one file, as the textfile collector of Prometheus' node_exporter reads it.

All are gauges with a unit in their names, so the file is valid in Prometheus' text format and in OpenMetrics. A file
belongs to one lake. Whoever writes it keeps what it does not know: a failed run the time of the last success, `status`
all that is said of runs.
"""

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from prometheus_client.core import CollectorRegistry
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.openmetrics.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from etl.ingest import RunSummary
from etl.maintenance import LakeStatus
from etl.query.output import write_file
from etl.store import open_store

# Each bucket is a time series for whoever stores the gauges.
MOST_BUCKETS = 200
# Prefix of what is said of one run only.
_OF_RUN = "last_run_"


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """How a run ended: its figures (None where it ended before it had any), exit code, begin (UTC) and duration."""

    summary: RunSummary | None
    exit_code: int
    began: dt.datetime
    seconds: float

    def is_success(self, status: LakeStatus | None) -> bool:
        """Whether it brought the lake up to date, whose state is this after a run that did its work.

        One that `since` or `until` kept from days of now did not, and so `status` does not count it as complete.
        """
        complete = status.last_complete_run if status else None
        return complete is not None and complete >= self.began


@dataclass(frozen=True, slots=True)
class _Gauge:
    help: str
    label: str = ""
    """Beside that of the lake."""


GAUGES: Mapping[str, _Gauge] = {
    "build_info": _Gauge("Always 1; the label has the version.", "version"),
    "last_run_timestamp_seconds": _Gauge("When the last run ended, however it ended."),
    "last_success_timestamp_seconds": _Gauge(
        "When the last run ended that brought the lake up to date, with exit code 0 or 3; a run of past days, as for a "
        "backfill, does not."
    ),
    "last_run_duration_seconds": _Gauge("How long the last run took."),
    "last_run_stage_duration_seconds": _Gauge(
        "How long the last run was at a stage: listing, reading (and parsing) or writing; of all its processes "
        "together, which work at the same time.",
        "stage",
    ),
    "last_run_exit_code": _Gauge("The exit code of the last run."),
    "last_run_log_objects": _Gauge("Log objects that the last run ingested."),
    "last_run_failed_log_objects": _Gauge(
        "Log objects that the last run failed to read."
    ),
    "last_run_rows": _Gauge("Records that the last run added."),
    "last_run_rejects": _Gauge("Lines that the last run could not parse."),
    "last_run_duplicates": _Gauge("Lines of the last run that the lake had already."),
    "last_run_requests": _Gauge("Requests of the last run to S3, by kind.", "kind"),
    "last_run_received_bytes": _Gauge("Bytes that the last run received from S3."),
    "last_run_sent_bytes": _Gauge("Bytes that the last run sent to S3."),
    "backlog_log_objects": _Gauge(
        "Log objects that the last run found and did not ingest."
    ),
    "backlog_bytes": _Gauge("Bytes of log objects that the last run did not read."),
    "rows": _Gauge("Records in the lake."),
    "rejects": _Gauge("Lines that could not be parsed, of all runs."),
    "size_bytes": _Gauge("Size of the parts with records."),
    "buckets": _Gauge("Source buckets in the lake."),
    "newest_record_timestamp_seconds": _Gauge(
        f"Time of a bucket's newest record; of at most {MOST_BUCKETS} buckets, those with the most records.",
        "bucket",
    ),
}
"""All gauges, without the prefix `accesslake_`. Each has the label `lake`: its URL, or its absolute path."""

_Values = dict[str, dict[str, float]]
"""Of each gauge, values by its label; the label is empty where it has none."""


def write_run_gauges(
    path: Path, lake: str, outcome: RunOutcome, status: LakeStatus | None
) -> None:
    """Write what a run did, and the state of the lake after it, None if it did not do its work. Raises StoreError."""
    values = _of_run(outcome, outcome.is_success(status))
    if status:
        values |= _of_lake(status)
    # What is not known of this run is not what it was in the one before.
    kept = {
        name: of_name
        for name, of_name in _read(path).items()
        if not name.startswith(_OF_RUN)
    }
    _write(path, lake, kept | values)


def write_lake_gauges(path: Path, status: LakeStatus) -> None:
    """Write the state of the lake. Raises StoreError."""
    _write(path, status.lake, _read(path) | _of_lake(status))


def _of_run(outcome: RunOutcome, is_success: bool) -> _Values:
    ended = outcome.began.timestamp() + outcome.seconds
    values = {
        "last_run_timestamp_seconds": {"": ended},
        "last_run_duration_seconds": {"": outcome.seconds},
        "last_run_exit_code": {"": float(outcome.exit_code)},
    }
    if is_success:
        values["last_success_timestamp_seconds"] = {"": ended}
    return values | (_of_summary(outcome.summary) if outcome.summary else {})


def _of_summary(summary: RunSummary) -> _Values:
    result, activity = summary.result, summary.activity
    requests = summary.usage.requests
    done = result.objects_ingested + result.objects_vanished
    figures = {
        "last_run_log_objects": result.objects_ingested,
        "last_run_failed_log_objects": len(result.failures),
        "last_run_rows": result.rows,
        "last_run_rejects": result.rejects,
        "last_run_duplicates": result.duplicates,
        "last_run_received_bytes": requests.bytes_received,
        "last_run_sent_bytes": requests.bytes_sent,
        "backlog_log_objects": max(0, summary.new - done),
        "backlog_bytes": max(0, activity.bytes_new - activity.bytes_read),
    }
    values = {name: {"": float(figure)} for name, figure in figures.items()}
    by_kind = {kind: float(count) for kind, count in requests.by_kind.items()}
    return values | {
        "last_run_requests": by_kind,
        "last_run_stage_duration_seconds": dict(activity.stages),
    }


def _of_lake(status: LakeStatus) -> _Values:
    largest = sorted(status.buckets, key=lambda bucket: -bucket.rows)[:MOST_BUCKETS]
    return {
        "rows": {"": float(status.rows)},
        "rejects": {"": float(status.rejects)},
        "size_bytes": {"": float(sum(bucket.bytes for bucket in status.buckets))},
        "buckets": {"": float(len(status.buckets))},
        "newest_record_timestamp_seconds": {
            bucket.bucket: bucket.last_time.replace(tzinfo=dt.UTC).timestamp()
            for bucket in largest
        },
    }


def _write(path: Path, lake: str, values: _Values) -> None:
    known = {"build_info": {version("accesslake"): 1.0}}
    # The same name, whichever of those that lead to it somebody gave.
    families = _families(open_store(lake).url, values | known)
    registry = CollectorRegistry()
    registry.register(_Collected(list(families)))
    text = generate_latest(registry)  # type: ignore[no-untyped-call]
    write_file(path, text)


class _Collected:
    """Families as a collector, which is what the library writes."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> list[Metric]:
        return self._families


def _families(lake: str, values: _Values) -> Iterator[Metric]:
    for name, gauge in GAUGES.items():
        if name not in values:
            continue
        labels = ["lake", gauge.label] if gauge.label else ["lake"]
        unit = next((unit for unit in ("seconds", "bytes") if name.endswith(unit)), "")
        family = GaugeMetricFamily(
            f"accesslake_{name}", gauge.help, labels=labels, unit=unit
        )
        for label, value in values[name].items():
            family.add_metric([lake, label][: len(labels)], value)
        yield family


def _read(path: Path) -> _Values:
    """What the file says already; nothing where there is none, or where it is of another kind."""
    # By whole gauges: a bucket that is gone, or a kind of request that was not made, has no value any more.
    try:
        families = list(text_string_to_metric_families(path.read_text("utf-8")))
    except (OSError, ValueError):
        return {}
    values: _Values = {}
    for sample in (sample for family in families for sample in family.samples):
        name = sample.name.removeprefix("accesslake_")
        if name in GAUGES:
            label = sample.labels.get(GAUGES[name].label, "")
            values.setdefault(name, {})[label] = sample.value
    return values
