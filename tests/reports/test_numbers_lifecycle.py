"""What became of objects: a few log lines in, the rows of reports out."""

import datetime as dt
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import ingest_local
from small_lake import DATA, Record, api, part, part_of, put, read, rule

from etl import Lake, open_lake

Rows = list[tuple[Any, ...]]
LakeOf = Callable[[Sequence[Record]], Lake]

NOW = put("31 08:00:00", "now", 1)
"""The last record of the bucket, long after the others."""


@pytest.fixture
def lake_of(tmp_path: Path) -> LakeOf:
    """A lake with the lines of these records."""

    def make(records: Sequence[Record]) -> Lake:
        logs = tmp_path / "logs"
        logs.mkdir()
        (logs / "2026-04-01-00-00-00-0123456789ABCDEF").write_bytes(b"".join(one.line + b"\n" for one in records))
        ingest_local(f"{logs}/*", tmp_path / "lake")
        return open_lake(str(tmp_path / "lake"))

    return make


def rows(lake: Lake, report: str, *columns: str, **given: Any) -> Rows:
    """These columns of a report's rows."""
    table = lake.report(report, **given).to_arrow()
    return [tuple(row[name] for name in columns) for row in table.to_pylist()]


def keys(lake: Lake, report: str, **given: Any) -> list[str]:
    return [key for (key,) in rows(lake, report, "key", **given)]


