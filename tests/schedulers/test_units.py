"""The files for cron and systemd, as cron and systemd read them."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from lines import LINE

CONFIG = Path(__file__).parents[2] / "config"
BINARY = "/opt/accesslake/bin/accesslake"


def installed(request: pytest.FixtureRequest, name: str) -> str:
    """The program of this name."""
    path = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if path is None:
        if request.config.getoption("--all-servers"):
            pytest.fail(f"{name} is not installed")
        pytest.skip(f"{name} is not installed")
    return path


def test_systemd_finds_no_fault_with_the_units(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """Every line is known to systemd, and by its own measure the service is hardly exposed (0 is best, 10 worst)."""
    analyze = installed(request, "systemd-analyze")
    units = []
    for unit in sorted((CONFIG / "systemd").iterdir()):
        units.append(tmp_path / unit.name)
        units[-1].write_text(unit.read_text().replace(BINARY, sys.executable))
    run = subprocess.run([analyze, "verify", *map(str, units)], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout + run.stderr) == (0, "")
    service = tmp_path / "accesslake.service"
    limit = ["--offline=true", "--threshold=20"]  # in tenths
    run = subprocess.run([analyze, "security", *limit, str(service)], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="a cron daemon needs root")
def test_cron_runs_the_job_and_has_nothing_to_send(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """A cron daemon, with no other tables than ours: when it starts instead of every night, so that nobody waits."""
    daemon, unshare = installed(request, "cron"), installed(request, "unshare")
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "2026-02-06-00-10-00-AAAA").write_text(f"{LINE}\n")
    settings = tmp_path / "accesslake.toml"
    settings.write_text(f'source = "{logs}"\nlake = "{tmp_path / "lake"}"\n')
    command = tmp_path / "accesslake"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m etl "$@"\n')
    command.chmod(0o755)
    tables = tmp_path / "cron.d"
    tables.mkdir()
    table = (CONFIG / "cron" / "accesslake").read_text()
    for old, new in (
        ("/etc/accesslake/accesslake.toml", str(settings)),
        (BINARY, str(command)),
        ("/var/lib/accesslake", str(tmp_path)),
        ("accesslake " + str(command), "root " + str(command)),
        ("30 2 * * *", "@reboot"),
    ):
        assert old in table
        table = table.replace(old, new)
    (tables / "accesslake").write_text(table)
    # Its tables are where Debian's cron looks for them, in a mount namespace of its own; by /run it knows a reboot.
    mounts = f"mount --bind {tables} /etc/cron.d && mount -t tmpfs none /var/spool/cron && mount -t tmpfs none /run"
    script = f"{mounts} && exec {daemon} -f -L 15"
    with subprocess.Popen([unshare, "--mount", "sh", "-c", script], cwd=CONFIG.parent) as process:
        metrics = tmp_path / "accesslake.prom"
        deadline = time.monotonic() + 130
        while not metrics.exists() and time.monotonic() < deadline:
            time.sleep(0.5)
        process.kill()
    assert "accesslake_last_run_exit_code" in metrics.read_text()
    assert list((tmp_path / "lake").glob("access_log/bucket=site/*/*.parquet"))
