"""Each rule on rows of reports: thresholds, what is usual, and what is grouped."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from geo_databases import write_geo_databases
from month import MALLORY

from etl.config import load_settings
from etl.findings.access import ANONYMOUS, COUNTRIES, DAYS, NEWCOMERS
from etl.findings.case import NOTHING, Case, Question, Window
from etl.findings.configuration import CHANGES
from etl.findings.figures import BEFORE, COST, FIGURES, NOW, OLD_BEFORE, OLD_NOW, TRAFFIC
from etl.findings.find import RULES, chart_failed, find, questions
from etl.findings.finding import Excerpt, Finding, Period
from etl.findings.objects import DELETIONS
from etl.findings.operations import DRIFT, ERRORS, REJECTS
from etl.findings.usual import SO_FAR
from etl.findings.words import whose
from etl.kinds import KINDS
from etl.query import Database
from etl.reports.loader import load_reports
from etl.reports.report import query_report
from etl.store.open import open_store

WEEK = Period(dt.date(2026, 3, 23), dt.date(2026, 3, 29))
OPEN_WEEK = Period(WEEK.first, WEEK.last, dt.datetime.fromisoformat("2026-03-29 14:32:08"))
USUAL = {"requests": 1000, "visitors": 100, "bytes_sent": 10**9, "error_percent": 2.0, "denied": 10}
GIGABYTE = 10**9

Rows = Sequence[dict[str, Any]]


def at(text: str) -> dt.datetime:
    """A time of March 2026, as records have it: `25 09:12`."""
    return dt.datetime.fromisoformat(f"2026-03-{text}")


def case(
    rows: Mapping[Question, Rows] | None = None,
    period: Period = WEEK,
    has_before: bool = True,
    first_days: Mapping[str, dt.date] | None = None,
    **settings: Any,
) -> Case:
    """A case in which reports have these rows, and others none."""
    results = {question: NOTHING for rule in RULES for question in rule.reads}
    for question, some in (rows or {}).items():
        nothing = dict.fromkeys(question.columns, 0 if question.report == FIGURES else None)
        full = [{**nothing, **row} for row in some]
        results[question] = Excerpt(full, len(full))
    return Case(
        period=period,
        settings=load_settings({"findings": settings}, {}).findings,
        results=results,
        first_days={"b": dt.date(2026, 1, 1), **(first_days or {})},
        old_buckets={"b"},
        has_before=has_before,
    )


def of(kind: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a kind of finding, by its name."""
    return {kind: settings}


def sentences(found: Sequence[Finding]) -> list[str]:
    return [f"{'!' if one.is_alarm else ''}{one.title}" for one in found]


def compared(now: dict[str, Any], before: dict[str, Any], **more: Any) -> list[str]:
    rows = {NOW: [now], BEFORE: [before], OLD_NOW: [now], OLD_BEFORE: [before]}
    return sentences(find(case(rows, **more)))


def test_as_before_is_nothing_unusual() -> None:
    """Small differences, small numbers that double, visitors whom nobody knows, and no period before are none."""
    assert compared(USUAL, USUAL) == []
    assert compared(USUAL | {"requests": 1900}, USUAL) == []
    assert compared(USUAL | {"denied": 25}, USUAL) == []
    assert compared(USUAL | {"visitors": None}, USUAL) == []
    assert compared(USUAL, USUAL | {"visitors": None}) == []
    assert compared(USUAL | {"requests": 9000, "denied": 500}, USUAL, has_before=False) == []
    # Ten requests of which more fail than of the last ten are ten requests.
    assert compared(USUAL | {"error_percent": 50.0, "client_errors": 5}, USUAL) == []


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"requests": 2000}, "Requests: 2,000, against 1,000 in the period before"),
        ({"requests": 400}, "Requests: 400, against 1,000 in the period before"),
        ({"visitors": 0}, "Visitors: 0, against 100 in the period before"),
        ({"bytes_sent": 5 * GIGABYTE}, "Bytes sent: 5.0 GB, against 1.0 GB in the period before"),
        ({"denied": 40}, "!Denied requests (403): 40, against 10 in the period before"),
        ({"expired": 30}, "Expired objects: 30, against 0 in the period before"),
        ({"deleted": 30}, "Objects deleted on request: 30, against 0 in the period before"),
        (
            {"error_percent": 4.0, "client_errors": 40},
            "!4.0% of requests failed, against 2.0% in the period before",
        ),
        (
            {"lag_minutes": 3000},
            "Log objects are late, or were copied later: one record in twenty by 2.1 days or more",
        ),
    ],
)
def test_changes(changed: dict[str, Any], sentence: str) -> None:
    """Twice or half as many, and a share of failures that grew, are told with both figures."""
    assert compared(USUAL | changed, USUAL) == [sentence]