ALIVE: dict[str, list[Record]] = {
    "never touched again": [put("01 08:00:00", "k", 9)],
    "an old version expired": [
        put("01 08:00:00", "k", 5),
        put("01 09:00:00", "k", 9),
        rule("03 00:10:00", "EXPIRE.OBJECT", "k", 5, version="v1"),
    ],
    "an old version expired of the same size, written before the first record": [
        put("01 09:00:00", "k", 9),
        rule("03 00:10:00", "EXPIRE.OBJECT", "k", 9, version="v1"),
    ],
    "an old version was deleted": [
        put("01 08:00:00", "k", 9),
        put("01 09:00:00", "k", 9),
        api("02 09:00:00", "REST.DELETE.OBJECT", "k", 204, version="v1", size=9),
    ],
    "deleted, and written again": [
        put("01 08:00:00", "k", 9),
        api("01 08:30:00", "REST.DELETE.OBJECT", "k", 204, size=9),
        put("01 09:00:00", "k", 9),
    ],
    "a refused deletion": [put("01 09:00:00", "k", 9), api("01 09:30:00", "REST.DELETE.OBJECT", "k", 403)],
    "a rule marked it, and somebody deleted the marker": [
        put("01 09:00:00", "k", 9),
        rule("02 00:10:00", "CREATE.DELETEMARKER", "k", version="m1"),
        api("02 09:00:00", "REST.DELETE.OBJECT", "k", 204, version="m1"),
    ],
    "a rule marked it, and it is there all the same": [
        put("01 09:00:00", "k", 9),
        rule("02 00:10:00", "CREATE.DELETEMARKER", "k", version="m1"),
        api("02 09:00:00", "REST.HEAD.OBJECT", "k", size=9),
    ],
    "moved to a class that needs no restore": [
        put("01 09:00:00", "k", 9),
        rule("02 00:10:00", "TRANSITION_SIA.OBJECT", "k", 9),
    ],
    "an old version was archived": [
        put("01 08:00:00", "k", 5),
        put("01 09:00:00", "k", 9),
        rule("02 00:10:00", "TRANSITION.OBJECT", "k", 5, version="v1"),
        api("01 09:00:00", "REST.POST.RESTORE", "k", 202, version="v1", size=5),
    ],
    "an old version expired that was there before the bucket had versions": [
        put("01 08:00:00", "k", 5),
        put("01 09:00:00", "k", 9),
        rule("03 00:10:00", "EXPIRE.OBJECT", "k", 5, version="null"),
    ],
    "archived, and written again": [
        put("01 08:00:00", "k", 9),
        rule("01 08:10:00", "TRANSITION.OBJECT", "k", 9),
        put("01 09:00:00", "k", 9),
    ],
}
GONE_OR_ARCHIVED: dict[str, list[Record]] = {
    "deleted": [put("01 09:00:00", "k", 9), api("01 09:30:00", "REST.DELETE.OBJECT", "k", 204, size=9)],
    "deleted with others in one request": [
        put("01 09:00:00", "k", 9),
        part_of("BULK", "01 09:30:00", "BATCH.DELETE.OBJECT", "k", 204, size=9),
    ],
    "deleted within the second": [
        api("01 09:00:00", "REST.DELETE.OBJECT", "k", 204, size=9),
        put("01 09:00:00", "k", 9),
    ],
    "expired": [put("01 09:00:00", "k", 9), rule("02 00:10:00", "EXPIRE.OBJECT", "k", 9)],
    "expired in a store that writes null for no version": [
        put("01 09:00:00", "k", 9),
        rule("02 00:10:00", "EXPIRE.OBJECT", "k", 9, version="null"),
    ],
    "marked as deleted": [
        put("01 09:00:00", "k", 9),
        rule("02 00:10:00", "CREATE.DELETEMARKER", "k", version="m1"),
    ],
    "marked, and an old version was read": [
        put("01 09:00:00", "k", 9),
        rule("01 09:10:00", "CREATE.DELETEMARKER", "k", version="m1"),
        read("01 09:20:00", "k", 9, version="v1"),
    ],
    "marked, and a rule removed versions and marker": [
        put("01 09:00:00", "k", 9),
        rule("02 00:10:00", "CREATE.DELETEMARKER", "k", version="m1"),
        rule("03 00:10:00", "EXPIRE.OBJECT", "k", 9, version="v1"),
        rule("04 00:10:00", "EXPIRE.OBJECT", "k", version="m1"),
    ],
    "marked, the version below it expired, and somebody deleted the marker that was left": [
        put("01 09:00:00", "k", 9),
        rule("02 00:10:00", "CREATE.DELETEMARKER", "k", version="m1"),
        rule("03 00:10:00", "EXPIRE.OBJECT", "k", 9, version="v1"),
        api("04 09:00:00", "REST.DELETE.OBJECT", "k", 204, version="m1"),
    ],
    "marked, and all versions deleted with the marker": [
        read("01 09:00:00", "k", 9),
        api("02 09:00:00", "REST.DELETE.OBJECT", "k", 204),
        part_of("EMPTY", "03 09:00:00", "BATCH.DELETE.OBJECT", "k", 204, version="m1"),
        part_of("EMPTY", "03 09:00:00", "BATCH.DELETE.OBJECT", "k", 204, version="v1", size=9),
    ],
    "the only version was deleted by its id": [
        put("01 09:00:00", "k", 9),
        api("02 09:00:00", "REST.DELETE.OBJECT", "k", 204, version="v1", size=9),
    ],
    "archived": [put("01 09:00:00", "k", 9), rule("02 00:10:00", "TRANSITION_GDA.OBJECT", "k", 9)],
    "archived, in a bucket with versions": [
        put("01 09:00:00", "k", 9),
        rule("02 00:10:00", "TRANSITION.OBJECT", "k", 9, version="v1"),
    ],
    "archived, as a restore shows": [
        put("01 09:00:00", "k", 9),
        api("01 09:30:00", "REST.POST.RESTORE", "k", 202),
    ],
}


@pytest.mark.parametrize("records", ALIVE.values(), ids=ALIVE.keys())
def test_objects_that_are_alive_are_candidates(lake_of: LakeOf, records: list[Record]) -> None:
    """An object that is there, and can be read without a restore, is proposed when it is not used."""
    lake = lake_of([*records, NOW])
    used = (dt.datetime(2026, 3, 1, 9), 9)  # noqa: DTZ001
    last = (dt.datetime(2026, 3, 1, 8), 9)  # noqa: DTZ001
    found = rows(lake, "cost/not_used_lately", "key", "last_used", "object_size")
    assert found in ([("k", *used)], [("k", *last)])
    assert keys(lake, "cost/written_never_read") == ["k", "now"]
    assert keys(lake, "lifecycle/gone_keys") == []


@pytest.mark.parametrize("records", GONE_OR_ARCHIVED.values(), ids=GONE_OR_ARCHIVED.keys())
def test_objects_that_are_gone_or_archived_are_no_candidates(lake_of: LakeOf, records: list[Record]) -> None:
    """What is not there any more, or in the cheapest classes already, is never proposed."""
    lake = lake_of([*records, NOW])
    assert keys(lake, "cost/not_used_lately", days=1) == []
    assert keys(lake, "cost/written_never_read") == ["now"]


