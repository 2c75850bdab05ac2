"""Appends: each record once, few parts, whoever writes at the same time."""

import datetime as dt
import itertools
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import S3
from lines import LINE

from etl.errors import PreconditionFailedError, StaleRowsError, StoreError
from etl.lake.append import _REMEMBERED, Appended, _Outlines, remove_rows
from etl.lake.append import append_rows as append_with_etags
from etl.lake.parts import FooterEntry, encode_part, list_parts, open_part, partition_path, read_footer
from etl.parser.parser import Parser
from etl.schema import ACCESS_LOG, Table
from etl.store import Entry, S3Session, open_store
from etl.store.base import ReadableStore, Store

PARTITION = partition_path(ACCESS_LOG, bucket="site", date=dt.date(2026, 2, 6))
NEVER_SEALED = 1 << 40
LATER = {"00:00:38": "12:00:00"}
FEW_FILES = """
import json, resource, sys
import etl.lake.parts
from test_append import ACCESS_LOG, PARTITION, append, rows
from etl.store import open_store
resource.setrlimit(resource.RLIMIT_NOFILE, (80, 80))
# So that even small parts are opened as files.
etl.lake.parts.READ_WHOLE = 0
done = append(open_store(sys.argv[1]), ACCESS_LOG, PARTITION, rows("new", "ID7", "ID117", "NEW"), 1)
print(json.dumps([done.rows_by_object, done.duplicates_by_object]))
"""


def rows(log_object: str, *ids: str, **replacements: str) -> pa.Table:
    lines = [LINE.replace("3E57427F3EXAMPLE", one) for one in ids]
    for old, new in replacements.items():
        lines = [line.replace(old, new) for line in lines]
    parser = Parser(dt.datetime(2027, 1, 1))  # noqa: DTZ001
    parser.add(log_object, "\n".join(lines).encode())
    return parser.finish().records.select(ACCESS_LOG.schema.names)


def append(store: Store, table: Table, partition: str, rows: pa.Table, min_part_size: int) -> Appended:
    """An append of log objects that never change."""
    etags = dict.fromkeys(rows["log_object"].to_pylist(), "etag")
    return append_with_etags(store, table, partition, rows, etags, min_part_size)


def stored_rows(store: Store) -> list[tuple[str, str]]:
    pairs = []
    for part in list_parts(store, PARTITION):
        with open_part(store, part) as file:
            table = file.read(columns=["request_id", "log_object"])
        pairs += list(zip(table["request_id"].to_pylist(), table["log_object"].to_pylist(), strict=True))
    return sorted(pairs)


