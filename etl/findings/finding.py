"""A finding: one sentence, who and what it is about, and the report that shows it."""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from shlex import quote
from typing import Any

from etl.dates import word_of_begin, word_of_end
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
    """UTC days, both part of it; `until` is how far its records go, where that is amid the last day."""

    first: dt.date
    last: dt.date
    until: dt.datetime | None = None

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1


@dataclass(frozen=True, slots=True)
class Query:
    """A report with what it is run with.

    A bound is a day, which is part of the period, or a moment, right before which it ends; None is none.
    """

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
        if self.date_from is not None:
            words += ["--from", word_of_begin(self.date_from)]
        if self.date_to is not None:
            words += ["--to", word_of_end(self.date_to)]
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
            "period": self._period(),
            "report": self.report or None,
            "parameters": dict(self.query.parameters) if self.query else {},
            "command": self.query.command(lake) if self.query else None,
            "technique": self.technique,
        }

    def _period(self) -> dict[str, str | None]:
        """Its days; hours, where what shows it is of hours."""
        first, last = self.first, self.last
        if self.query and self.query.date_from:
            first, last = self.query.date_from, self.query.date_to
        return {"from": _word(first, word_of_begin), "to": _word(last, word_of_end)}


def _word(bound: dt.date | None, name: Callable[[dt.date], str]) -> str | None:
    return name(bound) if bound else None
