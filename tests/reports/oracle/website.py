"""Reports of the section website."""

import datetime as dt
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from small_lake import BOTO, CHROME, CHROME_119, CLI, CURL, FIREFOX, GOOGLEBOT, Record

from oracle.measures import (
    addresses,
    bytes_sent,
    client_failures,
    distinct,
    error_percent,
    failed,
    hour,
    last_time,
    latest_size,
    objects,
    percent,
    quantile,
    quantiles,
    server_failures,
    without_error,
)
from oracle.selections import downloads, requests, successes, with_status
from oracle.tables import Records, Rows, group_by, in_order, summarize

_USER_AGENTS = {
    CHROME: ("browser", "Chrome", "Windows"),
    CHROME_119: ("browser", "Chrome", "Windows"),
    FIREFOX: ("browser", "Firefox", "Linux"),
    GOOGLEBOT: ("bot", "Googlebot", None),
    CURL: ("program", "curl", None),
    CLI: ("program", "aws-cli", "Linux"),
    BOTO: ("program", "Boto3", "Linux"),
    None: ("none", None, None),
}
"""Kind, family and operating system of the user agents; every other one is a program of no known family."""


def _user_agent(record: Record) -> tuple[str, str | None, str | None]:
    return _USER_AGENTS.get(record.agent, ("program", None, None))


def _kind(record: Record) -> str:
    return _user_agent(record)[0]


def _family(record: Record) -> str | None:
    return _user_agent(record)[1]


def _system(record: Record) -> str | None:
    return _user_agent(record)[2]


def _visitors(records: Records) -> int:
    return distinct(records, "ip", "agent")


def _referring_host(record: Record) -> str | None:
    return urlsplit(record.referrer or "").hostname


def _is_from_own_page(record: Record) -> bool:
    return _referring_host(record) in (record.host, record.bucket)


def _from_elsewhere(records: Records) -> Records:
    """Requests that came from a page of another site."""
    return [record for record in records if record.referrer and not _is_from_own_page(record)]


def access_denied_by_ip(records: Records) -> Rows:
    return in_order(summarize(with_status(records, 403, 403), ["ip"], len), -2, 1)


def access_denied_by_key(records: Records) -> Rows:
    return in_order(summarize(with_status(records, 403, 403), ["key"], len), -2, 1)


def broken_links(records: Records) -> Rows:
    broken = [record for record in with_status(downloads(records), 404, 404) if _is_from_own_page(record)]
    return in_order(summarize(broken, ["referrer", "key"], len, last_time), -3, 1, 2)


def bytes_by_object(records: Records) -> Rows:
    def share(group: Records) -> float | None:
        return percent(bytes_sent(group), bytes_sent(downloads(records)))

    return in_order(summarize(downloads(records), ["key"], bytes_sent, share, len, latest_size), -2, 1)


def downloads_by_ip(records: Records) -> Rows:
    return in_order(summarize(downloads(records), ["ip"], len, bytes_sent), -2, 1)


def errors_by_object(records: Records) -> Rows:
    measures = (len, failed, client_failures, server_failures, error_percent)
    rows = summarize(downloads(records), ["key"], *measures)
    return in_order((row for row in rows if row[2] > 0), -3, 1)


def file_types(records: Records) -> Rows:
    def extension(record: Record) -> str | None:
        _, dot, end = (record.key or "").rpartition(".")
        return end.lower() if dot and end.isalnum() and end.isascii() else None

    return in_order(summarize(downloads(records), [extension], len, failed, bytes_sent), -2, 1)


def hosts(records: Records) -> Rows:
    return in_order(summarize(downloads(records), ["host"], len, failed, bytes_sent), -2, 1)


def hotlinked_objects(records: Records) -> Rows:
    extensions = (".png", ".jpg", ".mp3", ".mp4", ".css")
    embedded = [
        record for record in _from_elsewhere(successes(downloads(records))) if (record.key or "").endswith(extensions)
    ]
    return in_order(summarize(embedded, ["key", _referring_host], len, bytes_sent), -4, -3, 1, 2)