def test_a_day_that_is_not_over_is_compared_up_to_its_hour() -> None:
    """The sentence says up to when."""
    assert compared(USUAL | {"requests": 2000}, USUAL, period=OPEN_WEEK) == [
        "Requests: 2,000, against 1,000 in the period before (both until 14:32 of the last day)"
    ]


def test_hours_are_compared_with_the_hours_before() -> None:
    """Whoever chose the hours knows them: the sentence says nothing of them."""
    rows: dict[Question, Rows] = {OLD_NOW: [USUAL | {"requests": 2000}], OLD_BEFORE: [USUAL]}
    day = Period(WEEK.last, WEEK.last, at("29 15:00"))
    hours = replace(case(rows, period=day), begin=at("29 12:00"), end=day.until)
    (finding,) = find(hours)
    assert finding.title == "Requests: 2,000, against 1,000 in the period before"
    assert finding.query
    assert (finding.query.date_from, finding.query.date_to) == (hours.begin, hours.end)


def traffic(**counts: Sequence[float]) -> Rows:
    """The traffic of the days up to the end of the week."""
    lengths = {len(values) for values in counts.values()}
    (length,) = lengths
    days = [WEEK.last - dt.timedelta(days=length - 1 - number) for number in range(length)]
    rows = [{"bucket": "b", "date": day, "requests": 0, "bytes_sent": 0, "cost": 0} for day in days]
    for name, values in counts.items():
        for row, value in zip(rows, values, strict=True):
            row[name] = value
    return rows


def test_a_day_of_bytes_and_cost_is_found() -> None:
    """51 GB and 4.60 against 9 GB and 0.85 are told, each with what a usual day has."""
    rows = traffic(bytes_sent=[9 * GIGABYTE] * 5 + [51 * GIGABYTE, 9 * GIGABYTE], cost=[0.85] * 5 + [4.6, 0.85])
    assert sentences(find(case({TRAFFIC: rows, COST: rows}, has_before=False))) == [
        "2026-03-28 cost 4.60, against 0.85 on a usual day",
        "51.0 GB were sent on 2026-03-28, against 9.0 GB on a usual day",
    ]


def test_days_are_compared_with_the_same_day_of_the_week() -> None:
    """Quiet Sundays after quiet Sundays are usual; a Sunday like a Monday is not."""
    weeks = [*[100] * 6, 20] * 4
    recent, now = traffic(requests=[*weeks, *[0] * 7])[:28], traffic(requests=[*[100] * 6, 20])
    assert find(case({TRAFFIC: now, TRAFFIC.over(Window.RECENT): recent})) == []
    now = traffic(requests=[100] * 7)
    assert sentences(find(case({TRAFFIC: now, TRAFFIC.over(Window.RECENT): recent}))) == [
        "2026-03-29 had 100 requests, against 20 on a usual Sunday"
    ]


