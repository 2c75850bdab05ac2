"""Log lines and progress on standard error: plain text and progress bars on a terminal, JSON lines elsewhere."""

import contextlib
import datetime as dt
import json
import sys
import time
from collections.abc import Iterator
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

from etl.cli import events
from etl.cli.events import Event
from etl.cli.interrupt import on_interrupt
from etl.ingest import Activity, RunSummary
from etl.query import Advance
from etl.text import safe_text, size

# Between two lines of progress: often enough to see that a run works, seldom enough for a log that is kept.
_JSON_SECONDS = 10.0
_STYLES = {"warning": "yellow", "error": "bold red"}
# So that all figures of a line fit into 80 columns.
_BAR_WIDTH = 16


@contextlib.contextmanager
def working(what: str, interrupted: str = "interrupted") -> Iterator[Advance]:
    """Show on a terminal that a command works, for how long, and how far it is; and say `interrupted` where it is.

    Yields what to call with how much is done, and of how much.
    """
    spinner = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
        console=Console(stderr=True, highlight=False),
        transient=True,
        # Standard output is data, wherever it goes.
        redirect_stdout=False,
        disable=not sys.stderr.isatty(),
    )
    task = spinner.add_task(what, total=None)

    def advance(done: int, total: int) -> None:
        spinner.update(task, description=f"{what} ({done:,} of {total:,})")

    def say_interrupted() -> None:
        if not spinner.disable:
            spinner.stop()
        sys.stderr.write(f"accesslake: {interrupted}\n")

    with on_interrupt(say_interrupted), _shown(spinner):
        yield advance


@contextlib.contextmanager
def _shown(progress: Progress) -> Iterator[None]:
    """Show progress, unless it is disabled: rich 13 would write an empty line then."""
    if progress.disable:
        yield
        return
    try:
        # Ctrl-C may come as soon as the first line is to be seen, amid the start: the thread that draws it again and
        # again would stay, and draw over all that a shell shows next.
        progress.start()
        yield
    finally:
        progress.stop()


class Reporter:
    """Log lines and progress of one run; a context manager, so that the bars are always taken down."""

    def __init__(self, stream: TextIO | None = None, *, quiet: bool = False) -> None:
        self._stream = stream or sys.stderr
        self._quiet = quiet
        self.is_terminal = self._stream.isatty()
        self._console = Console(file=self._stream, highlight=False)
        self._bars = _Bars(self._console, is_shown=self.is_terminal and not quiet)
        self._next_line = time.monotonic() + _JSON_SECONDS
        self._has_notice = False
        self.summary: RunSummary | None = None
        """The figures of the run so far."""
        self.has_stale_table = False
        """Whether a table of another engine could not be brought up to date after the run."""
        self._exits = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self._exits.enter_context(on_interrupt(self._say_interrupted))
        self._exits.enter_context(_shown(self._bars))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._exits.__exit__(kind, error, trace)

    def event(self, event: Event, message: str, **fields: object) -> None:
        """One log line, with those of the event's fields that are known."""
        if self._quiet and event.level == "info":
            return
        if self.is_terminal:
            self._print(event.level, message)
        else:
            now = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")
            line = {"time": now, "level": event.level, "event": event.name}
            self._write_json({**line, "message": message, **fields})

    def progress(self, summary: RunSummary) -> None:
        """Show how far a run is."""
        self.summary = summary
        self._say_notice(summary)
        if self.is_terminal:
            self._bars.show(summary)
        elif time.monotonic() >= self._next_line:
            self._next_line = time.monotonic() + _JSON_SECONDS
            activity = summary.activity
            self.event(
                events.PROGRESS,
                "progress",
                objects_new=summary.new,
                objects_read=activity.objects_read,
                bytes_new=activity.bytes_new,
                bytes_read=activity.bytes_read,
                parts_planned=activity.parts_planned,
                parts_written=activity.parts_written,
            )

    def _say_notice(self, summary: RunSummary) -> None:
        """Say once what a run waits for, and again if it waits another time."""
        if summary.notice and not self._has_notice:
            self.event(events.RUN_WAITS, summary.notice)
        self._has_notice = summary.notice is not None

    def take_down_bars(self) -> None:
        """Show no progress any more: what goes to standard output next would be erased with the bars."""
        if self._bars.live.is_started:
            self._bars.stop()

    def _say_interrupted(self) -> None:
        """What a run that ends early leaves, and how to go on."""
        self.take_down_bars()
        new = committed = 0
        if self.summary is not None:
            new, committed = self.summary.new, self.summary.result.objects_ingested
        self.event(
            events.RUN_INTERRUPTED,
            f"interrupted: {committed:,} of the {new:,} new log objects found so far are in the lake; "
            "run it again: it goes on where this ended",
            objects_new=new,
            objects_ingested=committed,
        )

    def _print(self, level: str, message: str) -> None:
        style = _STYLES.get(level, "")
        text = f"{level}: {message}" if style else message
        # Messages name log objects, and those names are untrusted.
        self._console.print(Text(safe_text(text), style=style))

    def _write_json(self, record: dict[str, object]) -> None:
        self._stream.write(json.dumps(record, default=str) + "\n")
        self._stream.flush()


