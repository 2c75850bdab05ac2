"""All findings of a case: without those that are silent, the most important first."""

import dataclasses
import datetime as dt
from collections.abc import Iterable, Sequence

from etl.dates import day_span
from etl.findings import (
    access,
    buckets,
    configuration,
    days,
    figures,
    objects,
    operations,
    requests,
)
from etl.findings.case import Case, Question, Rule
from etl.findings.days import KIND_OF
from etl.findings.finding import Finding, Query
from etl.kinds import KINDS, Kind, Severity
from etl.text import counted

RULES = (
    *configuration.RULES,
    *access.RULES,
    *objects.RULES,
    *requests.RULES,
    *figures.RULES,
    *days.RULES,
    *buckets.RULES,
    *operations.RULES,
)
# Of one kind and severity; what is beyond is told in one sentence.
_MOST_OF_A_KIND = 5


def questions(case: Case) -> list[Question]:
    """What has to be asked for the case, once each."""
    asked = [
        rule for rule in RULES if _is_asked(case, rule.kinds) and _can_tell(case, rule)
    ]
    return list(dict.fromkeys(question for rule in asked for question in rule.reads))


def _is_asked(case: Case, kinds: Iterable[str]) -> bool:
    return not all(case.of(kind).silent for kind in kinds)


def find(case: Case, failures: Iterable[Finding] = ()) -> list[Finding]:
    """What is unusual: alarms first, and of each severity what weighs most.

    `failures` are findings on reports that failed, which may have had something to tell.
    """
    findings = list({finding.title: finding for finding in failures}.values())
    for rule in RULES:
        if _is_answered(case, rule):
            findings += rule.findings(case)
    loud = [finding for finding in findings if not _is_silent(case, finding)]
    if case.period.days == 1:
        loud = _told_once(loud)
    return sorted(
        _summarized(loud), key=lambda finding: (not finding.is_alarm, -finding.weight)
    )


def _told_once(findings: Sequence[Finding]) -> list[Finding]:
    """The findings of a single day: one that is unusual among its like is not told again beside the day before."""
    of_day = {
        (finding.id, finding.counts["difference"] > 0)
        for finding in findings
        if finding.id in KIND_OF.values() and "difference" in finding.counts
    }

    def is_repeated(finding: Finding) -> bool:
        is_large = finding.counts.get("difference", 0) > 0
        return (KIND_OF.get(finding.id, ""), is_large) in of_day

    return [finding for finding in findings if not is_repeated(finding)]


def _is_answered(case: Case, rule: Rule) -> bool:
    return _can_tell(case, rule) and all(one in case.results for one in rule.reads)


def _can_tell(case: Case, rule: Rule) -> bool:
    """Whether a rule has something to look at: without any records, it is only that there are none."""
    return rule.is_asked(case) and (not case.is_empty or "stale" in rule.kinds)


def _is_silent(case: Case, finding: Finding) -> bool:
    settings = case.of(finding.id)
    if settings.silent:
        return True
    return bool(finding.buckets) and all(map(settings.is_silent, finding.buckets))


def _summarized(findings: Sequence[Finding]) -> list[Finding]:
    """Findings of which there are few of each kind; of many the heaviest, and a sentence about the others."""
    groups: dict[tuple[str, Severity], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((finding.id, finding.severity), []).append(finding)
    summarized: list[Finding] = []
    for group in groups.values():
        group.sort(key=lambda finding: -finding.weight)
        summarized += group[:_MOST_OF_A_KIND]
        if others := group[_MOST_OF_A_KIND:]:
            summarized.append(_others(others))
    return summarized


def _others(findings: Sequence[Finding]) -> Finding:
    """One finding in the place of several of a kind."""
    heaviest = findings[0]
    names = _all(finding.buckets for finding in findings)
    principals = _all(finding.principals for finding in findings)
    counts: dict[str, float] = {}
    for finding in findings:
        for name, count in finding.counts.items():
            counts[name] = counts.get(name, 0) + count
    where = f" in {counted(len(names), 'bucket')}" if names else ""
    title = f"{len(findings):,} more of this kind{where}; the worst: {heaviest.title}"
    moments = [day for finding in findings for day in (finding.first, finding.last)]
    known = [day for day in moments if day]
    first, last = min(known, default=None), max(known, default=None)
    return dataclasses.replace(
        heaviest,
        title=title,
        buckets=names,
        principals=principals,
        addresses=_all(finding.addresses for finding in findings),
        counts=counts,
        first=first,
        last=last,
        query=_query_of(findings),
    )


def _query_of(findings: Sequence[Finding]) -> Query | None:
    """What shows findings of one kind: the report of the first, for the periods and the buckets of all."""
    queries = [finding.query for finding in findings if finding.query]
    if not queries:
        return None
    asked = {query.buckets for query in queries}
    begins = [query.date_from for query in queries]
    ends = [query.date_to for query in queries]
    return dataclasses.replace(
        queries[0],
        buckets=queries[0].buckets if len(asked) == 1 else (),
        date_from=None if None in begins else min(filter(None, begins), key=_begin),
        date_to=None if None in ends else max(filter(None, ends), key=_end),
    )


def _begin(bound: dt.date) -> dt.datetime:
    return bound if isinstance(bound, dt.datetime) else day_span(bound).begin


def _end(bound: dt.date) -> dt.datetime:
    return bound if isinstance(bound, dt.datetime) else day_span(bound).end


def _all(names: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for some in names for name in some))


def report_failed(name: str, problem: str) -> Finding:
    """A report that says nothing, which is no good news."""
    return _failed(KINDS["report-failed"], name, f"{name} failed: {problem}")


def chart_failed(name: str, problem: str) -> Finding:
    return _failed(KINDS["chart-failed"], name, f"{name} could not be drawn: {problem}")


def _failed(kind: Kind, name: str, title: str) -> Finding:
    return Finding(kind.id, kind.severity, title, query=Query(name), weight=kind.weight)
