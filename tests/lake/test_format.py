"""The format of a lake: noted, refused where it is newer, brought up to date where it is older."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import ingest_local, rows_of, run_cli
from lines import LINE

from etl.api import Lake
from etl.config import Settings
from etl.errors import StoreError
from etl.fields import FIELDS
from etl.lake import format as lake_format
from etl.store.base import Store

NOTE = "_lake.json"


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "2026-02-06-01-00-00-AA").write_text(f"{LINE}\nnonsense\n")
    ingest_local(tmp_path / "logs", tmp_path / "lake")
    return tmp_path / "lake"


def note(lake: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((lake / NOTE).read_text())
    return found


def test_a_run_notes_the_format(lake: Path) -> None:
    """A new lake says which format and how many fields it has, and who wrote it."""
    assert note(lake) | {"written_by": ""} == {
        "format": lake_format.FORMAT,
        "fields": len(FIELDS),
        "oldest_fields": len(FIELDS),
        "written_by": "",
    }
    assert str(note(lake)["written_by"]).startswith("accesslake ")


def calls(lake: Path) -> list[Callable[[Lake], object]]:
    rules = lake.parent / "rules.json"
    rules.write_text(json.dumps({"Rules": [{"ID": "a", "Status": "Enabled", "Expiration": {"Days": 1}}]}))
    return [
        lambda handle: handle.ingest(),
        lambda handle: handle.ingest(dry_run=True),
        lambda handle: handle.status(),
        lambda handle: handle.verify(),
        lambda handle: handle.repair(),
        lambda handle: handle.expire("1d"),
        lambda handle: handle.expire("1d", dry_run=True),
        lambda handle: handle.report("website/top_objects"),
        lambda handle: handle.sql("SELECT 1"),
        lambda handle: handle.dashboard(),
        lambda handle: handle.lifecycle_rules("site", rules=rules),
    ]


@pytest.mark.parametrize(
    "newer", [{"format": lake_format.FORMAT + 1}, {"format": lake_format.FORMAT, "fields": len(FIELDS) + 1}]
)
def test_a_newer_lake_is_refused(lake: Path, newer: dict[str, int]) -> None:
    """Whatever is called, it says which format the lake has and what to do, and changes nothing."""
    (lake / NOTE).write_text(json.dumps({**newer, "written_by": "accesslake 9.9"}))
    (lake.parent / "logs" / "2026-02-06-02-00-00-BB").write_text(LINE.replace("EXAMPLE", "OTHER"))
    before = {path: path.read_bytes() for path in lake.rglob("*") if path.is_file()}
    handle = Lake(Settings(lake=str(lake), source=(str(lake.parent / "logs"),)))
    for call in calls(lake):
        with pytest.raises(StoreError, match=r"accesslake 9\.9 wrote it.*install a newer accesslake"):
            call(handle)
    after = {path: path.read_bytes() for path in lake.rglob("*") if path.is_file()}
    assert after == before


def test_the_command_line_refuses_it_in_one_line(lake: Path) -> None:
    """The refusal is one line on standard error, and exit code 1."""
    (lake / NOTE).write_text(json.dumps({"format": 99, "written_by": "accesslake 9.9"}))
    done = run_cli("sql", "SELECT 1", "--lake", str(lake))
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "the lake has format 99" in done.stderr


def test_a_note_that_cannot_be_read_is_refused(lake: Path) -> None:
    """Nobody can know what a lake is whose note is garbled; the message says what to write there."""
    (lake / NOTE).write_text("garbled")
    with pytest.raises(StoreError, match=r"_lake\.json: not readable; .*\"format\": 2"):
        Lake(Settings(lake=str(lake))).sql("SELECT 1")


def test_a_lake_without_a_note_is_read_and_brought_up_to_date(lake: Path) -> None:
    """A lake from before formats were noted is read as it is; the next run writes the note, and keeps what is there."""
    (lake / NOTE).unlink()
    before = rows_of(lake)
    handle = Lake(Settings(lake=str(lake), source=(str(lake.parent / "logs"),)))
    assert handle.sql("SELECT count(*) AS n FROM access_log").to_arrow()["n"].to_pylist() == [1]
    assert not (lake / NOTE).exists()
    handle.ingest()
    assert (note(lake)["format"], note(lake)["oldest_fields"]) == (lake_format.FORMAT, 27)
    assert rows_of(lake) == before
    assert handle.verify().differences == []


def test_migrations_run_in_order_and_again_after_a_crash(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each step from an older format is noted when it is done; one that fails is tried again by the next run."""
    done: list[int] = []

    def second(_store: Store) -> None:
        done.append(2)
        if len(done) == 2:
            raise StoreError("killed")

    steps = {0: lambda _store: None, 1: lambda _store: done.append(1), 2: second}
    monkeypatch.setattr(lake_format, "FORMAT", 3)
    monkeypatch.setattr(lake_format, "MIGRATIONS", steps)
    store.write(NOTE, b'{"format": 1}', if_match=None)
    with pytest.raises(StoreError, match="killed"):
        lake_format.migrate(store)
    assert json.loads(store.read(NOTE)[0])["format"] == 2
    lake_format.migrate(store)
    assert (done, json.loads(store.read(NOTE)[0])["format"]) == ([1, 2, 2], 3)
    lake_format.migrate(store)
    assert done == [1, 2, 2]


def test_every_older_format_has_a_migration() -> None:
    """There is a step from each format before this one to the next."""
    assert sorted(lake_format.MIGRATIONS) == list(range(lake_format.FORMAT))