class _Bars(Progress):
    """A line each for what is listed, read and written, with the rate and the time left."""

    def __init__(self, console: Console, *, is_shown: bool) -> None:
        super().__init__(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(_BAR_WIDTH),
            TextColumn("{task.fields[figures]}"),
            console=console,
            transient=True,
            redirect_stdout=False,
            disable=not is_shown,
        )
        self._listing = self.add_task("listing", total=None, figures="")
        self._reading = self.add_task("reading", total=None, figures="", visible=False)
        self._writing = self.add_task("writing", total=None, figures="", visible=False)
        self._reading_pace, self._writing_pace = _Pace(), _Pace()

    def show(self, summary: RunSummary) -> None:
        """Bring the lines up to date."""
        activity = summary.activity
        found = f"{summary.new:,} new log objects"
        total = summary.new if activity.is_listed else None
        self.update(self._listing, total=total, completed=summary.new, figures=found)
        self._show_reading(activity)
        self._show_writing(activity)

    def _show_reading(self, activity: Activity) -> None:
        done, known = activity.bytes_read, activity.bytes_new
        rate = self._reading_pace.rate(done, known)
        figures = [f"{size(done)} of {size(known)}", f"{size(int(rate))}/s"]
        # There may be any number of log objects that are not listed yet.
        total = known if activity.is_listed else None
        if total:
            figures.append(_time_left(total - done, rate))
        self.update(
            self._reading,
            total=total,
            completed=done,
            figures="  ".join(figures),
            visible=activity.bytes_read > 0,
        )

    def _show_writing(self, activity: Activity) -> None:
        done, planned = activity.parts_written, activity.parts_planned
        rate = self._writing_pace.rate(done, planned)
        figures = [f"{done:,} of {planned:,} parts", f"{rate:,.0f} parts/s"]
        figures.append(_time_left(planned - done, rate))
        self.update(
            self._writing,
            total=planned,
            completed=done,
            figures="  ".join(figures),
            visible=planned > 0,
        )


class _Pace:
    """How fast something is done, over the time in which there was something to do."""

    def __init__(self) -> None:
        self._seconds = 0.0
        self._looked_at = time.monotonic()
        self._was_busy = False

    def rate(self, done: int, known: int) -> float:
        """In the unit of `done` for each second; `known` is what is to be done, as far as that is known."""
        now = time.monotonic()
        if self._was_busy:
            self._seconds += now - self._looked_at
        self._looked_at, self._was_busy = now, done < known
        return done / self._seconds if self._seconds else 0.0


def _time_left(amount: int, rate: float) -> str:
    if not (amount and rate):
        return ""
    return f"{dt.timedelta(seconds=round(amount / rate))} left"