def test_the_last_day_is_judged_by_its_hours_so_far() -> None:
    """Half a day is not half as many; what is much for its hours is told before the day is over."""
    whole = traffic(requests=[100, 100, 100, 100, 100, 100, 55])
    usual = traffic(requests=[50, 50, 50, 50, 50, 50, 55])
    assert find(case({TRAFFIC: whole, SO_FAR: usual}, period=OPEN_WEEK)) == []
    few = traffic(requests=[20, 20, 20, 20, 20, 20, 55])
    assert sentences(find(case({TRAFFIC: whole, SO_FAR: few}, period=OPEN_WEEK))) == [
        "2026-03-29 had 55 requests until 14:00, against 20 by then on a usual day"
    ]
    cheap = traffic(cost=[9, 9, 9, 9, 9, 9, 1])
    assert find(case({COST: cheap}, period=OPEN_WEEK, has_before=False)) == []
    assert sentences(find(case({COST: cheap}, has_before=False))) == [
        "2026-03-29 cost 1.00, against 9.00 on a usual day"
    ]


def by_bucket(**of_buckets: Rows) -> Rows:
    """Rows of several buckets, of which `b` is the oldest."""
    return [row | {"bucket": name} for name, some in of_buckets.items() for row in some]


def test_a_new_bucket_is_one_finding_and_no_unusual_days() -> None:
    """Neither its days nor its records make those of the whole lake unusual; a lake's first bucket is no news."""
    old, new = traffic(requests=[30] * 35), traffic(requests=[500] * 14)
    rows = by_bucket(b=old, young=new)
    now = [row for row in rows if row["date"] >= WEEK.first]
    recent = [row for row in rows if row["date"] < WEEK.first]
    questions = {TRAFFIC: now, TRAFFIC.over(Window.RECENT): recent}
    since = {"young": dt.date(2026, 3, 16)}
    assert find(case(questions, first_days=since)) == []
    present_days = [{"bucket": "young", "date": dt.date(2026, 3, 25), "records": 500}]
    since = {"young": dt.date(2026, 3, 25)}
    (finding,) = find(case({DAYS: present_days}, first_days=since))
    assert finding.title == "Bucket `young` is new: its first record is of 2026-03-25"
    assert (finding.id, finding.buckets, finding.is_alarm) == ("new-buckets", ("young",), False)
    assert find(case({DAYS: present_days}, first_days=since, has_before=False)) == []
    assert find(case({DAYS: present_days}, first_days=since, **of("new-buckets", {"silent_buckets": "y*"}))) == []
    many = [row | {"bucket": name} for name in ("x", "y") for row in present_days]
    since = {"x": dt.date(2026, 3, 25), "y": dt.date(2026, 3, 26)}
    assert sentences(find(case({DAYS: many}, first_days=since))) == [
        "2 buckets are new, the first since 2026-03-25: `x` and `y`"
    ]


def test_a_day_says_which_buckets_it_counts() -> None:
    """Where a bucket is new, the day has more on the page than in the sentence; one that counts all says nothing."""
    since = {"young": WEEK.last, "c": dt.date(2026, 1, 1)}
    old = {"b": traffic(requests=[100] * 6 + [900]), "c": traffic(requests=[10] * 7)}
    young = traffic(requests=[0] * 6 + [44])
    sentence = "2026-03-29 had 910 requests{}, against 110 on a usual day; most of the difference is in `b`"
    both = {TRAFFIC: by_bucket(**old, young=young)}
    assert sentences(find(case(both, first_days=since, has_before=False))) == [
        sentence.format(" in the 2 buckets that were there before")
    ]
    assert sentences(find(case({TRAFFIC: by_bucket(**old)}, first_days=since, has_before=False))) == [
        sentence.format("")
    ]
    alone = {TRAFFIC: by_bucket(b=traffic(bytes_sent=[10**9] * 6 + [9 * 10**9]), young=traffic(bytes_sent=[5] * 7))}
    assert sentences(find(case(alone, first_days=since, has_before=False))) == [
        "9.0 GB were sent in the bucket that was there before on 2026-03-29, against 1.0 GB on a usual day"
    ]


