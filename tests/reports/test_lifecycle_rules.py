"""Lifecycle rules beside the events that fit them."""

import datetime as dt
import json
import random
from pathlib import Path
from typing import Any

import pytest
from conftest import S3, ingest_local, run_cli

from etl.cli.demo_logs import ADMIN, LineWriter
from etl.config import Settings
from etl.errors import StoreError, UsageError
from etl.reports.lifecycle_rules import load_rules, read_rules

RULES: list[dict[str, Any]] = [
    {"ID": "logs", "Status": "Enabled", "Filter": {"Prefix": "logs/"}, "Expiration": {"Days": 30}},
    {
        "ID": "big old data",
        "Status": "Enabled",
        "Filter": {"And": {"Prefix": "data/", "ObjectSizeGreaterThan": 1000, "Tags": [{"Key": "k", "Value": "v"}]}},
        "Transitions": [
            {"Days": 30, "StorageClass": "STANDARD_IA"},
            {"Days": 90, "StorageClass": "DEEP_ARCHIVE"},
        ],
        "NoncurrentVersionExpiration": {"NoncurrentDays": 7, "NewerNoncurrentVersions": 2},
    },
    {
        "ID": "all data",
        "Status": "Enabled",
        "Prefix": "data/",
        "Expiration": {"Date": "2026-01-01T00:00:00Z"},
        "NoncurrentVersionExpiration": {"NoncurrentDays": 9},
    },
    {
        "ID": "uploads",
        "Status": "Disabled",
        "Filter": {},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
    },
    {
        "ID": "typo",
        "Status": "Enabled",
        "Filter": {"Prefix": "lgos/"},
        "Expiration": {"ExpiredObjectDeleteMarker": True},
    },
]
HEADER = ("rule", "action", "filter", "events", "events_of_other_rules_too", "keys", "bytes")


