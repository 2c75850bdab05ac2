"""A command lists each folder of the lake once, and a handle that is kept sees the lake as it is at each call."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import ingest_local
from lines import LINE

from etl.api import Lake
from etl.config import Settings
from etl.errors import UsageError
from etl.store.base import Store
from etl.store.listed import ListedStore
from etl.store.local import LocalStore


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    (tmp_path / "logs").mkdir()
    lines = (LINE, LINE.replace(" site ", " other "), "nonsense")
    (tmp_path / "logs" / "2026-02-06-01-00-00-AA").write_text("".join(f"{line}\n" for line in lines))
    ingest_local(tmp_path / "logs", tmp_path / "lake")
    return tmp_path / "lake"


CALLS: dict[str, Callable[[Lake], object]] = {
    "status": lambda lake: lake.status(),
    "verify": lambda lake: lake.verify(),
    "report": lambda lake: lake.report("website/top_objects").to_arrow(),
    "report of a bucket": lambda lake: lake.report("website/top_objects", bucket="site").to_arrow(),
    "sql": lambda lake: lake.sql("SELECT count(*) FROM access_log").to_arrow(),
    "dashboard": lambda lake: lake.dashboard(),
    "dashboard of a bucket": lambda lake: lake.dashboard(bucket="site"),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_call_lists_each_folder_once(lake: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither twice, nor below what was listed already; and each document is read once."""
    listed: list[str] = []
    documents: list[str] = []
    entries, read = LocalStore.entries, LocalStore.read

    def counted_entries(self: LocalStore, prefix: str, *bounds: Any, **limit: Any) -> object:
        listed.append(prefix)
        return entries(self, prefix, *bounds, **limit)

    def counted_read(self: LocalStore, name: str) -> object:
        if "/" not in name:
            documents.append(name)
        return read(self, name)

    monkeypatch.setattr(LocalStore, "entries", counted_entries)
    monkeypatch.setattr(LocalStore, "read", counted_read)
    CALLS[name](Lake(Settings(lake=str(lake))))
    assert listed
    for number, prefix in enumerate(listed):
        assert not any(prefix.startswith(before) for before in listed[:number]), listed
    assert len(documents) == len(set(documents))


def test_each_call_of_a_handle_sees_the_lake_as_it_is(lake: Path) -> None:
    """A notebook that was opened in the morning finds the buckets and records of the afternoon."""
    handle = Lake(Settings(lake=str(lake)))
    count = "SELECT count(*) AS n FROM access_log"
    assert handle.sql(count).to_arrow()["n"].to_pylist() == [2]
    with pytest.raises(UsageError, match="no bucket 'new'"):
        handle.report("website/top_objects", bucket="new")
    (lake.parent / "logs" / "2026-02-06-02-00-00-BB").write_text(LINE.replace(" site ", " new "))
    ingest_local(lake.parent / "logs", lake)
    assert handle.sql(count).to_arrow()["n"].to_pylist() == [3]
    assert handle.report("website/top_objects", bucket="new").to_arrow().num_rows == 1


def test_a_listed_store_says_what_the_store_says(store: Store) -> None:
    """Entries and directories are those of the store, also from a longer listing; after `forget` it looks again."""
    for name in ("a/x=1/p", "a/x=2/p", "b/p"):
        store.write(name, name.encode(), if_match=None)
    store.write("_note.json", b"{}", if_match=None)
    listed = ListedStore(store)
    assert listed.directories("a/") == store.directories("a/") == ["x=1", "x=2"]
    assert listed.entries("a/") == store.entries("a/")
    assert listed.entries("a/x=1/") == store.entries("a/x=1/")
    assert listed.directories("a/") == ["x=1", "x=2"]
    assert listed.read("_note.json") == store.read("_note.json")
    assert listed.read("b/p")[0] == b"b/p"
    with pytest.raises(FileNotFoundError):
        listed.read("_none.json")
    store.write("a/x=3/p", b"", if_match=None)
    store.write("_none.json", b"{}", if_match=None)
    assert listed.directories("a/") == ["x=1", "x=2"]
    with pytest.raises(FileNotFoundError):
        listed.read("_none.json")
    listed.forget()
    assert listed.directories("a/") == ["x=1", "x=2", "x=3"]
    assert listed.entries("a/x=3/") == store.entries("a/x=3/")
    assert listed.read("_none.json")[0] == b"{}"
