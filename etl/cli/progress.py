"""Log lines and progress on standard error: plain text and a progress bar on a terminal, JSON lines elsewhere."""

import datetime as dt
import json
import sys
import time
from types import TracebackType
from typing import Self, TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

from etl.config import MIB
from etl.text import safe_text

# Between two lines of progress: often enough to see that a run works, seldom enough for a log that is kept.
_JSON_SECONDS = 10.0
_STYLES = {"warning": "yellow", "error": "bold red"}


class Reporter:
    """Log lines and progress of one command; a context manager, so that the bar is always taken down."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self.is_terminal = self._stream.isatty()
        self._console = Console(file=self._stream, highlight=False)
        self._bar = Progress(
            SpinnerColumn(),
            BarColumn(),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
        )
        self._task = self._bar.add_task("listing", total=None)
        self._next_line = time.monotonic() + _JSON_SECONDS

    def __enter__(self) -> Self:
        if self.is_terminal:
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.is_terminal:
            self._bar.stop()

    def event(self, level: str, message: str, **fields: object) -> None:
        """One log line: `level` is info, warning or error."""
        if self.is_terminal:
            self._print(level, message)
        else:
            now = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")
            self._write_json({"time": now, "level": level, "message": message, **fields})

    def progress(self, done: int, new: int, bytes_read: int) -> None:
        """`done` of the `new` log objects found so far are read, `bytes_read` bytes of text in all."""
        if self.is_terminal:
            step = "reading" if done < new else "writing"
            mebibytes = bytes_read / MIB
            description = f"{step} {done:,} of {new:,} log objects, {mebibytes:,.1f} MiB"
            # One more than there is to read: the last step is the write.
            self._bar.update(
                self._task, completed=done, total=new + 1, description=description
            )
        elif time.monotonic() >= self._next_line:
            self._next_line = time.monotonic() + _JSON_SECONDS
            self.event(
                "info",
                "progress",
                objects_new=new,
                objects_read=done,
                bytes_read=bytes_read,
            )

    def _print(self, level: str, message: str) -> None:
        style = _STYLES.get(level, "")
        text = f"{level}: {message}" if style else message
        # Messages name log objects, and those names are untrusted.
        self._console.print(Text(safe_text(text), style=style))

    def _write_json(self, record: dict[str, object]) -> None:
        self._stream.write(json.dumps(record, default=str) + "\n")
        self._stream.flush()
