"""The kinds of findings: the one table from which thresholds, settings and documentation derive."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from etl.errors import nearest


class Severity(StrEnum):
    """How much a finding matters: an alarm may need somebody today."""

    ALARM = "alarm"
    NOTICE = "notice"


@dataclass(frozen=True, slots=True)
class Threshold:
    """From which number on something is found, and what the number is of."""

    default: float
    meaning: str


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of finding: what triggers it, and how much it matters."""

    id: str
    severity: Severity
    """What it is at most; `trigger` says when it is less."""
    weight: int
    """Its rank among others of its severity; the heaviest come first."""
    trigger: str
    report: str
    """The report that says more; none of what is no report's result."""
    thresholds: Mapping[str, Threshold] = field(default_factory=dict)
    technique: str | None = None
    """The technique of MITRE ATT&CK that it may be a sign of."""


_ALARM, _NOTICE = Severity
_RATIO = "times what is usual, or as little"
_RATIO_BEFORE = "times what it was, or as little"


def _threshold(default: float, meaning: str) -> Mapping[str, Threshold]:
    return {"threshold": Threshold(default, meaning)}


def _ratio(meaning: str, least: float, unit: str) -> Mapping[str, Threshold]:
    """What is compared has to differ by a factor, and by so much."""
    difference = Threshold(least, f"{unit} of difference at least")
    return {"threshold": Threshold(2, meaning), "least": difference}