def test_a_candidate_has_its_class_and_its_latest_size(lake_of: LakeOf) -> None:
    """Size and rank are those of the last write, and the class is that of a later transition."""
    lake = lake_of(
        [
            put("01 08:00:00", "shrunk", 10_000),
            put("01 09:00:00", "shrunk", 1_000),
            put("01 08:00:00", "big", 5_000),
            rule("02 00:10:00", "TRANSITION_SIA.OBJECT", "big", 5_000),
            read("01 09:00:00", "read-only", 10),
            NOW,
        ]
    )
    candidates = rows(lake, "cost/not_used_lately", "key", "storage_class", "object_size")
    assert candidates == [("big", "STANDARD_IA", 5_000), ("shrunk", "STANDARD", 1_000), ("read-only", None, 10)]


def test_a_write_that_tells_no_size_has_not_that_of_the_one_before(lake_of: LakeOf) -> None:
    """The size is unknown until somebody reads the object; to delete the version before does not delete the object."""
    unsized = [put("01 08:00:00", "k", 5), api("01 09:00:00", "REST.POST.UPLOAD", "k")]
    old_version = api("01 09:00:01", "REST.DELETE.OBJECT", "k", 204, version="v1", size=5)
    lake = lake_of([*unsized, old_version, put("01 08:00:00", "n", 5), read("01 09:00:00", "n", 7), NOW])
    assert rows(lake, "cost/not_used_lately", "key", "object_size") == [("n", 7), ("k", None)]


def test_days_without_use_end_with_the_records_of_the_bucket(lake_of: LakeOf) -> None:
    """Where logging stopped, objects that were in use until then are not taken for unused."""
    stopped = [read(f"{day:02} 08:00:00", "daily", 9, bucket="stopped") for day in range(1, 4)]
    lake = lake_of([*stopped, put("01 08:00:00", "k", 9), NOW])
    assert keys(lake, "cost/not_used_lately", days=2) == ["k"]


def test_a_restore_is_a_use_and_head_is_none(lake_of: LakeOf) -> None:
    """Who asks an archived object back needs it; who looks whether an object is there does not read it."""
    lake = lake_of(
        [
            put("01 08:00:00", "k", 9),
            api("30 08:00:00", "REST.HEAD.OBJECT", "k", size=9),
            read("01 08:00:00", "asked-back", 9),
            api("30 08:00:00", "REST.POST.RESTORE", "asked-back", 202),
            NOW,
        ]
    )
    assert keys(lake, "cost/not_used_lately") == ["k"]


def test_a_copy_onto_itself_is_no_reading(lake_of: LakeOf) -> None:
    """It changes metadata or class; a copy to elsewhere reads the object."""
    lake = lake_of(
        [
            put("01 08:00:00", "in-place", 9),
            api("02 08:00:00", "REST.COPY.OBJECT", "in-place", size=9, rid="C1"),
            part_of("C1", "02 08:00:00", "REST.COPY.OBJECT_GET", "in-place", None, size=9),
            put("01 08:00:00", "away", 9),
            api("02 08:00:00", "REST.COPY.OBJECT", "target", size=9, rid="C2"),
            part_of("C2", "02 08:00:00", "REST.COPY.OBJECT_GET", "away", None, size=9),
            rule("03 00:10:00", "EXPIRE.OBJECT", "in-place", 9),
            rule("03 00:10:00", "EXPIRE.OBJECT", "away", 9),
        ]
    )
    assert keys(lake, "cost/written_never_read") == ["target"]
    assert keys(lake, "cost/written_never_read", date_to=dt.date(2026, 3, 2)) == ["in-place", "target"]
    assert keys(lake, "lifecycle/expired_never_read") == ["in-place"]


def test_who_has_an_object_restored_wants_to_read_it(lake_of: LakeOf) -> None:
    """An object that expired was used if a restore was asked for, or came; not if the request was refused."""
    asked = api("02 08:00:00", "REST.POST.RESTORE", "asked-for", 202)
    came = rule("02 08:00:00", "RESTORE.OBJECT", "came", 5)
    refused = api("02 08:00:00", "REST.POST.RESTORE", "refused", 403)
    expired = [rule("03 00:10:00", "EXPIRE.OBJECT", key, 5) for key in ("asked-for", "came", "refused")]
    assert keys(lake_of([asked, came, refused, *expired]), "lifecycle/expired_never_read") == ["refused"]


