"""A real Ceph object store for tests: a monitor, a storage daemon that keeps all in memory, an S3 gateway."""

import contextlib
import http.client
import json
import shutil
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_PROGRAMS = ("ceph", "ceph-authtool", "ceph-mon", "ceph-osd", "monmaptool", "radosgw", "radosgw-admin")
_START_SECONDS = 120
_LOG_TAIL = 2000
_DIE_WITH_PARENT = ("setpriv", "--pdeathsig=KILL")

# At the usual propose interval of one second, starting and making the first bucket take 16 seconds, not 1.3.
_CONF = """\
[global]
fsid = {fsid}
mon host = [v2:127.0.0.1:{mon_port}]
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind msgr1 = false
keyring = {directory}/keyring
run dir = {directory}
crash dir = {directory}
admin socket =
log file =
log to stderr = true
err to stderr = true
mon cluster log file =

[mon]
mon data = {directory}/mon
mon data avail crit = 0
osd pool default size = 1
osd pool default pg num = 4
paxos propose interval = 0.05

[osd]
osd data = {directory}/osd
osd objectstore = memstore
memstore device bytes = 4294967296

[client]
rgw frontends = beast endpoint=127.0.0.1:{gateway_port} tcp_nodelay=1
"""


def is_installed() -> bool:
    """Whether all programs are on the PATH (Debian: radosgw, ceph-mon, ceph-osd, ceph-common)."""
    return all(shutil.which(program) for program in (*_PROGRAMS, _DIE_WITH_PARENT[0]))


@dataclass(frozen=True)
class Ceph:
    """A running store. It has no users to begin with."""

    endpoint_url: str
    directory: Path

    def create_user(self, uid: str) -> tuple[str, str]:
        """Make an S3 user and return its access key and its secret key."""
        command = ["radosgw-admin", "user", "create", f"--uid={uid}", f"--display-name={uid}"]
        [keys] = json.loads(_run(self.directory, command, time.monotonic() + _START_SECONDS))["keys"]
        return keys["access_key"], keys["secret_key"]


@contextlib.contextmanager
def ceph(directory: Path) -> Iterator[Ceph]:
    """Run a store on free ports of 127.0.0.1, with all its files in the directory, and end it on leaving.

    Every process of the store also ends with the thread that calls this, even if that is killed.
    """
    deadline = time.monotonic() + _START_SECONDS
    with _free_port() as mon_port, _free_port() as gateway_port, contextlib.ExitStack() as running:
        _prepare(directory, mon_port, gateway_port, deadline)
        daemons = [running.enter_context(_daemon(directory, ["ceph-mon", "--id=a"]))]
        _add_osd(directory, deadline)
        daemons.append(running.enter_context(_daemon(directory, ["ceph-osd", "--id=0"])))
        daemons.append(running.enter_context(_daemon(directory, ["radosgw"])))
        while not _answers(gateway_port):
            if time.monotonic() > deadline or any(daemon.poll() is not None for daemon in daemons):
                raise RuntimeError(f"Ceph did not start\n{_log_tails(directory)}")
            time.sleep(0.1)
        yield Ceph(f"http://127.0.0.1:{gateway_port}", directory)


@contextlib.contextmanager
def _free_port() -> Iterator[int]:
    """A port that stays reserved: bound, but not listening, so that only one who asks for this port can have it."""
    with socket.socket() as reserved:
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reserved.bind(("127.0.0.1", 0))
        yield reserved.getsockname()[1]


def _prepare(directory: Path, mon_port: int, gateway_port: int, deadline: float) -> None:
    fsid = str(uuid.uuid4())
    for name in ("mon", "osd"):
        (directory / name).mkdir(parents=True)
    conf = _CONF.format(directory=directory, fsid=fsid, mon_port=mon_port, gateway_port=gateway_port)
    (directory / "ceph.conf").write_text(conf)
    keyring, monmap = directory / "keyring", directory / "monmap"
    keyring.touch(mode=0o600)
    for name in ("mon.", "osd.0", "client.admin"):
        capabilities = ["--cap", "mon", "allow *", "--cap", "osd", "allow *"]
        _run(directory, ["ceph-authtool", str(keyring), "--gen-key", f"--name={name}", *capabilities], deadline)
    address = f"[v2:127.0.0.1:{mon_port}]"
    _run(directory, ["monmaptool", "--create", "--fsid", fsid, "--addv", "a", address, str(monmap)], deadline)
    _run(directory, ["ceph-mon", "--id=a", "--mkfs", f"--monmap={monmap}", f"--keyring={keyring}"], deadline)


def _add_osd(directory: Path, deadline: float) -> None:
    identity = str(uuid.uuid4())
    _run(directory, ["ceph", "osd", "new", identity, "0"], deadline)
    _run(directory, ["ceph-osd", "--id=0", "--mkfs", f"--osd-uuid={identity}"], deadline)


def _command_line(directory: Path, command: list[str]) -> list[str]:
    return [*_DIE_WITH_PARENT, *command, f"--conf={directory / 'ceph.conf'}"]


def _run(directory: Path, command: list[str], deadline: float) -> str:
    line, seconds = _command_line(directory, command), deadline - time.monotonic()
    try:
        return subprocess.run(line, check=True, capture_output=True, text=True, timeout=seconds).stdout
    except subprocess.CalledProcessError as error:
        raise RuntimeError(f"{error}\n{error.stderr[-_LOG_TAIL:]}\n{_log_tails(directory)}") from error
    except subprocess.TimeoutExpired as error:
        raise RuntimeError(f"{error}\n{_log_tails(directory)}") from error


@contextlib.contextmanager
def _daemon(directory: Path, command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    with (directory / f"{command[0]}.log").open("wb") as log:
        daemon = subprocess.Popen([*_command_line(directory, command), "-f"], stdout=log, stderr=log)
        try:
            yield daemon
        finally:
            daemon.kill()
            daemon.wait()


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    with contextlib.closing(connection):
        try:
            connection.request("GET", "/")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False


def _log_tails(directory: Path) -> str:
    logs = sorted(directory.glob("*.log"))
    return "\n".join(f"{log.name}: {log.read_text(errors='replace')[-_LOG_TAIL:]}" for log in logs)
