"""The DAG under a real Airflow, installed in an environment of its own (`.ci/run` does), against a moto server.

Its commands are those of `config/running.md`, which end in `airflow standalone`. One Airflow serves all tests.
"""

import contextlib
import datetime as dt
import itertools
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import boto3
import pytest
from conftest import S3, free_port, run_cli, wait_until
from lines import LINE

from etl.errors import LeaseHeldError
from etl.lake.lease import hold_lease, read_incomplete
from etl.store.base import Store
from etl.store.open import open_store
from etl.store.s3_session import S3Session

ROOT = Path(__file__).parents[2]
DAG = ROOT / "config" / "airflow" / "accesslake_dag.py"
KUBERNETES_DAG = DAG.with_name("accesslake_kubernetes_dag.py")
DAMAGED = b"\x1f\x8b\x08 no gzip"
NOW = dt.datetime.now(dt.UTC)
# Nobody waits ten minutes for what is tried again.
POLICY = """
import datetime

def task_policy(task):
    task.retry_delay = datetime.timedelta(seconds=3)
"""
CONSUMER = """
import datetime
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, Asset

with DAG(
    "consumer", schedule=[Asset("accesslake://lake")], start_date=datetime.datetime(2026, 1, 1),
    is_paused_upon_creation=False,
):
    BashOperator(task_id="read", bash_command="true", retries=3)
"""
SECONDS = 240
"""That the slowest run may take."""


def log_name(moment: dt.datetime, unique: str) -> str:
    return f"logs/{moment:%Y-%m-%d-%H-%M-%S}-{unique}"


def line(moment: dt.datetime, request_id: str, request: str = "REST.GET.OBJECT a.html") -> str:
    """A record of this moment."""
    text = LINE.replace("06/Feb/2026:00:00:38", f"{moment:%d/%b/%Y:%H:%M:%S}")
    return f"{text.replace('3E57427F3EXAMPLE', request_id).replace('REST.GET.OBJECT a.html', request)}\n"


