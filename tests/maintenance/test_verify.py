"""What verify finds in a lake that somebody tampered with, and what status says of one."""

import datetime as dt
import io
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import ingest_local, rows_of

from etl import open_lake
from etl.api import Lake
from etl.cli.demo_logs import partitioned_objects, traffic, write_objects
from etl.config import Settings
from etl.errors import UsageError
from etl.ingest import batch
from etl.lake import coverage as runs
from etl.lake.parts import encode_part, list_parts, open_part, partition_path, read_footer
from etl.schema import ACCESS_LOG, LEDGER
from etl.store.open import open_store

PART = "access_log/bucket=a/date=2026-01-02/part-00000.parquet"


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    write_objects(partitioned_objects(traffic(200, ["a"], dt.date(2026, 1, 1), 3), "", 20), tmp_path / "logs")
    (tmp_path / "logs" / "2026-01-01-00-00-00-AB").write_text("nonsense\n\n")
    return tmp_path / "logs"


@pytest.fixture
def lake(logs: Path) -> Path:
    ingest_local(logs, logs.parent / "lake")
    return logs.parent / "lake"


def kinds(lake: Path, logs: Path) -> set[str]:
    return {one.kind for one in Lake(Settings(lake=str(lake), source=(str(logs),))).verify().differences}


def rewrite(lake: Path, name: str, change: Callable[[pq.ParquetFile], bytes]) -> None:
    path = lake / name
    with pq.ParquetFile(path) as file:
        data = change(file)
    path.write_bytes(data)


def drop_first_row(file: pq.ParquetFile) -> bytes:
    footer = read_footer(file)
    return encode_part(ACCESS_LOG, file.read().slice(1), footer.log_objects, footer.min_part_size)


def move_first_row_to_another_day(file: pq.ParquetFile) -> bytes:
    footer, rows = read_footer(file), file.read()
    times = rows["time"].to_pylist()
    times[0] += dt.timedelta(days=1)
    index = rows.schema.get_field_index("time")
    rows = rows.set_column(index, rows.schema.field(index), [times])
    return encode_part(ACCESS_LOG, rows, footer.log_objects, footer.min_part_size)


def test_a_right_lake(lake: Path, logs: Path) -> None:
    """Nothing to complain about."""
    assert kinds(lake, logs) == set()


def change_a_status(file: pq.ParquetFile) -> bytes:
    """As pandas or another tool would write the part again: footer and counts stay."""
    rows = file.read()
    index = rows.schema.get_field_index("http_status")
    column = pa.array([200] * rows.num_rows, pa.int16())
    sink = io.BytesIO()
    rows = rows.set_column(index, rows.schema.field(index), column)
    pq.write_table(rows.replace_schema_metadata(file.metadata.metadata), sink)
    return sink.getvalue()