def test_a_single_day_is_told_once() -> None:
    """What is unusual among the same days of the week is not said again beside the day before, if both are more."""
    day = Period(WEEK.last, WEEK.last)
    rows = traffic(requests=[100] * 6 + [900])
    asked: dict[Question, Rows] = {
        TRAFFIC: rows[-1:],
        TRAFFIC.over(Window.RECENT): rows[:-1],
        OLD_NOW: [USUAL | {"requests": 900}],
    }
    usual = "2026-03-29 had 900 requests, against 100 on a usual day"
    assert sentences(find(case({**asked, OLD_BEFORE: [USUAL | {"requests": 100}]}, period=day))) == [usual]
    less = "Requests: 900, against 4,000 in the period before"
    assert sentences(find(case({**asked, OLD_BEFORE: [USUAL | {"requests": 4000}]}, period=day))) == [usual, less]
    silent = of("day-requests", {"silent": True})
    (finding,) = find(case({**asked, OLD_BEFORE: [USUAL | {"requests": 100}]}, period=day, **silent))
    assert finding.id == "requests"


def test_figures_are_compared_without_new_buckets() -> None:
    """They are those of the buckets that there were, which the sentence says; costs are summed up of these."""
    young = {"young": dt.date(2026, 3, 25)}
    figures = {OLD_NOW: [USUAL | {"requests": 2000}], OLD_BEFORE: [USUAL], NOW: [USUAL | {"requests": 90_000}]}
    assert sentences(find(case(figures, first_days=young))) == [
        "Requests: 2,000, against 1,000 in the period before (without 1 new bucket)"
    ]
    costs = {COST: by_bucket(b=traffic(cost=[2] * 7), young=traffic(cost=[0, 0, 0, 9, 9, 9, 9]))}
    before = {COST.over(Window.BEFORE): traffic(cost=[2] * 7)}
    assert find(case({**costs, **before}, first_days=young)) == []


def weeks(**last_week: Sequence[float]) -> Mapping[Question, Rows]:
    """Five weeks of a large bucket `b` with 100,000 requests a day, and of others with 100, but for the last week."""
    rows = by_bucket(
        b=traffic(requests=[100_000] * 35),
        **{name: traffic(requests=[100] * 28 + [*days]) for name, days in last_week.items()},
    )
    return {
        TRAFFIC: [row for row in rows if row["date"] >= WEEK.first],
        TRAFFIC.over(Window.RECENT): [row for row in rows if row["date"] < WEEK.first],
    }


def test_a_jump_in_one_of_many_buckets_is_found() -> None:
    """Each bucket is judged by itself; what repeats is one finding that names the worst, and few requests are none."""
    one = {"shop": [100, 100, 5000, 100, 100, 100, 100]}
    (finding,) = find(case(weeks(**one)))
    assert finding.title == (
        "`shop` had 5,000 requests (usually 100) on 2026-03-25, more than on any day of the weeks before"
    )
    assert finding.query
    assert finding.query.command("l").endswith("--bucket shop --from 2026-03-25 --to 2026-03-25")
    twice = {"shop": [100, 100, 5000, 4000, 100, 100, 100]}
    assert find(case(weeks(**twice)))[0].title.endswith("than on any day of the weeks before; also on 2026-03-26")
    several = {f"shop-{number}": [100] * 5 + [900 + number, 100] for number in range(3)}
    (finding,) = find(case(weeks(**several, quiet=[100] * 7, small=[100, 290, 100, 100, 100, 100, 100])))
    assert finding.title == (
        "3 buckets had a day with far more than usual; the worst: `shop-2` had 902 requests (usually 100) on 2026-03-28"
    )
    assert (finding.buckets[0], finding.counts) == ("shop-2", {"buckets": 3, "days": 3})
    assert find(case(weeks(**one), **of("bucket-days", {"threshold": 51}))) == []
    assert find(case(weeks(**one), **of("bucket-days", {"requests": 5000}))) == []
    assert find(case(weeks(**one), **of("bucket-days", {"silent_buckets": "shop"}))) == []


def test_a_bucket_with_much_less_is_found_once() -> None:
    """A day with less than ever is told; one without any record is a missing day."""
    rows = weeks(shop=[100] * 7)
    for of_window in rows.values():
        for row in of_window:
            if row["bucket"] == "shop":
                row["requests"] *= 10
    last = rows[TRAFFIC][-1]
    last["requests"] = 0
    sentence = "`shop` had 0 requests (usually 1,000) on 2026-03-29, less than on any day of the weeks before"
    assert sentences(find(case(rows))) == [sentence]
    without = {**rows, DAYS: present("shop", WEEK.last)}
    assert [finding.id for finding in find(case(without))] == ["missing-days"]


