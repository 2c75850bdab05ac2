"""What is in a scope: some hours, some buckets, some keys, in every view; whole days cost nothing more."""

import datetime as dt
from typing import Any

import pytest
from conftest import ingest_local, run_cli
from lines import LINE

from etl import open_lake
from etl.api import Lake
from etl.dates import Span
from etl.errors import UsageError
from etl.query.scope import Scope
from etl.query.snapshot import take_snapshot
from etl.query.views import view_statements
from etl.store.open import open_store

BUCKETS = ("web-a", "web-b", "api-a")
KEYS = ("logs/1", "logs/2", "log", None)


def line_at(bucket: str, hour: int, minute: int, key: str | None) -> str:
    line = LINE.replace("[06/Feb/2026:00:00:38", f"[06/Feb/2026:{hour:02}:{minute:02}:00").replace(
        " site ", f" {bucket} "
    )
    return line.replace(" a.html ", f" {key or '-'} ").replace("EXAMPLE", f"{bucket}{hour}{minute}{key}"[:16].upper())


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Of each bucket: a request at 11:59, 12:00, 12:59 and 13:00, each of another key; and rejects of two hours."""
    root = tmp_path_factory.mktemp("scope")
    (root / "logs").mkdir()
    times = ((11, 59), (12, 0), (12, 59), (13, 0))
    lines = [line_at(bucket, *time, key) for bucket in BUCKETS for time, key in zip(times, KEYS, strict=True)]
    (root / "logs/2026-02-06-12-30-00-AA").write_text("\n".join([*lines, "nonsense at 12"]) + "\n")
    (root / "logs/2026-02-06-15-30-00-BB").write_text("nonsense at 15\n")
    ingest_local(root / "logs", root / "lake", max_reject_fraction=1)
    return open_lake(str(root / "lake"))


def counts(lake: Lake, sql: str = "SELECT count(*) AS n FROM access_log", **scope: Any) -> list[Any]:
    return [tuple(row.values()) for row in lake.sql(sql, **scope).to_arrow().to_pylist()]


@pytest.mark.parametrize(
    ("begin", "end", "times"),
    [
        ("2026-02-06T12", "2026-02-06T12", ["12:00", "12:59"]),
        ("2026-02-06T12:01", "2026-02-06T13", ["12:59", "13:00"]),
        (None, "2026-02-06T11:59", ["11:59"]),
        ("2026-02-06T13", None, ["13:00"]),
        (dt.datetime(2026, 2, 6, 12), dt.datetime(2026, 2, 6, 13), ["12:00", "12:59"]),  # noqa: DTZ001
        (dt.datetime(2026, 2, 6, 14, tzinfo=dt.timezone(dt.timedelta(hours=1))), None, ["13:00"]),
        ("2026-02", "2026", ["11:59", "12:00", "12:59", "13:00"]),
    ],
)
def test_a_period_of_hours(lake: Lake, begin: Any, end: Any, times: list[str]) -> None:
    """`--to` includes the hour or minute that it names; all that is made of access_log sees the same records."""
    for view in ("access_log", "requests", "website_requests"):
        sql = f"SELECT DISTINCT strftime(time, '%H:%M') AS clock FROM {view} WHERE bucket = 'web-a' ORDER BY clock"
        assert counts(lake, sql, date_from=begin, date_to=end) == [(time,) for time in times], view


def test_rejects_are_of_the_hour_of_their_delivery(lake: Lake) -> None:
    """The only time that a reject has is in the name of its log object."""
    sql = "SELECT line FROM rejects ORDER BY line"
    assert counts(lake, sql, date_from="2026-02-06T13") == [("nonsense at 15",)]
    assert counts(lake, sql, date_from="2026-02-06T12", date_to="2026-02-06T12") == [("nonsense at 12",)]
    assert counts(lake, sql, date_from="2026-02-06") == [("nonsense at 12",), ("nonsense at 15",)]


@pytest.mark.parametrize(
    ("bucket", "found"),
    [
        ("web-*", ["web-a", "web-b"]),
        ("web-[bc]", ["web-b"]),
        ("*-a", ["api-a", "web-a"]),
        ("???-b", ["web-b"]),
        (["api-a", "web-b"], ["api-a", "web-b"]),
        (("api-*", "web-b", "web-?"), ["api-a", "web-a", "web-b"]),
    ],
)
def test_several_buckets_and_patterns(lake: Lake, bucket: Any, found: list[str]) -> None:
    """All that are named or fit a pattern, each once."""
    sql = "SELECT bucket, count(*) AS n FROM access_log GROUP BY bucket ORDER BY bucket"
    assert counts(lake, sql, bucket=bucket) == [(name, 4) for name in found]


def test_a_bucket_that_is_not_there(lake: Lake) -> None:
    """Each name or pattern has to fit a bucket, the error says the nearest; an empty list is not all of them."""
    for bucket, message in {
        ("web-a", "web-c"): r"no bucket 'web-c' in .*; did you mean 'web-.'\?",
        "wep-*": r"no bucket matches 'wep-\*' in .*; did you mean 'web-.'\?",
        "web": r"no bucket 'web' in ",
        (): "bucket is an empty list",
    }.items():
        with pytest.raises(UsageError, match=message):
            lake.sql("SELECT 1 AS one", bucket=bucket)


def test_a_prefix_of_keys(lake: Lake) -> None:
    """Its letters mean themselves, and records without a key are not among them; rejects stay, as they have none."""
    assert counts(lake, key_prefix="logs/") == [(6,)]
    assert counts(lake, key_prefix="log") == [(9,)]
    assert counts(lake, key_prefix="") == [(9,)]
    for other in ("LOG", "log_", "%", "l'"):
        assert counts(lake, key_prefix=other) == [(0,)]
    assert counts(lake, "SELECT count(*) AS n FROM rejects", key_prefix="logs/") == [(2,)]
    rows = lake.report("website/top_objects", key_prefix="logs/", bucket="web-?").to_arrow().to_pylist()
    assert [(row["key"], row["requests"]) for row in rows] == [("logs/1", 2), ("logs/2", 2)]


def test_whole_days_cost_nothing_more(lake: Lake) -> None:
    """The views are, word for word, those without a period; of hours they have a condition."""
    day = dt.date(2026, 2, 6)
    snapshot = take_snapshot(open_store(lake.url), Scope())

    def sql_of(scope: Scope) -> str:
        return "\n".join(view_statements(snapshot, lake.settings, scope))

    assert sql_of(Scope("web-a", day, day)) == sql_of(Scope())
    amid = Scope(None, day, day, dt.datetime(2026, 2, 6, 12))  # noqa: DTZ001
    assert "WHERE time >= TIMESTAMP '2026-02-06 12:00:00'" in sql_of(amid)


def test_a_span_may_be_given_as_well(lake: Lake) -> None:
    """What the command line has parsed is taken as it is; `last` stands alone."""
    noon = dt.datetime(2026, 2, 6, 12)  # noqa: DTZ001
    assert counts(lake, date_to=Span(noon, noon + dt.timedelta(hours=1))) == [(9,)]
    with pytest.raises(UsageError, match="last is a period; leave out date_from and date_to"):
        lake.sql("SELECT 1 AS one", last="7d", date_to="today")


def test_options_of_the_command_line(lake: Lake) -> None:
    """--bucket repeats, `--from -7d` is no flag, and rules are of one bucket, on whole days."""
    base = ("report", "operations/buckets", "--lake", lake.url, "--format", "csv")
    of_two = run_cli(*base, "--bucket", "api-*", "--bucket", "web-b", "--to", "2026-02")
    assert [row.partition(",")[0] for row in of_two.stdout.splitlines()] == ["bucket", "api-a", "web-b"]
    recent = run_cli(*base, "--from", "-7d")
    assert (recent.returncode, len(recent.stdout.splitlines())) == (0, 1)
    refused = run_cli("lifecycle-rules", "--lake", lake.url, "--bucket", "web-*", "--rules", "none.json")
    assert refused.returncode == 2
