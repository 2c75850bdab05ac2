"""A run that is killed anywhere leaves no duplicate, and the next run makes the lake whole (I1, I2)."""

import datetime as dt
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from conftest import ingest_local, rows_of

from etl.config import Settings
from etl.generate import partitioned_objects, traffic, write_objects
from etl.verify import verify

DRIVER = Path(__file__).with_name("crash_driver.py")
DAYS = 4

KILLS = [
    *((moment, "access_log/", n) for moment in ("before", "after") for n in range(1, 2 * DAYS + 1)),
    *((moment, "rejects/", n) for moment in ("before", "after") for n in (1, DAYS)),
    *((moment, "_ledger/", n) for moment in ("before", "after") for n in (1, DAYS)),
    *((moment, "_runs.json", 1) for moment in ("before", "after")),
]


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two buckets, four days, a second delivery of some records, and a line that does not parse in each object."""
    directory = tmp_path_factory.mktemp("logs")
    lines = list(traffic(400, ["a", "b"], dt.date(2026, 1, 1), DAYS))
    write_objects(partitioned_objects(lines, "", 50), directory)
    for path in sorted(directory.rglob("*-00-00-00-*")):
        text = path.read_bytes() + b"nonsense\n"
        path.write_bytes(text)
        (path.parent / f"{path.name}0").write_bytes(b"".join(text.splitlines(keepends=True)[:5]))
    return directory


@pytest.fixture(scope="module")
def undisturbed(logs: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, object]]:
    lake = tmp_path_factory.mktemp("undisturbed") / "lake"
    ingest_local(logs, lake)
    rows = rows_of(lake)
    assert len(rows) == 400
    return rows


@pytest.mark.parametrize(("moment", "name", "count"), KILLS)
def test_killed_between_any_two_writes(
    moment: str, name: str, count: int, logs: Path, undisturbed: list[dict[str, object]], tmp_path: Path
) -> None:
    """After the kill the plain glob has no record twice; after one more run it equals an undisturbed lake."""
    lake = tmp_path / "lake"
    killed = subprocess.run(
        [sys.executable, str(DRIVER), str(logs), str(lake), moment, name, str(count)], check=False, capture_output=True
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    if list(lake.glob("access_log/*/*/*.parquet")):
        seen = Counter(tuple(row.values()) for row in rows_of(lake))
        expected = Counter(tuple(row.values()) for row in undisturbed)
        assert seen <= expected
    ingest_local(logs, lake)
    assert rows_of(lake) == undisturbed
    assert verify(Settings(lake=str(lake), source=(str(logs),))).differences == []
