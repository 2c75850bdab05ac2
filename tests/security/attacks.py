"""What the attacks share: forged log objects, lakes that hold what is rejected today, and what is looked at after."""

import datetime as dt
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
from lines import LINE

from etl.config import Settings
from etl.dashboard.page import render_dashboard
from etl.ingest.write import _by_bucket_and_day
from etl.lake.append import append_rows
from etl.lake.parts import partition_path
from etl.parser.parser import Parser
from etl.query import EVERYTHING, Scope
from etl.schema import ACCESS_LOG, LEDGER
from etl.store.base import Store
from etl.store.open import open_store

_DELIVERED = dt.datetime(2026, 2, 6)  # noqa: DTZ001
URI = '"GET /a.html HTTP/1.1"'


def request(number: int, *, uri: str = URI, time: str = "06/Feb/2026:00:00:38", **replaced: str) -> str:
    """A line with a request id of its own; `replaced` are other texts in it."""
    line = LINE.replace("3E57427F3EXAMPLE", f"{number:016X}").replace(URI, uri).replace("06/Feb/2026:00:00:38", time)
    for old, new in replaced.items():
        line = line.replace({"key": " a.html ", "agent": "curl/7.79.1", "bucket": " site "}[old], new)
    return line


def write_log(directory: Path, lines: list[str], name: str = "2026-02-06-01-00-00-AA") -> Path:
    """A log object with these lines; the directory that it is in."""
    directory.mkdir(exist_ok=True, parents=True)
    (directory / name).write_text("".join(f"{line}\n" for line in lines))
    return directory


def store_as_before(store: Store, lines: list[str], **columns: Any) -> None:
    """Put lines into a lake as an accesslake did that believed them: `columns` replace what is read of the last one."""
    parser = Parser(dt.datetime(2026, 3, 1))  # noqa: DTZ001
    parser.add("old", "".join(f"{line}\n" for line in lines).encode())
    records = parser.finish().records
    rows = records.to_pylist()
    rows[-1] |= columns
    schema = pa.schema(
        [(one.name, pa.string() if pa.types.is_dictionary(one.type) else one.type) for one in records.schema]
    )
    rows.sort(key=lambda row: (row["bucket"], row["time"]))
    held = []
    for one in _by_bucket_and_day(pa.Table.from_pylist(rows, schema)):
        part = one.rows(ACCESS_LOG.schema.names)
        append_rows(store, ACCESS_LOG, partition_path(ACCESS_LOG, **one.keys), part, {"old": "e"}, 1 << 20)
        held.append({**one.keys, "rows": part.num_rows})
    entry = dict.fromkeys(LEDGER.schema.names) | {
        "log_object": "old",
        "etag": "e",
        "size": 1,
        "last_modified": _DELIVERED,
        "run_id": "r",
        "committed_at": _DELIVERED,
        "lines": len(rows),
        "rows": len(rows),
        "rejects": 0,
        "duplicates": 0,
        "blank_lines": 0,
        "partitions": held,
    }
    path = partition_path(LEDGER, date=dt.date(2026, 2, 6))
    append_rows(store, LEDGER, path, pa.Table.from_pylist([entry], LEDGER.schema), {"old": "e"}, 1 << 20)


_NOW = dt.datetime(2026, 2, 7, tzinfo=dt.UTC)


def dashboard(lake: Path, scope: Scope = EVERYTHING) -> str:
    """The page, on the day after the lines."""
    return render_dashboard(open_store(str(lake)), scope, Settings(), _NOW)


def is_complete(page: str) -> bool:
    """Whether every report of a dashboard was run, and every chart drawn."""
    return not any(f"could not be {failure}" in page for failure in ("answered", "drawn"))


def files_of(store: Store) -> dict[str, str]:
    """Every object of a lake, with its ETag."""
    return {one.name: one.etag for one in store.entries("")}


def every(pattern: str, **choices: list[str]) -> Iterator[str]:
    """A pattern with each choice in its place."""
    (name, values), *rest = choices.items()
    for value in values:
        text = pattern.replace(f"<{name}>", value)
        yield from every(text, **dict(rest)) if rest else [text]


def on_terminal(command: list[str]) -> bytes:
    """What a command writes to a (pseudo) terminal."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "dumb"}
    with subprocess.Popen(
        [sys.executable, "-m", "etl", *command], stdout=theirs, stderr=theirs, env=environment
    ) as process:
        os.close(theirs)
        seen = b""
        while True:
            try:
                seen += os.read(ours, 65536)
            except OSError:
                break
        process.wait()
    os.close(ours)
    assert seen
    return seen
