"""Reports of the section website."""

import datetime as dt
from urllib.parse import unquote, urlsplit
from zoneinfo import ZoneInfo

from small_lake import (
    BOTO,
    CHROME,
    CHROME_119,
    CLI,
    CLOUDFRONT,
    CURL,
    FIREFOX,
    GOBUSTER,
    GOOGLEBOT,
    SQLMAP,
    Record,
)

from oracle.locations import country_of
from oracle.measures import (
    addresses,
    bytes_sent,
    client_failures,
    clients,
    distinct,
    error_percent,
    failed,
    first_time,
    hour,
    last_time,
    latest_size,
    objects,
    percent,
    quantile,
    quantiles,
    server_failures,
    successful,
)
from oracle.selections import (
    denials,
    downloads,
    failures,
    folder_of,
    is_by_cloudfront,
    requests,
    successes,
    visits,
    with_status,
)
from oracle.tables import Records, Rows, group_by, in_order, summarize

_USER_AGENTS = {
    CHROME: ("browser", "Chrome", "Windows"),
    CHROME_119: ("browser", "Chrome", "Windows"),
    FIREFOX: ("browser", "Firefox", "Linux"),
    GOOGLEBOT: ("bot", "Googlebot", None),
    CURL: ("program", "curl", None),
    CLI: ("program", "aws-cli", "Linux"),
    BOTO: ("program", "Boto3", "Linux"),
    SQLMAP: ("program", "sqlmap", None),
    GOBUSTER: ("program", "gobuster", None),
    CLOUDFRONT: ("program", "CloudFront", None),
    "old-tool/1.0": ("program", "old-tool", None),
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


def _visits(records: Records) -> int:
    return len(visits(records))


def _visitors(records: Records) -> int | None:
    return clients(visits(records))


def _downloaded(records: Records) -> int:
    return len(with_status(records, 200, 206))


def _referring_host(record: Record) -> str | None:
    return urlsplit(record.referrer or "").hostname


def _is_from_own_page(record: Record) -> bool:
    host = _referring_host(record) or ""
    if host.startswith(("s3.", "s3-")):  # of many buckets
        return urlsplit(record.referrer or "").path.split("/")[1] == record.bucket
    return host in (record.host, record.bucket) or host.startswith(f"{record.bucket}.s3")


def _is_embedded(record: Record) -> bool:
    return (record.key or "").endswith((".png", ".jpg", ".mp3", ".mp4", ".css"))


def _from_elsewhere(records: Records) -> Records:
    """Requests that came from a page of another site."""
    return [record for record in records if record.referrer and not _is_from_own_page(record)]


def access_denied_by_ip(records: Records) -> Rows:
    return in_order(summarize(denials(requests(records)), ["ip"], len), -2, 1)


def access_denied_by_key(records: Records) -> Rows:
    return in_order(summarize(denials(requests(records)), ["key"], len), -2, 1)


def broken_links(records: Records) -> Rows:
    broken = [record for record in with_status(downloads(records), 404, 404) if _is_from_own_page(record)]
    return in_order(summarize(broken, ["referrer", "key"], len, last_time), -3, 1, 2)


def broken_off_downloads(records: Records) -> Rows:
    rows: Rows = []
    for (key,), group in group_by(with_status(downloads(records), 200, 200), "key").items():
        short = [record for record in group if (record.sent or 0) < (record.size or 0)]
        if short:
            rows.append((key, len(group), len(short), percent(len(short), len(group)), bytes_sent(short)))
    return in_order(rows, -3, -5, 1)


def bytes_by_object(records: Records) -> Rows:
    def share(group: Records) -> float | None:
        return percent(bytes_sent(group), bytes_sent(downloads(records)))

    return in_order(summarize(downloads(records), ["key"], bytes_sent, share, len, latest_size), -2, 1)


def downloads_by_ip(records: Records) -> Rows:
    known = [record for record in downloads(records) if record.ip is not None]
    return in_order(summarize(known, ["ip"], _downloaded, len, bytes_sent), -2, -3, 1)


def countries(records: Records) -> Rows:
    def country(record: Record) -> str | None:
        return None if is_by_cloudfront(record) else country_of(record.ip)

    def share(group: Records) -> float | None:
        return percent(bytes_sent(group), bytes_sent(downloads(records)))

    return in_order(summarize(downloads(records), [country], len, _visits, _visitors, bytes_sent, share), -2, 1)


def errors_by_object(records: Records) -> Rows:
    def client_errors(group: Records) -> int:
        return client_failures(failures(group))

    def server_errors(group: Records) -> int:
        return server_failures(failures(group))

    measures = (len, failed, client_errors, server_errors, error_percent)
    rows = summarize(downloads(records), ["key"], *measures)
    return in_order((row for row in rows if row[2] > 0), -3, 1)


def file_types(records: Records) -> Rows:
    def extension(record: Record) -> str | None:
        _, dot, end = (record.key or "").rpartition(".")
        return end.lower() if dot and end.isalnum() and end.isascii() else None

    return in_order(summarize(downloads(records), [extension], len, failed, bytes_sent), -2, 1)


def folders(records: Records, below: str, depth: int) -> Rows:
    def folder(record: Record) -> str:
        return folder_of(record, below, depth)

    def answered(group: Records) -> int:
        return len([record for record in group if record.status in (200, 206, 304)])

    chosen = [record for record in downloads(records) if record.key is not None and record.key.startswith(below)]

    def share(group: Records) -> float | None:
        return percent(bytes_sent(group), bytes_sent(chosen))

    measures = (len, answered, failed, bytes_sent, share)
    return in_order(summarize(chosen, ["bucket", folder], *measures), -6, -3, 1, 2)


def hosts(records: Records) -> Rows:
    return in_order(summarize(downloads(records), ["host"], len, failed, bytes_sent), -2, 1)


def hotlinked_objects(records: Records) -> Rows:
    embedded = [record for record in _from_elsewhere(successes(downloads(records))) if _is_embedded(record)]
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


def object_by_day(records: Records, key: str) -> Rows:
    def broken_off(group: Records) -> int:
        return sum((record.sent or 0) < (record.size or 0) for record in with_status(group, 200, 200))

    wanted = [record for record in downloads(records) if record.key == unquote(key).removeprefix("/")]
    measures = (_downloaded, broken_off, failed, _visits, _visitors, bytes_sent)
    return in_order(summarize(wanted, ["date", "key"], len, *measures), 1)


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


def refused_preflights(records: Records) -> Rows:
    def folder(record: Record) -> str:
        name, slash, _ = (record.key or "").partition("/")
        return name + slash if slash else ""

    refused = [record for record in with_status(records, 400, 499) if ".OPTIONS." in record.op]
    rows = summarize(refused, [_referring_host, "bucket", folder, "status", "error"], len, first_time, last_time)
    return in_order(rows, -6, 1, 2, 3, 4, 5)


def requests_by_day(records: Records) -> Rows:
    return in_order(summarize(downloads(records), ["date"], len, _visits, _visitors, bytes_sent), 1)


def requests_by_hour(records: Records) -> Rows:
    return in_order(summarize(downloads(records), [hour], len, _visits, _visitors, bytes_sent), 1)


def requests_by_month(records: Records) -> Rows:
    def month(record: Record) -> dt.date:
        return record.date.replace(day=1)

    def days(group: Records) -> int:
        return distinct(group, "date")

    return in_order(summarize(downloads(records), [month], days, len, _visits, _visitors, bytes_sent), 1)


def response_codes(records: Records) -> Rows:
    return in_order(summarize(with_status(requests(records), 100), ["status"], len), -2, 1)


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
    return in_order(summarize(downloads(records), ["key"], len, successful, failed), -2, 1)


def top_referrers(records: Records) -> Rows:
    def read(group: Records) -> int:
        return len(group) - embedded(group)

    def embedded(group: Records) -> int:
        return sum(_is_embedded(record) for record in group)

    def pages(group: Records) -> int:
        return distinct(group, "referrer")

    measures = (read, embedded, pages, bytes_sent)
    return in_order(summarize(_from_elsewhere(visits(records)), [_referring_host], *measures), -2, -3, 1)


def _received(records: Records) -> int:
    """How many bytes of an object a client got: those of all ranges, and of the longest response from the start."""
    longest = max((record.sent or 0 for record in with_status(records, 200, 200)), default=0)
    return longest + bytes_sent(with_status(records, 206, 206))


def unique_downloads(records: Records) -> Rows:
    rows: Rows = []
    for (key, bucket), group in group_by(with_status(downloads(records), 200, 206), "key", "bucket").items():
        size = latest_size(group) or 0
        known = [record for record in group if record.ip is not None and not is_by_cloudfront(record)]
        by_client = group_by(known, "ip", "agent").values()
        complete = [received for received in by_client if _received(received) >= (latest_size(received) or 0)]
        rows.append(
            (
                key,
                bucket,
                clients(group),
                len(complete) if known else None,
                len(group),
                len(group) - len(known),
                len(with_status(group, 206, 206)),
                bytes_sent(group),
                size,
            )
        )
    return in_order(rows, -3, -5, 1, 2)


def user_agents(records: Records) -> Rows:
    return in_order(summarize(downloads(records), [_kind, _family], len, addresses, bytes_sent), -3, 1, 2)