VERSIONED = [
    put("01 08:00:00", "live", 5),
    put("01 09:00:00", "live", 9),
    rule("03 00:10:00", "EXPIRE.OBJECT", "live", 5, version="v1"),
    put("01 08:00:00", "marked", 7),
    rule("02 00:10:00", "CREATE.DELETEMARKER", "marked", version="m1"),
    rule("03 00:10:00", "EXPIRE.OBJECT", "marked", 7, version="v2"),
    rule("04 00:10:00", "EXPIRE.OBJECT", "marked", version="m1"),
    api("04 09:00:00", "REST.GET.OBJECT", "live", size=9, sent=9),
]
"""Of an object that lives on, and of one that a rule marked as deleted and then removed, version by version."""


def test_only_objects_that_are_gone_are_expired(lake_of: LakeOf) -> None:
    """In a versioned bucket an object expires by its delete marker; its versions and the marker are no objects."""
    lake = lake_of(VERSIONED)
    assert keys(lake, "lifecycle/gone_keys") == ["marked"]
    assert keys(lake, "lifecycle/gone_keys", date_to=dt.date(2026, 3, 2)) == ["marked"]
    assert keys(lake, "lifecycle/expired_never_read") == ["marked"]
    assert rows(lake, "lifecycle/age_at_expiry", "days", "objects", "bytes") == [(0, 1, 7)]
    assert rows(lake, "lifecycle/used_after_expiry", "key") == []


def test_events_say_what_they_removed(lake_of: LakeOf) -> None:
    """The reports that count events of an operation keep doing so, and tell old versions and markers apart."""
    lake = lake_of([*VERSIONED, put("01 08:00:00", "plain", 3), rule("02 00:00:00", "EXPIRE.OBJECT", "plain", 3)])
    assert rows(lake, "lifecycle/expired_objects", "key", "removed") == [
        ("plain", "object"),
        ("live", "old version"),
        ("marked", "old version"),
        ("marked", "delete marker"),
    ]
    assert keys(lake, "lifecycle/expired_keys") == ["live", "marked", "plain"]
    assert keys(lake, "lifecycle/expired_keys", removed="object") == ["plain"]
    assert keys(lake, "lifecycle/expired_keys", operation="S3.CREATE.DELETEMARKER") == ["marked"]
    assert rows(lake, "lifecycle/object_events", "removed", key="marked") == [
        ("marked",),
        ("old version",),
        ("delete marker",),
    ]


def test_deletions_are_of_objects_versions_markers_or_unknown(lake_of: LakeOf) -> None:
    """A day's deletions say what they removed; what may not have been there is no object."""
    markers = [part_of("BULK", "02 09:00:00", "BATCH.DELETE.OBJECT", f"folder{n}/", 204) for n in range(500)]
    by_request = [
        api("02 09:00:00", "REST.DELETE.OBJECT", "k", 204, size=4),
        api("02 09:00:01", "REST.DELETE.OBJECT", "k", 204, size=6, version="v1"),
        api("02 09:00:02", "REST.DELETE.OBJECT", "k", 204, version="m1"),
    ]
    lake = lake_of([*VERSIONED, *markers, *by_request])
    columns = ("deleted_by", "events", "objects", "old_versions", "delete_markers", "of_unknown", "bytes")
    assert rows(lake, "lifecycle/deletions_by_actor", *columns) == [
        ("request", 503, 1, 1, 1, 500, 10),
        ("rule", 1, 1, 0, 0, 0, 0),
        ("rule", 2, 0, 2, 0, 0, 12),
        ("rule", 1, 0, 0, 1, 0, 0),
    ]


