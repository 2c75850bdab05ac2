"""Runs that work on one lake at the same time: none is in the other's way, with the lease and without it."""

import contextlib
import functools
import os
import signal
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import boto3
import duckdb
import pytest
from conftest import TALLY
from harness import Judge, finish, judge, local_place, s3_place
from proxy import Handler, Request, Upstream, fault_proxy

from etl import open_lake

BUSY = 75
LEASE_SECONDS = 5
SHORT_LEASE = {"ACCESSLAKE_LEASE_SECONDS": str(LEASE_SECONDS)}


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Judge:
    return judge(local_place(tmp_path_factory.mktemp("rivals")))


@pytest.fixture(scope="module")
def s3(moto_server: str) -> Judge:
    return judge(s3_place(boto3.client("s3", endpoint_url=moto_server), moto_server, "rivals"))


@pytest.mark.parametrize("count", [2, 5])
@pytest.mark.parametrize("where", ["local", "s3"])
def test_runs_at_once(where: str, count: int, request: pytest.FixtureRequest) -> None:
    """One does the work, the others say that it is at work, or come later and find nothing to do."""
    whole: Judge = request.getfixturevalue(where)
    lake = uuid.uuid4().hex
    runs = [whole.place.start(lake, workers=1 + n % 2) for n in range(count)]
    ended = [finish(run) for run in runs]
    assert {code for code, _ in ended} <= {0, BUSY}
    assert 0 in {code for code, _ in ended}
    assert all("is writing to this lake; try again when it is done" in errors for code, errors in ended if code == BUSY)
    whole.is_whole(lake)


def test_runs_at_once_without_a_lease(s3: Judge) -> None:
    """Correctness never rests on the lease, nor on settings: with all of them at work, each record is there once."""
    lake = uuid.uuid4().hex
    is_over = threading.Event()

    def take_the_lease_away() -> None:
        while not is_over.wait(0.05):
            s3.place.let_lease_run_out(lake)

    thief = threading.Thread(target=take_the_lease_away)
    thief.start()
    try:
        runs = [
            s3.place.start(lake, workers=1 + n % 2, environment={"ACCESSLAKE_MIN_PART_SIZE": size})
            for n, size in enumerate(("1", "18000", "32MiB"))
        ]
        codes = [finish(run)[0] for run in runs]
    finally:
        is_over.set()  # otherwise this process would never end
        thief.join()
    assert set(codes) <= {0, BUSY}
    s3.is_whole(lake) if 0 in codes else s3.recovers(lake)


@pytest.mark.parametrize("put", [6, 12, 18])
def test_a_stalled_run_wakes_up_after_another_took_over(put: int, s3: Judge) -> None:
    """A run is stopped with a write on its way; its lease expires, another does the work; then the write arrives."""
    lake = uuid.uuid4().hex
    is_stopped, may_go_on = threading.Event(), threading.Event()
    with fault_proxy(s3.place.endpoint_url or "") as proxy:
        stalled = s3.place.start(lake, endpoint_url=proxy.endpoint_url, environment=SHORT_LEASE)

        def stall(handler: Handler, upstream: Upstream) -> None:
            os.killpg(stalled.pid, signal.SIGSTOP)
            is_stopped.set()
            may_go_on.wait(120)
            answer = upstream()
            os.killpg(stalled.pid, signal.SIGCONT)
            handler.answer(answer)

        proxy.rule = functools.partial(_at_put, put, stall)
        assert is_stopped.wait(60)
        time.sleep(LEASE_SECONDS + 0.5)
        code, errors = finish(s3.place.start(lake, workers=2, environment=SHORT_LEASE))
        assert code == 0, errors
        s3.is_whole(lake)
        may_go_on.set()
        code, errors = finish(stalled)
    TALLY.injected += 1
    assert code in (0, BUSY), errors
    assert code == 0 or "another run took the lease over" in errors
    s3.is_whole(lake)


def _at_put(
    number: int, fault: Callable[[Handler, Upstream], None], request: Request
) -> Callable[[Handler, Upstream], None] | None:
    return fault if (request.method, request.number) == ("PUT", number) else None


def test_readers_while_a_run_writes(local: Judge) -> None:
    """Whoever reads meanwhile sees each record at most once; accesslake's own queries do not fail, others may."""
    lake = uuid.uuid4().hex
    path = f"{local.place.lakes}/{lake}"
    run = local.place.start(lake, environment={"ACCESSLAKE_BATCH_SIZE": "1500"})
    successes, deadline = 0, time.monotonic() + 240
    while run.poll() is None:
        assert time.monotonic() < deadline, "the run has not ended"
        if not list(Path(path).glob("access_log/*/*/*.parquet")):
            continue
        query = "SELECT request_id, key, host_id, time FROM access_log"
        ours = open_lake(path).sql(query).to_arrow().num_rows
        assert ours <= local.rows.total()
        with contextlib.suppress(duckdb.Error):  # it opens a file twice, and may find another the second time
            local.no_duplicate(lake)
            successes += 1
    code, errors = finish(run)
    assert code == 0, errors
    assert successes > 0
    local.is_whole(lake)
