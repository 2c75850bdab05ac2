"""Where a catalog is written: refused before the work, and nothing is left of processes that were killed."""

import subprocess
import sys
from pathlib import Path

import pytest
from conftest import empty_lake

from etl.catalog.place import new_file
from etl.errors import StoreError

WRITER = """
import sys, time
from pathlib import Path
from etl.catalog.place import new_file
with new_file(Path(sys.argv[1])) as path:
    path.write_text("half")
    print("writing", flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize(
    ("name", "reason"), [("nodir/x.duckdb", "No such file or directory"), ("folder", "Is a directory")]
)
def test_what_cannot_be_written_is_refused(tmp_path: Path, name: str, reason: str) -> None:
    """In the words of the other commands, and nothing is left."""
    (tmp_path / "folder").mkdir()
    lake = empty_lake(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(StoreError, match=rf"{name}: cannot write: {reason}"):
        lake.catalog(tmp_path / name)
    assert sorted(tmp_path.rglob("*")) == before


def test_no_device_is_replaced_by_a_file() -> None:
    """Nor a pipe: what others read from it, or write to it, would be gone."""
    with pytest.raises(StoreError, match="/dev/null: cannot write: it is no regular file"), new_file(Path("/dev/null")):
        pytest.fail("it was taken for a place")


def test_the_next_run_removes_what_a_killed_one_left(tmp_path: Path) -> None:
    """What another run still writes stays, and so does the old file."""
    file = tmp_path / "lake [1].duckdb"
    file.write_text("old")
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(file)], stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    try:
        for writer in writers:
            assert writer.stdout
            assert writer.stdout.readline() == "writing\n"
        killed, _ = writers
        killed.kill()
        killed.wait()
        assert len(list(tmp_path.glob(".lake*"))) == 2
        with new_file(file) as path:
            assert len(list(tmp_path.glob(".lake*"))) == 2
            assert file.read_text() == "old"
            path.write_text("new")
        (in_use,) = tmp_path.glob(".lake*")
        assert list(in_use.glob("*.duckdb"))
    finally:
        for writer in writers:
            writer.kill()
            writer.communicate()
    assert file.read_text() == "new"
