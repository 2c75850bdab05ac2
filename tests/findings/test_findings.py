"""What is found in a month of logs: nothing on usual days, and each incident by who, what, where and when."""

import datetime as dt
import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from conftest import run_cli
from geo_databases import write_database, write_geo_databases
from markupsafe import escape
from month import ACCOUNT, MALLORY, eventful_month, make_lake, quiet_month
from small_lake import DATA, SITE

from etl import open_lake
from etl.config import load_settings
from etl.findings import Finding, inspect_lake
from etl.query import EVERYTHING, Scope
from etl.reports.loader import load_reports
from etl.store.open import open_store
from etl.text import safe_text

NOW = dt.datetime(2026, 3, 30, 16, tzinfo=dt.UTC)
OWN_COUNTRIES = {"203.0.113.77/32": {"country": {"iso_code": "CN"}}, "10.0.0.0/8": {"country": {"iso_code": "SE"}}}
"""Where somebody who is new comes from, and where the backup does."""
WEEK_IN_WORDS = (
    "2026-03-24 to 2026-03-30 (UTC), buckets data and www.example.org, compared with 2026-03-17 to 2026-03-23."
)
WEEK = ("--from", "2026-03-24", "--to", "2026-03-30")


def day(number: int) -> dt.date:
    return dt.date(2026, 3, number)


def found(lake: str, scope: Scope = EVERYTHING, **settings: Any) -> list[Finding]:
    merged = load_settings({"accounts": [ACCOUNT], **settings}, {})
    return inspect_lake(open_store(lake), scope, merged, NOW, load_reports()).findings()


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> str:
    return make_lake(quiet_month(), tmp_path_factory.mktemp("quiet"))


@pytest.fixture(scope="module")
def eventful(tmp_path_factory: pytest.TempPathFactory) -> str:
    return make_lake(eventful_month(), tmp_path_factory.mktemp("eventful"))


@pytest.fixture(scope="module")
def findings(eventful: str) -> list[Finding]:
    return found(eventful)


def test_usual_days_are_quiet(quiet: str) -> None:
    """Services, lifecycle rules, backups, scanners, a day that is not over and a lake's first days are no finding."""
    assert found(quiet) == []
    assert found(quiet, Scope(DATA, day(20), day(20))) == []
    assert [one for one in found(quiet, Scope(None, None, day(4))) if one.is_alarm] == []
    done = run_cli("findings", "--lake", quiet, *WEEK, "--fail-on", "notice")
    assert (done.returncode, done.stdout) == (0, f"{WEEK_IN_WORDS}\nNothing unusual.\n"), done.stderr


def test_each_incident_is_found(findings: list[Finding]) -> None:
    """Alarms first, and each says who did what, where and when."""
    sentences = [f"{'!' if one.is_alarm else ' '} {one.id}: {safe_text(one.title)}" for one in findings]
    assert sentences == (Path(__file__).parent / "incidents.txt").read_text("utf-8").splitlines()


def test_every_finding_is_shown_by_its_report(eventful: str, findings: list[Finding]) -> None:
    """The report that a finding names, with its parameters, bucket and days, has rows."""
    lake = open_lake(eventful, accounts=[ACCOUNT])
    for finding in findings:
        query = finding.query
        assert query, finding
        parameters: dict[str, Any] = dict(query.parameters)
        result = lake.report(
            query.report,
            bucket=next(iter(query.buckets), None),
            date_from=query.date_from,
            date_to=query.date_to,
            **parameters,
        )
        assert result.to_arrow().num_rows, finding


def test_page_and_command_say_the_same(eventful: str) -> None:
    """The findings of a week are those of its page, in the same order, and those of the handle."""
    command = ("findings", "--lake", eventful, *WEEK, "--json", "--fail-on", "alarm")
    done = run_cli(*command, environment={"ACCESSLAKE_ACCOUNTS": ACCOUNT})
    assert done.returncode == 5, done.stderr
    printed = json.loads(done.stdout)
    lake = open_lake(eventful, accounts=[ACCOUNT])
    week = {"date_from": "2026-03-24", "date_to": "2026-03-30"}
    assert printed["findings"] == [finding.as_dict(eventful) for finding in lake.findings(**week)]
    page = lake.dashboard(**week)
    notices, _, _ = page.partition('class="notices"')[2].partition("</ul>")
    items = [re.sub(r"<[^>]+>", "", f"<li{item}").strip() for item in notices.split("<li")[1:]]
    for item, one in zip(items, printed["findings"], strict=True):
        mark = "Look at this: " if one["severity"] == "alarm" else ""
        assert item.startswith(mark + str(escape(safe_text(one["title"]))))


