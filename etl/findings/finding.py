"""A finding: one sentence, who and what it is about, and the report that shows it."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from shlex import quote
from typing import Any

from etl.dates import moment_before, shifted
from etl.kinds import Severity

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Excerpt:
    """The first rows of a result, and how many it has in all; or so many at least, where it is cut."""

    rows: Sequence[Row]
    count: int
    is_cut: bool = False


NOTHING = Excerpt((), 0)


@dataclass(frozen=True, slots=True)
class Period:
    """UTC days, both part of it; `until` is the time of the newest record where the last day is not over."""

    first: dt.date
    last: dt.date
    until: dt.datetime | None = None

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    def before(self) -> "Period":
        """The period before, of as many days, and up to the same time of the last one."""
        length = dt.timedelta(days=self.days)
        until = moment_before(self.until, length) if self.until else None
        return Period(shifted(self.first, -self.days), shifted(self.first, -1), until)


@dataclass(frozen=True, slots=True)
class Query:
    """A report with what it is run with; None is no bound."""

    report: str
    parameters: Mapping[str, object] = field(default_factory=dict)
    buckets: tuple[str, ...] = ()
    date_from: dt.date | None = None
    date_to: dt.date | None = None

    def command(self, lake: str) -> str:
        """The command line that runs it, for a shell."""
        words = ["accesslake", "report", self.report, "--lake", lake]
        for bucket in self.buckets:
            words += ["--bucket", bucket]
        for flag, day in (("--from", self.date_from), ("--to", self.date_to)):
            if day is not None:
                words += [flag, day.isoformat()]
        for name, value in self.parameters.items():
            words += ["-p", f"{name}={_written(value)}"]
        return " ".join(map(quote, words))


def _written(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@dataclass(frozen=True, slots=True)
class Finding:
    """What a person should look at. Texts in it come from logs: they are untrusted."""

    id: str
    """The kind of finding, as the settings name it."""
    severity: Severity
    title: str
    """One sentence: who did what, where and when (UTC)."""
    buckets: tuple[str, ...] = ()
    """The one that it is most about comes first."""
    principals: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    """Of those who had no credentials."""
    counts: Mapping[str, float] = field(default_factory=dict)
    first: dt.date | None = None
    """The days that it is about; None where the reports tell none."""
    last: dt.date | None = None
    query: Query | None = None
    """What shows it; None where no report does."""
    technique: str | None = None
    """A technique of MITRE ATT&CK that it may be a sign of."""
    weight: float = 0

    @property
    def is_alarm(self) -> bool:
        return self.severity is Severity.ALARM

    @property
    def report(self) -> str:
        return self.query.report if self.query else ""

    def as_dict(self, lake: str) -> dict[str, Any]:
        """One object, as `findings --json` prints it."""
        return {
            "id": self.id,
            "severity": self.severity.value,
            "title": self.title,
            "buckets": list(self.buckets),
            "principals": list(self.principals),
            "addresses": list(self.addresses),
            "counts": dict(self.counts),
            "period": {"from": _day(self.first), "to": _day(self.last)},
            "report": self.report or None,
            "parameters": dict(self.query.parameters) if self.query else {},
            "command": self.query.command(lake) if self.query else None,
            "technique": self.technique,
        }


def _day(day: dt.date | None) -> str | None:
    return day.isoformat() if day else None
