"""Costs agree with `price_list.md`, which was worked out by hand from AWS's price list."""

import datetime as dt
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import ingest_local
from small_lake import ADMIN, APP, NEWCOMER, OFFICE, RULES, Record, api, read, rule

from etl import Lake, open_lake

PAGE = (Path(__file__).parent / "price_list.md").read_text()
REQUESTERS: dict[str, dict[str, Any]] = {
    "app": {"requester": APP},
    "foreign": {"requester": NEWCOMER},
    "anonymous": {"requester": None, "auth": None, "sig": None},
    "unverified": {"requester": None},
    "rules": {"requester": RULES},
    "cloudfront": {"requester": "svc:cloudfront.amazonaws.com"},
    "identity": {"requester": "arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity E2EXAMPLE11111"},
}
HUNDRED_GB = 107_374_182_400


def table(heading: str) -> list[dict[str, str]]:
    """The rows of the first table below a heading, by the names of the columns."""
    lines = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0].splitlines()
    names, _, *rows = [[cell.strip() for cell in line[1:-1].split("|")] for line in lines if line.startswith("|")]
    return [dict(zip(names, row, strict=True)) for row in rows]


def unbilled_errors() -> Iterator[tuple[int, str]]:
    """Status and code of each error of the page's list."""
    text = PAGE.partition("## Errors that are not billed\n")[2]
    for status, codes in re.findall(r"^- (\d+): ((?:.+\n)(?:  .+\n)*)", text, flags=re.MULTILINE):
        yield from ((int(status), code) for code in re.findall(r"[\w.]+", codes))


def lake_of(tmp_path: Path, records: Iterable[Record]) -> Lake:
    """A lake of these records, of the owner of one account."""
    logs = tmp_path / "2026-04-10-00-00-00-0000000000000001"
    logs.write_bytes(b"".join(record.line + b"\n" for record in records))
    ingest_local(logs, tmp_path / "lake")
    return open_lake(str(tmp_path / "lake"), accounts=["111122223333"])


def costs(tmp_path: Path, records: Iterable[Record]) -> dict[str, dict[str, Any]]:
    """The rows of cost/by_bucket, by bucket."""
    lake = lake_of(tmp_path, records)
    return {row["bucket"]: row for row in lake.report("cost/by_bucket").to_arrow().to_pylist()}


def of_requests(row: dict[str, str]) -> Iterator[Record]:
    """So many lines as a row says; each is a request of its own."""
    status = int(row["status"]) if row["status"] else None
    one = api("05 08:00:00", row["operation"], "k", status, bucket=row["bucket"], **REQUESTERS[row["requester"]])
    for number in range(int(row["lines"])):
        yield replace(one, rid=f"{row['bucket']}{number}".encode().hex().upper(), error=row["error"] or None)


def of_transfer(row: dict[str, str]) -> Record:
    """The one line of a row about data transfer, of 100 GB."""
    is_upload = row["operation"].split(".")[1] in ("PUT", "POST")
    return api(
        "05 08:00:00",
        row["operation"],
        "k",
        int(row["status"]),
        bucket=row["bucket"],
        ip=row["address"] or None,
        agent=row["user agent"] or None,
        host=row["host"],
        region=row["from Region"] or None,
        fields=27,
        size=HUNDRED_GB,
        sent=None if is_upload else HUNDRED_GB,
        **REQUESTERS[row["requester"]],
    )


def test_requests_cost_what_the_price_list_says(tmp_path: Path) -> None:
    """Each operation and status is billed, or not, at the price of its line of the list."""
    rows = table("Requests")
    found = costs(tmp_path, (record for row in rows for record in of_requests(row)))
    expected = {row["bucket"]: (int(row["billed"]), float(row["dollars"])) for row in rows}
    assert {bucket: (row["billed_requests"], row["request_cost"]) for bucket, row in found.items()} == expected


def test_data_transfer_costs_what_the_price_list_says(tmp_path: Path) -> None:
    """Bytes are charged by where they went, and by how."""
    rows = table("Data transfer")
    found = costs(tmp_path, map(of_transfer, rows))
    names = {"egress": "egress_cost", "Region": "region_cost", "acceleration": "acceleration_cost"}
    for row in rows:
        prices = {column: float(row[name] or 0) for name, column in names.items()}
        assert {column: found[row["bucket"]][column] for column in prices} == pytest.approx(
            {column: 100 * price for column, price in prices.items()}
        ), row["bucket"]
        assert sum(100 * price for price in prices.values()) == pytest.approx(float(row["dollars"]))


def test_reads_of_colder_classes_cost_what_the_price_list_says(tmp_path: Path) -> None:
    """What a rule moved is read at the price of its class, and what was read of it is retrieved."""
    rows = table("Colder classes")
    records = [
        record
        for row in rows
        for record in (
            rule("05 08:00:00", row["transition"].removeprefix("S3."), "k", 2**30, bucket=row["bucket"]),
            *(read("06 08:00:00", "k", 2**30, bucket=row["bucket"]) for _ in range(1000)),
        )
    ]
    found = costs(tmp_path, records)
    expected = {row["bucket"]: (float(row["dollars"]), float(row["retrieval"])) for row in rows}
    assert {bucket: (row["request_cost"], row["retrieval_cost"]) for bucket, row in found.items()} == expected