def hours_of_day(records: Records, timezone: str) -> Rows:
    def local_hour(record: Record) -> int:
        return record.time.replace(tzinfo=dt.UTC).astimezone(ZoneInfo(timezone)).hour

    return in_order(summarize(downloads(records), [local_hour], len, bytes_sent), 1)


def not_found_objects(records: Records) -> Rows:
    missed = with_status(downloads(records), 404, 404)
    return in_order(summarize(missed, ["key"], len, addresses, last_time), -2, 1)


def not_modified(records: Records) -> Rows:
    def unchanged(group: Records) -> int:
        return len(with_status(group, 304, 304))

    def share(group: Records) -> float | None:
        return percent(unchanged(group), len(group))

    return in_order(summarize(downloads(records), ["date"], len, unchanged, share), 1)


def operating_systems(records: Records) -> Rows:
    by_browser = [record for record in downloads(records) if _kind(record) == "browser"]
    return in_order(summarize(by_browser, [_system], len, addresses), -2, 1)


def people_and_bots(records: Records) -> Rows:
    return in_order(summarize(downloads(records), ["date", _kind], len, bytes_sent), 1, 2)


def range_requests(records: Records) -> Rows:
    rows: Rows = []
    for (key, bucket), group in group_by(with_status(downloads(records), 200, 206), "key", "bucket").items():
        ranges = with_status(group, 206, 206)
        if ranges:
            size = latest_size(group) or 0
            copies_sent = round(bytes_sent(group) / size, 2)
            rows.append((key, bucket, len(group), len(ranges), bytes_sent(group), size, copies_sent))
    return in_order(rows, -4, 1, 2)


def referring_pages(records: Records) -> Rows:
    referred = [record for record in downloads(records) if record.referrer]
    return in_order(summarize(referred, ["referrer"], len, objects, bytes_sent), -2, 1)


def requests_by_day(records: Records) -> Rows:
    return in_order(summarize(downloads(records), ["date"], len, _visitors, bytes_sent), 1)


def requests_by_hour(records: Records) -> Rows:
    return in_order(summarize(downloads(records), [hour], len, _visitors, bytes_sent), 1)


def response_codes(records: Records) -> Rows:
    return in_order(summarize(with_status(records, 100), ["status"], len), -2, 1)


def slowest_objects(records: Records, requests: int) -> Rows:
    rows: Rows = []
    for (key, bucket), group in group_by(with_status(downloads(records), 200, 206), "key", "bucket").items():
        times = [record.total for record in group]
        if len(group) >= requests:
            rows.append((key, bucket, len(group), *quantiles(times), quantile(times, 1), latest_size(group)))
    return in_order(rows, -5, -4, 1, 2)


def source_regions(records: Records) -> Rows:
    return in_order(summarize(requests(records), ["region"], len, addresses, bytes_sent), -2, 1)


def top_objects(records: Records) -> Rows:
    return in_order(summarize(downloads(records), ["key"], len, without_error, failed), -2, 1)


def top_referrers(records: Records) -> Rows:
    def pages(group: Records) -> int:
        return distinct(group, "referrer")

    return in_order(summarize(_from_elsewhere(downloads(records)), [_referring_host], len, pages, bytes_sent), -2, 1)


def _received(records: Records) -> int:
    """How many bytes of an object a visitor got: those of all ranges, and of the longest response from the start."""
    longest = max((record.sent or 0 for record in with_status(records, 200, 200)), default=0)
    return longest + bytes_sent(with_status(records, 206, 206))


def unique_downloads(records: Records) -> Rows:
    rows: Rows = []
    for (key, bucket), group in group_by(with_status(downloads(records), 200, 206), "key", "bucket").items():
        size = latest_size(group) or 0
        visits = group_by(group, "ip", "agent").values()
        complete = [visit for visit in visits if _received(visit) >= size]
        ranges = with_status(group, 206, 206)
        rows.append((key, bucket, len(visits), len(complete), len(group), len(ranges), bytes_sent(group), size))
    return in_order(rows, -3, -5, 1, 2)


def user_agents(records: Records) -> Rows:
    return in_order(summarize(downloads(records), [_kind, _family], len, addresses, bytes_sent), -3, 1, 2)