def test_a_bucket_with_little_so_far_may_be_late() -> None:
    """Of a day that is not over, only what is much already is told of a bucket."""
    rows = weeks(shop=[1000, 1000, 1000, 1000, 1000, 1000, 5], lively=[100, 100, 100, 100, 100, 100, 900])
    for window in (Window.PERIOD, Window.RECENT):
        for row in rows[TRAFFIC.over(window)]:
            if row["bucket"] == "shop" and window is Window.RECENT:
                row["requests"] = 1000
    both = {**rows, SO_FAR: rows[TRAFFIC], SO_FAR.over(Window.RECENT): rows[TRAFFIC.over(Window.RECENT)]}
    assert sentences(find(case(both, period=OPEN_WEEK))) == [
        "`lively` had 900 requests (usually 100) on 2026-03-29 until 14:00, more than on any day of the weeks before"
    ]


def test_what_irregular_programs_do_is_usual() -> None:
    """Who comes now and then with as much, whatever the day of the week, does what he did in the weeks before."""
    rows = weeks(batch=[100, 100, 5000, 100, 100, 100, 100])
    now_and_then = next(row for row in rows[TRAFFIC.over(Window.RECENT)] if row["bucket"] == "batch")
    now_and_then["requests"] = 4000
    assert find(case(rows)) == []


def test_what_the_whole_lake_shows_is_told_once() -> None:
    """A bucket that makes a day of the lake unusual is named there, and not again."""
    rows = weeks(shop=[100, 100, 900_000, 100, 100, 100, 100])
    assert sentences(find(case(rows))) == [
        "2026-03-25 had 1,000,000 requests, against 100,100 on a usual Wednesday; most of the difference is in `shop`"
    ]


def changes(count: int, requester: str = MALLORY) -> Rows:
    moment = at("25 09:12")
    same = {"time": moment, "operation": "REST.PUT.BUCKETPOLICY", "http_status": 204, "requester": requester}
    return [{"bucket": f"b-{number:03}", **same} for number in range(count)]


def test_what_repeats_is_one_finding() -> None:
    """The same change of 200 buckets is one finding that has all of them; many people are told in few sentences."""
    (finding,) = find(case({CHANGES: changes(200)}))
    assert finding.title == "mallory changed the policy of 200 buckets, first of `b-000` on 2026-03-25 at 09:12"
    (again,) = find(case({CHANGES: [*changes(200), *changes(2)]}))
    assert again.title.startswith("mallory changed the policy of 200 buckets, 202 times, first of `b-000`")
    assert len(finding.buckets) == 200
    assert finding.query
    assert finding.query.command("my lake") == (
        "accesslake report security/configuration_changes --lake 'my lake' --from 2026-03-25 --to 2026-03-25"
    )
    people = [row for number in range(9) for row in changes(1 + number, f"{MALLORY}{number}")]
    found = find(case({CHANGES: people}))
    assert len(found) == 6
    assert found[0].title.startswith("mallory8 changed the policy of 9 buckets")
    assert found[-1].title.startswith("4 more of this kind in 4 buckets; the worst: mallory3 changed")
    assert found[-1].counts == {"changes": 10, "buckets": 10}
    charts = find(case(), [chart_failed(f"a/{number}", "boom") for number in range(7)])
    assert charts[-1].title == "2 more of this kind; the worst: a/5 could not be drawn: boom"


def test_services_are_no_finding() -> None:
    """What a service of AWS does for the owner is no change of somebody, and no newcomer."""
    service = "arn:aws:sts::111122223333:assumed-role/AWSServiceRoleForConfig/session"
    newcomer = {"principal": "svc:logging.s3.amazonaws.com", "requests": 5, "failed": 0}
    assert find(case({CHANGES: changes(3, service), NEWCOMERS: [newcomer]})) == []


