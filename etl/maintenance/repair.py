"""Repairing what `verify` finds: what is missing or wrong in a lake is read again from the sources.

Rows are removed only once the log objects that they come from have been read again. What a killed repair has removed,
the next run restores by itself: a repair first makes the next run list everything.
"""

import datetime as dt
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow.parquet as pq

from etl.arrow import reader_of
from etl.config import Settings
from etl.errors import PreconditionFailedError, StoreError
from etl.ingest import (
    BatchResult,
    ingest_batch,
    new_run_id,
    parse_sources,
    plan_batches,
    run_ingest,
    with_hash_key,
)
from etl.lake import (
    SET_ASIDE,
    check_policy,
    encode_part,
    forget_covered,
    hold_lease,
    list_parts,
    migrate,
    object_of,
    part_number,
    read_footer,
    require_lake,
)
from etl.maintenance.verify import Difference, Verification, unusable_parts, verify_lake
from etl.query import Database
from etl.schema import TABLES
from etl.sources import Found, LogObject, discover_objects
from etl.store import ListedStore, S3Session, Store

_NOT_AS_WRITTEN = frozenset({"damaged_part", "edited_part", "footer", "wrong_day"})
_READ_AGAIN = frozenset(
    {"rows", "rejects", "ledger", "accounting", "changed", "uncommitted"}
)
# A part with a number far beyond the others was put there by somebody, and not written by a run: filling the gap with
# a million empty parts would be worse than leaving it.
_MAX_GAPS = 1000


@dataclass(frozen=True, slots=True)
class Repaired:
    """What a repair did, and what it left."""

    set_aside: list[str]
    """Parts that were moved to `_damaged/` and replaced by empty ones."""
    objects_reread: int
    """Log objects whose rows were replaced, or completed, from the sources."""
    after: Verification
    failures: dict[str, str] = field(default_factory=dict)
    """Log objects that could not be read again, and why."""

    def as_dict(self) -> dict[str, Any]:
        """One object, as `verify --repair --json` prints it."""
        repair = {
            "set_aside": self.set_aside,
            "objects_reread": self.objects_reread,
            "failures": self.failures,
        }
        return {**repair, **self.after.as_dict()}


def repair_lake(store: Store, settings: Settings, session: S3Session) -> Repaired:
    """Repair the lake in `store` from the sources of `settings`; `Repaired.after` has what is left, and why.

    Sources on S3 are read by `session`.

    It may be killed and repeated at any point, though the rows that it replaces may be missing until it is done.
    Raises UsageError without a source or a lake, and LeaseHeldError where another run is at work.
    """
    requests_before = session.requests.counts()
    settings = settings.model_copy(update={"privacy": with_hash_key(settings.privacy)})
    parse_sources(settings)
    require_lake(store)
    check_policy(store, settings.privacy)
    store.check_conditional_writes()
    run_id = new_run_id(dt.datetime.now(dt.UTC))
    with hold_lease(store, run_id, settings.lease_seconds):
        migrate(store)
        before = verify_lake(ListedStore(store), settings, session).differences
        # Before any row is removed: if this process is killed then, the next run finds the log objects again.
        if before:
            forget_covered(store)
        set_aside = list(_set_aside(store, settings, session, run_id, before))
        _fill_gaps(store, before)
        # What was set aside had rows, which are missing now.
        missing = before
        if set_aside:
            missing = verify_lake(ListedStore(store), settings, session).differences
        reread = _read_again(store, settings, session, run_id, missing)
    # Log objects that the lake does not have are not there to be replaced: an ordinary run adds them.
    completed = run_ingest(store, settings, session, full=True).result
    failures = {**reread.failures, **completed.failures}
    after = verify_lake(ListedStore(store), settings, session)
    after.differences = list(_explained(settings, session, after.differences, failures))
    # The run may have had processes of its own.
    requests = session.requests.counts() - requests_before + completed.requests
    after.usage = settings.prices.usage(requests)
    return Repaired(
        set_aside, reread.objects_ingested + completed.objects_ingested, after, failures
    )


def _set_aside(
    store: Store,
    settings: Settings,
    session: S3Session,
    run_id: str,
    differences: Collection[Difference],
) -> Iterator[str]:
    """Replace by empty ones the parts that cannot be read, and those edited of which the sources have everything."""
    damaged = _parts_with(differences, {"damaged_part"})
    payloads = {
        part: store.read(part)
        for part in sorted(_parts_with(differences, _NOT_AS_WRITTEN))
    }
    log_objects = {
        part: _log_objects(data)
        for part, (data, _) in payloads.items()
        if part not in damaged
    }
    available = _available(settings, session, frozenset().union(*log_objects.values()))
    for part, (data, etag) in payloads.items():
        # Nobody can read what a damaged part has, so nothing is lost by replacing it.
        if log_objects.get(part, frozenset()) <= available.keys():
            _write(store, f"{SET_ASIDE}{run_id}/{part}", data, None)
            _write(store, part, _empty_part(part), etag)
            yield part