def test_the_undo_list_has_what_can_be_brought_back(lake_of: LakeOf) -> None:
    """Below a delete marker, with its id where a record tells it; versions that were deleted are gone for good."""
    lake = lake_of(
        [
            rule("02 00:10:00", "CREATE.DELETEMARKER", "by-rule", version="m1"),
            rule("02 00:10:01", "CREATE.DELETEMARKER", "back", version="m2"),
            api("03 08:00:00", "REST.DELETE.OBJECT", "back", 204, version="m2"),
            api("03 09:00:00", "REST.DELETE.OBJECT", "by-request", 204),
            api("03 10:00:00", "REST.DELETE.OBJECT", "version", 204, size=9, version="v1"),
            api("03 11:00:00", "REST.DELETE.OBJECT", "plain", 204, size=9, bucket="unversioned"),
            api("03 12:00:00", "REST.DELETE.OBJECT", "refused", 403),
        ]
    )
    assert rows(lake, "lifecycle/undo_list", "key", "outcome", "version_id") == [
        ("plain", "for good", None),
        ("version", "for good", "v1"),
        ("by-request", "marked", None),
        ("by-rule", "marked", "m1"),
    ]


def test_nobody_can_undo_what_was_not_there_or_is_destroyed(lake_of: LakeOf) -> None:
    """S3 confirms the deletion of anything; a marker that went together with its versions can bring nothing back."""
    lake = lake_of(
        [
            part_of("BULK", "02 09:00:00", "BATCH.DELETE.OBJECT", "folder/", 204, bucket="plain"),
            put("01 09:00:00", "known", 4, bucket="plain"),
            api("02 09:00:01", "REST.DELETE.OBJECT", "known", 204, bucket="plain"),
            api("02 09:00:02", "REST.DELETE.OBJECT", "emptied", 204),
            part_of("EMPTY", "03 09:00:00", "BATCH.DELETE.OBJECT", "emptied", 204, version="m1"),
            part_of("EMPTY", "03 09:00:00", "BATCH.DELETE.OBJECT", "emptied", 204, version="v1", size=9),
        ]
    )
    assert rows(lake, "lifecycle/undo_list", "key", "outcome", "version_id") == [
        ("emptied", "for good", "v1"),
        ("known", "for good", None),
    ]


def test_unfinished_uploads_have_the_bytes_of_their_parts(lake_of: LakeOf) -> None:
    """Parts sent again count once; what was completed or aborted, by a request or a rule, is not listed."""
    lake = lake_of(
        [
            part("02 08:00:00", "open", 1, "A", 5),
            part("02 08:00:01", "open", 1, "A", 6),
            part("02 08:00:02", "open", 2, "A", 4),
            part("02 08:00:00", "open", 1, "B", 7),
            api("02 09:00:00", "REST.POST.UPLOAD", "open", uri="POST /open?uploadId=B HTTP/1.1", size=7),
            part("02 08:00:00", "refused", 1, "C", 8),
            api("02 09:00:00", "REST.POST.UPLOAD", "refused", 400, uri="POST /refused?uploadId=C HTTP/1.1"),
            part("02 08:00:00", "by-rule", 1, "D", 9),
            rule("09 00:10:00", "DELETE.UPLOAD", "by-rule"),
        ]
    )
    columns = ("key", "upload_id", "parts", "bytes")
    assert rows(lake, "lifecycle/unfinished_uploads", *columns) == [("open", "A", 2, 10), ("refused", "C", 1, 8)]


def test_head_asks_for_an_expired_object(lake_of: LakeOf) -> None:
    """Clients that look before they read ask by HEAD only once an object is gone."""
    lake = lake_of(
        [
            rule("02 00:10:00", "EXPIRE.OBJECT", "k", 9),
            api("02 08:00:00", "REST.HEAD.OBJECT", "k", 404, error=None),
            api("02 08:00:01", "WEBSITE.HEAD.OBJECT", "k", 404, error=None),
            api("02 08:00:02", "REST.GET.OBJECT", "k", 404),
            api("01 08:00:00", "REST.HEAD.OBJECT", "k", size=9),
        ]
    )
    assert rows(lake, "lifecycle/used_after_expiry", "key", "requests", "not_found", "writes") == [("k", 3, 3, 0)]


def judged(lake: Lake, tmp_path: Path, *rules: dict[str, Any]) -> list[tuple[str, str | None]]:
    """Verdict and reason of the actions of these rules."""
    path = tmp_path / "rules.json"
    path.write_text(json.dumps([{"Status": "Enabled", **one} for one in rules]))
    result, _ = lake.lifecycle_rules(DATA, rules=path)
    return [(row["verdict"], row["reason"]) for row in result.to_arrow().to_pylist()]


def expire(prefix: str, days: int = 1) -> dict[str, Any]:
    return {"Filter": {"Prefix": prefix}, "Expiration": {"Days": days}}


