"""A field that AWS adds is one entry of `etl.fields.FIELDS`: a made-up 28th one is parsed, written and queried."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from conftest import run_cli
from lines import BATCH_DELETE, LINE

from etl.fields import FIELDS, Field, Group

KNOWN = len(FIELDS)
NEW_FIELD = """
from etl import fields

new = fields.Field("made_up", fields.Group.TRAILING, "of this test", since=len(fields.FIELDS) + 1)
fields.FIELDS += (new,)
from etl.cli.app import main
main()
"""


def with_new_field(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """The command line of a version that knows one more field."""
    return subprocess.run(
        [sys.executable, "-c", NEW_FIELD, *arguments], capture_output=True, text=True, check=False, env=os.environ
    )


def records(done: "subprocess.CompletedProcess[str]") -> list[dict[str, Any]]:
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def deliver(logs: Path, hour: int, *lines: str) -> None:
    logs.mkdir(exist_ok=True)
    (logs / f"2026-02-06-{hour:02d}-00-00-AA").write_text("".join(f"{line}\n" for line in lines))


QUERY = "SELECT request_id, made_up, source_region, field_count, extra_fields, parse_note FROM access_log ORDER BY ALL"
# Lines with every field that is known today.
FULL = LINE + " -" * (KNOWN - 27)
BARE = (BATCH_DELETE + FULL.removeprefix(LINE)).replace("3E57427F3EXAMPLE", "BARE")
HARD = FULL.replace("curl/7.79.1", 'cu"rl').replace("3E57427F3EXAMPLE", "HARD")


def test_a_new_field_is_parsed_written_and_queried(tmp_path: Path) -> None:
    """On the fast and on the slow path, with and without a value; older lines have none; what follows is unknown."""
    logs, lake = tmp_path / "logs", str(tmp_path / "lake")
    fast = {
        name: FULL.replace("3E57427F3EXAMPLE", name) + end
        for name, end in (("OLD", ""), ("NEW", " m1"), ("NONE", " -"), ("NEWER", " m2 unknown"))
    }
    deliver(
        logs,
        1,
        *fast.values(),
        f"{HARD} m3",
        f"{BARE} m4",
    )
    assert with_new_field("ingest", "--source", str(logs), "--lake", lake).returncode == 0
    rows = records(with_new_field("sql", QUERY, "--lake", lake, "--format", "json"))
    assert [tuple(row.values()) for row in rows] == [
        ("BARE", "m4", "eu-central-1", KNOWN + 1, None, None),
        ("HARD", "m3", "eu-central-1", KNOWN + 1, None, "unescaped_quote"),
        ("NEW", "m1", "eu-central-1", KNOWN + 1, None, None),
        ("NEWER", "m2", "eu-central-1", KNOWN + 1, "unknown", None),
        ("NONE", None, "eu-central-1", KNOWN + 1, None, None),
        ("OLD", None, "eu-central-1", KNOWN, None, None),
    ]
    schema = records(with_new_field("schema", "access_log", "--format", "json"))
    assert {"column": "made_up", "type": "VARCHAR", "meaning": "of this test"}.items() <= schema[-5].items()
    assert with_new_field("verify", "--source", str(logs), "--lake", lake).returncode == 0


@pytest.mark.parametrize("min_part_size", ["1", "32MiB"])
def test_a_lake_of_before_goes_on_with_a_new_field(tmp_path: Path, min_part_size: str) -> None:
    """Older parts have NULL in its column, sealed or written again; what is delivered again is recognized."""
    logs, lake, settings = tmp_path / "logs", str(tmp_path / "lake"), tmp_path / "settings.toml"
    settings.write_text(f'min_part_size = "{min_part_size}"\n')
    flags = ("--source", str(logs), "--lake", lake, "--config", str(settings))
    deliver(logs, 1, LINE.replace("3E57427F3EXAMPLE", "BEFORE"), LINE.replace("06/Feb", "05/Feb"))
    assert run_cli("ingest", *flags).returncode == 0
    query = "SELECT request_id, made_up FROM access_log ORDER BY ALL"
    rows = records(with_new_field("sql", query, "--lake", lake, "--format", "json"))
    assert [tuple(row.values()) for row in rows] == [("3E57427F3EXAMPLE", None), ("BEFORE", None)]
    deliver(logs, 2, FULL.replace("3E57427F3EXAMPLE", "AFTER") + " m1", LINE.replace("3E57427F3EXAMPLE", "BEFORE"))
    done = with_new_field("ingest", "--json", *flags)
    assert done.returncode == 0, done.stderr
    assert (json.loads(done.stdout)["rows"], json.loads(done.stdout)["duplicates"]) == (1, 1)
    rows = records(with_new_field("sql", query, "--lake", lake, "--format", "json"))
    assert [tuple(row.values()) for row in rows] == [("3E57427F3EXAMPLE", None), ("AFTER", "m1"), ("BEFORE", None)]
    assert with_new_field("verify", *flags).returncode == 0
    refused = run_cli("ingest", *flags)
    assert refused.returncode == 1
    assert f"{KNOWN + 1} fields" in refused.stderr


def test_query_strings_are_cut_from_a_new_field(tmp_path: Path) -> None:
    """Nobody knows yet what clients can write there, so it is not trusted."""
    logs, lake, settings = tmp_path / "logs", str(tmp_path / "lake"), tmp_path / "settings.toml"
    settings.write_text('[privacy]\nquery_strings = "drop"\n')
    deliver(logs, 1, f"{FULL} https://example.com/a?token=secret")
    done = with_new_field("ingest", "--source", str(logs), "--lake", lake, "--config", str(settings))
    assert done.returncode == 0, done.stderr
    rows = records(with_new_field("sql", "SELECT made_up FROM access_log", "--lake", lake, "--format", "json"))
    assert rows == [{"made_up": "https://example.com/a"}]


def test_trailing_fields_are_text() -> None:
    """Both paths of the parser read them as such; a wrong entry of the table is refused at once."""
    with pytest.raises(TypeError, match="retries: trailing fields are text"):
        Field("retries", Group.TRAILING, "of this test", pa.int64(), since=KNOWN + 1)


def test_fields_are_in_the_order_of_the_line() -> None:
    """A new field goes to the end: trailing fields come last, and each knows how many a line has that has it."""
    trailing = [one for one in FIELDS if one.group is Group.TRAILING]
    assert list(FIELDS[-len(trailing) :]) == trailing
    assert [one.since for one in trailing] == sorted(one.since for one in trailing)
    assert trailing[-1].since == len(FIELDS)