@pytest.fixture(autouse=True)
def _nothing_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lakes of tests are at the same place, one after the other, and their parts may be equal."""
    monkeypatch.setattr("etl.lake.append._outlines", _Outlines(_REMEMBERED))


def test_an_open_part_grows_and_a_sealed_one_does_not(store: Store) -> None:
    """A part below the minimum size is written again with the new rows; a larger one gets a successor."""
    append(store, ACCESS_LOG, PARTITION, rows("o1", "A"), NEVER_SEALED)
    append(store, ACCESS_LOG, PARTITION, rows("o2", "B"), NEVER_SEALED)
    assert [part.name for part in list_parts(store, PARTITION)] == [f"{PARTITION}part-00000.parquet"]
    append(store, ACCESS_LOG, PARTITION, rows("o3", "C"), 1)
    assert len(list_parts(store, PARTITION)) == 1  # what is open is for the part to say; it says so no more
    append(store, ACCESS_LOG, PARTITION, rows("o4", "D"), NEVER_SEALED)
    assert [part.name[-18:] for part in list_parts(store, PARTITION)] == ["part-00000.parquet", "part-00001.parquet"]
    assert stored_rows(store) == [("A", "o1"), ("B", "o2"), ("C", "o3"), ("D", "o4")]


@pytest.mark.parametrize("min_part_size", [1, NEVER_SEALED])
def test_what_a_partition_holds_is_not_written_again(store: Store, min_part_size: int) -> None:
    """Repeating an append after a crash changes nothing, and returns what the partition has already."""
    first = append(store, ACCESS_LOG, PARTITION, rows("o1", "A", "B"), min_part_size)
    again = append(store, ACCESS_LOG, PARTITION, rows("o1", "A", "B"), min_part_size)
    assert (first.rows_by_object, again.rows_by_object) == ({"o1": 2}, {"o1": 2})
    assert (again.duplicates_by_object, again.bytes_written) == ({"o1": 0}, 0)
    assert len(stored_rows(store)) == 2


@pytest.mark.parametrize("min_part_size", [1, NEVER_SEALED])
def test_a_record_delivered_twice_is_kept_once(store: Store, min_part_size: int) -> None:
    """A row equal in every log field to one in the open part, in a sealed part or in the same batch is a duplicate."""
    append(store, ACCESS_LOG, PARTITION, rows("o1", "A", "B"), min_part_size)
    result = append(store, ACCESS_LOG, PARTITION, rows("o2", "B", "C", "C"), min_part_size)
    assert (result.rows_by_object, result.duplicates_by_object) == ({"o2": 1}, {"o2": 2})
    assert stored_rows(store) == [("A", "o1"), ("B", "o1"), ("C", "o2")]


def store_sealed_parts(store: Store, count: int) -> None:
    """Parts of one row each, all of the same time: `ID0` of `o0`, and so on."""
    for n in range(count):
        part = encode_part(ACCESS_LOG, rows(f"o{n}", f"ID{n}"), {f"o{n}": FooterEntry("etag", 1, 0)}, 1)
        store.write(f"{PARTITION}part-{n:05d}.parquet", part, if_match=None)


def test_many_sealed_parts_take_few_open_files(tmp_path: Path) -> None:
    """A partition may have more sealed parts than a process may open files; duplicates are found in all of them."""
    store = open_store(str(tmp_path))
    store_sealed_parts(store, 120)
    command = [sys.executable, "-c", FEW_FILES, str(tmp_path)]
    environment = {"PYTHONPATH": f"{Path(__file__).parent}:{Path(__file__).parents[1]}"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.stdout.strip() == '[{"new": 1}, {"new": 2}]', done.stderr
    assert len(stored_rows(store)) == 121


@pytest.mark.parametrize("min_part_size", [1, NEVER_SEALED])
def test_a_sealed_part_is_read_again_only_where_names_or_times_overlap(s3: S3, min_part_size: int) -> None:
    """One request reads the footer of a small part, again only for log objects amid its own, and one its rows."""
    session = S3Session(s3.endpoint_url)
    store = open_store(f"s3://{s3.lake}/lake-{min_part_size}", session)
    store_sealed_parts(store, 3)
    before = session.requests.counts()
    append(store, ACCESS_LOG, PARTITION, rows("o8", "A", **LATER), min_part_size)
    assert (session.requests.counts() - before).get == 3
    before = session.requests.counts()
    append(store, ACCESS_LOG, PARTITION, rows("o9", "B"), min_part_size)
    assert (session.requests.counts() - before).get == 1 + 3
    before = session.requests.counts()
    known = append(store, ACCESS_LOG, PARTITION, rows("o1", "ID1"), min_part_size)
    assert (known.rows_by_object, known.bytes_written) == ({"o1": 1}, 0)
    assert (session.requests.counts() - before).get == 1 + 1  # that part, and the last one
    # Where rows were taken out it is another part, however much of it is known.
    remove_rows(store, ACCESS_LOG, {"o1"})
    assert append(store, ACCESS_LOG, PARTITION, rows("o1", "ID1"), min_part_size).bytes_written > 0


def test_duplicates_are_found_in_each_row_group(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever a row is among those of a sealed part, which are decoded a few at a time."""
    monkeypatch.setattr("etl.lake.parts.ROW_GROUP_ROWS", 5)
    monkeypatch.setattr("etl.lake.append._DECODED_ROWS", 2)
    ids = [f"ID{n:02d}" for n in range(13)]
    append(store, ACCESS_LOG, PARTITION, rows("o1", *ids), 1)
    result = append(store, ACCESS_LOG, PARTITION, rows("o2", "ID03", "NEW", "ID07", "ID12"), 1)
    assert (result.rows_by_object, result.duplicates_by_object) == ({"o2": 1}, {"o2": 3})
    result = append(store, ACCESS_LOG, PARTITION, rows("o3", "ID00", "ID04", "ID11", curl="wget"), 1)
    assert (result.rows_by_object, result.duplicates_by_object) == ({"o3": 3}, {"o3": 0})


