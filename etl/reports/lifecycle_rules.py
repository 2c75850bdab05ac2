"""Whether a bucket's lifecycle rules do anything: each rule's actions beside the events that fit it."""

import datetime as dt
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from etl.config import Settings
from etl.dates import shifted
from etl.errors import StoreError, UsageError
from etl.query import Result, Scope, check_scope, query_lake
from etl.resources import bundled
from etl.store import ReadableStore

PERIOD_DAYS = 30
_TRANSITIONS = {
    "STANDARD_IA": "S3.TRANSITION_SIA.OBJECT",
    "ONEZONE_IA": "S3.TRANSITION_ZIA.OBJECT",
    "INTELLIGENT_TIERING": "S3.TRANSITION_INT.OBJECT",
    "GLACIER_IR": "S3.TRANSITION_GIR.OBJECT",
    "GLACIER": "S3.TRANSITION.OBJECT",
    "DEEP_ARCHIVE": "S3.TRANSITION_GDA.OBJECT",
}
"""The operation that S3 logs for a move to each storage class."""
_EXPIRE, _MARK, _ABORT = "S3.EXPIRE.OBJECT", "S3.CREATE.DELETEMARKER", "S3.DELETE.UPLOAD"


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that a rule does, and how its events are told: by operation, prefix of the key, and size in bytes."""

    rule: str
    enabled: bool
    action: str
    filter: str
    operations: list[str]
    prefix: str
    larger_than: int | None
    smaller_than: int | None


def read_rules(bucket: str, settings: Settings) -> list[Action]:
    """The actions of a bucket's rules as S3 has them. Raises StoreError where there are none or one may not ask."""
    from etl.store.s3_client import error_code, s3_client, s3_errors  # noqa: PLC0415 - as in etl.store.open

    try:
        with s3_errors(f"lifecycle rules of {bucket}"):
            answer = s3_client(settings.endpoint_url).get_bucket_lifecycle_configuration(Bucket=bucket)
    except StoreError as error:
        if error_code(error) == "NoSuchLifecycleConfiguration":
            raise StoreError(f"bucket {bucket} has no lifecycle rules") from error
        if error_code(error) == "AccessDenied":
            raise StoreError(
                f"lifecycle rules of {bucket}: you may not read them; allow s3:GetLifecycleConfiguration, or have"
                " somebody who may save them (aws s3api get-bucket-lifecycle-configuration --bucket"
                f" {bucket} > rules.json), and give --rules rules.json"
            ) from error
        raise
    return _actions(answer["Rules"], bucket)


