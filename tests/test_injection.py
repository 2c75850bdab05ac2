"""Log injection: whatever strangers write into URI, referrer and user agent, they change no other field unnoticed."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_line import HEAD, HOST, TAIL, read

FRAGMENTS = st.sampled_from(
    [
        '"', '" "', " ", "  ", "-", "- -", "\\", '\\"', "[", "]", "\x01", "\t", "\r", "\x7f", "\xe9", "200", "403", "5",
        "5 5 5 5", "AccessDenied", "99999999999999999999", '" 200 - 5 5 5 5 "', '" 200 - 5 5 5 5 -',
        "- 200 - 5 5 5 5 -",
        '" 200 - 99999999999999999999 5 5 5 "-" "', '" 200 [01/Jan/2026:00:00:00 5 5 5 5 "-" "',
        '" 200 \x01 5 5 5 5 "-" "', "[01/Jan/2026:00:00:00 +0000]", HEAD, TAIL, f'" {TAIL}', f'" {TAIL} "',
        f" - {HOST} ",
        '";', '" -', '" - -', "x",
    ]
)  # fmt: skip
HOSTILE = st.one_of(
    st.lists(FRAGMENTS, max_size=8).map("".join),
    st.text(st.characters(min_codepoint=1, exclude_categories=["Cs"]), max_size=10),
)
TAIL_LENGTHS = st.sampled_from([0, 1, 6, 7, 8, 9, 10])
ALWAYS = ("bucket_owner", "bucket", "time", "remote_ip", "requester", "request_id", "operation", "key")
"""Fields before the URI, where no stranger writes."""


def text_of(hostile: str) -> str | None:
    return None if hostile in ("", "-") else hostile


@settings(max_examples=2_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(uri=HOSTILE, referrer=HOSTILE, user_agent=HOSTILE, fields=TAIL_LENGTHS)
def test_nothing_is_forged_unnoticed(uri: str, referrer: str, user_agent: str, fields: int) -> None:
    """No text makes its line a reject; without `ambiguous` every field is what S3 wrote there."""
    uri, referrer, user_agent = (text.replace("\n", "") for text in (uri, referrer, user_agent))
    tail = "".join(f" {field}" for field in TAIL.split(" ")[:fields])
    before = f"{HEAD} REST.GET.OBJECT a.html"
    expected = read(f'{before} "GET /" 403 AccessDenied 243 - 9 - "-" "curl"{tail}')
    row = read(f'{before} "{uri}" 403 AccessDenied 243 - 9 - "{referrer}" "{user_agent}"{tail}')
    assert {name: row[name] for name in ALWAYS} == {name: expected[name] for name in ALWAYS}
    if row["parse_note"] != "ambiguous":
        expected |= {"request_uri": text_of(uri), "referrer": text_of(referrer), "user_agent": text_of(user_agent)}
        assert row | {"parse_note": None} == expected
