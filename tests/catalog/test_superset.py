"""A real Superset, in an environment of its own (`.ci/run` makes it), goes the way of `config/bi.md` as written."""

import datetime as dt
import json
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from conftest import free_port, ingest_local, run_cli, wait_for_port
from small_lake import all_lines, write_log_objects

from etl import Lake, open_lake

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-superset" / "bin" / "python"
PASSWORD = "of a test"  # noqa: S105
# It wants a long key; any other value is its own default.
SETTINGS = 'SECRET_KEY = "k" * 42\nSQLALCHEMY_DATABASE_URI = "sqlite:///{home}/superset.db?check_same_thread=false"\n'


@dataclass
class Superset:
    """A running Superset, to which the steps of the documentation have added a lake."""

    url: str
    lake: Lake
    catalog: Path
    session: requests.Session
    chart: int

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """What the API answers, whatever its status."""
        return self.session.request(method, f"{self.url}/api/v1/{path}", json=body, timeout=60).json()

    def run_sql(self, sql: str) -> Any:
        """What a tab of SQL Lab gets."""
        return self.ask("POST", "sqllab/execute/", {"database_id": 1, "schema": "lake.main", "sql": sql})


def steps() -> dict[str, list[str]]:
    """The blocks of the steps in the documentation: commands, and what is one session of Python."""
    text = (ROOT / "config" / "bi.md").read_text("utf-8").partition("\n## Superset\n")[2].partition("\n## ")[0]
    assert re.findall(r"^(\d)\. ", text, flags=re.MULTILINE) == ["1", "2", "3", "4", "5"]
    blocks = re.findall(r"^ *```(\w+)\n(.*?)^ *```$", text, flags=re.MULTILINE | re.DOTALL)
    lines = [(language, re.sub(r"^   ", "", block, flags=re.MULTILINE)) for language, block in blocks]
    return {kind: [block for language, block in lines if language == kind] for kind in ("sh", "python")}


@pytest.fixture(scope="module")
def superset(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Superset]:
    if not PYTHON.exists():
        if request.config.getoption("--all-servers"):
            pytest.fail("Superset is not installed in .venv-superset")
        pytest.skip("Superset is not installed in .venv-superset")
    home = tmp_path_factory.mktemp("superset")
    (home / "superset_config.py").write_text(SETTINGS.format(home=home))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    environment |= {"SUPERSET_CONFIG_PATH": str(home / "superset_config.py"), "SUPERSET_HOME": str(home)}
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [str(PYTHON), str(Path(__file__).with_name("superset_server.py")), str(port), PASSWORD]
    with (home / "log").open("wb") as log, subprocess.Popen(command, env=environment, stdout=log, stderr=log) as server:
        try:
            lake, catalog, printed = follow_steps(home, server, url)
            yield Superset(url, lake, catalog, sign_in(url), int(printed.rpartition("=")[2]))
        finally:
            server.kill()


def follow_steps(home: Path, server: subprocess.Popen[bytes], url: str) -> tuple[Lake, Path, str]:
    """Go the way of the documentation, with another lake, address and password: what the last step prints."""
    (catalog_command, install), python = steps()["sh"], "".join(steps()["python"])
    write_log_objects(home, all_lines())
    ingest_local(home / "logs", home / "lake")
    catalog = home / "lake.duckdb"
    catalog_command = catalog_command.replace("accesslake-demo/lake", str(home / "lake"))
    done = run_cli(*catalog_command.replace("/srv/lake.duckdb", str(catalog)).split()[1:])
    assert done.returncode == 0, done.stderr
    assert install.split()[:2] == ["pip", "install"]
    for package in install.split()[2:]:
        subprocess.run([str(PYTHON), "-c", f"import {package.replace('-', '_')}"], check=True)
    for written, here in (
        ("http://localhost:8088", url),
        ("/srv/lake.duckdb", str(catalog)),
        ('"password": "admin"', f'"password": "{PASSWORD}"'),
    ):
        assert written in python
        python = python.replace(written, here)
    wait_for_port(int(url.rpartition(":")[2]), 300)
    assert server.poll() is None, (home / "log").read_text()
    run = subprocess.run([str(PYTHON), "-c", python], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr + (home / "log").read_text()[-5000:]
    return open_lake(str(home / "lake")), catalog, run.stdout.strip()


def sign_in(url: str) -> requests.Session:
    session = requests.Session()
    who = {"username": "admin", "password": PASSWORD, "provider": "db"}
    token = session.post(f"{url}/api/v1/security/login", json=who, timeout=60).json()["access_token"]
    session.headers["Authorization"] = f"Bearer {token}"
    session.headers["X-CSRFToken"] = session.get(f"{url}/api/v1/security/csrf_token/", timeout=60).json()["result"]
    return session


def test_a_query_and_the_chart_have_the_values_of_the_lake(superset: Superset) -> None:
    """SQL Lab counts as `accesslake sql` does, functions too; the chart draws the report; columns are described."""
    sql = "SELECT bucket, count(*) AS records FROM access_log GROUP BY bucket ORDER BY bucket"
    assert superset.run_sql(sql)["data"] == superset.lake.sql(sql).to_arrow().to_pylist()
    top = superset.lake.report("website/top_objects", limit=3).to_arrow().to_pylist()
    assert superset.run_sql("SELECT * FROM website_top_objects(p_limit := 3)")["data"] == top

    chart = superset.ask("GET", f"chart/{superset.chart}")["result"]
    params = json.loads(chart["params"])
    query = {"columns": [params["x_axis"]], "metrics": params["metrics"], "orderby": [[params["x_axis"], True]]}
    dataset = int(params["datasource"].partition("__")[0])
    context = {"datasource": {"id": dataset, "type": "table"}, "queries": [query], "result_format": "json"}
    (answer,) = superset.ask("POST", "chart/data", context)["result"]
    drawn = [(dt.datetime.fromtimestamp(row["date"] / 1000, dt.UTC).date(), row["requests"]) for row in answer["data"]]
    report = superset.lake.report("website/requests_by_day").to_arrow().to_pylist()
    assert drawn == [(row["date"], row["requests"]) for row in report]

    columns = superset.ask("GET", f"dataset/{dataset}")["result"]["columns"]
    assert {one["column_name"]: one["description"] for one in columns}["bytes_sent"] == "[bytes]"


def test_nothing_can_be_written_and_a_new_catalog_is_there_at_the_next_query(superset: Superset) -> None:
    """Superset refuses to write; where it is told to allow that, DuckDB does. A catalog is replaced under it."""
    write = "CREATE TABLE mine AS SELECT 1 AS one"
    assert "does not allow for DDL/DML" in superset.run_sql(write)["errors"][0]["message"]
    superset.ask("PUT", "database/1", {"allow_dml": True})
    assert "read-only mode" in superset.run_sql(write)["errors"][0]["message"]
    stored = "SELECT count(*) AS tables FROM duckdb_tables() WHERE table_name = 'website_requests_by_day'"
    assert superset.run_sql(stored)["data"] == [{"tables": 0}]
    superset.lake.catalog(superset.catalog, materialize=True)
    assert superset.run_sql(stored)["data"] == [{"tables": 1}]