@pytest.mark.parametrize("read_whole", [0, 1 << 20])
def test_a_sealed_part_may_change_between_its_footer_and_its_rows(
    store: Store, monkeypatch: pytest.MonkeyPatch, read_whole: int
) -> None:
    """A row that is taken out just then is no duplicate any more."""
    monkeypatch.setattr("etl.lake.parts.READ_WHOLE", read_whole)
    append(store, ACCESS_LOG, PARTITION, pa.concat_tables([rows("o1", "A"), rows("o2", "B")]), 1)
    openings = itertools.count()

    def open_late(store: ReadableStore, part: Entry) -> AbstractContextManager[pq.ParquetFile]:
        if next(openings) == 1:
            remove_rows(lake, ACCESS_LOG, {"o1"})
        return open_part(store, part)

    lake = store
    monkeypatch.setattr("etl.lake.append.open_part", open_late)
    append(store, ACCESS_LOG, PARTITION, rows("o3", "A", "B"), 1)
    assert stored_rows(store) == [("A", "o3"), ("B", "o2")]


def test_one_request_id_may_have_several_records(store: Store) -> None:
    """A multi-object delete writes one record per key under one id; any field that differs makes another record."""
    append(store, ACCESS_LOG, PARTITION, rows("o1", "A"), 1)
    for number, (old, new) in enumerate(
        [("a.html", "b.html"), (" 200 ", " 304 "), ("curl", "wget"), ("eu-central-1", "-"), ("226", "-")]
    ):
        append(store, ACCESS_LOG, PARTITION, rows(f"x{number}", "A", **{old: new}), 1)
    assert len(stored_rows(store)) == 6


def test_rows_without_request_id_are_compared_too(store: Store) -> None:
    """NULL is no identity."""
    append(store, ACCESS_LOG, PARTITION, rows("o1", "-"), 1)
    result = append(store, ACCESS_LOG, PARTITION, rows("o2", "-"), 1)
    assert result.duplicates_by_object == {"o2": 1}
    result = append(store, ACCESS_LOG, PARTITION, rows("o3", "-", curl="wget"), 1)
    assert result.rows_by_object == {"o3": 1}


@pytest.mark.parametrize("min_part_size", [1, NEVER_SEALED])
def test_appends_at_the_same_time_lose_nothing(store: Store, min_part_size: int) -> None:
    """Writers that race for one open part all get their rows in, once."""
    with ThreadPoolExecutor(8) as pool:
        list(
            pool.map(
                lambda n: append(store, ACCESS_LOG, PARTITION, rows(f"o{n:02d}", f"A{n}", f"B{n}"), min_part_size),
                range(8),
            )
        )
    assert sorted(one for _, one in stored_rows(store)) == sorted(f"o{n:02d}" for n in range(8) for _ in "AB")


def test_an_overwritten_log_object_is_noticed_and_can_be_removed(store: Store) -> None:
    """Rows of an older text stop the append, whether their part is open or sealed; without them it goes on."""
    for min_part_size in (1, NEVER_SEALED):
        name = f"o{min_part_size}"
        append(store, ACCESS_LOG, PARTITION, pa.concat_tables([rows(name, name), rows("other", "B")]), min_part_size)
        with pytest.raises(StaleRowsError) as caught:
            append_with_etags(store, ACCESS_LOG, PARTITION, rows(name, "C"), {name: "newer"}, min_part_size)
        assert caught.value.log_objects == [name]
        remove_rows(store, ACCESS_LOG, {name})
        append_with_etags(store, ACCESS_LOG, PARTITION, rows(name, f"{name}C"), {name: "newer"}, min_part_size)
        assert [one for one in stored_rows(store) if one[1] == name] == [(f"{name}C", name)]
    assert [one for one in stored_rows(store) if one[1] == "other"] == [("B", "other")]