def load_rules(path: Path) -> list[Action]:
    """The actions of the rules in a JSON file, as `aws s3api get-bucket-lifecycle-configuration` prints it."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: cannot read the rules: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(f"{path}: not valid JSON: {error}") from error
    except RecursionError as error:
        raise UsageError(f"{path}: no lifecycle rules: lists or objects in each other, too deep to read") from error
    rules = found.get("Rules") if isinstance(found, dict) else found
    if not isinstance(rules, list) or not all(isinstance(rule, dict) for rule in rules):
        raise UsageError(f"{path}: no list of rules, nor an object with one under Rules")
    return _actions(rules, str(path))


def check_rules(
    store: ReadableStore, bucket: str, actions: Sequence[Action], scope: Scope, settings: Settings
) -> tuple[Result, Scope]:
    """Each action with the events that fit it in the period, and a verdict; and the period.

    The period is that of `scope`; without one, the last 30 days with records of the bucket. Verdicts: `active` (events
    in the period; `or another rule is` where all of them fit another action, too), `silent since D` (earlier events
    only), `no match ever`, each after `disabled` where the rule is. Logs do not tell tags, so a filter on tags is not
    applied.
    """
    check_scope(store, scope)
    held = query_lake(store, "SELECT newest_day() AS last", scope=Scope(bucket), settings=settings)
    last = scope.date_to or held.to_arrow()["last"][0].as_py() or dt.datetime.now(dt.UTC).date()
    first = scope.date_from or shifted(last, 1 - PERIOD_DAYS)
    period = Scope(bucket, first, last)
    check_scope(store, period)
    sql = (bundled("sql") / "lifecycle_rules.sql").read_text("utf-8")
    described = [asdict(one) | {"position": number} for number, one in enumerate(actions)]
    parameters = {"actions": json.dumps(described), "first": first, "last": last}
    return query_lake(store, sql, parameters, Scope(bucket, None, last), settings), period


def _actions(rules: Sequence[Mapping[str, Any]], where: str) -> list[Action]:
    actions = []
    for number, rule in enumerate(rules, 1):
        name = str(rule.get("ID") or f"rule {number}")
        try:
            chosen = _conditions(rule)
            described = _describe(chosen)
            for action, operations in _known_actions(rule):
                actions.append(
                    Action(
                        rule=name,
                        enabled=rule.get("Status") == "Enabled",
                        action=action,
                        filter=described,
                        operations=operations,
                        prefix=str(chosen.get("Prefix") or ""),
                        larger_than=chosen.get("ObjectSizeGreaterThan"),
                        smaller_than=chosen.get("ObjectSizeLessThan"),
                    )
                )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise UsageError(f"{where}: {name}: not a lifecycle rule as S3 writes them ({error!r})") from error
    if not actions:
        raise UsageError(f"{where}: there are no rules")
    return actions


def _conditions(rule: Mapping[str, Any]) -> dict[str, Any]:
    """What a rule is limited to, whichever of S3's ways it is written in."""
    chosen = dict(rule.get("Filter") or {})
    chosen |= chosen.pop("And", {})
    tags = [*chosen.pop("Tags", []), *([chosen.pop("Tag")] if "Tag" in chosen else [])]
    return {"Prefix": rule.get("Prefix"), **chosen, "Tags": tags}


def _describe(chosen: Mapping[str, Any]) -> str:
    words = []
    if chosen["Prefix"]:
        words.append(f"prefix {chosen['Prefix']}")
    if chosen.get("ObjectSizeGreaterThan") is not None:
        words.append(f"larger than {chosen['ObjectSizeGreaterThan']:,} bytes")
    if chosen.get("ObjectSizeLessThan") is not None:
        words.append(f"smaller than {chosen['ObjectSizeLessThan']:,} bytes")
    words += [f"tag {tag['Key']}={tag['Value']} (not in logs)" for tag in chosen["Tags"]]
    return ", ".join(words) or "whole bucket"


def _known_actions(rule: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    """What the rule does. Raises ValueError where that is nothing that is known."""
    known = list(_what_it_does(rule))
    if not known:
        raise ValueError("no action that is known")
    return known


def _what_it_does(rule: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """What the rule does, in words, and the operations that S3 logs for it."""
    expiration = rule.get("Expiration") or {}
    if "Days" in expiration or "Date" in expiration:
        # Objects of a versioned bucket are covered by a delete marker, others are gone.
        yield f"expire {_when(expiration)}", [_EXPIRE, _MARK]
    if expiration.get("ExpiredObjectDeleteMarker"):
        yield "remove delete markers without versions", [_EXPIRE]
    for one in rule.get("Transitions") or _one(rule.get("Transition")):
        yield f"move to {one['StorageClass']} {_when(one)}", [_TRANSITIONS[one["StorageClass"]]]
    for one in rule.get("NoncurrentVersionTransitions") or _one(rule.get("NoncurrentVersionTransition")):
        yield f"move old versions to {one['StorageClass']} {_when(one)}", [_TRANSITIONS[one["StorageClass"]]]
    if old := rule.get("NoncurrentVersionExpiration"):
        yield f"expire old versions {_when(old)}", [_EXPIRE]
    if upload := rule.get("AbortIncompleteMultipartUpload"):
        yield f"abort incomplete uploads after {upload['DaysAfterInitiation']} days", [_ABORT]


def _one(action: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    """The old way to write a single one."""
    return [action] if action else []


def _when(action: Mapping[str, Any]) -> str:
    if date := action.get("Date"):
        return f"on {str(date)[:10]}"
    days = action.get("Days", action.get("NoncurrentDays"))
    if days is None:
        raise ValueError("neither Days nor Date")
    kept = action.get("NewerNoncurrentVersions")
    return f"after {days} days" + (f", keeping {kept}" if kept else "")
