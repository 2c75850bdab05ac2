"""Mending what `verify` finds: what is missing or wrong in a lake is read again from the sources.

Nothing is taken out of the lake before its replacement is at hand, except parts that nobody can read; and those are
kept under `_damaged/`.
"""

import datetime as dt
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from etl.batch import BatchResult, ingest_batch
from etl.config import Settings
from etl.discover import Found, discover
from etl.ingest import ingest, new_run_id, parse_sources
from etl.lease import hold_lease
from etl.log_object import LogObject
from etl.parts import encode_part, list_parts, part_number, read_footer
from etl.plan import plan
from etl.privacy import with_hash_key
from etl.retention import read_retention
from etl.schema import TABLES, Table
from etl.storage import open_store
from etl.store import Store
from etl.verify import Difference, Verification, verify

_DAMAGED = "_damaged"
_NOT_AS_WRITTEN = frozenset({"edited_part", "footer", "wrong_day"})
_READ_AGAIN = frozenset({"rows", "rejects", "ledger", "books", "changed"})


@dataclass(frozen=True, slots=True)
class Repaired:
    """What a repair did, and what it left."""

    set_aside: list[str]
    """Parts that were kept under `_damaged/` and replaced by empty ones."""
    objects_reread: int
    """Log objects whose rows were replaced, or completed, from the sources."""
    after: Verification

    def as_dict(self) -> dict[str, Any]:
        """One object, as `verify --repair --json` prints it."""
        return {"set_aside": self.set_aside, "objects_reread": self.objects_reread, **self.after.as_dict()}


def repair(settings: Settings) -> Repaired:
    """Mend the lake from the sources of `settings`; `Repaired.after` has what could not be mended, and why.

    Safe to be killed and repeated at any point. Raises UsageError without a source or a lake, and LeaseHeldError
    where another run is at work.
    """
    settings = settings.model_copy(update={"privacy": with_hash_key(settings.privacy)})
    parse_sources(settings)
    store = open_store(settings.lake_url, settings.endpoint_url)
    before = verify(settings)
    run_id = new_run_id(dt.datetime.now(dt.UTC))
    with hold_lease(store, run_id, settings.lease_seconds):
        set_aside = list(_set_aside(store, settings, run_id, before.differences))
        _fill_gaps(store, before.differences)
        found = verify(settings) if set_aside else before
        reread = _read_again(settings, run_id, found.differences)
    completed = ingest(settings, full=True)
    after = verify(settings)
    after.differences = list(_explained(settings, after.differences))
    return Repaired(set_aside, reread.objects_ingested + completed.result.objects_ingested, after)


def _set_aside(store: Store, settings: Settings, run_id: str, differences: Iterable[Difference]) -> Iterator[str]:
    """Replace by empty ones the parts that cannot be read, and those edited of which the sources have everything."""
    kinds: dict[str, set[str]] = {}
    for one in differences:
        if one.part and one.kind in _NOT_AS_WRITTEN | {"damaged_part"}:
            kinds.setdefault(one.part, set()).add(one.kind)
    names = {part: _log_objects(store, part) for part, found in kinds.items() if "damaged_part" not in found}
    available = _available(settings, frozenset().union(*names.values()))
    for part in sorted(kinds):
        if names.get(part, frozenset()) <= available.keys():
            data, etag = store.read(part)
            store.write(f"{_DAMAGED}/{run_id}/{part}", data, if_match=None)
            store.write(part, _empty_part(part), if_match=etag)
            yield part


def _log_objects(store: Store, part: str) -> frozenset[str]:
    """The log objects that a part has rows of, or says that it has."""
    file = pq.ParquetFile(pa.BufferReader(store.read(part)[0]))
    return frozenset(file.read(columns=["log_object"])["log_object"].to_pylist()) | read_footer(file).log_objects.keys()


def _fill_gaps(store: Store, differences: Iterable[Difference]) -> None:
    """Put empty parts where numbers are missing, so that it shows when another goes missing."""
    for partition in {one.partition for one in differences if one.kind == "missing_part"}:
        numbers = {part_number(part) for part in list_parts(store, partition or "")}
        for number in sorted(set(range(max(numbers))) - numbers):
            name = f"{partition}part-{number:05d}.parquet"
            store.write(name, _empty_part(name), if_match=None)


def _empty_part(name: str) -> bytes:
    table = _table(name)
    return encode_part(table, table.schema.empty_table(), {}, min_part_size=0)


def _table(part: str) -> Table:
    return next(table for table in TABLES if table.name == part.partition("/")[0])


def _read_again(settings: Settings, run_id: str, differences: Iterable[Difference]) -> BatchResult:
    """Replace the rows, rejects and ledger entries of log objects that are not as booked."""
    wrong = {one.log_object for one in differences if one.log_object and one.kind in _READ_AGAIN}
    objects = _available(settings, wrong)
    first_day = read_retention(open_store(settings.lake_url, settings.endpoint_url)).expired_before
    batches = plan((objects[name] for name in sorted(objects)), settings, run_id, first_day, replace=True)
    return sum(map(ingest_batch, batches), BatchResult())


def _available(settings: Settings, names: Collection[str]) -> dict[str, LogObject]:
    """Those of the log objects `names` that the sources have."""
    if not names:
        return {}
    today = dt.datetime.now(dt.UTC).date()
    return {
        one.name: one
        for source in parse_sources(settings)
        for one in discover(source, None, today, settings.endpoint_url, Found(), full=True)
        if one.name in names
    }


def _explained(settings: Settings, differences: list[Difference]) -> Iterator[Difference]:
    """Differences that are left, with the reason where it is that the sources lack the log object."""
    available = _available(settings, {one.log_object for one in differences if one.log_object})
    for one in differences:
        is_lost = one.log_object is not None and one.log_object not in available
        yield replace(one, message=f"{one.message}; no source has this log object") if is_lost else one
