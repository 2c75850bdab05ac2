"""What a lake keeps of each log object beside its records stays small."""

import datetime as dt
import random
from typing import Any

import pyarrow as pa

from etl.lake.parts import FooterEntry, encode_part, short_etag
from etl.schema import ACCESS_LOG, LEDGER

DAY = dt.date(2026, 1, 31)
LOG_OBJECTS = 5_000
FOLDER = "s3://log-bucket/logs/111122223333/eu-central-1/site/2026/01/31"


def test_the_state_of_a_log_object_is_below_100_bytes() -> None:
    """In the ledger and in the footers of the parts with its records, for names and ETags as random as those of S3."""
    rng = random.Random(0)
    entries = [ledger_entry(rng) for _ in range(LOG_OBJECTS)]
    names = {one["log_object"]: FooterEntry(short_etag(one["etag"]), one["rows"], 0) for one in entries}
    ledger = encode_part(LEDGER, pa.Table.from_pylist(entries, LEDGER.schema), names, 0)
    without_records = ACCESS_LOG.schema.empty_table()
    footer = encode_part(ACCESS_LOG, without_records, names, 0)
    assert len(ledger) + len(footer) < 100 * LOG_OBJECTS


def ledger_entry(rng: random.Random) -> dict[str, Any]:
    lines = rng.randint(1, 200)
    delivered_at = dt.datetime.combine(DAY, dt.time()) + dt.timedelta(seconds=rng.randrange(100_000))
    return {
        "log_object": f"{FOLDER}/{DAY}-00-00-00-{rng.getrandbits(64):016X}",
        "etag": f"{rng.getrandbits(128):032x}",
        "size": lines * rng.randint(450, 550),
        "last_modified": delivered_at,
        "lines": lines,
        "rows": lines,
        "rejects": 0,
        "duplicates": 0,
        "blank_lines": 0,
        "run_id": "20260201T010000Z-0123abcd",
        "committed_at": dt.datetime(2026, 2, 1, 1),  # noqa: DTZ001 - naive and UTC, as in the ledger
        "partitions": [{"bucket": "site", "date": DAY, "rows": lines}],
    }
