"""Real lines that nobody of this project wrote, from the directory that ACCESSLAKE_SAMPLES names."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from conftest import ingest_local

from etl.api import Lake
from etl.config import Settings
from etl.parser.grammar import RejectError
from etl.parser.record import format_line
from etl.parser.line import parse_line
from etl.schema import LOG_FIELDS

DIRECTORY = os.environ.get("ACCESSLAKE_SAMPLES")
pytestmark = pytest.mark.skipif(DIRECTORY is None, reason="ACCESSLAKE_SAMPLES names no directory of real lines")
SAMPLES = Path(DIRECTORY or "/nonexistent")

NCBI_NAMES = {
    "owner": "bucket_owner",
    "bucket": "bucket",
    "ip": "remote_ip",
    "requester": "requester",
    "request_id": "request_id",
    "operation": "operation",
    "key": "key",
    "res_code": "http_status",
    "error": "error_code",
    "res_len": "bytes_sent",
    "obj_size": "object_size",
    "total_time": "total_time",
    "turnaround_time": "turn_around_time",
    "referer": "referrer",
    "agent": "user_agent",
    "version_id": "version_id",
    "sig_ver": "signature_version",
    "cipher_suite": "cipher_suite",
    "auth_type": "authentication_type",
    "host_header": "host_header",
    "tls_version": "tls_version",
}


def lines(name: str) -> list[bytes]:
    return [line for line in (SAMPLES / name).read_bytes().split(b"\n") if line.strip()]


def read(line: bytes) -> dict[str, Any]:
    return dict(zip(LOG_FIELDS, parse_line(line), strict=True))


def test_every_line_is_accounted_for(tmp_path: Path) -> None:
    """No sample is rejected; the one duplicate is a line that a file holds twice; verify agrees."""
    source = f"{SAMPLES}/*.log"
    summary = ingest_local(source, tmp_path / "lake").result
    every = [line for path in sorted(SAMPLES.glob("*.log")) for line in lines(path.name)]
    assert summary.lines == len(every)
    assert (summary.rows, summary.rejects, summary.duplicates) == (len(set(every)), 0, len(every) - len(set(every)))
    assert Lake(Settings(lake=str(tmp_path / "lake"), source=(source,))).verify().differences == []


def test_every_line_without_a_note_is_given_back() -> None:
    """The row says all that its line said, byte for byte."""
    for path in sorted(SAMPLES.glob("*.log")):
        for line in (line.removesuffix(b"\r") for line in lines(path.name)):
            record = parse_line(line)
            assert record[-1] is not None or format_line(record) == line


def test_every_line_as_ncbi_reads_it() -> None:
    """Field by field against the values of NCBI's own parser, which names and splits some of them differently."""
    expected = [json.loads(line) for line in lines("ncbi-testlines.expected.json")]
    for line, theirs in zip(lines("ncbi-testlines.log"), expected, strict=True):
        ours = read(line)
        for their_name, our_name in NCBI_NAMES.items():
            value = ours[our_name]
            assert ("" if value is None else str(value)) == theirs[their_name], our_name
        uri = f"{theirs['method']} {theirs['path']} {theirs['vers']}".strip()
        assert (ours["request_uri"] or "") == uri
        # The extra column of March 2019 is part of the host id there, and set apart here.
        host_id = " ".join(part for part in (ours["extra_fields"], ours["host_id"]) if part)
        assert host_id == theirs["host_id"]
        assert ours["parse_note"] == ("extra_column" if ours["extra_fields"] else None)


def test_hard_lines() -> None:
    """Quotes in user agent, URI, referrer and query are part of the text; status and sizes stay theirs."""
    rows = [read(line) for line in lines("dandi-hard.log")]
    assert [row["http_status"] for row in rows] == [200, 404, 304, 200, 304, 200, 206]
    assert [row["parse_note"] for row in rows] == [
        "unescaped_quote", "unescaped_quote", None, "unescaped_quote", None, None, "spacing",
    ]  # fmt: skip
    assert rows[0]["user_agent"].startswith('"Mozilla/5.0 (Windows NT 10.0')
    assert rows[1]["key"] == "/"
    assert rows[1]["referrer"].endswith(");?>")
    assert 'filename="dataset_description.json"&X-Amz' in rows[3]["request_uri"]
    assert rows[4]["request_id"] == rows[5]["request_id"]


def test_a_cut_line_is_rejected_or_shorter() -> None:
    """A line cut anywhere never gives a row with other values than the whole line has."""
    whole = lines("aws-docs-27fields.log")[0]
    full = read(whole)
    for end in range(len(whole)):
        try:
            row = read(whole[:end])
        except RejectError:
            continue
        said = [name for name in LOG_FIELDS if name not in ("field_count", "parse_note")]
        wrong = {name for name in said if row[name] not in (None, full[name])}
        # Nothing marks the end of the last field, so just that one may be cut.
        assert len(wrong) <= 1, (end, wrong)
