"""Whether a bucket's lifecycle rules do anything: each rule's actions beside the events that fit it."""

import datetime as dt
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Self, TypeVar

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic.alias_generators import to_pascal

from etl.config import Settings
from etl.dates import shifted
from etl.errors import StoreError, UsageError, reason_of
from etl.query import Database, Result, Scope, check_days, is_pattern
from etl.resources import bundled
from etl.store import ReadableStore, S3Session
from etl.text import counted

PERIOD_DAYS = 30
# The operation that S3 logs for a move to each storage class.
_TRANSITIONS = {
    "STANDARD_IA": "S3.TRANSITION_SIA.OBJECT",
    "ONEZONE_IA": "S3.TRANSITION_ZIA.OBJECT",
    "INTELLIGENT_TIERING": "S3.TRANSITION_INT.OBJECT",
    "GLACIER_IR": "S3.TRANSITION_GIR.OBJECT",
    "GLACIER": "S3.TRANSITION.OBJECT",
    "DEEP_ARCHIVE": "S3.TRANSITION_GDA.OBJECT",
}
_ABORT = "S3.DELETE.UPLOAD"
# The beginning of what is no prefix, but the address of one: a URL or an ARN.
_ADDRESS = re.compile(r"[a-z0-9]+://|arn:")
_WILDCARDS = "*?"


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that a rule does, and what its events have: kind, prefix of the key, and size in bytes.

    A kind is what an event removed, as the SQL function `removed` says it, or else its operation.
    """

    rule: str
    enabled: bool
    action: str
    filter: str
    kinds: list[str]
    prefix: str
    larger_than: int | None
    smaller_than: int | None
    days: int | None
    date: dt.date | None
    """When it is due: so many days after a write, or on that day."""

    @property
    def moves(self) -> bool:
        """Whether it moves objects to another storage class."""
        return set(self.kinds) <= set(_TRANSITIONS.values())


def read_rules(bucket: str, settings: Settings) -> list[Action]:
    """The actions of a bucket's rules as S3 has them. Raises StoreError where none are there or readable."""
    from etl.store.s3_errors import error_code, s3_errors  # noqa: PLC0415 - as in etl.store.open

    try:
        with s3_errors(f"lifecycle rules of {bucket}"):
            session = S3Session(settings.endpoint_url)
            response = session.client.get_bucket_lifecycle_configuration(Bucket=bucket)
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
    return _actions(response["Rules"], bucket)


def load_rules(path: Path) -> list[Action]:
    """The actions of the rules in a JSON file, as `aws s3api get-bucket-lifecycle-configuration` prints it."""
    try:
        document = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: cannot read the rules: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(f"{path}: not valid JSON: {error}") from error
    except (
        RecursionError
    ) as error:  # Python's parser goes one call deeper for each list in a list
        raise UsageError(
            f"{path}: no lifecycle rules: lists or objects in each other, too deep to read"
        ) from error
    # Somebody may have saved the list only.
    rules = document.get("Rules") if isinstance(document, dict) else document
    if not isinstance(rules, list) or not all(isinstance(rule, dict) for rule in rules):
        raise UsageError(f"{path}: no list of rules, nor an object with one under Rules")
    return _actions(rules, str(path))


def check_rules(
    store: ReadableStore,
    bucket: str,
    actions: Sequence[Action],
    scope: Scope,
    settings: Settings,
) -> tuple[Result, Scope]:
    """Each action with the events that fit it in the period, and a verdict; and the period.

    The period is that of `scope`; without one, the last 30 days with records of the bucket. Verdicts: `active` (events
    in the period; `or another rule is` where all of them fit another action, too), `stopped after D` (it ran more often
    than it has paused since), `silent since D` (earlier events only), `not due yet`, `no match ever`, each after
    `disabled` where the rule is; and a reason for the last two where one is known. Logs have no tags, so a filter on
    tags is not applied.
    """
    if is_pattern(bucket):
        raise UsageError(f"--bucket {bucket}: rules are of one bucket; write its name")
    check_days(scope)
    if scope.time_from or scope.time_before:
        raise UsageError("lifecycle rules run once a day; write days, not hours")
    records = Database(store, Scope(bucket), settings)
    last = scope.date_to or _newest_day(records) or dt.datetime.now(dt.UTC).date()
    first = scope.date_from or shifted(last, 1 - PERIOD_DAYS)
    period = Scope(bucket, first, last)
    check_days(period)
    sql = (bundled("sql") / "lifecycle_rules.sql").read_text("utf-8")
    described = [
        asdict(action)
        | {
            "position": number,
            "moves": action.moves,
            "mistake": _mistake(action.prefix, bucket),
        }
        for number, action in enumerate(actions)
    ]
    parameters = {
        "actions": json.dumps(described, default=str),
        "first": first,
        "last": last,
    }
    until_last = records.within(Scope(bucket, None, last))
    return until_last.query(sql, parameters, reads_all=True), period


