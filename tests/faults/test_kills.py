"""A run that is killed before or after any of its writes, or at any time, leaves no duplicate, and the next is whole.

The batches of a run write the same kinds of files again and again: of these writes a sample is taken, and with
`--exhaustive` all. `pytest tests/faults/test_kills.py --kills 5000` kills that many runs at random.
"""

import random
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from pathlib import Path

import boto3
import pytest
from conftest import TALLY
from harness import KILLED, RENAMES, Judge, finish, judge, kill, local_place, run_and_kill, s3_place

AT_ONCE = 3
FIRST, LAST = 12, 5
"""Writes up to the first batch, and after the last; between them are batches."""


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Judge:
    return judge(local_place(tmp_path_factory.mktemp("kills")))


@pytest.fixture(scope="module")
def s3(moto_server: str) -> Judge:
    return judge(s3_place(boto3.client("s3", endpoint_url=moto_server), moto_server, "kills"))


def run_local(whole: Judge, directory: Path, workers: int, kill_at: str | None) -> tuple[str, int, int]:
    """A run over a local lake: its name, its exit code, and how many renames it made."""
    lake = uuid.uuid4().hex
    count = directory / lake
    environment = {"PYTHONPATH": str(RENAMES), "RENAMES_FILE": str(count), "KILL_AT": kill_at or "never:0"}
    process = whole.place.start(lake, workers=workers, environment=environment)
    code, _ = finish(process)
    return lake, code, int(count.read_text())


def check_killed(whole: Judge, lake: str, code: int) -> bool:
    """Whether the run was killed; with several workers the number of writes varies, and one may come through."""
    assert code in (KILLED, 0)
    whole.recovers(lake)
    TALLY.kills += code == KILLED
    return code == KILLED


def at_all(points: list[tuple[str, int]], attempt: Callable[[str, int], bool]) -> int:
    """Tries the points, several at once; how many of the runs were killed."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return sum(pool.map(lambda point: attempt(*point), points))


@pytest.fixture(scope="module")
def is_exhaustive(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--exhaustive"))


def points_of(writes: int) -> list[tuple[str, int]]:
    """Before and after each of so many writes."""
    return [(moment, at) for at in range(1, writes + 1) for moment in ("before", "after")]


def sample(writes: int, step: int) -> list[int]:
    """The first and the last of so many writes, and each `step`-th between them."""
    tail = writes - LAST + 1
    return [*range(1, FIRST + 1), *range(FIRST + step, tail, step), *range(tail, writes + 1)]


@pytest.mark.parametrize("workers", [1, 2])
def test_local_lake(workers: int, local: Judge, tmp_path: Path, *, is_exhaustive: bool) -> None:
    """SIGKILL before and after renames, by turns: a local lake changes by renames only."""
    lake, code, renames = run_local(local, tmp_path, workers, None)
    assert code == 0
    local.is_whole(lake)

    def attempt(moment: str, at: int) -> bool:
        lake, code, _ = run_local(local, tmp_path, workers, f"{moment}:{at}")
        return check_killed(local, lake, code)

    turns = zip(cycle(("before", "after")), sample(renames, 1 + workers), strict=False)
    points = points_of(renames) if is_exhaustive else [*turns, ("after", renames)]
    assert at_all(points, attempt) >= len(points) * (1 if workers == 1 else 0.8)


@pytest.mark.parametrize("workers", [1, 2])
def test_lake_on_s3(workers: int, s3: Judge, *, is_exhaustive: bool) -> None:
    """SIGKILL before a PUT reaches S3, and after it is stored but not yet answered.

    Runs change a lake by PUTs only: what is after one is what is before the next, and only the first has its own.
    """
    lake = uuid.uuid4().hex
    code, puts = run_and_kill(s3.place, lake, "never", workers=workers)
    assert code == 0
    s3.is_whole(lake)

    def attempt(moment: str, at: int) -> bool:
        lake = uuid.uuid4().hex
        code, _ = run_and_kill(s3.place, lake, moment, at, workers=workers)
        return check_killed(s3, lake, code)

    after = [("after", at) for at in sample(puts, 1 + 2 * workers)]
    points = points_of(puts) if is_exhaustive else [("before", 1), *after]
    assert at_all(points, attempt) >= len(points) * (1 if workers == 1 else 0.8)


def test_at_any_time(local: Judge, s3: Judge, request: pytest.FixtureRequest) -> None:
    """SIGKILL at random times, on both kinds of lake, with one worker and with two; sometimes only the parent dies."""
    rng = random.Random(4)
    draws = request.config.getoption("--kills")

    def points() -> Iterator[tuple[Judge, int, float, bool]]:
        for _ in range(draws):
            yield rng.choice([local, s3]), rng.choice([1, 2]), rng.uniform(0.3, 2), rng.random() < 0.3

    def attempt(point: tuple[Judge, int, float, bool]) -> bool:
        whole, workers, seconds, is_parent_only = point
        lake = uuid.uuid4().hex
        process = whole.place.start(lake, workers=workers)
        time.sleep(seconds)
        process.kill() if is_parent_only else kill(process)
        code, _ = finish(process)  # also of its workers, which have the same pipes
        time.sleep(0.5 if is_parent_only else 0)
        return check_killed(whole, lake, code)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        assert sum(pool.map(attempt, points())) > draws * 0.3