def _at(month: int, day: int) -> dt.datetime:
    return dt.datetime(2026, month, day, 3, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Events of January and March; the counts below are made from these lines by hand."""
    root = tmp_path_factory.mktemp("rules")
    (root / "logs").mkdir()
    writer = LineWriter("b-1", random.Random(0))
    writer.lifecycle(_at(1, 5), "S3.CREATE.DELETEMARKER", "logs/old", None)
    writer.lifecycle(_at(3, 1), "S3.TRANSITION_SIA.OBJECT", "data/a", 5000)
    writer.lifecycle(_at(3, 2), "S3.TRANSITION_SIA.OBJECT", "data/small", 1000)
    writer.lifecycle(_at(3, 2), "S3.EXPIRE.OBJECT", "data/a", 2000)
    writer.lifecycle(_at(3, 3), "S3.CREATE.DELETEMARKER", "data/a", None)
    writer.lifecycle(_at(3, 3), "S3.DELETE.UPLOAD", "upload", None)
    writer.lifecycle(_at(3, 3), "S3.TRANSITION_SIA.OBJECT", "elsewhere/data/", 5000)
    writer.request(_at(3, 4), "REST.PUT.OBJECT", "logs/new", requester=ADMIN)
    other = LineWriter("b-2", random.Random(1))
    other.lifecycle(_at(3, 3), "S3.EXPIRE.OBJECT", "logs/x", 10)
    for one in (writer, other):
        (root / "logs" / one.bucket).write_text("".join(f"{line.text}\n" for line in one.lines))
    ingest_local(f"{root}/logs/*", root / "lake")
    return root / "lake"


EXPECTED = [
    ("logs", "expire after 30 days", "prefix logs/", 0, 0, 0, 0, "silent since 2026-01-05"),
    (
        "big old data", "move to STANDARD_IA after 30 days",
        "prefix data/, larger than 1,000 bytes, tag k=v (not in logs)", 1, 0, 1, 5000, "active",
    ),
    (
        "big old data", "move to DEEP_ARCHIVE after 90 days",
        "prefix data/, larger than 1,000 bytes, tag k=v (not in logs)", 0, 0, 0, 0, "not due yet",
    ),
    (
        "big old data", "expire old versions after 7 days, keeping 2",
        "prefix data/, larger than 1,000 bytes, tag k=v (not in logs)", 1, 1, 1, 2000, "active, or another rule is",
    ),
    ("all data", "expire on 2026-01-01", "prefix data/", 1, 0, 1, 0, "active"),
    ("all data", "expire old versions after 9 days", "prefix data/", 1, 1, 1, 2000, "active, or another rule is"),
    ("uploads", "abort incomplete uploads after 7 days", "whole bucket", 1, 0, 1, 0, "disabled, active"),
    (
        "typo", "remove delete markers without versions", "prefix lgos/", 0, 0, 0, 0,
        "no match ever, and no record of a key with this prefix",
    ),
]  # fmt: skip


def checked(lake: Path, *arguments: str) -> list[tuple[Any, ...]]:
    done = run_cli("lifecycle-rules", "--bucket", "b-1", "--lake", str(lake), "--format", "json", *arguments)
    assert done.returncode == 0, done.stderr
    return [tuple(row[name] for name in (*HEADER, "verdict")) for row in json.loads(done.stdout)]


def test_each_action_has_its_events_and_a_verdict(lake: Path, tmp_path: Path) -> None:
    """Operation, prefix and size decide; what another action may have done as well is counted as that."""
    rules = tmp_path / "rules.json"
    rules.write_text(json.dumps({"Rules": RULES}))
    assert checked(lake, "--rules", str(rules)) == EXPECTED
    rules.write_text(json.dumps(RULES))  # without the object around them
    january = checked(lake, "--rules", str(rules), "--from", "2026-01-01", "--to", "2026-01-31")
    assert (january[0][3], january[0][-1]) == (1, "active")
    assert january[1][3] == 0
    assert january[1][-1].startswith("no match ever")  # its first event is of March
    command = ("lifecycle-rules", "--bucket", "b-1", "--lake", str(lake), "--rules", str(rules))
    backwards = run_cli(*command, "--from", "2026-02-01", "--to", "2026-01-01")
    assert (backwards.returncode, "--from 2026-02-01 is after --to 2026-01-01" in backwards.stderr) == (2, True)


@pytest.mark.parametrize(
    ("rule", "action", "prefix"),
    [
        ({"Transition": {"Days": 1, "StorageClass": "GLACIER"}}, "move to GLACIER after 1 day", ""),
        (
            {"NoncurrentVersionTransition": {"NoncurrentDays": 2, "StorageClass": "GLACIER"}},
            "move old versions to GLACIER after 2 days",
            "",
        ),
        ({"Prefix": "a/", "Expiration": {"Date": "2026-01-01"}}, "expire on 2026-01-01", "a/"),
        ({"Prefix": "", "Filter": {"Prefix": "b/"}, "Expiration": {"Days": 3}}, "expire after 3 days", "b/"),
    ],
)
def test_older_spellings_of_a_rule(tmp_path: Path, rule: dict[str, Any], action: str, prefix: str) -> None:
    """A single transition instead of a list, and a prefix beside the filter, mean the same as today's spelling."""
    path = tmp_path / "rules.json"
    path.write_text(json.dumps([{"Status": "Enabled", **rule}]))
    assert [(loaded.action, loaded.prefix) for loaded in load_rules(path)] == [(action, prefix)]


def test_days_of_every_kind_of_action(tmp_path: Path) -> None:
    """What is done to old versions and unfinished uploads is due after its days, too, and not before."""
    path = tmp_path / "rules.json"
    rule = {
        "NoncurrentVersionExpiration": {"NoncurrentDays": 400},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
    }
    path.write_text(json.dumps([{"Status": "Enabled", **rule}]))
    assert [(loaded.action, loaded.days) for loaded in load_rules(path)] == [
        ("expire old versions after 400 days", 400),
        ("abort incomplete uploads after 1 day", 1),
    ]


def test_what_is_not_needed_is_passed_over(tmp_path: Path) -> None:
    """Keys that S3 may add, null, and empty objects change nothing."""
    path = tmp_path / "rules.json"
    plain: dict[str, Any] = {
        "Status": "Enabled",
        "Filter": {"Tag": {"Key": "k", "Value": "v"}},
        "Expiration": {"Days": 1},
    }
    path.write_text(json.dumps([plain]))
    expected = load_rules(path)
    assert [action.filter for action in expected] == ["tag k=v (not in logs)"]
    more = plain | {"Prefix": None, "Transitions": [], "Transition": None, "NoncurrentVersionExpiration": {}, "New": 1}
    path.write_text(json.dumps({"Rules": [more], "TransitionDefaultMinimumObjectSize": "all_storage_classes_128K"}))
    assert load_rules(path) == expected


def test_rules_are_read_from_s3(lake: Path, s3: S3) -> None:
    """The bucket's own rules, as S3 gives them; one without rules says so."""
    s3.client.create_bucket(Bucket="b-1")
    rules = [RULES[0], RULES[3]]
    s3.client.put_bucket_lifecycle_configuration(Bucket="b-1", LifecycleConfiguration={"Rules": rules})
    assert checked(lake, "--endpoint-url", s3.endpoint_url) == [EXPECTED[0], EXPECTED[6]]
    s3.client.delete_bucket_lifecycle(Bucket="b-1")
    with pytest.raises(StoreError, match="bucket b-1 has no lifecycle rules"):
        read_rules("b-1", Settings(endpoint_url=s3.endpoint_url))
    with pytest.raises(StoreError, match=r"NoSuchBucket.*check the bucket's name"):
        read_rules("b-3", Settings(endpoint_url=s3.endpoint_url))
    s3.client.delete_bucket(Bucket="b-1")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not valid JSON"),
        ("{}", "no list of rules, nor an object with one under Rules"),
        ("[]", "there are no rules"),
        ('[{"ID": "x", "Transitions": [{"Days": 1}]}]', "x: not a lifecycle rule as S3 writes them .*StorageClass"),
        ('[{"Transitions": [{"Days": 1, "StorageClass": "WARM"}]}]', "rule 1: not a lifecycle rule .*WARM"),
        ('[{"Transitions": [{"StorageClass": "GLACIER"}]}]', "neither Days nor Date"),
        ('[{"ID": "x", "Expiration": {"Days": "soon"}}]', r"x: .*\(Expiration\.Days: Input should be a valid integer"),
        ('[{"ID": "x", "Filter": []}, {"ID": "y", "Filter": "logs/"}]', r"x: .*\(no action that is known\)"),
        ('[{"ID": "y", "Filter": "logs/", "Expiration": {"Days": 1}}]', r"y: .*\(Filter: Input should be"),
        ('[{"ID": "x", "NoncurrentVersionExpiration": {"NewerNoncurrentVersions": 1}}]', "NoncurrentDays is missing"),
        (
            '[{"Filter": {"ObjectSizeLessThan": 9223372036854775808}, "Expiration": {"Days": 1}}]',
            "ObjectSizeLessThan: ",
        ),
        ("[" * 100_000 + "]" * 100_000, "too deep to read"),
        ('[{"ID": "x", "Explode": {"Days": 1}}]', "x: .*no action that is known"),
    ],
)
def test_an_invalid_rule_is_named(tmp_path: Path, text: str, message: str) -> None:
    """The message names file, rule and what is wrong with it."""
    path = tmp_path / "rules.json"
    path.write_text(text)
    with pytest.raises(UsageError, match=message):
        load_rules(path)
    with pytest.raises(UsageError, match="cannot read the rules"):
        load_rules(tmp_path / "no.json")