def _mistake(prefix: str, bucket: str) -> str | None:
    """Why no key may begin like this: people write prefixes as they write addresses and patterns."""
    if _ADDRESS.match(prefix):
        return "a prefix is the beginning of keys, without the address of the bucket"
    if prefix.startswith("/"):
        return "keys begin without a slash"
    if prefix.startswith(f"{bucket}/"):
        return "a prefix is the beginning of keys, without the bucket"
    if any(wildcard in prefix for wildcard in _WILDCARDS):
        return "a prefix has no wildcards: * and ? mean themselves"
    return None


def _newest_day(database: Database) -> dt.date | None:
    result = database.query("SELECT newest_day() AS last", reads_all=True)
    day: dt.date | None = result.to_arrow()["last"][0].as_py()
    return day


def _known_class(name: str) -> str:
    if name not in _TRANSITIONS:
        known = ", ".join(_TRANSITIONS)
        raise ValueError(
            f"{name!r} is no storage class that S3 moves objects to ({known})"
        )
    return name


def _in_a_list(value: Any) -> Any:
    return [value] if isinstance(value, dict) else value


_Part = TypeVar("_Part")
# S3's API had one transition in a rule before it had a list of them, and still takes the old spelling.
_OneOrMore = Annotated[list[_Part], BeforeValidator(_in_a_list)]
_StorageClass = Annotated[str, AfterValidator(_known_class)]
# Bytes and days, in the range of the BIGINT and INTEGER that the SQL makes of them.
_Size = Annotated[int, Field(ge=0, lt=2**63)]
_Days = Annotated[int, Field(lt=2**31)]