def test_restores_cost_what_the_price_list_says(tmp_path: Path) -> None:
    """In each tier, by the class that a rule moved the objects to."""
    rows = table("Restores")
    keys = [(row, f"{row['folder']}{number}") for row in rows for number in range(1000)]
    records = [
        record
        for row, key in keys
        for record in (
            rule("05 08:00:00", row["transition"].removeprefix("S3."), key, 2**30),
            api("06 08:00:00", "REST.POST.RESTORE", key, 202),
        )
    ]
    found = lake_of(tmp_path, records).report("cost/restores").to_arrow().to_pylist()
    tiers = ("bulk", "standard", "expedited")
    assert {row["prefix"]: [row[f"{tier}_cost"] for tier in tiers] for row in found} == {
        row["folder"]: [float(row[tier]) for tier in tiers] for row in rows
    }


def test_early_deletions_cost_what_the_price_list_says(tmp_path: Path) -> None:
    """The storage for the days of the minimum that are left is charged under a usage type of its own."""
    rows = table("Early deletions")
    moved = dt.datetime(2026, 3, 1, 8)  # noqa: DTZ001 - UTC, as it is stored
    records = []
    for row in rows:
        for number in range(int(row["objects"])):
            size, of_bucket = int(row["bytes"]), {"bucket": row["bucket"]}
            move = rule("01 08:00:00", row["transition"].removeprefix("S3."), f"k{number}", size, **of_bucket)
            expiry = rule("01 09:00:00", "EXPIRE.OBJECT", f"k{number}", size, **of_bucket)
            records += [move, replace(expiry, time=moved + dt.timedelta(days=int(row["days"]), hours=1))]
    lake = lake_of(tmp_path, records)
    found: dict[tuple[str, str], float] = {}
    for line in lake.report("cost/early_deletions", limit=100_000).to_arrow().to_pylist():
        key = (line["bucket"], line["usage_type"])
        found[key] = found.get(key, 0) + line["cost"]
    expected = {(row["bucket"], row["usage type"]): float(row["dollars"]) for row in rows if row["usage type"]}
    assert found == pytest.approx(expected, abs=1e-6)


def test_transitions_cost_and_save_what_the_price_list_says(tmp_path: Path) -> None:
    """Days to break even are those in which the saving makes up for the cost; there are none where it never does."""
    rows = table("Transitions")
    records = []
    for row in rows:
        operation, size = row["transition"].removeprefix("S3."), int(row["bytes"])
        records += [rule("05 08:00:00", operation, f"k{key}", size, bucket=row["bucket"]) for key in range(1024)]
    found = lake_of(tmp_path, records).report("cost/transitions_that_do_not_pay").to_arrow().to_pylist()
    columns = ("transition_cost", "monthly_saving", "days_to_break_even")
    assert {line["bucket"]: tuple(line[name] for name in columns) for line in found} == {
        row["bucket"]: (
            float(row["dollars"]),
            pytest.approx(float(row["saved in a month"]), abs=1e-9),
            float(row["days"]) if row["days"] else None,
        )
        for row in rows
    }


@pytest.mark.parametrize("row", table("Egress of a whole month"), ids=lambda row: row["GB"])
def test_a_whole_month_of_egress_has_free_bytes_and_steps(tmp_path: Path, row: dict[str, str]) -> None:
    """The bill of a month that the records cover is that of the price list; else all of it has the first price."""
    sent = int(row["GB"]) * 2**30 // 4
    whole = [read(f"{day} 08:00:00", "k", sent, ip=OFFICE) for day in ("01", "09", "09", "31")]
    for name, records, dollars in (
        ("whole", whole, float(row["dollars"])),
        ("part", whole[:3], int(row["GB"]) * 0.75 * 0.09),
    ):
        (tmp_path / name).mkdir()
        lake = lake_of(tmp_path / name, records)
        lines = lake.report("cost/usage_types").to_arrow().to_pylist()
        found = {line["usage_type"]: (line["is_whole"], line["cost"]) for line in lines}
        assert found["DataTransfer-Out-Bytes"] == (name == "whole", pytest.approx(dollars))


def test_errors_of_the_list_are_not_billed(tmp_path: Path) -> None:
    """No pair of status and code of AWS's list is billed; a code with another status, or none, is."""
    pairs = list(unbilled_errors())
    assert len(pairs) == 75
    listed = [
        replace(api("05 08:00:00", "REST.GET.OBJECT", "k", status, bucket="listed"), error=code)
        for status, code in pairs
    ]
    others = [replace(record, bucket="others", status=410) for record in listed]
    nameless = [replace(record, bucket="nameless", error=None) for record in listed]
    found = costs(tmp_path, listed + others + nameless)
    billed = {bucket: row["billed_requests"] for bucket, row in found.items()}
    assert billed == {"listed": 0, "others": 75, "nameless": 75}


def test_the_owner_is_the_account_of_the_settings(tmp_path: Path) -> None:
    """What another account is denied is not billed, and what one's own is denied is."""
    denied = [
        api("05 08:00:00", "REST.GET.OBJECT", "k", 403, bucket="own", requester=ADMIN),
        api("05 08:00:00", "REST.GET.OBJECT", "k", 403, bucket="other", requester=NEWCOMER),
    ]
    found = costs(tmp_path, denied)
    assert (found["own"]["billed_requests"], found["other"]["billed_requests"]) == (1, 0)
