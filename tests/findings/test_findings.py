"""What is found in a month of logs: nothing on usual days, and each incident by who, what, where and when."""

import datetime as dt
import json
import re
from pathlib import Path
from typing import Any

import pytest
from conftest import run_cli
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
    assert (done.returncode, done.stdout) == (0, "Nothing unusual.\n"), done.stderr


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
    assert printed == [finding.as_dict(eventful) for finding in lake.findings(**week)]
    page = lake.dashboard(**week)
    notices, _, _ = page.partition('class="notices"')[2].partition("</ul>")
    assert re.findall(r">([^<>]+)</a>|> ?([^<>]+) <code>", notices) == [
        (text, "") if f'href="#{one["report"]}"' in notices else ("", text)
        for one in printed
        for text in [str(escape(safe_text(one["title"])))]
    ]


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
