"""Log lines for property tests: drawn from the grammar, with something odd in about every third, then damaged."""

import datetime as dt

from hypothesis import strategies as st

CLOUDFRONT = "arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity E2EXAMPLEID"
HOST = "s9lzHYrFp76ZVxRcpX9+5cjAnEH2ROuNkd2BHfIa6UkFVdtjf5mKR3/eTPFvsiP/XV/VLi31234="
PRINCIPAL = "AIDAISBTTLPGXGH6YFFAY"


def mostly(*usual: str, odd: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """One of the usual values, or, once in fifty times, an odd one."""
    return st.sampled_from([False] * 49 + [True]).flatmap(lambda is_odd: odd if is_odd else st.sampled_from(usual))


TOKENS = st.one_of(
    st.sampled_from(["-", "a", "x:y", "0", "AmazonS3", "a,b", "[", "a!b", "="]),
    st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters='"'), min_size=1, max_size=8),
)
TEXTS = st.one_of(
    st.sampled_from(
        [
            "-", "", " ", '"', "a", "x y", 'x" 200 - 5 5 5 5 "-" "y', '" "', " 200 - 5 5 5 5 -", '- "', "\\", "caf\xe9",
            "a\tb", "!", "site [06/Feb/2026:00:00:38 +0000] x", f'x" - {"F" * 76} SigV2 - - h TLSv1 - - us-east-1',
        ]
    ),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12),
    st.text(max_size=6),
)  # fmt: skip
DAYS = st.one_of(
    st.datetimes(dt.datetime(2006, 2, 27), dt.datetime(2030, 1, 4)),  # noqa: DTZ001
    st.datetimes(),
).map(lambda time: f"{time.day:02d}/{time:%b}/{time.year:04d}:{time:%H:%M:%S} +0000")
TIMES = st.one_of(
    DAYS,
    st.sampled_from(
        ["29/Feb/2023:00:00:00 +0000", "00/Jan/2026:00:00:00 +0000", "01/XXX/2026:00:00:00 +0000",
         "01/Jan/2026:24:00:00 +0000", "01/Jan/0000:00:00:00 +0000", "31/Dec/1969:23:59:60 +0000",
         "06/Feb/2026:00:00:38 +0100", "06/Feb/2026:00:00:38 -0000", "6/Feb/2026:00:00:38 +0000", "2026-02-06"]
    ),
)  # fmt: skip
NUMBERS = st.one_of(
    st.sampled_from(
        ["00", "007", "-5", "+5", "0x1F", "1e3", "--", "2147483647", "2147483648", "9999999999999999",
         "10000000000000000", "9223372036854775807", "9223372036854775808", "9" * 30,
         "5ms", "0ms", "45.5", "15.2", "0.49", "7.50ms", "2147483647.5", ".5", "5.", "1.5.5", "9" * 30 + ".5"]
    ),
    st.integers(0, 10**17).map(str),
    TOKENS,
)  # fmt: skip
KEYS = st.one_of(
    st.sampled_from(["%zz", "%", "%25%32", "%252D", "%2D", "caf%25E9", "%25C3%25A9", "*", "a!b", "+", "%00"]), TOKENS
)
REQUESTERS = st.one_of(
    TOKENS,
    st.sampled_from(
        [CLOUDFRONT.replace(" Access", "  Access"), "a b c d e", "a b", "demo:demo",
         'arn:aws:iam::1:user/a"b/m', "arn:aws:iam::1:user/a\x7fb/m", 'arn:aws:iam::1:role/"x"/m']
    ),
)  # fmt: skip
OWNERS = st.one_of(TOKENS, st.sampled_from(["demo:demo", "logs/x:79a59df900b9", "x:79a59df900b9", "1:a"]))
ADDRESSES = st.one_of(TOKENS, st.sampled_from(["::ffff:192.0.2.3", "::FFFF:c000:203", "::ffff:x", "::ffff:1:2:3"]))
SIGNATURES = st.one_of(TOKENS, st.sampled_from(["SigV5", "SIGV5", "None", "AWS4-HMAC-SHA256"]))
UNKNOWN = st.sampled_from(['"x y"', '"q" z', 'z "x y"', '"" -'])
OPERATIONS = (
    *("REST.GET.OBJECT", "REST.PUT.OBJECT", "S3.EXPIRE.OBJECT"),
    *("BATCH.DELETE.OBJECT", "REST.COPY.OBJECT_GET", "REST.COPY.PART_GET", "S3.COMPUTE.OBJECT.CHECKSUM"),
)
BARE = OPERATIONS[3:]
SIZE = mostly("-", "0", "226", "12345678", "123456789", "5368709120", odd=NUMBERS)
DURATION = mostly("-", "0", "7", "12345678", "123456789", odd=NUMBERS)


@st.composite
def quoted(draw: st.DrawFn, *usual: str) -> str:
    return f'"{draw(mostly(*usual, odd=TEXTS))}"'


