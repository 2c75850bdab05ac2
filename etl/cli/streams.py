"""Standard output and error: whoever reads them may stop, as `head` does, and disks may be full."""

import io
import os
import signal
import sys
from typing import TYPE_CHECKING, TextIO

from etl.errors import StoreError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class ReaderGone(SystemExit):
    """Nobody reads the output any more; the exit code is that of a program which SIGPIPE has ended."""


class _Output(io.FileIO):
    """A descriptor whose errors reach `main` as they are: rich and Typer end at a broken pipe with exit code 1.

    SIGPIPE itself stays ignored, as it would also end a run at each connection that a store drops.
    """

    def write(self, data: "ReadableBuffer", /) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            self._discard_the_rest()
            raise ReaderGone(128 + signal.SIGPIPE) from None
        except OSError as error:
            self._discard_the_rest()
            message = f"cannot write the output: {error.strerror or error}"
            raise StoreError(message) from error

    def _discard_the_rest(self) -> None:
        # What is buffered is written once more at the end, which would fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), self.fileno())


def end_with_reader() -> None:
    """Let a closed pipe end the command at once and quietly, wherever it writes."""
    # A locale may lack characters that logs have: they are escaped rather than an error in the middle of the output.
    sys.stdout = _ending(sys.stdout)
    sys.stderr = _ending(sys.stderr)


def _ending(stream: TextIO) -> TextIO:
    output = _Output(stream.fileno(), "wb", closefd=False)
    return io.TextIOWrapper(
        io.BufferedWriter(output),
        encoding=stream.encoding,
        errors="backslashreplace",
        line_buffering=stream.isatty() or stream is sys.stderr,
    )
