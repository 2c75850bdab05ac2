"""Buckets and lakes with a long history, made without ingesting it, for bounds.py to measure on."""

import datetime as dt
import hashlib
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from etl.cli.demo_logs import LogLine, traffic
from etl.lake import append_rows, encode_part, partition_path
from etl.lake.coverage import Covered, write_covered
from etl.lake.parts import FooterEntry
from etl.parser.parser import Parser
from etl.schema import ACCESS_LOG, LEDGER
from etl.store import open_store

BUCKETS = ("site-a", "site-b", "site-c")
LINES_PER_OBJECT = 50
MIN_PART_SIZE = 32 << 20
# Half of the records are alike, so the parts of a large partition are smaller than others.
SEALED_FROM = 4 << 20
_FOLDER = "logs/111122223333/eu-central-1"


def days_until(last: dt.date, count: int) -> list[dt.date]:
    """So many days, the last of which is `last`."""
    return [last - dt.timedelta(days=before) for before in reversed(range(count))]


def keys_of(day: dt.date, count: int, buckets: Sequence[str] = BUCKETS) -> list[str]:
    """Keys of log objects as AWS names them, the same every time."""
    rng = random.Random(day.toordinal())
    return [
        f"{_FOLDER}/{rng.choice(buckets)}/{day:%Y/%m/%d}/{day}-00-00-00-{rng.getrandbits(64):016X}"
        for _ in range(count)
    ]


def etag_of(key: str) -> str:
    """As tests/listing_server.py gives it."""
    return hashlib.blake2b(key.encode(), digest_size=16).hexdigest()


def make_keys(file: Path, days: Sequence[dt.date], per_day: int) -> None:
    """The keys of a bucket in their order, a line each."""
    keys = sorted(key for day in days for key in keys_of(day, per_day))
    file.write_text("\n".join(keys))


def make_ledger(lake: Path, source: str, days: Sequence[dt.date], per_day: int) -> None:
    """A lake without records whose ledger has so many log objects of each day, listed completely a day ago."""
    store = open_store(str(lake))
    bucket_url = source.removesuffix("logs/")
    for day in days:
        keys = keys_of(day, per_day)
        rows = pa.Table.from_pylist([_ledger_row(bucket_url, key, day) for key in keys], LEDGER.schema)
        etags = dict(zip(rows["log_object"].to_pylist(), rows["etag"].to_pylist(), strict=True))
        append_rows(store, LEDGER, partition_path(LEDGER, date=day), rows, etags, MIN_PART_SIZE)
    yesterday = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
    write_covered(store, {source: Covered(since=None, listed_at=yesterday)})


def _ledger_row(bucket_url: str, key: str, day: dt.date) -> dict[str, Any]:
    rng = random.Random(key)
    delivered_at = dt.datetime.combine(day, dt.time()) + dt.timedelta(seconds=rng.randrange(100_000))
    lines = rng.randint(1, 200)
    return {
        "log_object": bucket_url + key,
        "etag": etag_of(key),
        "size": lines * rng.randint(450, 550),
        "last_modified": delivered_at,
        "lines": lines,
        "rows": lines,
        "rejects": 0,
        "duplicates": 0,
        "blank_lines": 0,
        "run_id": f"{day:%Y%m%d}T010000Z-{day.toordinal():08x}",
        "committed_at": dt.datetime.combine(day, dt.time(1)),
        "partitions": [{"bucket": key.split("/")[3], "date": day, "rows": lines}],
    }


def make_partitions(lake: Path, buckets: Sequence[str], days: Sequence[dt.date]) -> None:
    """A lake of a part for each bucket and day, with a few records. The parts of a day are the same."""
    for day in days:
        records = _records(list(traffic(20, ["any"], day, 1)))
        data = encode_part(ACCESS_LOG, records, _entries(records), MIN_PART_SIZE)
        for bucket in buckets:
            _write(lake / partition_path(ACCESS_LOG, bucket=bucket, date=day) / "part-00000.parquet", data)


