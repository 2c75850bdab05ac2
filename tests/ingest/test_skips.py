"""Log objects that can never be read are set aside by name, and do not fail every run."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
from conftest import S3, events, run_cli
from lines import LINE

from etl import open_lake
from etl.errors import UsageError

GOOD, BAD = "2026-02-06-01-00-00-AA", "2026-01-06-02-00-00-BB"
DAMAGED = b"\x1f\x8bnot gzip"


@pytest.fixture(params=["local", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> "Place":
    if request.param == "local":
        (tmp_path / "logs").mkdir()
        return Place(f"{tmp_path}/logs/", str(tmp_path / "lake"), {})
    s3: S3 = request.getfixturevalue("s3")
    return Place(f"s3://{s3.logs}/", f"s3://{s3.lake}/lake", {"endpoint_url": s3.endpoint_url}, s3)


class Place:
    """A source with a good log object and a damaged one, and a lake."""

    def __init__(self, source: str, url: str, settings: dict[str, str], s3: S3 | None = None) -> None:
        self.source, self._s3 = source, s3
        self.lake = open_lake(url, source=[source], workers=1, **settings)
        self.put(GOOD, f"{LINE}\n".encode())
        self.put(BAD, DAMAGED)
        self.bad = f"{source}{BAD}"

    def put(self, name: str, data: bytes) -> None:
        if self._s3:
            self._s3.put(name, data)
        else:
            Path(self.source, name).write_bytes(data)

    def failures(self, **changes: Any) -> list[str]:
        return list(self.lake.ingest(**changes).result.failures)


def test_a_log_object_is_set_aside_and_taken_back(place: Place) -> None:
    """No run reads it, until one is told to: however old it is by then, it is read, and verify counts it till then."""
    assert place.failures() == [place.bad]
    assert place.failures() == [place.bad]
    assert place.failures(skip=[place.bad], skip_reason="damaged when it was copied", dry_run=True) == []
    assert place.failures() == [place.bad]
    assert place.failures(skip=[place.bad], skip_reason="damaged when it was copied") == []
    summary = place.lake.ingest(full=True)
    assert (summary.result.failures, summary.found.set_aside, summary.found.set_aside_changed) == ({}, 1, [])
    status = place.lake.status()
    (skip,) = status.set_aside.values()
    assert list(status.set_aside) == [place.bad]
    assert (skip.reason, "@" in skip.who) == ("damaged when it was copied", True)
    assert dt.datetime.now(dt.UTC) - skip.at < dt.timedelta(minutes=5)
    verification = place.lake.verify()
    assert (verification.differences, verification.source_objects, verification.set_aside) == ([], 2, 1)
    place.put(BAD, f"{LINE.replace('EXAMPLE', 'repaired')}\n".encode())
    summary = place.lake.ingest(full=True)
    assert (summary.new, summary.found.set_aside_changed) == (0, [place.bad])
    assert place.lake.ingest(unskip=[place.bad]).result.rows == 1
    assert place.lake.status().set_aside == {}
    assert (place.lake.verify().differences, place.lake.verify().set_aside) == ([], 0)


def test_what_cannot_be_set_aside_is_told(place: Place) -> None:
    """A name that no source has, a log object that is in the lake, one that is not set aside; and nothing changes."""
    place.lake.ingest()
    cases: list[tuple[dict[str, Any], str]] = [
        ({"skip": [place.bad[:-1]]}, "no source has this log object; give its full name"),
        ({"skip": ["s3://elsewhere/2026-01-06-02-00-00-BB"]}, "no source has this log object"),
        ({"skip": [f"{place.source}{GOOD}"]}, "is in the lake already"),
        ({"unskip": [place.bad]}, "is not skipped"),
    ]
    for changes, message in cases:
        with pytest.raises(UsageError, match=message):
            place.lake.ingest(**changes)
    assert place.lake.status().set_aside == {}


def test_a_file_of_a_glob_is_set_aside(tmp_path: Path) -> None:
    """Its name need not be like that of a log object."""
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "a[1].log").write_bytes(DAMAGED)
    lake = open_lake(str(tmp_path / "lake"), source=[f"{tmp_path}/logs/*.log"])
    (name,) = lake.ingest().result.failures
    assert lake.ingest(skip=[name]).result.failures == {}
    assert lake.verify().differences == []


def test_the_command_line_says_how(tmp_path: Path) -> None:
    """The message of a failure names the option; status lists what is set aside."""
    (tmp_path / "logs").mkdir()
    bad = tmp_path / "logs" / BAD
    bad.write_bytes(DAMAGED)
    arguments = ("ingest", "--source", str(tmp_path / "logs"), "--lake", str(tmp_path / "lake"))
    failed = run_cli(*arguments)
    assert failed.returncode == 1
    assert f"{bad}: cannot be decompressed" in events(failed.stderr)[0]["message"]
    assert "`accesslake ingest --skip NAME` sets it aside" in events(failed.stderr)[0]["message"]
    assert run_cli(*arguments, "--skip", str(bad), "--skip-reason", "lost").returncode == 0
    status = run_cli("status", "--lake", str(tmp_path / "lake"))
    assert "set aside, and not read until `ingest --unskip NAME`: 1\n" in status.stdout
    assert f"  {bad} (by " in status.stdout
    assert "UTC: lost)" in status.stdout
    as_json = json.loads(run_cli("status", "--lake", str(tmp_path / "lake"), "--json").stdout)
    assert as_json["set_aside"][str(bad)]["reason"] == "lost"