def flip_a_byte(lake: Path) -> None:
    data = bytearray((lake / PART).read_bytes())
    data[len(data) // 2] ^= 1
    (lake / PART).write_bytes(data)


def change_the_ledger(lake: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    """Write a ledger part with other rows, as if accesslake had written them."""
    store = open_store(str(lake))
    (part,) = list_parts(store, partition_path(LEDGER, date=dt.date(2026, 1, 2)))
    with open_part(store, part) as file:
        footer, rows = read_footer(file), change(file.read())
    names = rows["log_object"].to_pylist()
    held = {name: footer.log_objects[name]._replace(rows=names.count(name)) for name in names}
    store.write(part.name, encode_part(LEDGER, rows, held, 1 << 25), if_match=part.etag)


def one_line_more(ledger: pa.Table) -> pa.Table:
    index = ledger.schema.get_field_index("lines")
    return ledger.set_column(index, ledger.schema.field(index), [[n + 1 for n in ledger["lines"].to_pylist()]])


DAMAGES: dict[str, tuple[Callable[[Path], object], set[str]]] = {
    "part deleted": (lambda lake: (lake / PART).unlink(), {"rows"}),
    "part truncated": (lambda lake: (lake / PART).write_bytes((lake / PART).read_bytes()[:-100]), {"damaged_part"}),
    "part doubled": (
        lambda lake: shutil.copy(lake / PART, (lake / PART).with_name("part-00001.parquet")),
        {"small_part", "rows", "duplicate_rows"},
    ),
    "part renumbered": (
        lambda lake: (lake / PART).rename((lake / PART).with_name("part-00003.parquet")),
        {"missing_part"},
    ),
    "part edited by another program": (lambda lake: rewrite(lake, PART, change_a_status), {"edited_part"}),
    "part edited in place": (flip_a_byte, {"edited_part"}),
    "row removed": (lambda lake: rewrite(lake, PART, drop_first_row), {"footer", "rows"}),
    "row moved": (lambda lake: rewrite(lake, PART, move_first_row_to_another_day), {"wrong_day"}),
    "ledger lost": (lambda lake: shutil.rmtree(lake / "_ledger"), {"uncommitted", "not_ingested"}),
    "ledger row lost": (lambda lake: change_the_ledger(lake, lambda rows: rows.slice(1)), {"uncommitted"}),
    "ledger row doubled": (
        lambda lake: change_the_ledger(lake, lambda rows: pa.concat_tables([rows, rows.slice(0, 1)])),
        {"ledger"},
    ),
    "ledger row wrong": (lambda lake: change_the_ledger(lake, one_line_more), {"accounting"}),
    "rejects lost": (lambda lake: shutil.rmtree(lake / "rejects"), {"rejects"}),
}
FOREIGN = {
    "part doubled under a foreign name": (
        lambda lake: shutil.copy(lake / PART, (lake / PART).with_name("copy.parquet")),
        {"foreign_part"},
    ),
}


@pytest.mark.parametrize("name", [*DAMAGES, *FOREIGN])
def test_damage_is_found_and_nothing_is_changed(name: str, lake: Path, logs: Path) -> None:
    """Each kind of damage has its name and its place, and verify only reads."""
    damage, expected = {**DAMAGES, **FOREIGN}[name]
    damage(lake)
    before = {entry.name: entry.etag for entry in open_store(str(lake)).entries("")}
    found = Lake(Settings(lake=str(lake), source=(str(logs),))).verify().differences
    assert {one.kind for one in found} >= expected
    for one in found:
        assert one.log_object or one.part or one.partition
        if one.kind in ("rows", "rejects", "duplicate_rows", "uncommitted"):
            assert (one.partition or "").endswith("/")
        if one.kind in ("damaged_part", "edited_part", "foreign_part", "small_part", "footer"):
            assert one.part is not None
    assert {entry.name: entry.etag for entry in open_store(str(lake)).entries("")} == before


@pytest.mark.parametrize("name", DAMAGES)
def test_repair_makes_the_lake_whole(name: str, lake: Path, logs: Path) -> None:
    """Whatever was damaged, the sources have it, and the lake is then what it was before."""
    before = rows_of(lake, "* EXCLUDE (log_object)")
    DAMAGES[name][0](lake)
    repaired = Lake(Settings(lake=str(lake), source=(str(logs),))).repair()
    assert repaired.after.differences == []
    assert rows_of(lake, "* EXCLUDE (log_object)") == before
    assert open_lake(str(lake)).status().rows == 200
    again = Lake(Settings(lake=str(lake), source=(str(logs),))).repair()
    assert (again.set_aside, again.objects_reread) == ([], 0)


def test_repair_names_what_it_cannot_repair(lake: Path, logs: Path) -> None:
    """What no source has any more stays named; rows that are there are not taken away."""
    gone = min(logs.rglob("*2026-01-02-00-00-00-*"))
    gone.unlink()
    rewrite(lake, PART, change_a_status)
    repaired = Lake(Settings(lake=str(lake), source=(str(logs),))).repair()
    assert repaired.set_aside == []
    assert {one.kind for one in repaired.after.differences} == {"edited_part"}
    assert len(rows_of(lake)) == 200
    (lake / PART).unlink()
    repaired = Lake(Settings(lake=str(lake), source=(str(logs),))).repair()
    (left,) = repaired.after.differences
    assert (left.kind, left.log_object) == ("rows", str(gone))
    assert left.message == "0 rows, 7 by the ledger; no source has this log object"
    with pytest.raises(UsageError, match="no source given"):
        Lake(Settings(lake=str(lake))).repair()


def test_repair_keeps_what_was_left_out_as_a_duplicate(lake: Path, logs: Path) -> None:
    """A record that is in two log objects stays when the one that the lake has it from is overwritten, or lost."""
    kept, other = logs / "2026-01-05-00-00-00-AA", logs / "2026-01-05-00-00-00-BB"
    first, second, third = (line.text for line in traffic(3, ["a"], dt.date(2026, 1, 5), 1, seed=3))
    kept.write_text(f"{first}\n{second}\n")
    other.write_text(f"{first}\n{third}\n")
    ingest_local(logs, lake)
    before = rows_of(lake, "* EXCLUDE (log_object)")
    kept.write_text(f"{second}\n")
    repaired = Lake(Settings(lake=str(lake), source=(str(logs),))).repair()
    assert repaired.after.differences == []
    assert rows_of(lake, "* EXCLUDE (log_object)") == before
    kept.unlink()
    (lake / "access_log/bucket=a/date=2026-01-05/part-00000.parquet").unlink()
    repaired = Lake(Settings(lake=str(lake), source=(str(logs),))).repair()
    assert {one.log_object for one in repaired.after.differences} <= {str(kept)}
    left = rows_of(lake, "request_id")
    assert {first.split()[6], third.split()[6]} <= {row["request_id"] for row in left}


def test_a_killed_repair_loses_nothing(lake: Path, logs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed right after it took rows out, whatever the window: a plain run reads them again."""
    before = rows_of(lake, "* EXCLUDE (log_object)")
    (lake / PART).unlink()

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(batch, "append_piece", die)
    with pytest.raises(KeyboardInterrupt):
        Lake(Settings(lake=str(lake), source=(str(logs),))).repair()
    monkeypatch.undo()
    assert len(rows_of(lake)) < 200 - 60
    assert runs.read_covered(open_store(str(lake))) == {}
    ingest_local(logs, lake)
    assert rows_of(lake, "* EXCLUDE (log_object)") == before


def test_repair_says_why_it_could_not_read(lake: Path, logs: Path) -> None:
    """The source has the log object, and it is broken: the rows that are there stay, and the reason is reported."""
    broken = logs / "2026-01-06-00-00-00-AA"
    broken.write_bytes(b"\x1f\x8bno gzip")
    repaired = Lake(Settings(lake=str(lake), source=(str(logs),))).repair()
    (left,) = repaired.after.differences
    assert (left.kind, left.log_object) == ("not_ingested", str(broken))
    assert "cannot be decompressed" in left.message
    assert "cannot be decompressed" in repaired.as_dict()["failures"][str(broken)]


@pytest.mark.parametrize("folder", ["bucket=a/date=2026-01-02.bak", "bucket=a/date=2026-02-30", "x/y", "bucket=a"])
def test_parts_in_folders_that_are_no_partition(folder: str, lake: Path, logs: Path) -> None:
    """They are named, and the accounting is checked without them."""
    stray = lake / "access_log" / folder / "part-00000.parquet"
    stray.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(lake / PART, stray)
    (found,) = Lake(Settings(lake=str(lake), source=(str(logs),))).verify().differences
    assert (found.kind, found.part) == ("foreign_part", f"access_log/{folder}/part-00000.parquet")


def test_a_ledger_part_in_the_wrong_day(lake: Path, logs: Path) -> None:
    """It would be looked up in vain."""
    (lake / "_ledger/date=2026-01-02").rename(lake / "_ledger/date=2026-02-02")
    assert "wrong_day" in {one.kind for one in Lake(Settings(lake=str(lake))).verify().differences}
    repaired = Lake(Settings(lake=str(lake), source=(str(logs),))).repair()
    assert repaired.after.differences == []
    assert len(rows_of(lake)) == 200


def test_repair_reads_overwritten_log_objects_again(lake: Path, logs: Path) -> None:
    """A log file that was still being copied when it was read is completed."""
    path = min(logs.rglob("*2026-01-02-00-00-00-*"))
    text = path.read_text()
    path.write_text(text + text.splitlines()[0].replace("HTTP/1.1", "HTTP/1.0") + "\n")
    assert kinds(lake, logs) == {"changed"}
    repaired = Lake(Settings(lake=str(lake), source=(str(logs),))).repair()
    assert (repaired.objects_reread, repaired.after.differences) == (1, [])
    assert len(rows_of(lake)) == 201


def test_strays_and_settings_make_no_false_alarm(lake: Path, logs: Path) -> None:
    """A file beside the partitions is a stray and no more; a changed minimum size is no difference."""
    (lake / "access_log" / ".DS_Store").write_text("x")
    assert kinds(lake, logs) == {"stray_file"}
    assert open_lake(str(lake)).status().rows == 200
    (lake / "access_log" / ".DS_Store").unlink()
    write_objects(partitioned_objects(traffic(90, ["a"], dt.date(2026, 1, 1), 3, seed=9), "more/", 20), logs)
    ingest_local(logs, lake, min_part_size=1)
    write_objects(partitioned_objects(traffic(90, ["a"], dt.date(2026, 1, 1), 3, seed=8), "most/", 20), logs)
    ingest_local(logs, lake)
    assert (lake / PART).with_name("part-00001.parquet").exists()
    assert kinds(lake, logs) == set()


def test_a_log_object_that_was_never_ingested(lake: Path, logs: Path) -> None:
    """With a source, verify compares it with the ledger, whatever the window."""
    (logs / "2020-01-01-00-00-00-AB").write_text("late")
    assert kinds(lake, logs) == {"not_ingested"}


def test_books_that_do_not_close(lake: Path, logs: Path) -> None:
    """A ledger row whose figures do not add up is named with them."""
    change_the_ledger(lake, one_line_more)
    (first, *_) = Lake(Settings(lake=str(lake))).verify().differences
    assert first.kind == "accounting"
    accounting = r"\d+ lines are not \d+ rows \(\d+ by partition\) \+ 0 rejects \+ 0 duplicates \+ 0 blank lines"
    assert re.fullmatch(accounting, first.message)
    assert kinds(lake, logs) == {"accounting"}


def test_status_counts_what_is_there(lake: Path) -> None:
    """Buckets, accounting, rejects by reason, and the newest of everything."""
    status = open_lake(str(lake)).status()
    (bucket,) = status.buckets
    assert (bucket.bucket, bucket.rows, bucket.parts) == ("a", 200, 3)
    assert bucket.first_time.date() == dt.date(2026, 1, 1)
    assert status.newest_record == bucket.last_time
    assert (status.lines, status.rows, status.rejects, status.blank_lines) == (202, 200, 1, 1)
    assert status.rejects_by_reason == {"not_a_record": 1}
    assert status.last_complete_run is not None
    assert status.last_complete_run.date() == dt.datetime.now(dt.UTC).date()
    # What a clock that was wrong wrote would hide for a year that no run comes.
    runs = lake / "_runs.json"
    ahead = (dt.datetime.now(dt.UTC) + dt.timedelta(days=365)).isoformat()
    runs.write_text(json.dumps(json.loads(runs.read_text()) | {"other": {"since": None, "listed_at": ahead}}))
    assert open_lake(str(lake)).status().last_complete_run == status.last_complete_run
    (lake.parent / "nothing").mkdir()
    ingest_local(lake.parent / "nothing", lake.parent / "empty")
    nothing = open_lake(str(lake.parent / "empty")).status()
    assert (nothing.buckets, nothing.rows, nothing.newest_record) == ([], 0, None)