def test_who_surpasses_himself_is_found_again() -> None:
    """As many deletions as before are work; twice as many are told, as a notice with what was usual."""
    row = {"hour": at("25 02:00"), "bucket": "b", "principal": MALLORY, "for_good": 0, "bytes": 0}

    def deleted(now: int, before: int, bucket: str = "b") -> list[str]:
        earlier = row | {"deletions": before, "bucket": bucket}
        rows = {DELETIONS: [row | {"deletions": now}], DELETIONS.over(Window.RECENT): [earlier]}
        return sentences(find(case(rows)))

    assert deleted(500, 300) == []
    told = "mallory deleted 900 objects (0 B) of `b` on 2026-03-25 from 02:00 to 03:00"
    assert deleted(900, 300) == [f"{told}; in the weeks before it was at most 300 within an hour"]
    assert deleted(900, 0) == [f"!{told}"]
    # What is usual in one bucket is not usual in another.
    assert deleted(900, 900, "scratch") == [f"!{told}"]


def from_country(country: str, principal: str = MALLORY, requests: int = 5, bucket: str = "b") -> dict[str, Any]:
    moment = at("25 09:12")
    names = {"principal": principal, "country": country, "bucket": bucket}
    return {**names, "requests": requests, "first_time": moment, "last_time": moment}


def test_a_country_that_is_new_for_somebody_is_found() -> None:
    """Who came from one country and comes from another is told; who is new, if nobody came to the bucket from there."""
    before = [from_country("US", requests=50), from_country("DE"), from_country("FR", f"{MALLORY}2", bucket="c")]

    def told(*now: dict[str, Any], **settings: Any) -> list[str]:
        rows = {COUNTRIES: now, COUNTRIES.over(Window.RECENT): before}
        return sentences(find(replace(case(rows, **settings), has_locations=True)))

    new = from_country("CN", requests=2)
    sentence = "mallory sent 2 requests to `b` from CN, last on 2026-03-25 at 09:12; in the weeks before,"
    assert told(from_country("DE"), new) == [f"{sentence} they came from US and DE"]
    assert told(from_country("US", "carol")) == []
    sentence = "carol sent 5 requests to `b` from FR, last on 2026-03-25 at 09:12; in the weeks before,"
    assert told(from_country("FR", "carol")) == [f"{sentence} those of others to the bucket came from US and DE"]
    # Of a bucket of which no country is known, every one would be new.
    assert told(from_country("FR", "carol", bucket="d")) == []
    assert told(from_country("CN", "svc:logging.s3.amazonaws.com")) == []
    assert told(new, **of("new-countries", {"threshold": 3})) == []
    assert told(new, **of("new-countries", {"silent_buckets": "b"})) == []
    assert find(case({COUNTRIES: [new], COUNTRIES.over(Window.RECENT): before})) == []


def present(bucket: str, *missing: dt.date) -> Rows:
    days = [WEEK.last - dt.timedelta(days=number) for number in range(35)]
    return [{"bucket": bucket, "date": day, "records": 0 if day in missing else 9} for day in sorted(days)]


def test_missing_days() -> None:
    """Buckets that miss the same days are one finding; those that often have no records, or today, are none."""
    sunday = WEEK.last
    rows = [*present("a", sunday), *present("b", sunday), *present("c", dt.date(2026, 3, 27), sunday)]
    rare = present("rare", *[WEEK.last - dt.timedelta(days=number) for number in range(0, 35, 2)])
    assert sentences(find(case({DAYS: [*rows, *rare]}))) == [
        "2 buckets (`a` and `b`) have no records on 2026-03-29",
        "Bucket `c` has no records on 2 days, last on 2026-03-29",
    ]
    assert find(case({DAYS: present("a", sunday)}, period=OPEN_WEEK)) == []


