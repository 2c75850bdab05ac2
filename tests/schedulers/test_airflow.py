"""The DAG under a real Airflow, installed in an environment of its own (`.ci/run` does), against a moto server."""

import datetime as dt
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from conftest import S3, run_cli
from lines import LINE

ROOT = Path(__file__).parents[2]
DAG = ROOT / "config" / "airflow" / "accesslake_dag.py"
KUBERNETES_DAG = DAG.with_name("accesslake_kubernetes_dag.py")
DAMAGED = b"\x1f\x8b\x08 no gzip"


@dataclass
class Airflow:
    """An Airflow with our DAG, and the S3 that it is to read."""

    binary: Path
    home: Path
    s3: S3
    environment: Mapping[str, str]

    def test_dag(self, *logical_date: str) -> dict[str, str]:
        """Run the DAG once, in this process's time: the state of each task."""
        command = [str(self.binary), "dags", "test", "accesslake", *logical_date]
        run = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        print(run.stdout, run.stderr)  # noqa: T201 - shown where a test fails
        return self.states()

    def states(self) -> dict[str, str]:
        """The state of each task of the last run."""
        newest = "SELECT run_id FROM dag_run ORDER BY id DESC LIMIT 1"
        return dict(self.query(f"SELECT task_id, state FROM task_instance WHERE run_id = ({newest})"))

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of Airflow's own database."""
        with sqlite3.connect(self.home / "airflow.db") as connection:
            return connection.execute(sql).fetchall()

    def put_log(self, name: str, text: str | bytes) -> None:
        self.s3.put(f"logs/{name}", text if isinstance(text, bytes) else text.encode())


@pytest.fixture
def airflow(request: pytest.FixtureRequest, s3: S3, tmp_path: Path) -> Airflow:
    binary = ROOT / ".venv-airflow" / "bin" / "airflow"
    if not binary.exists():
        if request.config.getoption("--all-servers"):
            pytest.fail("Airflow is not installed in .venv-airflow")
        pytest.skip("Airflow is not installed in .venv-airflow")
    home = tmp_path / "airflow"
    (home / "dags").mkdir(parents=True)
    # What fails is not tried again, which would take as long as it is to wait.
    text = DAG.read_text().replace('"retries": 3', '"retries": 0')
    (home / "dags" / DAG.name).write_text(text)
    command = tmp_path / "accesslake"
    command.write_text(f'#!/bin/sh\ncd {ROOT} && exec {sys.executable} -m etl "$@"\n')
    command.chmod(0o755)
    settings = tmp_path / "accesslake.toml"
    settings.write_text(
        f'source = "s3://{s3.logs}/logs/"\nlake = "s3://{s3.lake}/lake"\nendpoint_url = "{s3.endpoint_url}"\n'
    )
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("COV")},
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PARALLELISM": "2",
        "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
        "AIRFLOW_VAR_ACCESSLAKE_COMMAND": str(command),
        "ACCESSLAKE_CONFIG": str(settings),
        "AIRFLOW_VAR_ACCESSLAKE_DASHBOARD": str(tmp_path / "dashboard.html"),
    }
    subprocess.run([str(binary), "db", "migrate"], env=environment, capture_output=True, check=True)
    return Airflow(binary, home, s3, environment)


def test_runs_by_hand_and_by_date(airflow: Airflow) -> None:
    """New logs: all tasks; nothing new: skipped, but for findings; a failed run is made up for by the next."""
    airflow.put_log("2026-02-06-00-10-00-AAAA", f"{LINE}\n")
    first = airflow.test_dag("2026-02-08")  # a Sunday
    assert first["ingest"] == first["rejects"] == first["dashboard"] == "success"
    assert first["verify_on_sundays"] in {"success", "skipped"}  # by the day on which it runs
    assert first["findings"] in {"success", "failed"}
    assert (airflow.home.parent / "dashboard.html").stat().st_size > 10_000
    ((summary,),) = airflow.query("SELECT value FROM xcom WHERE task_id = 'ingest' AND key = 'return_value'")
    assert json.loads(json.loads(summary) if summary.startswith('"') else summary)["rows"] == 1
    events = airflow.query("SELECT count(*) FROM asset_event")
    later = f"{dt.datetime.now(dt.UTC):%Y-%m-%d}-00-10-00-BBBB"  # in the window that a run lists again
    second = airflow.test_dag()
    assert second["ingest"] == second["rejects"] == second["dashboard"] == "skipped"
    assert second["findings"] in {"success", "failed"}
    assert airflow.query("SELECT count(*) FROM asset_event") == events
    airflow.put_log(later, DAMAGED)
    assert airflow.test_dag("2026-02-10")["ingest"] in {"failed", "up_for_retry"}
    airflow.put_log(later, LINE.replace("06/Feb", "07/Feb") + "\n")
    assert airflow.test_dag("2026-02-10T01:00:00")["ingest"] == "success"
    options = ("--lake", f"s3://{airflow.s3.lake}/lake", "--endpoint-url", airflow.s3.endpoint_url)
    assert run_cli("verify", *options, "--source", f"s3://{airflow.s3.logs}/logs/").returncode == 0


def test_both_dags_are_imported_without_a_warning(airflow: Airflow) -> None:
    """The one for Kubernetes needs another provider, so it is only compiled where that is missing."""
    script = (
        "import runpy, sys, warnings; warnings.simplefilter('error', DeprecationWarning); runpy.run_path(sys.argv[1])"
    )
    python = airflow.binary.with_name("python")
    for dag in (DAG, KUBERNETES_DAG):
        run = subprocess.run(
            [str(python), "-c", script, str(dag)], env=airflow.environment, capture_output=True, text=True, check=False
        )
        assert run.returncode == 0, run.stderr
