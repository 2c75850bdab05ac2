"""What a query asks of S3: as few requests as there are, and the whole query again where the lake changes meanwhile."""

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from conftest import S3
from lines import LINE
from proxy import Fault, Handler, Proxy, Request, Rule, Upstream, fault_proxy, truncate_body

from etl.api import Lake
from etl.config import Settings
from etl.errors import StoreError

BUCKETS = ("site", "zoo", "art")
DAYS = [dt.date(2026, 2, day) for day in range(6, 10)]
PARTS = len(BUCKETS) * len(DAYS)
# Of records, rejects and the ledger.
TABLES = 3
REPORT = "operations/errors_by_day"


def write_log(logs: Path, bucket: str, day: dt.date, name: str) -> None:
    logs.mkdir(exist_ok=True)
    text = LINE.replace(" site ", f" {bucket} ").replace("06/Feb/2026", f"{day:%d/%b/%Y}")
    (logs / f"{day}-01-00-00-{name}").write_text(f"{text.replace('EXAMPLE', name)}\n")


@dataclass
class Requests:
    """The requests of one call that reads, by what they are about."""

    listed: list[str] = field(default_factory=list)
    read: Counter[str] = field(default_factory=Counter)

    def note(self, request: Request) -> None:
        url = urlsplit(request.path)
        if "list-type=2" in url.query:
            self.listed.append(unquote(url.query))
        else:
            self.read[unquote(url.path).partition("/lake/")[2]] += 1


@dataclass
class Place:
    """A lake on S3 behind a proxy, and how to append to it without the proxy."""

    settings: Settings
    proxy: Proxy
    logs: Path

    def lake(self) -> Lake:
        """The lake through the proxy; without sources, for which `verify` would read the ledger again."""
        return Lake(Settings(lake=self.settings.lake, endpoint_url=self.proxy.endpoint_url))

    def append(self, bucket: str, day: dt.date, name: str) -> None:
        write_log(self.logs, bucket, day, name)
        Lake(self.settings).ingest()

    @contextmanager
    def noting(self) -> Iterator[Requests]:
        requests = Requests()

        def rule(request: Request) -> None:
            requests.note(request)

        self.proxy.rule = rule
        yield requests


@pytest.fixture
def place(s3: S3, tmp_path: Path) -> Iterator[Place]:
    """A lake of three buckets and four days, a part for each."""
    logs = tmp_path / "logs"
    for number, bucket in enumerate(BUCKETS):
        for day in DAYS:
            write_log(logs, bucket, day, f"AA{number}")
    settings = Settings(source=(f"{logs}/*",), lake=f"s3://{s3.lake}/lake", endpoint_url=s3.endpoint_url)
    Lake(settings).ingest()
    with fault_proxy(s3.endpoint_url) as proxy:
        yield Place(settings, proxy, logs)


CALLS: dict[str, tuple[Callable[[Lake], object], int, int]] = {
    "report": (lambda lake: lake.report(REPORT).to_arrow(), TABLES, PARTS),
    "one day": (lambda lake: lake.report(REPORT, date_from=DAYS[1], date_to=DAYS[1]).to_arrow(), TABLES, len(BUCKETS)),
    "one bucket": (lambda lake: lake.report(REPORT, bucket="zoo").to_arrow(), TABLES, len(DAYS)),
    "one part": (lambda lake: lake.report(REPORT, bucket="zoo", date_from=DAYS[-1]).to_arrow(), TABLES, 1),
    "dashboard": (lambda lake: lake.dashboard(), TABLES, PARTS),
    "verify": (lambda lake: lake.verify(), TABLES, PARTS),
    # It reads footers, and DuckDB the part that has the columns.
    "status": (lambda lake: lake.status(), TABLES, PARTS + 1),
}


@pytest.mark.parametrize("name", CALLS)
def test_requests_of_a_call(place: Place, name: str) -> None:
    """A listing for each table, and a request for each part with records in the scope: none is listed or read twice."""
    call, listings, reads = CALLS[name]
    with place.noting() as requests:
        call(place.lake())
    assert len(requests.listed) == len(set(requests.listed)) == listings
    parts = {name: count for name, count in requests.read.items() if "/" in name}
    of_records = [count for name, count in parts.items() if name.startswith("access_log/")]
    assert sum(of_records) == reads
    assert {count for name, count in parts.items() if not name.startswith("access_log/")} == {1}


def test_a_small_query_reads_little(place: Place) -> None:
    """What it does not need is not read ahead: of each table only the part that has its columns."""
    with place.noting() as requests:
        place.lake().sql("SELECT count(*) FROM rejects").to_arrow()
    assert sum(one.startswith("access_log/") for one in requests.read) == 1


def once(when: Callable[[Request], bool], then: Callable[[], None]) -> Rule:
    """Do something while the first such request waits for its answer."""
    is_done = False

    def fault(handler: Handler, upstream: Upstream) -> None:
        then()
        handler.answer(upstream())

    def rule(request: Request) -> Fault | None:
        nonlocal is_done
        if is_done or not when(request):
            return None
        is_done = True
        return fault

    return rule


def is_of(folder: str) -> Callable[[Request], bool]:
    return lambda request: request.method == "GET" and f"{folder}/part" in unquote(urlsplit(request.path).path)


@pytest.mark.parametrize("name", ["report", "dashboard"])
def test_a_part_replaced_while_it_is_read_ahead(place: Place, name: str) -> None:
    """The lake is listed anew and the whole query tried again: each record is counted once, the new one, too."""
    last = DAYS[-1]
    place.proxy.rule = once(is_of(f"bucket=zoo/date={last}"), lambda: place.append("zoo", last, "BB"))
    if name == "report":
        rows = place.lake().report("operations/status_by_day").to_arrow().to_pylist()
        assert sum(row["requests"] for row in rows) == PARTS + 1
    else:
        assert f'<dt>Requests</dt><dd class="value">{PARTS + 1}</dd>' in place.lake().dashboard()


def test_status_while_a_part_is_replaced(place: Place) -> None:
    """It says what the part has now."""
    place.proxy.rule = once(is_of(f"bucket=zoo/date={DAYS[0]}"), lambda: place.append("zoo", DAYS[0], "BB"))
    by_bucket = {bucket.bucket: bucket.rows for bucket in place.lake().status().buckets}
    assert by_bucket == {"site": 4, "zoo": 5, "art": 4}


def test_verify_while_a_part_is_replaced(place: Place) -> None:
    """A run that appends meanwhile is no difference."""
    place.proxy.rule = once(is_of(f"bucket=zoo/date={DAYS[0]}"), lambda: place.append("zoo", DAYS[0], "BB"))
    assert place.lake().verify().differences == []


def test_a_part_that_is_too_short_is_an_error(place: Place) -> None:
    """Where the store leaves out the end of a part, the bytes of another are not taken for it."""
    is_short = is_of(f"bucket=zoo/date={DAYS[0]}")
    place.proxy.rule = lambda request: truncate_body if is_short(request) else None
    with pytest.raises(StoreError):
        place.lake().report(REPORT).to_arrow()
