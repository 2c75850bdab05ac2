"""A command on a terminal, as a user has it."""

import os
import pty
import re
import select
import subprocess
import sys
import termios
import time
from collections.abc import Sequence
from pathlib import Path

# Far more than a command takes to end, and far less than it would be at work.
_PATIENCE = 30
# Far more than a command takes to write what is waited for, on a machine that has much else to do.
_LONG_PATIENCE = 120
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """A command that controls a terminal of its own, of 80 columns unless `COLUMNS` says otherwise.

    Ctrl-C there reaches all of its processes.
    """

    def __init__(self, *arguments: str, command: Sequence[str] = (), **environment: str) -> None:
        """`arguments` are those of the command line; `command` is another one instead."""
        self._ours, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, (24, 80))
        self.process = subprocess.Popen(
            command or [sys.executable, "-m", "etl", *arguments],
            preexec_fn=lambda: os.login_tty(theirs),  # noqa: PLW1509 - there is no other way to a terminal of its own
            env={**os.environ, "TERM": "xterm", "COLUMNS": "80", **environment},
        )
        os.close(theirs)
        self._output = b""

    @property
    def text(self) -> str:
        """All that was written so far, without control sequences, and with a space for each space or line feed."""
        return " ".join(_CONTROL.sub("", self._output.decode("utf-8", "replace")).split())

    @property
    def output(self) -> str:
        """All that was written so far, as it was written."""
        return self._output.decode("utf-8", "replace")

    @property
    def lines(self) -> list[str]:
        """The lines that were written so far, without control sequences."""
        return _CONTROL.sub("", self._output.decode("utf-8", "replace")).splitlines()

    def wait_for(self, text: str) -> None:
        """Return when `text` was written. Raises TimeoutError where it never is: the command may have ended."""
        deadline = time.monotonic() + _LONG_PATIENCE
        while text not in self.text:
            has_ended = self.process.poll() is not None
            if not self._read_for(0.05) and (has_ended or time.monotonic() > deadline):
                raise TimeoutError(f"waited for {text!r}; it wrote {self.text!r}")

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def forget(self) -> None:
        """Wait from now on for what is written from now on."""
        self._output = b""

    def press_ctrl_c(self) -> None:
        os.write(self._ours, b"\x03")

    def end(self) -> int:
        """The exit code of the command. Raises TimeoutError where one of its processes is still there after it."""
        deadline = time.monotonic() + _PATIENCE
        while self.process.poll() is None or self._processes():
            if time.monotonic() > deadline:
                raise TimeoutError(self._processes())
            self._read_for(0.05)
        while self._read_for(0):
            pass
        os.close(self._ours)
        return self.process.wait()

    def _read_for(self, seconds: float) -> bytes:
        """What comes in that time at most; a terminal that nobody reads would stop what writes to it."""
        try:
            ready, _, _ = select.select([self._ours], [], [], seconds)
            read = os.read(self._ours, 65536) if ready else b""
        except OSError:  # nobody has the other end
            time.sleep(seconds)
            return b""
        self._output += read
        return read

    def _processes(self) -> list[str]:
        """The processes on the terminal."""
        return [stat.parent.name for stat in Path("/proc").glob("[0-9]*/stat") if self._is_here(stat)]

    def _is_here(self, stat: Path) -> bool:
        try:
            state, _parent, _group, session = stat.read_text().rpartition(")")[2].split()[:4]
        except OSError:  # it ended meanwhile
            return False
        return state != "Z" and int(session) == self.process.pid