def make_large_partition(lake: Path, bucket: str, day: dt.date, rows: int, part_rows: int) -> None:
    """A partition of so many rows, of the first 20 hours of its day, in sealed parts, one for each stretch of time."""
    some = _records(list(traffic(10_000, [bucket], day, 1)))
    names = keys_of(day, -(-rows // LINES_PER_OBJECT))
    stretch = dt.timedelta(hours=20) * part_rows / rows
    for number in range(rows // part_rows):
        of_part = names[number * part_rows // LINES_PER_OBJECT :]
        begin = dt.datetime.combine(day, dt.time()) + number * stretch
        records = _many(some, part_rows, begin, stretch, of_part)
        data = encode_part(ACCESS_LOG, records, _entries(records), SEALED_FROM)
        _write(lake / partition_path(ACCESS_LOG, bucket=bucket, date=day) / f"part-{number:05d}.parquet", data)


def _records(lines: Sequence[LogLine]) -> pa.Table:
    parser = Parser(ingested_at=dt.datetime.now(dt.UTC).replace(tzinfo=None))
    for number, start in enumerate(range(0, len(lines), LINES_PER_OBJECT)):
        text = "".join(f"{line.text}\n" for line in lines[start : start + LINES_PER_OBJECT])
        parser.add(f"s3://log-bucket/{keys_of(lines[0].time.date(), number + 1)[-1]}", text.encode())
    records = parser.finish().records
    if records.num_rows != len(lines):
        raise SystemExit(f"{len(lines)} records expected, {records.num_rows} parsed")
    return records.select(ACCESS_LOG.schema.names)


def _many(some: pa.Table, count: int, begin: dt.datetime, stretch: dt.timedelta, keys: Sequence[str]) -> pa.Table:
    """So many records like `some` of a stretch of time, with ids of their own, in log objects of these keys."""
    rng = np.random.default_rng(begin.hour * 3600 + begin.minute * 60 + begin.second)
    many = pa.concat_tables([some] * -(-count // some.num_rows)).slice(0, count)
    seconds = rng.integers(0, max(1, int(stretch.total_seconds())), count)
    times = np.datetime64(begin, "us") + seconds.astype("timedelta64[s]")
    objects = np.arange(count, dtype=np.int32) // LINES_PER_OBJECT
    names = pa.array([f"s3://log-bucket/{key}" for key in keys[: objects[-1] + 1]])
    columns = {
        "time": pa.array(times, many["time"].type),
        "request_id": pa.array([f"{one:016X}" for one in rng.integers(0, 2**63, count)]),
        "log_object": pa.DictionaryArray.from_arrays(pa.array(objects), names),
    }
    for name, values in columns.items():
        many = many.set_column(many.schema.get_field_index(name), name, values)
    return many


def _entries(records: pa.Table) -> dict[str, FooterEntry]:
    names = records["log_object"].value_counts().to_pylist()
    return {one["values"]: FooterEntry(etag_of(one["values"])[:12], one["counts"], 0) for one in names}


def make_log_objects(
    directory: Path, buckets: Sequence[str], days: Sequence[dt.date], per_day: int, lines: int
) -> None:
    """So many log objects of each day on a disk, each with so many lines of one bucket."""
    for day in days:
        keys = keys_of(day, per_day, buckets)
        ordered = sorted(traffic(per_day * lines, buckets, day, 1, seed=day.toordinal()), key=lambda one: one.bucket)
        for key, start in zip(keys, range(0, len(ordered), lines), strict=True):
            text = "".join(f"{line.text}\n" for line in ordered[start : start + lines])
            _write(directory / key, text.encode())


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def make_hour(directory: Path, bucket: str, hour: dt.datetime, lines: int) -> None:
    """One log object with so many lines of the hour that begins then."""
    day = hour.date()
    of_hour = [line for line in traffic(24 * lines, [bucket], day, 1, seed=hour.hour) if line.time.hour == hour.hour]
    text = "".join(f"{line.text}\n" for line in of_hour[:lines])
    _write(directory / f"{day}-{hour:%H}-59-59-{hour.hour:016X}", text.encode())