_ALL = (
    Kind(
        "report-failed",
        _ALARM,
        110,
        "a report that findings or the dashboard read fails: what it would tell is not known",
        "",
    ),
    Kind(
        "logging-changes",
        _ALARM,
        100,
        "somebody changes the configuration of a bucket's access logging",
        "security/configuration_changes",
        technique="T1562.008",
    ),
    Kind(
        "anonymous-changes",
        _ALARM,
        97,
        "requests without credentials change objects or buckets",
        "security/anonymous_requests",
        _threshold(1, "changes"),
    ),
    # MITRE ATT&CK has no technique for who may use a bucket: T1222 is of files, T1098 of identities, T1578 of compute.
    Kind(
        "access-changes",
        _ALARM,
        96,
        "somebody changes a bucket's policy, ACL, public access block or ownership controls",
        "security/configuration_changes",
    ),
    Kind(
        "new-anonymous-access",
        _ALARM,
        94,
        "requests without credentials succeed in a bucket where none did in the 28 days before, though it was in use",
        "security/anonymous_requests",
        _threshold(1, "requests"),
        "T1530",
    ),
    Kind(
        "bulk-deletions",
        _ALARM,
        92,
        "somebody deletes many objects within an hour, and twice as many as in the 28 days before; a notice where "
        "the same did so then, or where nobody knows",
        "security/bulk_deletions",
        _threshold(100, "deletions within an hour"),
        "T1485",
    ),
    Kind(
        "mass-reading",
        _ALARM,
        90,
        "somebody reads many objects or bytes within an hour, and twice as many as in the 28 days before; a notice "
        "where the same did so then, where nobody knows, or without credentials. CloudFront and services are left out",
        "security/mass_reading",
        {
            "threshold": Threshold(1000, "objects within an hour"),
            "bytes": Threshold(10_000_000_000, "bytes within an hour"),
        },
        "T1530",
    ),
    Kind(
        "lifecycle-changes",
        _ALARM,
        88,
        "somebody changes a bucket's lifecycle rules",
        "security/configuration_changes",
        technique="T1485.001",
    ),
    Kind(
        "protection-changes",
        _ALARM,
        86,
        "somebody changes a bucket's versioning, object lock, encryption or replication, or deletes the bucket",
        "security/configuration_changes",
    ),
    Kind(
        "foreign-accounts",
        _ALARM,
        84,
        "an account that is not among the setting `accounts` reads or changes something; a notice unless it changes "
        "something, and was not there in the 28 days before. Only where `accounts` is set",
        "security/foreign_accounts",
        _threshold(1, "reads and changes"),
    ),
    Kind(
        "denied-requests",
        _ALARM,
        80,
        "more requests are denied (403) than in the period before; a notice where bursts from few addresses explain it",
        "security/access_denied_by_requester",
        _ratio("times as many", 20, "requests"),
    ),
    Kind(
        "failures",
        _ALARM,
        78,
        "a larger share of requests fails than in the period before, and half as much again; a notice where bursts "
        "from few addresses explain it",
        "operations/errors_by_day",
        {
            "threshold": Threshold(1, "percentage points more"),
            "least": Threshold(20, "failed requests more at least"),
        },
    ),
    Kind(
        "server-errors",
        _ALARM,
        76,
        "S3 fails (5xx); a notice below 20 times, or a thousandth of all requests",
        "operations/server_errors",
        _threshold(1, "requests"),
    ),
    Kind(
        "stale",
        _ALARM,
        75,
        "the newest record is old, in a period up to now; a notice where days without any are usual",
        "operations/completeness",
        _threshold(3, "days"),
    ),
    Kind(
        "deletions-for-good",
        _NOTICE,
        74,
        "somebody deletes old versions, by their id, for good; not where it is a bulk deletion",
        "security/deleters",
        _threshold(1, "versions"),
        "T1485",
    ),
    Kind(
        "day-cost",
        _NOTICE,
        73,
        "a day costs more or less than is usual",
        "cost/by_day",
        _ratio(_RATIO, 0.1, "of the currency"),
    ),
    Kind(
        "day-bytes",
        _NOTICE,
        72,
        "more or fewer bytes are sent on a day than is usual",
        "operations/traffic_by_day",
        _ratio(_RATIO, 100_000_000, "bytes"),
    ),
    Kind(
        "day-requests",
        _NOTICE,
        71,
        "more or fewer requests come on a day than is usual",
        "operations/traffic_by_day",
        _ratio(_RATIO, 20, "requests"),
    ),
    Kind(
        "bucket-days",
        _NOTICE,
        70,
        "a bucket has far more or far fewer requests or bytes sent, or costs far more or less, on a day than is usual "
        "there and than on any day of the 28 before; all such buckets in one finding, without what a finding on a day "
        "says already",
        "operations/traffic_by_day",
        {
            "threshold": Threshold(3, _RATIO),
            "requests": Threshold(200, "requests of difference at least"),
            "bytes": Threshold(1_000_000_000, "bytes of difference at least"),
            "cost": Threshold(1, "of the currency of difference at least"),
        },
    ),
    Kind(
        "cost",
        _NOTICE,
        68,
        "the period costs more or less than the one before",
        "cost/by_day",
        _ratio(_RATIO_BEFORE, 0.1, "of the currency"),
    ),
    Kind(
        "bytes",
        _NOTICE,
        67,
        "more or fewer bytes are sent than in the period before",
        "cost/by_day",
        _ratio(_RATIO_BEFORE, 1_000_000, "bytes"),
    ),
    Kind(
        "requests",
        _NOTICE,
        66,
        "more or fewer requests come than in the period before",
        "operations/status_by_day",
        _ratio(_RATIO_BEFORE, 20, "requests"),
    ),
    Kind(
        "visitors",
        _NOTICE,
        65,
        "more or fewer visitors come than in the period before",
        "website/requests_by_day",
        _ratio(_RATIO_BEFORE, 20, "visitors"),
    ),
    Kind(
        "deleted-objects",
        _NOTICE,
        64,
        "more or fewer objects are deleted on request than in the period before",
        "lifecycle/deletions_by_actor",
        _ratio(_RATIO_BEFORE, 20, "objects"),
    ),
    Kind(
        "expired-objects",
        _NOTICE,
        63,
        "more or fewer objects expire than in the period before",
        "lifecycle/events_by_day",
        _ratio(_RATIO_BEFORE, 20, "objects"),
    ),
    Kind(
        "new-buckets",
        _NOTICE,
        61,
        "buckets have their first record, where the lake has a period before; other findings compare the buckets that "
        "there were before",
        "operations/buckets",
        _threshold(1, "of them"),
    ),
    Kind(
        "newcomers",
        _NOTICE,
        60,
        "users, roles or accounts have their first record, where the lake has a period before",
        "security/first_seen_requesters",
        _threshold(1, "of them"),
    ),
    Kind(
        "new-countries",
        _NOTICE,
        59,
        "requests with credentials succeed from a country that none of the same user, role or account came from in the "
        "28 days before; of those who are new, none of others to the bucket. Only where `geo_database` is set",
        "security/countries_by_principal",
        _threshold(1, "requests"),
        "T1078",
    ),
    Kind(
        "object-permissions",
        _NOTICE,
        58,
        "somebody changes the ACL of objects",
        "security/object_permissions",
        _threshold(1, "changes"),
    ),
    Kind(
        "failure-bursts",
        _NOTICE,
        56,
        "an address fails many times within a minute",
        "security/failure_bursts",
        _threshold(50, "failures within a minute"),
    ),
    Kind(
        "log-injection",
        _NOTICE,
        54,
        "requests carry text that is apt to forge log lines",
        "security/log_injection",
        _threshold(1, "requests"),
    ),
    Kind(
        "scanners",
        _NOTICE,
        53,
        "scanners and attack tools, as far as they say so, are let in",
        "security/suspicious_user_agents",
        _threshold(1, "successful requests"),
    ),
    Kind(
        "configuration-changes",
        _NOTICE,
        52,
        "somebody changes another setting of a bucket, or creates one",
        "security/configuration_changes",
    ),
    Kind(
        "refused-configuration-changes",
        _NOTICE,
        51,
        "somebody with credentials tries to change the configuration of a bucket, and is refused",
        "security/configuration_changes",
    ),
    Kind(
        "insecure-transport",
        _NOTICE,
        50,
        "requests without TLS 1.2 or newer succeed; those to website endpoints, which have no TLS, are left out",
        "security/insecure_transport",
        _threshold(1, "requests"),
    ),
    Kind(
        "missing-days",
        _NOTICE,
        48,
        "a bucket that has records on nine days out of ten has none on a day",
        "operations/completeness",
        _threshold(1, "days"),
    ),
    Kind(
        "rejects",
        _NOTICE,
        46,
        "lines could not be read",
        "operations/rejects",
        _threshold(1, "lines"),
    ),
    Kind(
        "late-logs",
        _NOTICE,
        45,
        "one record in twenty is delivered late",
        "operations/delivery_lag",
        _threshold(24, "hours"),
    ),
    Kind(
        "unknown-fields",
        _NOTICE,
        44,
        "records have fields that are not known yet",
        "operations/schema_drift",
        _threshold(1, "records"),
    ),
    Kind(
        "unfinished-uploads",
        _NOTICE,
        40,
        "parts of uploads that were neither completed nor aborted take space, which costs",
        "lifecycle/unfinished_uploads",
        _threshold(1_000_000_000, "bytes"),
    ),
    Kind(
        "signature-version-2",
        _NOTICE,
        35,
        "requests are signed with the outdated Signature Version 2",
        "security/signature_version_2",
        _threshold(1, "requests"),
    ),
    Kind(
        "broken-links",
        _NOTICE,
        30,
        "pages of the site itself link to objects that are not there",
        "website/broken_links",
        _threshold(1, "links"),
    ),
    Kind(
        "chart-failed",
        _NOTICE,
        10,
        "a chart of the dashboard cannot be drawn (on the dashboard only)",
        "",
    ),
)
KINDS = {kind.id: kind for kind in _ALL}
"""Each kind by its id, the heaviest alarms first."""