def test_a_period_of_hours_is_named_by_its_hours(eventful: str) -> None:
    """What a finding counts within hours, its command counts within these hours, too, and JSON names them."""
    inspection = open_lake(eventful).inspect(bucket=DATA, date_from="2026-03-28T21:30", date_to="2026-03-28T22")
    found = {one.id: one for one in inspection.findings()}
    assert "mass-reading" not in found
    deletions = found["bulk-deletions"]
    period = {"from": "2026-03-28T21:30", "to": "2026-03-28T22"}
    assert deletions.as_dict(eventful)["period"] == period
    printed = inspection.as_dict(eventful, found.values())
    assert printed["period"] == period
    assert printed["compared_with"] == {"from": "2026-03-27T21:30", "to": "2026-03-27T22"}
    assert inspection.period_in_words == "2026-03-28 from 21:30 to 23:00"
    assert deletions.query
    command = shlex.split(deletions.query.command(eventful))
    assert command[-4:] == ["--from", "2026-03-28T21:30", "--to", "2026-03-28T22", "-p", "threshold=100"][-4:]
    done = run_cli(*command[1:], "--format", "json")
    assert [row["deletions"] for row in json.loads(done.stdout)] == [150] == [deletions.counts["deletions"]]


def test_a_newcomer_of_earlier_hours_is_none_of_later_ones(eventful: str) -> None:
    """Who came at 12 is new in that hour, and no more in the next one."""
    lake = open_lake(eventful)
    for hour, names in (("2026-03-27T12", ["newcomers"]), ("2026-03-27T13", [])):
        found = lake.findings(date_from=hour, date_to=hour)
        assert [one.id for one in found if one.id == "newcomers"] == names


def test_a_period_without_one_before_says_so(quiet: str) -> None:
    """The command, JSON and the page say in one line that there is nothing to compare with, and why."""
    lake = open_lake(quiet)
    note = (
        "It is not compared with the period before: that begins on 2026-02-09, and the first record is of 2026-03-01."
    )
    period = {"date_from": "2026-03-06", "date_to": "2026-03-30"}
    inspection = lake.inspect(**period)
    printed = inspection.as_dict(quiet, [])
    assert (printed["note"], printed["compared_with"], printed["buckets"]) == (note, None, [DATA, SITE])
    assert lake.inspect(date_from="2026-03-16", date_to="2026-03-30").note is None
    assert note in lake.dashboard(**period)
    done = run_cli("findings", "--lake", quiet, "--from", "2026-03-06", "--to", "2026-03-30")
    assert done.stdout.splitlines()[:2] == ["2026-03-06 to 2026-03-30 (UTC), buckets data and www.example.org.", note]