@dataclass
class Airflow:
    """An Airflow with our DAG, and the S3 that it is to read."""

    binary: Path
    home: Path
    s3: S3
    environment: Mapping[str, str]

    def run(self, *arguments: str) -> str:
        """What a command of Airflow prints."""
        command = [str(self.binary), *arguments]
        run = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        print(run.stdout, run.stderr)  # noqa: T201 - shown where a test fails
        return run.stdout

    def request(self, method: str, path: str, payload: Mapping[str, Any] | None = None) -> Any:
        """What Airflow's API responds."""
        url = f"{self.environment['AIRFLOW__API__BASE_URL']}{path}"
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._token}"}
        data = None if payload is None else json.dumps(payload).encode()
        request = urllib.request.Request(url, data, headers, method=method)  # noqa: S310 - http, on this machine
        with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310 - as above
            return json.load(response)

    @property
    def _token(self) -> str:
        url = f"{self.environment['AIRFLOW__API__BASE_URL']}/auth/token"
        with urllib.request.urlopen(url, timeout=30) as response:  # noqa: S310 - as above
            return str(json.load(response)["access_token"])

    def trigger(self, **conf: Any) -> str:
        """Start a run by hand, without a logical date; its id."""
        payload = {"logical_date": None, "conf": conf}
        return str(self.request("POST", "/api/v2/dags/accesslake/dagRuns", payload)["dag_run_id"])

    def ended(self, run_id: str) -> tuple[str, dict[str, str]]:
        """The state of a run and of each of its tasks, once it has ended."""
        is_run = "dag_id = 'accesslake' AND run_id LIKE ?"
        self.until(f"SELECT 1 FROM dag_run WHERE {is_run} AND state IN ('success', 'failed')", run_id)
        states = self.query(
            "SELECT run.state, task_id, task.state FROM dag_run run JOIN task_instance task USING (dag_id, run_id) "
            f"WHERE {is_run}",
            run_id,
        )
        return states[0][0], {task: state for _, task, state in states}

    def summary(self, run_id: str) -> dict[str, Any]:
        """What `ingest` left for other tasks: its XCom."""
        sql = "SELECT value FROM xcom WHERE task_id = 'ingest' AND key = 'return_value' AND run_id LIKE ?"
        ((text,),) = self.query(sql, run_id)
        value = json.loads(text)
        summary: dict[str, Any] = json.loads(value) if isinstance(value, str) else value
        return summary

    def log(self, run_id: str, task: str, attempt: int = 1) -> str:
        (path,) = self.home.glob(f"logs/dag_id=accesslake/run_id={run_id}/task_id={task}/attempt={attempt}.log")
        return path.read_text()

    def until(self, sql: str, *values: Any) -> None:
        """Return when a query of Airflow's own database has a row."""
        deadline = time.monotonic() + SECONDS
        while not self.query(sql, *values):
            if time.monotonic() > deadline:
                print((self.home / "standalone.log").read_text()[-20_000:])  # noqa: T201 - as above
                raise TimeoutError(sql)
            time.sleep(0.2)

    def query(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Rows of Airflow's own database."""
        with contextlib.closing(sqlite3.connect(self.home / "airflow.db", timeout=30)) as connection:
            return connection.execute(sql, values).fetchall()

    @property
    def events(self) -> int:
        """How often the lake was updated, for other DAGs."""
        ((count,),) = self.query("SELECT count(*) FROM asset_event")
        return int(count)

    def put_log(self, name: str, text: str | bytes) -> None:
        self.s3.put(name, text if isinstance(text, bytes) else text.encode())

    @property
    def store(self) -> Store:
        """The lake."""
        return open_store(f"s3://{self.s3.lake}/lake", S3Session(self.s3.endpoint_url))

    def differences(self) -> int:
        """The exit code of `verify` over lake and logs."""
        options = ("--lake", f"s3://{self.s3.lake}/lake", "--endpoint-url", self.s3.endpoint_url)
        return run_cli("verify", *options, "--source", f"s3://{self.s3.logs}/logs/").returncode


def commands() -> tuple[str, str]:
    """The block for machines with Airflow: all but its last command, and this one.

    accesslake is not installed by it here: tests/test_packaging.py has how that goes.
    """
    text = (ROOT / "config" / "running.md").read_text()
    (block,) = re.findall(r"^```sh\n(python3 -m venv accesslake\n.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    venv, pip, *rest, last = block.splitlines()
    assert venv == "python3 -m venv accesslake"
    assert pip == "accesslake/bin/pip install --quiet '.[fast]'"
    assert len(rest) + 3 <= 10
    return "\n".join(rest), last


@contextlib.contextmanager
def held_lease(store: Store) -> Iterator[None]:
    """The lake's lease, once nobody else has it."""
    with contextlib.ExitStack() as stack:
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(LeaseHeldError):
                stack.enter_context(hold_lease(store, "another", 120))
                break
            time.sleep(0.2)
        yield


@pytest.fixture(scope="module")
def airflow(request: pytest.FixtureRequest, moto_server: str, tmp_path_factory: pytest.TempPathFactory) -> Airflow:
    """Airflow with its database, our DAG and one that waits for the lake; nothing runs yet."""
    binary = ROOT / ".venv-airflow" / "bin" / "airflow"
    if not binary.exists():
        if request.config.getoption("--all-servers"):
            pytest.fail("Airflow is not installed in .venv-airflow")
        pytest.skip("Airflow is not installed in .venv-airflow")
    place = tmp_path_factory.mktemp("airflow")
    home = place / "home"
    s3 = S3(moto_server, boto3.client("s3", endpoint_url=moto_server), "airflow-logs", "airflow-lake")
    for bucket in (s3.logs, s3.lake):
        s3.client.create_bucket(Bucket=bucket)
    for name, text in (("dags/consumer.py", CONSUMER), ("config/airflow_local_settings.py", POLICY)):
        (home / name).parent.mkdir(parents=True)
        (home / name).write_text(text)
    (place / "config").symlink_to(ROOT / "config")
    command = place / "accesslake" / "bin" / "accesslake"
    command.parent.mkdir(parents=True)
    command.write_text(f'#!/bin/sh\ncd {ROOT} && exec {sys.executable} -m etl "$@"\n')
    command.chmod(0o755)
    port = free_port()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("COV")},
        "PATH": f"{binary.parent}:{os.environ['PATH']}",
        "ACCESSLAKE_ENDPOINT_URL": moto_server,
        # So slow that a run can be ended half-way.
        "ACCESSLAKE_FETCH_CONCURRENCY": "1",
        "ACCESSLAKE_READER": "s3fs",
        # On a busy machine there may be no time to give it back.
        "ACCESSLAKE_LEASE_SECONDS": "10",
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{port}",
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PARALLELISM": "3",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        # Sooner than after five seconds, a task learns that it is to end.
        "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
        "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(free_port()),
        "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(free_port()),
    }
    script, _ = commands()
    script = script.replace("my-log-bucket", s3.logs).replace("my-analytics-bucket/access-lake", f"{s3.lake}/lake")
    # The variables of the block are those of all that follows.
    script += "\npython3 -c 'import json, os; print(json.dumps(dict(os.environ)))'"
    run = subprocess.run(
        ["/bin/bash", "-euc", script], cwd=place, env=environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return Airflow(binary, home, s3, json.loads(run.stdout.splitlines()[-1]))


@pytest.fixture(scope="module")
def scheduled(airflow: Airflow) -> Iterator[Airflow]:
    """The same at work, as `airflow standalone` starts it."""
    _, last = commands()
    with (airflow.home / "standalone.log").open("w") as log:
        standalone = subprocess.Popen(
            ["/bin/bash", "-c", f"exec {last}"], env=airflow.environment, stdout=log, stderr=log, start_new_session=True
        )
    try:
        yield airflow
    finally:
        os.killpg(standalone.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            standalone.wait(20)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(standalone.pid, signal.SIGKILL)


def test_a_first_night_without_logs(airflow: Airflow) -> None:
    """`airflow dags test` needs no scheduler: where there is nothing to read, all is skipped, and no DAG started."""
    airflow.run("dags", "test", "accesslake", "2026-02-08")
    run, tasks = airflow.ended("manual__%")
    assert run == "success"
    assert tasks.pop("verify_on_sundays") == ("success" if NOW.isoweekday() == 7 else "skipped")
    assert tasks == dict.fromkeys(("ingest", "rejects", "findings", "dashboard"), "skipped")
    assert airflow.events == 0


def test_a_run_comes_due(scheduled: Airflow) -> None:
    """Nobody starts it; it ends green, and starts a DAG that waits for the lake."""
    before = scheduled.events
    scheduled.put_log(log_name(NOW, "BBBB"), line(NOW, "B1") + line(NOW, "B2"))
    run, tasks = scheduled.ended("scheduled__%")
    assert run == "success"
    assert tasks["ingest"] == tasks["rejects"] == tasks["findings"] == tasks["dashboard"] == "success"
    assert scheduled.summary("scheduled__%")["rows"] == 2
    assert scheduled.events == before + 1
    scheduled.until(
        "SELECT 1 FROM dag_run WHERE dag_id = 'consumer' AND state = 'success' AND queued_at > "
        "(SELECT end_date FROM task_instance WHERE run_id LIKE 'scheduled__%' AND task_id = 'ingest')"
    )
    # One a night, not one for each night since the first day there is.
    assert scheduled.query("SELECT count(*) FROM dag_run WHERE run_type = 'scheduled'") == [(1,)]
    assert scheduled.query("SELECT max_active_runs FROM dag WHERE dag_id = 'accesslake'") == [(1,)]


def test_a_backfill_by_dates(scheduled: Airflow) -> None:
    """Each run reads one day; what is outside is left to a run that names it, and then nothing is missing."""
    days = [dt.datetime(2025, 12, day, 20, tzinfo=dt.UTC) for day in (28, 30, 31)]
    for number, day in enumerate(days):
        scheduled.put_log(log_name(day, "OLD"), "".join(line(day, f"D{number}{n}") for n in range(number + 1)))
    text = (ROOT / "config" / "running.md").read_text()
    (command,) = re.findall(r"^airflow (backfill create .*)$", text, flags=re.MULTILINE)
    command = command.replace("2026-08-01", "2025-12-29").replace("2026-08-31", "2025-12-31")
    scheduled.run(*command.split())
    runs = [scheduled.ended(f"backfill__2025-12-{day}%")[1] for day in (29, 30, 31)]
    assert [tasks["ingest"] for tasks in runs] == ["skipped", "success", "success"]
    assert [tasks["rejects"] for tasks in runs] == ["skipped", "success", "success"]
    assert {tasks[name] for tasks in runs for name in ("findings", "dashboard")} == {"skipped"}
    assert [scheduled.summary(f"backfill__2025-12-{day}%")["rows"] for day in (30, 31)] == [2, 3]
    # One at a time, so that none meets the lease of another.
    sql = "SELECT start_date, end_date FROM task_instance WHERE run_id LIKE 'backfill__%' AND task_id = 'ingest'"
    periods = sorted(scheduled.query(sql))
    assert all(end <= start for (_, end), (start, _) in itertools.pairwise(periods))
    assert scheduled.differences() == 4
    run = scheduled.trigger(since="2025-12-28", until="2025-12")
    assert scheduled.ended(run)[1]["ingest"] == "success"
    assert scheduled.summary(run)["rows"] == 1
    assert scheduled.differences() == 0


def test_runs_that_are_ended_or_fail(scheduled: Airflow) -> None:
    """What somebody marks as failed ends by itself. The next run makes up for it, as often tried again as it takes.

    It is where a lease is held and where a store fails; too many rejects, and alarms, keep nothing from running.
    """
    name = log_name(NOW, "GOOD")
    scheduled.put_log(name, DAMAGED)
    with ThreadPoolExecutor(8) as pool:
        others = [f"E{number:05}" for number in range(2_000)]
        list(pool.map(lambda one: scheduled.put_log(log_name(NOW, one), line(NOW, one)), others))
    ended = scheduled.trigger()
    deadline = time.monotonic() + SECONDS
    while read_incomplete(scheduled.store) is None and time.monotonic() < deadline:
        time.sleep(0.1)
    scheduled.request("PATCH", f"/api/v2/dags/accesslake/dagRuns/{quote(ended)}", {"state": "failed"})
    assert scheduled.ended(ended)[1]["ingest"] == "failed"
    while "run it again: it goes on where this ended" not in scheduled.log(ended, "ingest"):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert read_incomplete(scheduled.store) is not None

    tried = "SELECT 1 FROM task_instance_history WHERE run_id = ? AND task_id = 'ingest' AND try_number = ?"
    with held_lease(scheduled.store):
        run = scheduled.trigger()
        scheduled.until(tried, run, 1)
    scheduled.until(tried, run, 2)
    scheduled.put_log(name, line(NOW, "G1", "REST.PUT.LOGGING_STATUS -") + "nonsense\n" * 100)
    assert scheduled.ended(run) == (
        "failed",
        {
            "ingest": "success",
            "rejects": "failed",
            "findings": "failed",
            "dashboard": "success",
            "verify_on_sundays": "success" if NOW.isoweekday() == 7 else "skipped",
        },
    )
    codes = {"ingest": (75, 1, 3), "rejects": (3,), "findings": (5,)}
    for task, expected in codes.items():
        logs = [scheduled.log(run, task, number + 1) for number in range(len(expected))]
        found = [re.findall(r"return code (\d+)|\"exit_code\\\": (\d+)", log) for log in logs]
        assert [int("".join(one[0])) for one in found] == list(expected)
    assert scheduled.differences() == 0


def test_a_wrong_setting_is_not_tried_again(scheduled: Airflow) -> None:
    """Exit code 2 fails `ingest` at its first try, as no other try would end otherwise."""
    run = scheduled.trigger(since="2026-08", until="2026-07")
    assert scheduled.ended(run)[1]["ingest"] == "failed"
    assert "a wrong option or setting" in scheduled.log(run, "ingest")
    sql = "SELECT try_number FROM task_instance WHERE run_id = ? AND task_id = 'ingest'"
    assert scheduled.query(sql, run) == [(1,)]


def test_the_pods_of_kubernetes_end_as_the_tasks_here_do(airflow: Airflow, tmp_path: Path) -> None:
    """Their scripts, in a shell: rejects and alarms leave a summary, nothing new skips, SIGTERM ends the run."""
    show = """
import json, runpy, sys
tasks = runpy.run_path(sys.argv[1])["dag"].tasks
names = ("cmds", "arguments", "skip_on_exit_code", "trigger_rule", "retries", "do_xcom_push", "bash_command")
print(json.dumps({task.task_id: {name: getattr(task, name, None) for name in names} for task in tasks}))
"""
    python = airflow.binary.with_name("python")
    read = subprocess.run(
        [str(python), "-c", show, str(KUBERNETES_DAG)],
        env=airflow.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    tasks = json.loads(read.stdout.splitlines()[-1])
    assert tasks.keys() == {"ingest", "rejects", "verify_on_sundays", "findings", "dashboard"}
    xcom, logs = tmp_path / "return.json", tmp_path / "logs"
    logs.mkdir()
    (tmp_path / log_name(NOW, "KUBE")).write_text(line(NOW, "K1", "REST.PUT.LOGGING_STATUS -") + "nonsense\n" * 100)

    def begun(task: str) -> subprocess.Popen[bytes]:
        (script,) = tasks[task]["arguments"]
        assert (tasks[task]["do_xcom_push"], "/airflow/xcom/return.json" in script) == (True, True)
        environment = {
            **airflow.environment,
            "PATH": f"{airflow.environment['AIRFLOW_VAR_ACCESSLAKE_COMMAND'].rpartition('/')[0]}:{os.environ['PATH']}",
            "ACCESSLAKE_SOURCE": str(logs),
            "ACCESSLAKE_LAKE": str(tmp_path / "lake"),
        }
        script = script.replace("/airflow/xcom/return.json", str(xcom))
        return subprocess.Popen([*tasks[task]["cmds"], script], env=environment)

    def ended(task: str) -> tuple[int, dict[str, Any]]:
        return begun(task).wait(SECONDS), json.loads(xcom.read_text())

    run = begun("ingest")
    wait_until(xcom.exists, "the run has begun")
    time.sleep(0.2)
    run.terminate()
    assert run.wait(SECONDS) == 143
    code, summary = ended("ingest")
    assert (code, summary["exit_code"], summary["rows"]) == (0, 3, 1)
    assert tasks["rejects"]["bash_command"] == "exit {{ ti.xcom_pull(task_ids='ingest')['exit_code'] }}"
    assert ended("ingest")[0] in tasks["ingest"]["skip_on_exit_code"]
    code, found = ended("findings")
    assert (code, bool(found["findings"])) == (5, True)
    assert tasks["findings"]["trigger_rule"] == tasks["verify_on_sundays"]["trigger_rule"] == "none_failed"
    assert {task for task in tasks if tasks[task]["retries"] == 0} == {"rejects", "verify_on_sundays", "findings"}


def test_both_dags_are_imported_without_a_warning(airflow: Airflow) -> None:
    """The one for Kubernetes needs another provider, and a cluster to run."""
    script = """
import runpy, sys, warnings
warnings.simplefilter("error", DeprecationWarning)
for path in sys.argv[1:]:
    runpy.run_path(path)
"""
    python = airflow.binary.with_name("python")
    run = subprocess.run(
        [str(python), "-c", script, str(DAG), str(KUBERNETES_DAG)],
        env=airflow.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
