"""The files for cron and systemd, as cron and systemd read them, and as config/running.md sets their machine up."""

import configparser
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from lines import LINE

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "config"
BINARY = "/opt/accesslake/bin/accesslake"
GAUGES = "/var/lib/accesslake-gauges/accesslake.prom"
PARTS = "/var/lib/accesslake/lake/access_log/bucket=site/*/*.parquet"
# What another user of the machine, such as that of node_exporter, can read.
AS_NOBODY = "setpriv --reuid=nobody --clear-groups --regid=nogroup"
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="adds a user")


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


@pytest.fixture
def machine(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], str]:
    """What a script prints that runs as root on a machine that config/running.md has set up, with a log object.

    The machine is this one, but for changes to it: they are in mounts of the script's own.
    """
    unshare = installed(request, "unshare")
    before = f"{mounts(tmp_path)}\n{setup()}"

    def run(script: str) -> str:
        command = [unshare, "--mount", "/bin/bash", "-euc", f"{before}\n{script}"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=240)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def mounts(changes: Path) -> str:
    """Lines after which changes to folders of the system go elsewhere, and every user can run Python."""
    read = {path for place in (ROOT, sys.prefix, sys.base_prefix) for path in Path(place).resolve().parents}
    closed = sorted(str(path) for path in read if not path.stat().st_mode & 0o001)
    # Changes to an overlay cannot be in an overlay, which is what a container's disk is.
    lines = [f"mount -t tmpfs none {changes}"]
    for number, folder in enumerate(["/etc", "/opt", "/var/lib", "/var/spool", *closed]):
        upper, work = changes / str(number), changes / f"{number}.work"
        lines.append(f"mkdir {upper} {work}")
        lines.append(f"mount -t overlay none -o lowerdir={folder},upperdir={upper},workdir={work} {folder}")
    lines += [f"chmod a+x {folder}" for folder in closed]
    return "\n".join(lines)


def setup() -> str:
    """The block of config/running.md, and the two settings that it asks for.

    accesslake is not installed by it here: tests/test_packaging.py has how that goes.
    """
    pip, *lines = block("python3 -m venv /opt/accesslake ")
    assert pip == "python3 -m venv /opt/accesslake && /opt/accesslake/bin/pip install '.[fast]'"
    command = shlex.quote(f'#!/bin/sh\ncd {ROOT} && exec {sys.executable} -m etl "$@"\n')
    settings = 'source = "/var/lib/logs"\nlake = "/var/lib/accesslake/lake"\n'
    return "\n".join([
        f"mkdir -p /opt/accesslake/bin && printf %s {command} >{BINARY} && chmod 755 {BINARY}",
        *lines,
        f"printf %s {shlex.quote(settings)} >/etc/accesslake/accesslake.toml",
        f"mkdir /var/lib/logs && printf '%s\\n' {shlex.quote(LINE)} >/var/lib/logs/2026-02-06-00-10-00-AAAA",
    ])  # fmt: skip