def test_the_newest_day_ends_where_comparisons_end_it(quiet: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Findings, the page and `report --compare` have one rule for a day that is not over."""
    monkeypatch.setattr("etl.reports.compare.utc_now", lambda: NOW.replace(tzinfo=None))
    until = dt.datetime(2026, 3, 30, 14, 6)  # noqa: DTZ001 - naive, as the times of records
    comparison = open_lake(quiet).compare("overview/figures", date_from="2026-03-24")
    assert (comparison.period.end, comparison.before.end) == (until, until - dt.timedelta(days=7))
    inspection = inspect_lake(open_store(quiet), EVERYTHING, load_settings({}, {}), NOW, load_reports())
    assert inspection.period.until == until
    assert inspection.compared_with == "2026-03-17 to 2026-03-23 14:06"
    # By night of the 31st, all of the 30th may not be in, and nothing of the 31st is.
    by_night = inspect_lake(
        open_store(quiet),
        Scope(None, day(24), day(31)),
        load_settings({}, {}),
        NOW + dt.timedelta(hours=12),
        load_reports(),
    )
    assert by_night.period_in_words == "2026-03-24 to 2026-03-30 14:06"
    assert by_night.compared_with == "2026-03-16 to 2026-03-22 14:06"
    # A day is over when there is more: on the 30th, the 29th is.
    of_yesterday = inspect_lake(
        open_store(quiet), Scope(None, day(23), day(29)), load_settings({}, {}), NOW, load_reports()
    )
    assert of_yesterday.period.until is None


def test_what_is_quiet_ends_where_the_lake_does(quiet: str) -> None:
    """Of yesterday there are other records up to 23:59, so that it is over for what has its last at 01:00, too."""
    now = dt.datetime(2026, 3, 30, 1, tzinfo=dt.UTC)
    quiet_hours = Scope(DATA, day(29), day(29), key_prefix="dump")
    of_a_key = inspect_lake(open_store(quiet), quiet_hours, load_settings({}, {}), now, load_reports())
    assert (of_a_key.newest.hour, of_a_key.period.until) == (1, None)


def test_logs_that_stopped_are_an_alarm_of_a_period_without_any(quiet: str) -> None:
    """`--last 1d` of a lake whose newest record is days old is stale; a day old, it has just nothing to tell yet."""
    for days, ids in ((1, []), (5, ["stale"])):
        today = day(30) + dt.timedelta(days=days)
        now = dt.datetime.combine(today, dt.time(12), dt.UTC)
        scope = Scope(None, today, today)
        inspection = inspect_lake(open_store(quiet), scope, load_settings({}, {}), now, load_reports())
        found = inspection.findings()
        assert [one.id for one in found if one.is_alarm] == [one.id for one in found] == ids
        assert inspection.note == "The period has no records: the newest is of 2026-03-30 14:05."
        assert inspection.as_dict(quiet, found)["compared_with"] is None
    assert found[0].title.startswith("The newest record is 5 days old (2026-03-30)")
    done = run_cli("findings", "--lake", quiet, "--last", "1d", "--json", "--fail-on", "alarm")
    assert done.returncode == 5, done.stderr
    assert [one["id"] for one in json.loads(done.stdout)["findings"]] == ["stale"]


def test_countries_and_networks_are_told_where_databases_are_set(eventful: str, tmp_path: Path) -> None:
    """Whose requests come from a new country is a finding, and the page has how many there are and the largest."""
    country, network = write_geo_databases(tmp_path)
    databases = [write_database(tmp_path / "own.mmdb", OWN_COUNTRIES), country, network]
    lake = open_lake(eventful, geo_database=databases)
    week = {"date_from": "2026-03-24", "date_to": "2026-03-30"}
    (finding,) = [one for one in lake.findings(**week) if one.id == "new-countries"]
    assert finding.title == (
        "mallory sent 1 request to `data` from CN, on 2026-03-28 at 21:00;"
        " in the weeks before, those of others to the bucket came from SE"
    )
    assert (finding.technique, finding.principals, finding.counts) == (
        "T1078",
        (MALLORY,),
        {"requests": 1, "countries": 1},
    )
    page = lake.dashboard(**week)
    tiles = re.findall(
        r'<dt>(Countries|Networks)</dt><dd class="value">(\d+)</dd><dd class="change">([^<]+)</dd>', page
    )
    assert tiles == [("Countries", "4", "most from SE"), ("Networks", "3", "most from Example Search")]
    assert "<dt>Countries</dt>" not in open_lake(eventful).dashboard(**week)


def test_json_has_all_of_a_finding(eventful: str) -> None:
    """One object per finding, with what programs need."""
    lake = open_lake(eventful)
    (policy,) = [one for one in lake.findings(bucket=SITE, date_from="2026-03-29") if one.id == "access-changes"]
    assert policy.as_dict(eventful) == {
        "id": "access-changes",
        "severity": "alarm",
        "title": f"mallory changed the policy of `{SITE}` on 2026-03-29 at 09:12",
        "buckets": [SITE],
        "principals": [MALLORY],
        "addresses": [],
        "counts": {"changes": 1, "buckets": 1},
        "period": {"from": "2026-03-29", "to": "2026-03-29"},
        "report": "security/configuration_changes",
        "parameters": {},
        "command": f"accesslake report security/configuration_changes --lake {eventful} --bucket {SITE}"
        " --from 2026-03-29 --to 2026-03-29",
        "technique": None,
    }


def test_settings_change_and_silence_findings(eventful: str) -> None:
    """A threshold, a severity, silence for all buckets and for some, each by the name of the finding."""
    settings = {
        "bulk-deletions": {"threshold": 151},
        "logging-changes": {"severity": "notice"},
        "newcomers": {"silent": True},
        "access-changes": {"silent_buckets": ["shop-*", DATA]},
    }
    changed = {one.id: one for one in found(eventful, findings=settings)}
    assert "bulk-deletions" not in changed
    assert "newcomers" not in changed
    assert not changed["logging-changes"].is_alarm
    assert changed["access-changes"].buckets == (SITE,)


def test_untrusted_texts_stay_texts(eventful: str) -> None:
    """No control character of a key reaches the terminal."""
    done = run_cli("findings", "--lake", eventful, *WEEK)
    assert done.returncode == 0, done.stderr
    assert "mallory changed the ACL of `\\x1b[31morders.db` in `data`" in done.stdout
    assert "\x1b" not in done.stdout


def test_a_report_that_fails_is_a_finding(quiet: str) -> None:
    """Nobody takes it for good news that a report says nothing."""
    reports = load_reports()
    broken = reports["operations/rejects"].model_copy(update={"sql": "SELECT error('boom') AS reason, 1 AS lines"})
    settings = load_settings({}, {})
    (finding,) = inspect_lake(open_store(quiet), Scope(), settings, NOW, {**reports, broken.name: broken}).findings()
    assert finding.is_alarm
    assert finding.title.startswith("operations/rejects failed: ")
    assert "rejects.sql:7:1: DuckDB: Invalid Input Error: boom" in finding.title