def _parts_with(differences: Iterable[Difference], kinds: Collection[str]) -> set[str]:
    return {
        difference.part
        for difference in differences
        if difference.part and difference.kind in kinds
    }


def _objects_with(differences: Iterable[Difference], kinds: Collection[str]) -> set[str]:
    return {
        difference.log_object
        for difference in differences
        if difference.log_object and difference.kind in kinds
    }


def _write(store: Store, name: str, data: bytes, if_match: str | None) -> None:
    try:
        store.write(name, data, if_match)
    except PreconditionFailedError as error:
        raise StoreError(
            f"{store.url}/{name}: another run wrote it meanwhile; run it again"
        ) from error


def _log_objects(data: bytes) -> frozenset[str]:
    """The log objects that a part has rows of, or names in its footer."""
    with pq.ParquetFile(reader_of(data)) as file:
        rows = file.read(columns=["log_object"])
        of_rows = frozenset(rows["log_object"].to_pylist())
        return of_rows.union(map(object_of, read_footer(file).log_objects))


def _fill_gaps(store: Store, differences: Iterable[Difference]) -> None:
    """Put empty parts where numbers are missing, so that it shows when another goes missing."""
    incomplete = (
        difference for difference in differences if difference.kind == "missing_part"
    )
    for partition in sorted({difference.partition or "" for difference in incomplete}):
        numbers = {part_number(part) for part in list_parts(store, partition)}
        gaps = sorted(set(range(max(numbers))) - numbers)
        if len(gaps) > _MAX_GAPS:
            continue
        for number in gaps:
            name = f"{partition}part-{number:05d}.parquet"
            _write(store, name, _empty_part(name), None)


def _empty_part(name: str) -> bytes:
    table_name, _, _ = name.partition("/")
    table = next(table for table in TABLES if table.name == table_name)
    return encode_part(table, table.schema.empty_table(), {}, min_part_size=0)


def _read_again(
    store: Store,
    settings: Settings,
    session: S3Session,
    run_id: str,
    differences: Collection[Difference],
) -> BatchResult:
    """Replace the rows, rejects and ledger entries of log objects that are not as the ledger says.

    And of those that had records left out as duplicates: the equal records may be among what is missing, or is now
    replaced.
    """
    wrong = _objects_with(differences, _READ_AGAIN)
    if not wrong:
        return BatchResult()
    database = Database(
        ListedStore(store), settings=settings, without=unusable_parts(differences)
    )
    with_duplicates = database.query(
        "SELECT log_object FROM ledger WHERE duplicates > 0"
    ).to_arrow()
    names = wrong.union(with_duplicates["log_object"].to_pylist())
    objects = _available(settings, session, names)
    by_name = (objects[name] for name in sorted(objects))
    batches = plan_batches(by_name, settings, run_id, replace=True)
    results = (ingest_batch(batch, store, session) for batch in batches)
    return sum(results, BatchResult())


def _available(
    settings: Settings, session: S3Session, names: Collection[str]
) -> dict[str, LogObject]:
    """Those of the log objects `names` that the sources have."""
    if not names:
        return {}
    return {
        log_object.name: log_object
        for log_object in _discover_all(settings, session)
        if log_object.name in names
    }


def _discover_all(settings: Settings, session: S3Session) -> Iterator[LogObject]:
    """All log objects of the sources, whatever the window."""
    today = dt.datetime.now(dt.UTC).date()
    for source in parse_sources(settings):
        yield from discover_objects(source, None, today, session, Found(), full=True)


def _explained(
    settings: Settings,
    session: S3Session,
    differences: list[Difference],
    failures: dict[str, str],
) -> Iterator[Difference]:
    """Differences that are left, each with the reason where it is that its log object could not be read again."""
    names = {difference.log_object for difference in differences if difference.log_object}
    available = _available(settings, session, names)
    for difference in differences:
        reason = failures.get(difference.log_object or "")
        if difference.log_object and difference.log_object not in available:
            reason = "no source has this log object"
        yield (
            replace(difference, message=f"{difference.message}; {reason}")
            if reason
            else difference
        )