@st.composite
def texts(draw: st.DrawFn, operation: str) -> tuple[str, str, str]:
    """URI, referrer and user agent with their quotes, or the bare dashes that some operations have."""
    if (operation in BARE) != (draw(mostly("usual", odd=st.just("odd"))) == "odd"):
        return ("-", "-", "-")
    fields = [
        draw(quoted("-", "GET /a HTTP/1.1", "GET /a%20b?x=1 HTTP/1.1")),
        draw(quoted("-", "https://example.com/?q=1", "")),
        draw(quoted("-", "curl/7.79.1", "Mozilla/5.0 (X11; Linux) [en]", "a! b")),
    ]
    if draw(mostly("quoted", odd=st.just("bare"))) == "bare":
        fields[draw(st.integers(0, 2))] = draw(st.sampled_from(["-", "-", "http://x/", "a:b", 'http://x/"y" z', ""]))
    return (fields[0], fields[1], fields[2])


@st.composite
def tails(draw: st.DrawFn) -> list[str]:
    """The fields after the user agent: as many as lines have had, mostly."""
    tail = [
        draw(mostly("-", "QUJDREVG", odd=TOKENS)), draw(mostly(HOST, "-", odd=TOKENS)),
        draw(mostly("SigV4", "SigV2", "-", odd=SIGNATURES)), draw(mostly("-", "TLS_AES_128_GCM_SHA256", odd=TOKENS)),
        draw(mostly("AuthHeader", "-", odd=TOKENS)),
        draw(mostly("site.s3.amazonaws.com", odd=st.one_of(TOKENS, st.sampled_from(['"h"', 'h"i', '"'])))),
        draw(mostly("TLSv1.3", "-", odd=TOKENS)), draw(mostly("-", odd=TOKENS)), draw(mostly("-", "Yes", odd=TOKENS)),
        draw(mostly("eu-central-1", "eusc-de-east-1", "-", odd=TOKENS)), draw(TOKENS), draw(TOKENS),
    ]  # fmt: skip
    if draw(st.integers(0, 3)) == 0:  # as lifecycle actions have it
        tail[2:10] = "-" * 8
    usual = st.sampled_from([10, 9, 8, 7, 6, 1, 0, 11, 12])
    tail = tail[: draw(st.one_of(usual, usual, usual, st.integers(0, len(tail))))]
    if draw(mostly("today", odd=st.just("March 2019"))) == "March 2019":
        tail.insert(1, draw(st.sampled_from(["-", PRINCIPAL])))
    if draw(mostly("known", odd=st.just("unknown"))) == "unknown":
        tail.append(draw(UNKNOWN))
    return tail


@st.composite
def whole_lines(draw: st.DrawFn) -> bytes:
    operation = draw(mostly(*OPERATIONS, odd=TOKENS))
    uri, referrer, user_agent = draw(texts(operation))
    time = draw(mostly("06/Feb/2026:00:00:38 +0000", "29/Feb/2024:23:59:59 +0000", odd=TIMES))
    fields = [
        draw(mostly("79a59df900b9", "-", odd=OWNERS)), draw(mostly("site", "b.2", odd=TOKENS)), f"[{time}]",
        draw(mostly("192.0.2.3", "2001:db8::17", "-", odd=ADDRESSES)),
        draw(mostly("-", "AmazonS3", "arn:aws:iam::1:user/a", CLOUDFRONT, odd=REQUESTERS)),
        draw(mostly("3E57427F3EXAMPLE", odd=TOKENS)), operation,
        draw(mostly("-", "a/b", "a%252Fb", "a%2Bb", "a+b", "100%25", odd=KEYS)), uri,
        draw(mostly("200", "404", "-", odd=st.one_of(st.sampled_from(["099", "20", "2000", "2x0"]), TOKENS))),
        draw(mostly("-", "AccessDenied", odd=TOKENS)),
        draw(SIZE), draw(SIZE), draw(DURATION), draw(DURATION), referrer, user_agent,
        *draw(tails()),
    ]  # fmt: skip
    return " ".join(fields).encode("utf-8", errors="surrogatepass")


INSERTED = [b'"', b" ", b"[", b"]", b"\\", b"\r", b"\0", b"\x7f", b"\xff", b"\xc3\xa9", b"-", b"  ", b"0"]


@st.composite
def damaged_lines(draw: st.DrawFn) -> bytes:
    """A line with bytes put in, taken out, cut off, or another line glued to it."""
    line = draw(whole_lines())
    for _ in range(draw(st.integers(1, 2))):
        at = draw(st.integers(0, len(line)))
        match draw(st.integers(0, 3)):
            case 0:
                line = line[:at] + draw(st.sampled_from(INSERTED)) + line[at:]
            case 1:
                line = line[:at] + line[at + 1 :]
            case 2:
                line = line[:at]
            case _:
                line = line[:at] + draw(whole_lines())
    return line


def log_lines() -> st.SearchStrategy[bytes]:
    """Three whole lines for each damaged one; none is blank, none has a line feed."""
    lines = st.one_of(whole_lines(), whole_lines(), whole_lines(), damaged_lines())
    return lines.map(lambda line: line.replace(b"\n", b"") or b"x").map(lambda line: line if line.strip() else b"x")
