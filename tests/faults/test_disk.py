"""A disk that is full, read-only or garbled: the run says so, and the next one, or a repair, makes the lake whole."""

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import TALLY, run_cli
from harness import Judge, Place, finish, judge, local_place, log_objects


LEDGER, PART, REJECTS = (
    "_ledger/date=2026-01-01/part-00000.parquet",
    "access_log/bucket=a-bucket/date=2026-01-02/part-00000.parquet",
    "rejects/date=2026-01-01/part-00000.parquet",
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Judge:
    return judge(local_place(tmp_path_factory.mktemp("disk"), log_objects(lines=3_000)))


def mount(options: str, directory: Path) -> None:
    command = ["/bin/mount", "-t", "tmpfs", "-o", options, "tmpfs", str(directory)]
    subprocess.run(command, check=True, capture_output=True)


@pytest.fixture
def small_disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A file system of 256 KiB; mounting one takes root."""
    directory = tmp_path / "disk"
    directory.mkdir()
    try:
        mount("size=256k", directory)
    except (OSError, subprocess.CalledProcessError) as error:
        if request.config.getoption("--all-servers"):
            raise
        pytest.skip(f"cannot mount a file system: {error}")
    yield directory
    with contextlib.suppress(subprocess.CalledProcessError):
        subprocess.run(["/bin/umount", str(directory)], check=True)


def on(whole: Judge, directory: Path) -> Judge:
    """The same judge, for lakes in another directory."""
    return Judge(Place(whole.place.source, str(directory)), whole.rows, whole.rejects, whole.ledger)


@pytest.mark.parametrize("workers", [1, 2])
def test_full_disk(workers: int, whole: Judge, small_disk: Path) -> None:
    """The run fails with the system's words; with room again, the next one is whole."""
    judge_here = on(whole, small_disk)
    code, errors = finish(judge_here.place.start("lake", workers=workers))
    TALLY.injected += 1
    assert code == 1
    assert "cannot write: No space left on device; check space and permissions" in errors
    assert "Traceback" not in errors
    mount("remount,size=64m", small_disk)
    judge_here.recovers("lake")


def test_read_only_disk(whole: Judge, small_disk: Path) -> None:
    """The run fails before it does any work; nothing is written."""
    judge_here = on(whole, small_disk)
    mount("remount,size=64m", small_disk)
    shutil.copytree(Path(whole.place.lakes, "undisturbed"), small_disk / "lake")
    (small_disk / "lake" / LEDGER).unlink()
    mount("remount,ro", small_disk)
    code, errors = finish(judge_here.place.start("lake"))
    TALLY.injected += 1
    assert code == 1
    assert "cannot write: Read-only file system; check space and permissions" in errors
    mount("remount,rw", small_disk)
    judge_here.recovers("lake")


@pytest.fixture(scope="module")
def half_done(whole: Judge, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with half of the log objects: a run over it writes to each of its partitions."""
    logs, aside = Path(whole.place.source), tmp_path_factory.mktemp("aside")
    paths = sorted(logs.rglob("*-00-00-00-*"))
    hidden = {path: aside / str(n) for n, path in enumerate(paths) if n % 4 < 2}  # in pairs: a delivery and its second
    for path, away in hidden.items():
        path.rename(away)
    Lake(whole.place.settings("half")).ingest()
    for path, away in hidden.items():
        away.rename(path)
    return Path(whole.place.lakes, "half")


@pytest.mark.parametrize("part", [LEDGER, PART, REJECTS])
@pytest.mark.parametrize("garbage", [b"", b"PAR1 not Parquet PAR1", None])
def test_garbled_part(part: str, garbage: bytes | None, whole: Judge, half_done: Path, tmp_path: Path) -> None:
    """A run never writes over a part that it cannot read; verify names it, and a repair makes the lake whole."""
    judge_here = on(whole, tmp_path)
    shutil.copytree(half_done, tmp_path / "lake")
    path = tmp_path / "lake" / part
    data = path.read_bytes()
    garbled = data[: len(data) // 2] if garbage is None else garbage
    path.write_bytes(garbled)
    TALLY.injected += 1
    code, errors = finish(judge_here.place.start("lake"))
    assert code == 1
    assert f"{part}: not a readable part of the lake" in errors
    assert "run `accesslake verify --repair`" in errors
    assert path.read_bytes() == garbled
    arguments = ("--lake", str(tmp_path / "lake"), "--source", whole.place.source)
    found = run_cli("verify", *arguments)
    assert found.returncode == 4
    assert f"damaged_part: {part}" in found.stdout
    repaired = run_cli("verify", "--repair", *arguments)
    assert repaired.returncode == 0, repaired.stdout + repaired.stderr
    assert f"set aside under _damaged/: {part}" in repaired.stdout
    assert [one.read_bytes() for one in (tmp_path / "lake" / "_damaged").rglob("*.parquet")] == [garbled]
    judge_here.is_whole("lake")


@pytest.mark.parametrize("name", ["_lock.json", "_runs.json"])
def test_garbled_notes(name: str, whole: Judge, tmp_path: Path) -> None:
    """Lease and notes of former runs only save work: without them everything is listed again."""
    judge_here = on(whole, tmp_path)
    shutil.copytree(Path(whole.place.lakes, "undisturbed"), tmp_path / "lake")
    (tmp_path / "lake" / name).write_bytes(b"{garbled")
    TALLY.injected += 1
    code, errors = finish(judge_here.place.start("lake"))
    assert code == 0, errors
    judge_here.is_whole("lake")
