"""The command line in a process of its own that need not import it: a process that has done so forks for each command.

Most of the time of a short command goes into imports, and the tests run hundreds. What runs is `python -m etl` as it
is, with the arguments, directory, environment and streams of the caller. Run as a program, this file is that process.
"""

import atexit
import contextlib
import faulthandler
import functools
import importlib
import io
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
_LONGEST = 1 << 18
"""Bytes of a message."""
_SECONDS = 600
_STREAMS = 3
_NUMBER = 20
"""Bytes of a process id, and of an exit code."""
_STARTING = threading.Lock()


class Command:
    """A command that was started in a session of its own, without input; as `subprocess.Popen` has it."""

    def __init__(self, arguments: Sequence[str], directory: str, environment: Mapping[str, str]) -> None:
        self.arguments = list(arguments)
        self.returncode: int | None = None
        message = json.dumps({"arguments": arguments, "directory": directory, "environment": dict(environment)})
        outputs, theirs = zip(*(os.pipe() for _ in range(2)), strict=True)
        self._answer, their_answer = socket.socketpair()
        with Path(os.devnull).open("rb") as nothing, their_answer:
            descriptors = [nothing.fileno(), *theirs, their_answer.fileno()]
            with _STARTING:
                server = _server(os.getpid())
            socket.send_fds(server, [message.encode()], descriptors)
        for descriptor in theirs:
            os.close(descriptor)
        self._readers = ThreadPoolExecutor(len(outputs))
        self._texts = [self._readers.submit(_read, descriptor) for descriptor in outputs]
        self.pid = int(self._answer.recv(_NUMBER))

    def wait(self, timeout: float | None = None) -> int:
        """The exit code, once there is one. Raises subprocess.TimeoutExpired."""
        if self.returncode is None:
            self._answer.settimeout(timeout)
            try:
                self.returncode = int(self._answer.recv(_NUMBER))
            except (TimeoutError, BlockingIOError):
                raise subprocess.TimeoutExpired(self.arguments, timeout or 0) from None
            self._answer.close()
        return self.returncode

    def poll(self) -> int | None:
        """The exit code, None as long as there is none."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.wait(0)
        return None

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """What it wrote to its end on standard output and standard error."""
        self.wait(timeout)
        output, errors = (text.result(timeout) for text in self._texts)
        self._readers.shutdown()
        return output, errors

    def kill(self) -> None:
        """SIGKILL for the process, and none that it started."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)


def run(arguments: Sequence[str], directory: str, environment: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end. Raises subprocess.TimeoutExpired where there is none for ten minutes."""
    command = Command(arguments, directory, environment)
    output, errors = command.communicate(_SECONDS)
    return subprocess.CompletedProcess(command.arguments, command.wait(), output, errors)


def _read(descriptor: int) -> str:
    with open(descriptor, encoding="utf-8") as stream:
        return stream.read()


@functools.cache
def _server(_process: int) -> socket.socket:
    """Where this process sends commands; the other end is that of a process that ends with this one."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _LONGEST)
    server = subprocess.Popen([sys.executable, __file__, str(theirs.fileno())], cwd=ROOT, pass_fds=[theirs.fileno()])
    theirs.close()

    def end() -> None:
        ours.close()
        server.wait()

    atexit.register(end)
    return ours


def _serve(control: socket.socket) -> dict[str, Any]:
    """Fork for each command until there are no more; returns in the process that is to run one: the command."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, _LONGEST, _STREAMS + 1)
        if not message:
            os._exit(0)
        # One process waits for the command, and says how it ended.
        if os.fork() == 0:
            control.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            command = os.fork()
            if command == 0:
                os.setsid()
                # Only now it can be killed with all that it starts.
                os.write(descriptors[_STREAMS], _padded(os.getpid()))
                _adopt(descriptors)
                return dict(json.loads(message))
            for descriptor in descriptors[:_STREAMS]:
                os.close(descriptor)
            _, status = os.waitpid(command, 0)
            os.write(descriptors[_STREAMS], _padded(os.waitstatus_to_exitcode(status)))
            os._exit(0)
        for descriptor in descriptors:
            os.close(descriptor)


def _padded(number: int) -> bytes:
    return str(number).rjust(_NUMBER).encode()


def _adopt(descriptors: Sequence[int]) -> None:
    """Make these the standard streams, and close all else."""
    for number, descriptor in enumerate(descriptors[:_STREAMS]):
        os.dup2(descriptor, number)
    os.closerange(_STREAMS, max(descriptors) + 1)


def _become(directory: str, environment: Mapping[str, str]) -> None:
    """Directory, variables and streams as a new Python would have them."""
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment)
    if environment.get("PYTHONFAULTHANDLER"):
        faulthandler.enable()
    time.tzset()
    sys.path[1:1] = [path for path in environment.get("PYTHONPATH", "").split(os.pathsep) if path]
    # Python imports it where it begins.
    sys.modules.pop("sitecustomize", None)
    with contextlib.suppress(ImportError):
        importlib.import_module("sitecustomize")
    encoding = environment.get("PYTHONIOENCODING", "utf-8")
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        raw = open(number, "wb" if number else "rb", closefd=False)  # noqa: SIM115 - it stays open
        is_errors = name == "stderr"
        errors = "backslashreplace" if is_errors else "strict"
        stream = io.TextIOWrapper(raw, encoding, errors, line_buffering=is_errors)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


if __name__ == "__main__":
    # As etl/cli/__init__.py has it, before numpy is imported.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    sys.path[0] = str(ROOT)
    import etl.cli.app
    import etl.store.s3_client  # noqa: F401

    given = _serve(socket.socket(fileno=int(sys.argv[1])))
    _become(given["directory"], given["environment"])
    sys.argv = ["etl", *given["arguments"]]
    runpy.run_module("etl", run_name="__main__", alter_sys=True)
