"""The command line in a process of its own that need not import it: a process that has done so forks for each command.

Most of the time of a short command goes into imports, and the tests run hundreds. What runs is `python -m etl` as it
is, with the arguments, directory, environment and streams of the caller. Run as a program, this file is that process.
"""

import atexit
import functools
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
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
_LONGEST = 1 << 18
"""Bytes of a message."""
_STREAMS = 3


def run(arguments: list[str], directory: str, environment: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end, without input."""
    outputs, their_outputs = zip(*(os.pipe() for _ in range(2)), strict=True)
    answer, their_answer = socket.socketpair()
    message = json.dumps({"arguments": arguments, "directory": directory, "environment": dict(environment)})
    with Path(os.devnull).open("rb") as nothing, answer:
        theirs = [nothing.fileno(), *their_outputs, their_answer.fileno()]
        socket.send_fds(_server(os.getpid()), [message.encode()], theirs)
        their_answer.close()
        for descriptor in their_outputs:
            os.close(descriptor)
        texts: dict[int, str] = {}

        def read(descriptor: int) -> None:
            with open(descriptor, encoding="utf-8") as stream:
                texts[descriptor] = stream.read()

        other = threading.Thread(target=read, args=(outputs[1],))
        other.start()
        read(outputs[0])
        other.join()
        code = json.loads(answer.recv(100))
    return subprocess.CompletedProcess(arguments, code, texts[outputs[0]], texts[outputs[1]])


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
                _adopt(descriptors)
                return dict(json.loads(message))
            for descriptor in descriptors[:_STREAMS]:
                os.close(descriptor)
            _, status = os.waitpid(command, 0)
            os.write(descriptors[_STREAMS], json.dumps(os.waitstatus_to_exitcode(status)).encode())
            os._exit(0)
        for descriptor in descriptors:
            os.close(descriptor)


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
    time.tzset()
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