def test_events_of_versions_are_of_rules_for_versions(lake_of: LakeOf, tmp_path: Path) -> None:
    """An expiration of objects does nothing where only old versions and delete markers go."""
    events = [rule(f"{day:02} 00:10:00", "EXPIRE.OBJECT", "k", 9, version=f"v{day}") for day in range(2, 9)]
    lake = lake_of([put("01 08:00:00", "k", 9), *events, rule("08 00:10:00", "EXPIRE.OBJECT", "k", version="m1")])
    old_versions = {"NoncurrentVersionExpiration": {"NoncurrentDays": 1}}
    markers = {"Expiration": {"ExpiredObjectDeleteMarker": True}}
    verdicts = [verdict for verdict, _ in judged(lake, tmp_path, expire(""), old_versions, markers)]
    assert verdicts == ["no match ever", "active", "active"]


def test_a_rule_that_cannot_have_run_is_not_due(lake_of: LakeOf, tmp_path: Path) -> None:
    """No object is known long enough, or the rule's date has not come; a rule that is due is told apart."""
    lake = lake_of([put("01 08:00:00", "a/1", 9), put("05 08:00:00", "b/1", 9), replace(NOW, key="c/1")])
    later = {"Filter": {"Prefix": "a/"}, "Expiration": {"Date": "2026-05-01T00:00:00Z"}}
    assert judged(lake, tmp_path, expire("a/", 365), expire("b/", 26), expire("b/", 25), later) == [
        ("not due yet", "the first record of such a key is of 2026-03-01"),
        ("not due yet", "the first record of such a key is of 2026-03-05"),
        ("no match ever", None),
        ("not due yet", "its date is after the last record"),
    ]


@pytest.mark.parametrize(
    ("last_run", "verdict"), [(31, "active"), (29, "active"), (28, "stopped after 2026-03-28"), (20, "stopped after")]
)
def test_a_daily_rule_that_has_not_run_for_days_has_stopped(
    lake_of: LakeOf, tmp_path: Path, last_run: int, verdict: str
) -> None:
    """How often it ran before says what is too long a pause."""
    runs = [rule(f"{day:02} 00:10:00", "EXPIRE.OBJECT", f"k{day}", 9) for day in range(10, last_run + 1)]
    ((found, _),) = judged(lake_of([*runs, NOW]), tmp_path, expire("k"))
    assert found.startswith(verdict)


def test_a_weekly_rule_may_pause_for_a_week(lake_of: LakeOf, tmp_path: Path) -> None:
    """A pause that is usual for the rule does not mean that it has stopped."""
    runs = [rule(f"{day:02} 00:10:00", "EXPIRE.OBJECT", f"k{day}", 9) for day in (5, 12, 19)]
    assert judged(lake_of([*runs, NOW]), tmp_path, expire("k")) == [("active", None)]


def test_the_reason_why_a_rule_cannot_match(lake_of: LakeOf, tmp_path: Path) -> None:
    """Prefixes that are written like addresses, paths or patterns, or in another case; objects too small to move."""
    lake = lake_of([put("01 08:00:00", "Logs/a", 9), put("01 08:00:00", "big/a", 131_072), NOW])
    prefixes = ("logs/", "/Logs/", "s3://data/Logs/", "data/Logs/", "Logs/*", "nothing/")
    reasons = [reason for _, reason in judged(lake, tmp_path, *map(expire, prefixes))]
    assert reasons == [
        "there are keys with Logs/, and case matters",
        "keys begin without a slash",
        "a prefix is the beginning of keys, without the address of the bucket",
        "a prefix is the beginning of keys, without the bucket",
        "a prefix has no wildcards: * and ? mean themselves",
        None,
    ]
    move = {"Transitions": [{"Days": 1, "StorageClass": "STANDARD_IA"}]}
    moves = [{"Filter": {"Prefix": prefix}, **move} for prefix in ("Logs/", "big/")]
    of_any_size = {"Filter": {"And": {"Prefix": "Logs/", "ObjectSizeGreaterThan": 5}}, **move}
    assert judged(lake, tmp_path, *moves, of_any_size) == [
        ("no match ever", "the largest object known with this prefix has 9 bytes, too few to be moved"),
        ("no match ever", None),
        ("no match ever", None),
    ]
