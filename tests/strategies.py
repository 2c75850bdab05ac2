"""Log lines for property tests: drawn from the grammar, then damaged."""

from hypothesis import strategies as st

TEXTS = st.one_of(
    st.sampled_from(
        [
            "-", "", " ", '"', "a", "GET /a HTTP/1.1", "https://example.com/?q=1", "Mozilla/5.0 (X11; Linux) [en]",
            'x" 200 - 5 5 5 5 "-" "y', '" "', " 200 - 5 5 5 5 -", '- "', "\\", "caf\xe9", "a\tb",
            "site [06/Feb/2026:00:00:38 +0000] x", f'x" - {"F" * 76} SigV2 - - h TLSv1 - - us-east-1',
        ]
    ),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12),
    st.text(max_size=6),
)  # fmt: skip
TOKENS = st.one_of(
    st.sampled_from(["-", "a", "arn:aws:iam::1:user/a", "AmazonS3", "x:y", "0"]),
    st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters='"'), min_size=1, max_size=8),
)
CLOUDFRONT = "arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity E2EXAMPLEID"
REQUESTERS = st.one_of(TOKENS, st.sampled_from([CLOUDFRONT, CLOUDFRONT.replace(" Access", "  Access"), "a b c d e"]))
TIMES = st.one_of(
    st.sampled_from(
        ["06/Feb/2026:00:00:38 +0000", "29/Feb/2024:23:59:59 +0000", "29/Feb/2023:00:00:00 +0000",
         "00/Jan/2026:00:00:00 +0000", "01/XXX/2026:00:00:00 +0000", "01/Jan/2026:24:00:00 +0000",
         "01/Jan/0000:00:00:00 +0000", "31/Dec/1969:23:59:60 +0000", "06/Feb/2026:00:00:38 +0100", "2026-02-06"]
    ),
    st.datetimes().map(lambda time: f"{time.day:02d}/{time:%b}/{time.year:04d}:{time:%H:%M:%S} +0000"),
)  # fmt: skip
OPERATIONS = st.sampled_from(
    ["REST.GET.OBJECT", "S3.EXPIRE.OBJECT", "BATCH.DELETE.OBJECT", "REST.COPY.OBJECT_GET", "X", "-"]
)
KEYS = st.one_of(
    st.sampled_from(["-", "a/b", "a%252Fb", "a%2Bb", "a+b", "100%25", "%zz", "caf%25E9", "%25C3%25A9", "*"]), TOKENS
)
STATUSES = st.sampled_from(["200", "404", "-", "099", "20", "2000", "2x0"])
NUMBERS = st.one_of(
    st.sampled_from(["-", "0", "00", "007", "-5", "+5", "0x1F", "1e3", "9223372036854775807", "9223372036854775808"]),
    st.integers(0, 10**12).map(str),
)
HOSTS = st.sampled_from(["-", "s9lzHYrFp76ZVxRcpX9+5cjAnEH2ROuNkd2BHfIa6UkFVdtjf5mKR3/eTPFvsiP/XV/VLi31234=", "short"])
PRINCIPALS = st.sampled_from(["-", "AIDAISBTTLPGXGH6YFFAY"])


@st.composite
def tails(draw: st.DrawFn) -> list[str]:
    tail = [
        draw(TOKENS), draw(HOSTS), draw(st.sampled_from(["-", "SigV4", "SigV2", "odd"])), draw(TOKENS),
        draw(st.sampled_from(["-", "AuthHeader", "QueryString"])), draw(TOKENS),
        draw(st.sampled_from(["-", "TLSv1.2"])), draw(st.sampled_from(["-", "arn:aws:s3:x"])),
        draw(st.sampled_from(["-", "Yes"])), draw(st.sampled_from(["-", "eu-central-1"])), draw(TOKENS),
    ]  # fmt: skip
    tail = tail[: draw(st.one_of(st.sampled_from([0, 1, 6, 7, 8, 9, 10, 11]), st.integers(0, len(tail))))]
    if draw(st.integers(0, 9)) == 0:
        tail.insert(1, draw(PRINCIPALS))
    return tail


@st.composite
def quoted(draw: st.DrawFn) -> str:
    """A quoted field, or a bare dash."""
    return draw(st.one_of(st.just("-"), st.just('"-"'), TEXTS.map(lambda text: f'"{text}"')))


@st.composite
def whole_lines(draw: st.DrawFn) -> bytes:
    fields = [
        draw(TOKENS), draw(st.sampled_from(["site", "-", "b.2"])), f"[{draw(TIMES)}]", draw(TOKENS), draw(REQUESTERS),
        draw(TOKENS), draw(OPERATIONS), draw(KEYS), draw(quoted()), draw(STATUSES), draw(TOKENS),
        *draw(st.lists(NUMBERS, min_size=4, max_size=4)), draw(quoted()), draw(quoted()), *draw(tails()),
    ]  # fmt: skip
    return " ".join(fields).encode("utf-8", errors="surrogatepass")


INSERTED = [b'"', b" ", b"[", b"\\", b"\r", b"\0", b"\xff", b"-", b"  "]


@st.composite
def damaged_lines(draw: st.DrawFn) -> bytes:
    """A line with bytes put in, taken out, cut off, or another line glued to it."""
    line = draw(whole_lines())
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(line)))
        match draw(st.integers(0, 4)):
            case 0:
                line = line[:at] + draw(st.sampled_from(INSERTED)) + line[at:]
            case 1:
                line = line[:at] + line[at + 1 :]
            case 2:
                line = line[:at]
            case 3:
                line = line[:at] + draw(whole_lines())
            case _:
                pass
    return line.replace(b"\n", b"")