def _one_or_many(value: object) -> object:
    return (value,) if isinstance(value, str) else value


class FindingSettings(BaseModel):
    """When a kind of finding is found, and how much it matters; its thresholds are extra fields."""

    model_config = ConfigDict(frozen=True, extra="allow")
    __pydantic_extra__: dict[str, Annotated[float, Field(ge=0)]] = Field(init=False)

    severity: Severity
    silent: bool = False
    silent_buckets: Annotated[tuple[str, ...], BeforeValidator(_one_or_many)] = ()
    """Their names, or patterns of names: `x-*`."""

    def threshold(self, name: str = "threshold") -> float:
        return self.__pydantic_extra__[name]

    def is_silent(self, bucket: str | None) -> bool:
        """Whether nothing of this kind is to be said of a bucket, by its name or a pattern."""
        return bucket is not None and any(
            fnmatchcase(bucket, pattern) for pattern in self.silent_buckets
        )


def finding_defaults(kind: Kind) -> dict[str, object]:
    """All settings of a kind of finding, by name."""
    thresholds = {name: one.default for name, one in kind.thresholds.items()}
    others = {"severity": kind.severity, "silent": False, "silent_buckets": ()}
    return {**thresholds, **others}


def all_finding_settings(given: object) -> object:
    """The settings of every kind of finding: what was given, and defaults."""
    if not isinstance(given, Mapping):
        return given
    for name in given:
        if name not in KINDS:
            raise ValueError(f"no finding {name!r}{nearest(name, KINDS)}")
    return {
        name: _with_defaults(finding_defaults(kind), given.get(name, {}))
        for name, kind in KINDS.items()
    }


def _with_defaults(defaults: Mapping[str, object], given: object) -> object:
    if not isinstance(given, Mapping):
        return given
    for name in given:
        if name not in defaults:
            raise ValueError(f"no setting {name!r}{nearest(name, defaults)}")
    return {**defaults, **given}
