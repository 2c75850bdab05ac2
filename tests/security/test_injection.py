"""Log injection: whatever a client puts into URI, referrer and user agent, it changes no other field unnoticed."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lines import HEAD, HOST, TAIL, read

from etl.parser.fast import read_regular
from etl.parser.fast.block import split_block

FRAGMENTS = st.sampled_from(
    [
        '"', '" "', " ", "  ", "-", "- -", "\\", '\\"', "[", "]", "\x01", "\t", "\r", "\x7f", "\xe9", "200", "403", "5",
        "5 5 5 5", "AccessDenied", "99999999999999999999", '" 200 - 5 5 5 5 "', '" 200 - 5 5 5 5 -',
        "- 200 - 5 5 5 5 -",
        '" 200 - 99999999999999999999 5 5 5 "-" "', '" 200 [01/Jan/2026:00:00:00 5 5 5 5 "-" "',
        '" 200 \x01 5 5 5 5 "-" "', 'GET /" 200 - 5 5 5 5 "-" "y',
        "[01/Jan/2026:00:00:00 +0000]", HEAD, TAIL, f'" {TAIL}', f'" {TAIL} "',
        f" - {HOST} ",
        '";', '" -', '" - -', "x",
    ]
)  # fmt: skip
HOSTILE = st.one_of(
    st.lists(FRAGMENTS, max_size=8).map("".join),
    st.text(st.characters(min_codepoint=1, exclude_categories=["Cs"]), max_size=10),
)
TAIL_LENGTHS = st.sampled_from([0, 1, 6, 7, 8, 9, 10, 11])
COUNTS = st.sampled_from(["403 AccessDenied 243 - 9 -", "304 - - 1024 4 -", "- - - 1024 - -"])
ALWAYS = ("bucket_owner", "bucket", "time", "remote_ip", "requester", "request_id", "operation", "key")
"""Fields before the URI, which no client can write."""


def text_of(hostile: str) -> str | None:
    return None if hostile in ("", "-") else hostile


@pytest.mark.no_cover  # traced, it takes twice as long
@settings(max_examples=4_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    operation=st.sampled_from(["REST.GET.OBJECT", "REST.COPY.OBJECT_GET"]),
    uri=HOSTILE, referrer=HOSTILE, user_agent=HOSTILE,
    bare=st.sampled_from([(), ("user_agent",), ("referrer",), ("request_uri",), ("referrer", "user_agent")]),
    version=st.sampled_from(["-", "3HL4kqtJlcpXrof"]), fields=TAIL_LENGTHS, counts=COUNTS,
)  # fmt: skip
def test_nothing_is_forged_unnoticed(
    operation: str,
    uri: str,
    referrer: str,
    user_agent: str,
    bare: tuple[str, ...],
    version: str,
    fields: int,
    counts: str,
) -> None:
    """No text makes its line a reject; without `ambiguous` every field is what S3 wrote there."""
    texts = {"request_uri": uri, "referrer": referrer, "user_agent": user_agent}
    texts = {name: "-" if name in bare else text.replace("\n", "") for name, text in texts.items()}
    logged = {name: "-" if name in bare else f'"{text}"' for name, text in texts.items()}
    if bare:
        fields = max(fields, 6)  # nobody can tell a bare user agent from the version id of a line of 18 fields
    tail = "".join(f" {field}" for field in f"{version}{TAIL[1:]} new".split(" ")[:fields])
    before = f"{HEAD} {operation} a.html"
    expected = read(f'{before} "GET /" {counts} "-" "curl"{tail}')
    line = f"{before} {logged['request_uri']} {counts} {logged['referrer']} {logged['user_agent']}{tail}"
    row = read(line)
    if row["parse_note"] == "ambiguous":
        assert not list(read_regular(split_block(f"{line}\n".encode())))
    assert {name: row[name] for name in ALWAYS} == {name: expected[name] for name in ALWAYS}
    if row["parse_note"] != "ambiguous":
        expected |= {name: text_of(text) for name, text in texts.items()}
        assert row | {"parse_note": None} == expected | {"parse_note": None}
