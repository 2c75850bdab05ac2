"""Log lines have names and fields that programs can rely on: those of the table in config/running.md, and no others."""

import ast
import json
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

from conftest import events as lines_of
from conftest import free_port, run_cli
from lines import LINE

from etl.cli import events
from etl.cli.events import EVENTS, FIGURES, Event
from etl.ingest.run import RunSummary
from etl.lake import hold_lease
from etl.store import open_store

PACKAGE = Path(__file__).parents[2] / "etl"
BY_NAME = {event.name: event for event in EVENTS}
ON_EVERY_LINE = {"time", "level", "event", "message"}


def logged() -> Iterator[tuple[Event, set[str]]]:
    """Each place of the code that writes a log line: the event, and the fields that are named there."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "event":
                name = node.args[0]
                assert isinstance(name, ast.Attribute), f"{path}:{node.lineno}: which event?"
                yield getattr(events, name.attr), {word.arg for word in node.keywords if word.arg}


def test_each_event_is_in_the_table_and_is_written_somewhere() -> None:
    """Neither is a line written without a name, nor a name promised that no line has; and so with their fields."""
    written: dict[Event, set[str]] = {}
    for event, fields in logged():
        written.setdefault(event, set()).update(fields)
    assert set(written) == set(EVENTS)
    assert len(BY_NAME) == len(EVENTS)
    for event, fields in written.items():
        # The figures are a dictionary, see below.
        assert fields == set(event.fields) - set(FIGURES if event is events.RUN_DONE else ()), event.name


def test_the_lines_of_runs_are_as_the_table_says(tmp_path: Path) -> None:
    """Of a run with everything that can go wrong, each line has its level, and no field that is not in the table."""
    logs, lake = tmp_path / "logs", str(tmp_path / "lake")
    (logs / "empty").mkdir(parents=True)
    (logs / "2026-02-06-00-10-00-AAAA").write_text(f"{LINE}\nno record\n")
    run = ("ingest", "--source", f"{logs}/*", "--lake", lake)
    watch = ("--ping", f"http://127.0.0.1:{free_port()}", "--metrics-file", str(tmp_path / "none" / "x.prom"))
    outputs = [run_cli(*run, *watch).stderr, run_cli("ingest", "--source", f"{logs}/empty", "--lake", lake).stderr]
    (logs / "2026-02-06-00-10-00-AAAA").write_text(f"{LINE}\n")
    for number in range(52):
        (logs / f"2026-02-06-00-20-00-{number:04}").write_bytes(b"\x1f\x8b no gzip")
    outputs += [run_cli(*run).stderr, run_cli(*run, "--since", "soon").stderr]
    with hold_lease(open_store(lake), "other", 60):
        outputs.append(run_cli(*run).stderr)
    lines = [line for output in outputs for line in lines_of(output)]
    for line in lines:
        event = BY_NAME[line["event"]]
        assert line["level"] == event.level
        fields = line.keys() - ON_EVERY_LINE
        assert all(any(fnmatch(field, known) for known in event.fields) for field in fields), line
    seen = {line["event"] for line in lines}
    assert seen == set(BY_NAME) - {
        "progress", "run_interrupted", "demo_step", "skipped_log_object_overwritten",
        # See tests/faults/test_spark.py.
        "run_waits",
        # See tests/engines/test_glue.py.
        "table_checked", "table_note", "table_failed",
    }  # fmt: skip
    (more,) = [line for line in lines if line["event"] == "more_log_objects_failed"]
    assert more["objects_failed"] == 2


def test_every_figure_of_a_run_is_described() -> None:
    """What `--json` prints, but for lists of names, is in the table of figures, and the other way round."""
    figures = json.loads(json.dumps(RunSummary("run", estimate=RunSummary("").usage).as_dict())).keys()
    figures -= {"failures", "reject_reasons", "changed", "set_aside_changed"}
    assert all(any(fnmatch(figure, known) for known in FIGURES) for figure in figures)
    assert all(any(fnmatch(figure, known) for figure in figures) for known in FIGURES)