def test_footer_says_what_a_part_holds(store: Store) -> None:
    """Log objects with their rows, those of which all rows were duplicates included."""
    append(store, ACCESS_LOG, PARTITION, rows("o1", "A"), NEVER_SEALED)
    more = pa.concat_tables([rows("o2", "A"), rows("o3", "B", "C")])
    append(store, ACCESS_LOG, PARTITION, more, NEVER_SEALED)
    with open_part(store, list_parts(store, PARTITION)[0]) as file:
        footer = read_footer(file)
    assert footer.log_objects == {"o1": ("etag", 1, 0), "o2": ("etag", 0, 1), "o3": ("etag", 2, 0)}
    assert (footer.rows, footer.min_part_size) == (3, NEVER_SEALED)


def test_parts_are_sorted_compressed_and_filtered(store: Store) -> None:
    """Sorted by operation, key and time; zstd; random ids without a dictionary; bloom filters on key and id."""
    several = [rows(f"o{n}", f"ID{n}", **{"a.html": f"{9 - n}.html"}) for n in range(5)]
    append(store, ACCESS_LOG, PARTITION, pa.concat_tables(several), NEVER_SEALED)
    with open_part(store, list_parts(store, PARTITION)[0]) as file:
        assert file.read()["key"].to_pylist() == [f"{n}.html" for n in range(5, 10)]
        group = file.metadata.row_group(0)
        names = file.schema_arrow.names
        request_id, key = (group.column(names.index(name)) for name in ("request_id", "key"))
        assert "bucket" not in names
        assert request_id.compression == "ZSTD"
        assert "DELTA_LENGTH_BYTE_ARRAY" in request_id.encodings
        assert "RLE_DICTIONARY" in key.encodings
        assert [one.column_index for one in group.sorting_columns] == [names.index(n) for n in ACCESS_LOG.sort_by]


def test_a_file_that_is_no_part_stops_the_append(store: Store) -> None:
    """A damaged open part is never overwritten; the message names it."""
    store.write(f"{PARTITION}part-00000.parquet", b"not Parquet", if_match=None)
    with pytest.raises(StoreError, match=r"part-00000\.parquet: not a readable part of the lake"):
        append(store, ACCESS_LOG, PARTITION, rows("o1", "A"), NEVER_SEALED)
    foreign: Any = pa.BufferOutputStream()
    pq.write_table(pa.table({"a": [1]}), foreign)
    etag = store.read(f"{PARTITION}part-00000.parquet")[1]
    store.write(f"{PARTITION}part-00000.parquet", foreign.getvalue().to_pybytes(), if_match=etag)
    with pytest.raises(StoreError, match="not a readable part of the lake"):
        append(store, ACCESS_LOG, PARTITION, rows("o1", "A"), NEVER_SEALED)


def test_partition_of_a_hostile_bucket_stays_in_its_place() -> None:
    """No bucket name leads out of its partition."""
    path = partition_path(ACCESS_LOG, bucket="../../x/bucket=y\n", date=dt.date(2026, 1, 2))
    assert path == "access_log/bucket=..%2F..%2Fx%2Fbucket%3Dy%0A/date=2026-01-02/"


def test_conditional_writes(store: Store) -> None:
    """A write lands only on the object that its writer saw, or on none."""
    etag = store.write("x/a", b"1", if_match=None)
    assert store.read("x/a") == (b"1", etag)
    with pytest.raises(PreconditionFailedError):
        store.write("x/a", b"2", if_match=None)
    newer = store.write("x/a", b"22", if_match=etag)
    with pytest.raises(PreconditionFailedError):
        store.write("x/a", b"3", if_match=etag)
    with pytest.raises(PreconditionFailedError):
        store.write("x/none", b"3", if_match=etag)
    assert store.read("x/a") == (b"22", newer)
    assert [(one.name, one.size) for one in store.entries("x/")] == [("x/a", 2)]
    assert store.directories("") == (["_tmp", "x"] if store.url.startswith("/") else ["x"])
    store.check_conditional_writes()
    with pytest.raises(FileNotFoundError):
        store.read("x/none")
