"""The gauges of a run and of the lake, as Prometheus' own parsers read them."""

import contextlib
import datetime as dt
import time
from pathlib import Path

import pytest
from conftest import run_cli
from lines import LINE
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from etl.cli.exits import check_free
from etl.errors import LeaseHeldError, StoreError, UsageError
from etl.ingest.activity import Activity
from etl.lake import hold_lease
from etl.monitoring import RunOutcome, write_run_gauges
from etl.store import open_store

TIME = 1770336038  # of LINE: 06/Feb/2026:00:00:38


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """Two log objects: a record that is delivered twice, and a line that is none."""
    directory = tmp_path / "logs"
    directory.mkdir()
    (directory / "2026-02-06-00-10-00-AAAA").write_text(f"{LINE}\n{LINE}\nno record\n")
    (directory / "2026-02-06-00-20-00-BBBB").write_text(f"{LINE}\n".replace(" site ", " other "))
    return directory


def gauges(path: Path) -> dict[str, float]:
    """All values of a file, by name and the labels beside the lake's; both parsers read the same."""
    read = []
    for parse in (parse_text, parse_openmetrics):
        samples = [sample for family in parse(path.read_text()) for sample in family.samples]
        assert {sample.labels.pop("lake") for sample in samples} == {str(path.parent / "lake")}
        read.append({" ".join([sample.name, *sample.labels.values()]): sample.value for sample in samples})
    assert read[0] == read[1]
    return {name.removeprefix("accesslake_"): value for name, value in read[0].items()}


def test_the_lake_has_one_name_however_it_is_given(logs: Path) -> None:
    """`ingest` and `status`, from another directory and with a slash too many, write the label of the same lake."""
    directory = logs.parent
    (logs / "2026-02-06-00-10-00-AAAA").write_text(f"{LINE}\n")
    options = ("--lake", "lake/", "--metrics-file", "lake.prom")
    assert run_cli("ingest", "--source", "logs", *options, cwd=directory).returncode == 0
    of_run = gauges(directory / "lake.prom")
    assert run_cli("status", *options, cwd=directory).returncode == 0
    assert gauges(directory / "lake.prom") == of_run
    file = directory / "bucket.prom"
    for url in ("s3://lake/x", "s3://lake/x/"):
        write_run_gauges(file, url, RunOutcome(None, 1, dt.datetime.now(dt.UTC), 0.0), None)
        assert 'accesslake_last_run_exit_code{lake="s3://lake/x"} 1.0' in file.read_text()


def ingest(logs: Path, *arguments: str) -> tuple[int, dict[str, float]]:
    """A run with --metrics-file: its exit code, and the gauges after it."""
    directory = logs.parent
    file = directory / "lake.prom"
    options = ("--source", str(logs), "--lake", str(directory / "lake"), "--metrics-file", str(file))
    code = run_cli("ingest", *options, *arguments).returncode
    return code, gauges(file) if file.exists() else {}


def test_a_run_writes_what_it_did_and_the_state_of_the_lake(logs: Path) -> None:
    """Counts as the summary has them, times in seconds since 1970, the newest record of each bucket."""
    code, values = ingest(logs)
    assert code == 3  # one reject among four lines
    expected = {
        "last_run_exit_code": 3,
        "last_run_log_objects": 2,
        "last_run_failed_log_objects": 0,
        "last_run_rows": 2,
        "last_run_rejects": 1,
        "last_run_duplicates": 1,
        "backlog_log_objects": 0,
        "backlog_bytes": 0,
        "rows": 2,
        "buckets": 2,
        "newest_record_timestamp_seconds site": TIME,
        "newest_record_timestamp_seconds other": TIME,
    }
    assert expected.items() <= values.items()
    assert values["last_success_timestamp_seconds"] == values["last_run_timestamp_seconds"]
    assert 0 < values["last_run_duration_seconds"] < 60
    stages = [values[f"last_run_stage_duration_seconds {stage}"] for stage in ("listing", "reading", "writing")]
    assert all(0 < seconds < values["last_run_duration_seconds"] for seconds in stages)
    assert [file.name for file in logs.parent.iterdir() if "prom" in file.name] == ["lake.prom"]


def test_a_failed_run_keeps_the_time_of_the_last_success(logs: Path) -> None:
    """Its own end and exit code are news; what was known of the lake and of the last success stays."""
    _, before = ingest(logs)
    (logs / "2026-02-06-00-30-00-CCCC").write_bytes(b"\x1f\x8b\x08 no gzip")
    code, after = ingest(logs)
    assert code == after["last_run_exit_code"] == 1
    assert after["last_run_failed_log_objects"] == after["backlog_log_objects"] == 1
    assert after["last_run_timestamp_seconds"] > before["last_run_timestamp_seconds"]
    for name in ("last_success_timestamp_seconds", "rows", "newest_record_timestamp_seconds site"):
        assert after[name] == before[name]
    # A run that ends before it has done anything has no figures, and not those of the one before either.
    code, last = ingest(logs, "--source", str(logs / "none"))
    assert code == last["last_run_exit_code"] == 2
    assert not {"last_run_rows", "last_run_failed_log_objects"} & set(last)
    assert last["last_success_timestamp_seconds"] == before["last_success_timestamp_seconds"]