def block(begin: str) -> list[str]:
    """The lines of the block of config/running.md that begins so."""
    text = (CONFIG / "running.md").read_text()
    (found,) = re.findall(rf"^```sh\n({re.escape(begin)}.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    return str(found).splitlines()


@needs_root
def test_cron_runs_the_jobs_as_their_user_and_has_nothing_to_send(
    request: pytest.FixtureRequest, machine: Callable[[str], str]
) -> None:
    """A cron daemon with our table, whose first job comes when it starts; the second, run by hand, is silent, too.

    node_exporter's user reads the gauges, and nobody else the lake.
    """
    daemon = installed(request, "cron")
    (copy,) = block("install -m 644 config/cron/accesslake ")
    table = (CONFIG / "cron" / "accesslake").read_text()
    (weekly,) = re.findall(r"^0 5 \* \* 0 accesslake (.*)$", table, flags=re.MULTILINE)
    script = f"""
rm -f /etc/cron.d/* && : >/etc/crontab && rm -rf /var/spool/cron/crontabs/*
{copy}
grep -q '^30 2 ' /etc/cron.d/accesslake && sed -i 's/^30 2 [*] [*] [*]/@reboot/' /etc/cron.d/accesslake
# By it cron knows that the machine has started, and that no other cron is at work.
mount -t tmpfs none /run
{daemon} -f -L 15 & cron=$!
for _ in $(seq 260); do [ -e {GAUGES} ] && break; sleep 0.5; done
kill $cron
{AS_NOBODY} cat {GAUGES}
if {AS_NOBODY} ls /var/lib/accesslake 2>&1; then exit 1; fi
ls {PARTS}
export $(grep ^ACCESSLAKE_CONFIG= /etc/cron.d/accesslake)
setpriv --reuid=accesslake --regid=accesslake --init-groups sh -c {shlex.quote(weekly)} | sed 's/^/mail: /'
stat -c '%U %n' /var/lib/accesslake/*
"""
    printed = machine(script)
    assert 'accesslake_last_run_exit_code{lake="/var/lib/accesslake/lake"} 0.0' in printed
    assert printed.count(".parquet") == 1
    assert "mail: " not in printed
    assert "accesslake /var/lib/accesslake/verify.txt" in printed


@needs_root
def test_the_service_reads_its_settings_and_leaves_gauges_for_all(machine: Callable[[str], str]) -> None:
    """Its command, environment and umask, as its user without any privilege, on a disk that is read-only elsewhere."""
    units = configparser.RawConfigParser(strict=False, delimiters="=")
    units.optionxform = str  # type: ignore[assignment,method-assign]
    units.read_string((CONFIG / "systemd" / "accesslake.service").read_text())
    service = dict(units["Service"])
    text = (CONFIG / "systemd" / "accesslake.service").read_text()
    environment = " ".join(re.findall(r"^Environment=(.*)$", text, flags=re.MULTILINE))
    writable = service["ReadWritePaths"].split()
    assert service["ProtectSystem"] == "strict"
    copy, enable = block("install -m 644 config/systemd/")
    assert enable == "systemctl enable --now accesslake.timer"
    script = f"""
mkdir -p /etc/systemd/system && {copy}
for folder in {" ".join(writable)}; do mount --bind $folder $folder; done
mount -o remount,ro,bind /var/lib
umask {service["UMask"]}
run="setpriv --reuid={service["User"]} --regid={service["User"]} --init-groups --no-new-privs --bounding-set=-all"
env -i PATH=/usr/bin:/bin {environment} $run {service["ExecStart"]} 2>&1 | sed 's/^/log: /'
{AS_NOBODY} cat {GAUGES}
if {AS_NOBODY} ls /var/lib/accesslake 2>&1; then exit 1; fi
ls {PARTS}
"""
    printed = machine(script)
    assert "log: " not in printed
    assert 'accesslake_last_run_exit_code{lake="/var/lib/accesslake/lake"} 0.0' in printed
    assert printed.count(".parquet") == 1


@needs_root
def test_the_user_of_the_job_and_nobody_else_reads_settings_and_credentials(machine: Callable[[str], str]) -> None:
    """The credentials of the documentation, in the file that both name, are those that boto3 signs with."""
    (example,) = re.findall(r"^```ini\n(.*?)^```$", (CONFIG / "running.md").read_text(), flags=re.MULTILINE | re.DOTALL)
    named = "AWS_SHARED_CREDENTIALS_FILE=/etc/accesslake/credentials"
    assert named in (CONFIG / "cron" / "accesslake").read_text()
    assert f"Environment={named}\n" in (CONFIG / "systemd" / "accesslake.service").read_text()
    show = "import botocore.session as s; print(s.get_session().get_credentials().access_key)"
    script = f"""
printf %s {shlex.quote(example)} >/etc/accesslake/credentials
env -i {named} setpriv --reuid=accesslake --regid=accesslake --init-groups {sys.executable} -c {shlex.quote(show)}
for file in accesslake.toml credentials; do
    if {AS_NOBODY} cat /etc/accesslake/$file 2>/dev/null; then exit 1; fi
done
"""
    assert machine(script) == "AKIAIOSFODNN7EXAMPLE\n"