def test_errors_of_s3_are_an_alarm_where_they_are_many() -> None:
    """Twenty of a thousand requests are; twenty of a million are not."""
    error = {"time": at("25 00:00"), "bucket": "b", "operation": "REST.GET.OBJECT", "error_code": "SlowDown"}
    rows: dict[Question, Rows] = {ERRORS: [error] * 20, NOW: [USUAL], BEFORE: [USUAL]}
    sentence = "S3 failed 20 times (5xx: SlowDown) in `b` (REST.GET.OBJECT), last on 2026-03-25 at 00:00"
    assert sentences(find(case(rows))) == [f"!{sentence}"]
    many = [USUAL | {"requests": 1_000_000}]
    assert sentences(find(case(rows | {NOW: many, BEFORE: many}))) == [sentence]


def test_lines_and_fields_that_are_not_understood() -> None:
    """Their number and reasons, and where and since when."""
    rows = {
        REJECTS: [{"reason": "truncated", "lines": 1}],
        DRIFT: [{"bucket": "b", "has_extra_fields": True, "records": 2, "first_date": dt.date(2026, 3, 24)}],
    }
    assert sentences(find(case(rows))) == [
        "1 line could not be read (truncated)",
        "2 records have fields that are not known yet, in `b` since 2026-03-24",
    ]


def test_an_old_lake_is_stale() -> None:
    """Nothing new for days is an alarm, unless that is usual; after how many is a setting."""
    sentence = "The newest record is 40 days old (2026-03-29): are logs still delivered, and read?"
    every_day = replace(case({DAYS: present("b")}), days_old=40)
    assert sentences(find(every_day)) == [f"!{sentence}"]
    rare = present("b", *[WEEK.last - dt.timedelta(days=number) for number in range(1, 35, 2)])
    assert sentences(find(replace(case({DAYS: rare}), days_old=40))) == [sentence]
    assert find(replace(every_day, settings=case(stale={"threshold": 41}).settings)) == []


def test_what_is_silent_is_not_asked() -> None:
    """A report that only silent findings would read is not run."""
    asked = {question.report for question in questions(case(rejects={"silent": True}))}
    assert REJECTS.report not in asked
    assert DRIFT.report in asked
    # Nobody knows which accounts are foreign where the own ones are not set.
    assert "security/foreign_accounts" not in asked


def test_a_rule_reads_only_what_it_declares() -> None:
    """A column, or a question, that is not declared is not there for the rule."""
    row = {"bucket": "b", "requests": 3}
    one = case({ANONYMOUS: [row]})
    assert set(one.rows(ANONYMOUS)[0]) == set(ANONYMOUS.columns)
    with pytest.raises(KeyError):
        one.within([CHANGES]).rows(ANONYMOUS)


def test_every_question_can_be_asked(tmp_path: Path) -> None:
    """Each report that a rule reads exists, with the parameters that it is given and the columns that are read."""
    loaded = load_settings({"geo_database": write_geo_databases(tmp_path)}, {})
    database, reports = Database(open_store(str(tmp_path / "lake")), settings=loaded), load_reports()
    settings = loaded.findings
    for question in dict.fromkeys(question for rule in RULES for question in rule.reads):
        result = query_report(reports[question.report], database, question.parameters(settings, OPEN_WEEK))
        assert set(question.columns) <= set(result.columns), question
    assert all(kind.report in reports for kind in KINDS.values() if kind.report)


def test_every_kind_is_found_by_a_rule() -> None:
    """The table has each kind that a rule finds, once, and no other but reports and charts that fail."""
    kinds = [kind for rule in RULES for kind in rule.kinds]
    assert sorted([*kinds, "report-failed", "chart-failed"]) == sorted(KINDS)


def test_a_session_is_named_where_there_is_one_alone() -> None:
    """People who sign in to a role are told from each other; several sessions are the role, and users have none."""
    role = "arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_Admin_0123456789abcdef"
    assert whose([f"{role}/mallory", f"{role}/mallory"]) == "role AWSReservedSSO_Admin_0123456789abcdef as mallory"
    assert whose([f"{role}/mallory", f"{role}/bob"]) == "role AWSReservedSSO_Admin_0123456789abcdef"
    assert whose(["arn:aws:iam::111122223333:user/admin/mallory"]) == "mallory"
    assert whose([None]) == "somebody without credentials"