class _Configuration(BaseModel):
    """A part of a lifecycle configuration by the names of S3's API; other keys are ignored."""

    model_config = ConfigDict(alias_generator=to_pascal, extra="ignore", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _without_empty_parts(cls, values: Any) -> Any:
        """Null and `{}` mean the same as a missing key; files written by hand have them."""
        if not isinstance(values, dict):
            return values
        return {
            name: value for name, value in values.items() if value not in (None, {}, [])
        }


class _Tag(_Configuration):
    key: str
    value: str


class _Conditions(_Configuration):
    """What objects a rule is limited to."""

    prefix: str | None = None
    object_size_greater_than: _Size | None = None
    object_size_less_than: _Size | None = None
    tags: _OneOrMore[_Tag] = Field(
        default=[], validation_alias=AliasChoices("Tags", "Tag")
    )

    def described(self) -> str:
        conditions = []
        if self.prefix:
            conditions.append(f"prefix {self.prefix}")
        if self.object_size_greater_than is not None:
            conditions.append(f"larger than {self.object_size_greater_than:,} bytes")
        if self.object_size_less_than is not None:
            conditions.append(f"smaller than {self.object_size_less_than:,} bytes")
        conditions += [f"tag {tag.key}={tag.value} (not in logs)" for tag in self.tags]
        return ", ".join(conditions) or "whole bucket"


class _Filter(_Conditions):
    """One condition, or several in `And`."""

    several: _Conditions | None = Field(default=None, alias="And")


class _Schedule(_Configuration):
    """A number of days after an object was written, or a date."""

    days: _Days | None = None
    date: dt.datetime | None = None

    @property
    def is_set(self) -> bool:
        return self.days is not None or self.date is not None

    def described(self) -> str:
        if self.date:
            return f"on {self.date.date()}"
        return f"after {counted(self.days or 0, 'day')}"


def _after(days: int) -> _Schedule:
    # By the name in S3's API, as any other is ignored.
    return _Schedule.model_validate({"Days": days})


class _Expiration(_Schedule):
    expired_object_delete_marker: bool = False


class _Transition(_Schedule):
    storage_class: _StorageClass

    @model_validator(mode="after")
    def _has_a_schedule(self) -> Self:
        if not self.is_set:
            raise ValueError("neither Days nor Date")
        return self


class _OldVersions(_Configuration):
    """Days after an object's version became an old one, and how many old versions are spared."""

    noncurrent_days: _Days
    newer_noncurrent_versions: int = 0

    @property
    def schedule(self) -> _Schedule:
        return _after(self.noncurrent_days)

    def described(self) -> str:
        days = f"after {counted(self.noncurrent_days, 'day')}"
        return (
            f"{days}, keeping {self.newer_noncurrent_versions}"
            if self.newer_noncurrent_versions
            else days
        )


class _OldVersionsTransition(_OldVersions):
    storage_class: _StorageClass


class _UnfinishedUploads(_Configuration):
    days_after_initiation: _Days


class _Rule(_Configuration):
    """A rule: to which objects it applies, and what it does with them."""

    status: str | None = None
    filter: _Filter = _Filter()
    prefix: str | None = None
    """Where rules had the prefix before they had a filter."""
    expiration: _Expiration = _Expiration()
    transitions: _OneOrMore[_Transition] = Field(
        default=[], validation_alias=AliasChoices("Transitions", "Transition")
    )
    old_versions_transitions: _OneOrMore[_OldVersionsTransition] = Field(
        default=[],
        validation_alias=AliasChoices(
            "NoncurrentVersionTransitions", "NoncurrentVersionTransition"
        ),
    )
    old_versions_expiration: _OldVersions | None = Field(
        default=None, alias="NoncurrentVersionExpiration"
    )
    unfinished_uploads: _UnfinishedUploads | None = Field(
        default=None, alias="AbortIncompleteMultipartUpload"
    )

    @property
    def conditions(self) -> _Conditions:
        """What the rule is limited to, in whichever of the three places it is written."""
        conditions = self.filter.several or self.filter
        if conditions.prefix is None:
            return conditions.model_copy(update={"prefix": self.prefix})
        return conditions


def _actions(rules: Sequence[Mapping[str, Any]], where: str) -> list[Action]:
    """The actions of rules in S3's JSON. Raises UsageError, naming `where` they are from, for what is no rule."""
    actions: list[Action] = []
    for number, rule in enumerate(rules, 1):
        name = str(rule.get("ID") or f"rule {number}")
        try:
            actions += _actions_of(name, _Rule.model_validate(rule))
        except ValidationError as error:
            problem = _first_problem(error)
            raise UsageError(
                f"{where}: {name}: not a lifecycle rule as S3 writes them ({problem})"
            ) from error
        except ValueError as error:
            raise UsageError(
                f"{where}: {name}: not a lifecycle rule as S3 writes them ({error})"
            ) from error
    if not actions:
        raise UsageError(f"{where}: there are no rules")
    return actions


def _first_problem(error: ValidationError) -> str:
    """What is wrong, and where in the rule."""
    first: Any = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "missing":
        return f"{key} is missing"
    message = reason_of(first["msg"])
    return f"{key}: {message}" if key else message


def _actions_of(name: str, rule: _Rule) -> list[Action]:
    """What the rule does. Raises ValueError where that is nothing that is known."""
    conditions = rule.conditions
    actions = [
        Action(
            rule=name,
            enabled=rule.status == "Enabled",
            action=action,
            filter=conditions.described(),
            kinds=kinds,
            prefix=conditions.prefix or "",
            larger_than=conditions.object_size_greater_than,
            smaller_than=conditions.object_size_less_than,
            days=schedule.days,
            date=schedule.date.date() if schedule.date else None,
        )
        for action, kinds, schedule in _described_actions(rule)
    ]
    if not actions:
        raise ValueError("no action that is known")
    return actions


def _described_actions(rule: _Rule) -> Iterator[tuple[str, list[str], _Schedule]]:
    """What the rule does, as text, the kinds of events that S3 logs for it, and when it is due."""
    if rule.expiration.is_set:
        # Objects of a versioned bucket are covered by a delete marker, others are gone.
        expire = f"expire {rule.expiration.described()}"
        yield expire, ["object", "marked"], rule.expiration
    if rule.expiration.expired_object_delete_marker:
        yield "remove delete markers without versions", ["delete marker"], _Schedule()
    for move in rule.transitions:
        text = f"move to {move.storage_class} {move.described()}"
        yield text, [_TRANSITIONS[move.storage_class]], move
    for move_old in rule.old_versions_transitions:
        text = f"move old versions to {move_old.storage_class} {move_old.described()}"
        yield text, [_TRANSITIONS[move_old.storage_class]], move_old.schedule
    if old_versions := rule.old_versions_expiration:
        text = f"expire old versions {old_versions.described()}"
        yield text, ["old version"], old_versions.schedule
    if rule.unfinished_uploads:
        schedule = _after(rule.unfinished_uploads.days_after_initiation)
        yield f"abort incomplete uploads {schedule.described()}", [_ABORT], schedule