def test_a_run_of_past_days_is_no_success(logs: Path) -> None:
    """It says what it did and what the lake has; but nobody who waits for nightly runs is to take it for one."""
    (logs / "2026-02-06-00-10-00-AAAA").write_text(f"{LINE}\n")
    code, first = ingest(logs, "--until", "2026-02")
    assert (code, first["last_run_exit_code"], first["rows"]) == (0, 0, 2)
    assert "last_success_timestamp_seconds" not in first
    # As `status` says, which has the same alert without Prometheus.
    behind = run_cli("status", "--lake", str(logs.parent / "lake"), "--max-lag", "2d")
    assert (behind.returncode, "there is no last complete run" in behind.stderr) == (5, True)
    _, nightly = ingest(logs)
    assert nightly["last_success_timestamp_seconds"] == nightly["last_run_timestamp_seconds"]
    for days in (("--since", "2026-02", "--until", "2026-02"), ("--since", "today")):
        _, later = ingest(logs, *days)
        assert later["last_success_timestamp_seconds"] == nightly["last_success_timestamp_seconds"], days


def test_a_dry_run_is_nobodys_business(logs: Path) -> None:
    """It neither succeeds nor fails at bringing the lake up to date: its gauges would be those of a run."""
    assert ingest(logs, "--dry-run") == (0, {})


def test_a_run_that_gives_way_to_another_changes_nothing(logs: Path) -> None:
    """Exit code 75: the other run writes its own gauges."""
    _, before = ingest(logs)
    with hold_lease(open_store(str(logs.parent / "lake")), "other", 60):
        code, after = ingest(logs)
    assert code == LeaseHeldError.exit_code
    assert after == before


def test_time_counts_also_where_a_stage_fails() -> None:
    """A store that gives no answer for an hour took an hour."""
    activity = Activity()
    with contextlib.suppress(StoreError), activity.listing():
        time.sleep(0.01)
        raise StoreError("no answer")
    assert activity.stages["listing"] >= 0.01


def test_status_writes_the_state_of_the_lake_and_keeps_what_is_said_of_runs(logs: Path) -> None:
    """Both write the same file, whichever comes first."""
    lake, file = logs.parent / "lake", logs.parent / "lake.prom"
    _, of_run = ingest(logs)
    assert run_cli("status", "--lake", str(lake), "--metrics-file", str(file)).returncode == 0
    assert gauges(file) == of_run
    file.unlink()
    assert run_cli("status", "--lake", str(lake), "--metrics-file", str(file)).returncode == 0
    alone = gauges(file)
    assert alone["rows"] == 2
    assert "last_run_exit_code" not in alone


@pytest.mark.parametrize("code", [*range(1, 6), 75, 126, 127, 130, 143, 255])
def test_no_code_gets_a_second_meaning(code: int) -> None:
    """With `--exit-code-if-nothing-new 1` no scheduler could tell a failure from nothing new."""
    with pytest.raises(UsageError, match=f"^--exit-code-if-nothing-new {code}: that means already: "):
        check_free("--exit-code-if-nothing-new", code)


def test_nothing_new_is_a_success_with_a_code_of_its_own(logs: Path) -> None:
    """`--exit-code-if-nothing-new 99` ends with 99, and the gauges say 0; 1 is refused before anything is done."""
    assert ingest(logs, "--exit-code-if-nothing-new", "1") == (2, {})
    (logs / "2026-02-06-00-10-00-AAAA").write_text(f"{LINE}\n")
    assert ingest(logs)[0] == 0
    code, values = ingest(logs, "--exit-code-if-nothing-new", "99")
    assert (code, values["last_run_exit_code"]) == (99, 0)
    assert values["last_success_timestamp_seconds"] == values["last_run_timestamp_seconds"]


def test_quiet_says_nothing_when_all_is_well(logs: Path) -> None:
    """And what is wrong all the same; another run at work is not, or cron would send a mail."""
    (logs / "2026-02-06-00-10-00-AAAA").write_text(f"{LINE}\n")
    options = ("--source", str(logs), "--lake", str(logs.parent / "lake"), "--quiet")
    run = run_cli("ingest", *options)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
    (logs / "2026-02-06-00-30-00-CCCC").write_bytes(b"\x1f\x8b\x08 no gzip")
    run = run_cli("ingest", *options)
    assert run.returncode == 1
    assert "CCCC" in run.stderr
    with hold_lease(open_store(str(logs.parent / "lake")), "other", 60):
        run = run_cli("ingest", *options)
    assert (run.returncode, run.stdout, run.stderr) == (75, "", "")


def test_a_file_that_no_collector_reads_is_refused(logs: Path) -> None:
    """node_exporter reads *.prom only, and says nothing of others; so both commands do, before anything is done."""
    file = logs.parent / "lake.txt"
    lake = ("--lake", str(logs.parent / "lake"), "--metrics-file", str(file))
    for command in (("ingest", "--source", str(logs)), ("status",)):
        run = run_cli(*command, *lake)
        assert run.returncode == 2
        assert f"--metrics-file {file}: node_exporter reads files that end in .prom only" in run.stderr
    assert [one.name for one in logs.parent.iterdir()] == ["logs"]
