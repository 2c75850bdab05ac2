"""The slow path, one line at a time: every known shape, and what a client could forge."""

import pytest
from lines import BATCH_DELETE, GET, HEAD, HOST, LIFECYCLE, LINE, TAIL, read, rejected

from etl.schema import LOG_FIELDS


def test_a_line_of_today_fills_every_column() -> None:
    """A line of today has 27 fields; each goes to its column, with its type."""
    assert read(LINE) == {
        "bucket_owner": "79a59df900b9",
        "bucket": "site",
        "time": 1_770_336_038_000_000,
        "remote_ip": "192.0.2.3",
        "requester": "arn:aws:iam::111122223333:user/a",
        "request_id": "3E57427F3EXAMPLE",
        "operation": "REST.GET.OBJECT",
        "key": "a.html",
        "key_encoded": None,
        "request_uri": "GET /a.html HTTP/1.1",
        "http_status": 200,
        "error_code": None,
        "bytes_sent": 113,
        "object_size": 226,
        "total_time": 7,
        "turn_around_time": 5,
        "referrer": "https://example.com/",
        "user_agent": "curl/7.79.1",
        "version_id": None,
        "host_id": HOST,
        "signature_version": "SigV4",
        "cipher_suite": "TLS_AES_128_GCM_SHA256",
        "authentication_type": "AuthHeader",
        "host_header": "site.s3.eu-central-1.amazonaws.com",
        "tls_version": "TLSv1.3",
        "access_point_arn": None,
        "acl_required": None,
        "source_region": "eu-central-1",
        "field_count": 27,
        "extra_fields": None,
        "parse_note": None,
    }


@pytest.mark.parametrize("fields", [17, 18, 23, 24, 25, 26, 27])
def test_every_known_field_count(fields: int) -> None:
    """Fields that a line is too old to have are NULL."""
    tail = TAIL.split(" ")
    row = read(" ".join([f'{GET} "-" "curl"', *tail[: fields - 17]]))
    names = list(LOG_FIELDS)[18:28]
    expected = [None if value == "-" else value for value in tail[: fields - 17]] + [None] * (27 - fields)
    assert [row[name] for name in names] == expected
    assert (row["field_count"], row["parse_note"]) == (fields, None)


@pytest.mark.parametrize("fields", [20, 21, 22])
def test_field_counts_that_no_line_had_are_truncated_lines(fields: int) -> None:
    """A line that stops after its host id lost its end."""
    assert rejected(" ".join([f'{GET} "-" "curl"', *TAIL.split(" ")[: fields - 17]])) == "field_count"


@pytest.mark.parametrize("extra", ["new-field", "-", "a b - d", '"quoted field" x', 'x "quoted"', '"a b"'])
def test_unknown_trailing_fields_are_kept(extra: str) -> None:
    """AWS appends fields and asks parsers to bear it; the known ones stay right."""
    row = read(f"{LINE} {extra}")
    assert row["extra_fields"] == extra
    assert row["user_agent"] == "curl/7.79.1"
    assert row["source_region"] == "eu-central-1"


@pytest.mark.parametrize("extra", ['"new field"', '"a b" c', 'x "y"'])
def test_unknown_quoted_fields_after_bare_ones(extra: str) -> None:
    """Where URI, referrer and user agent are bare dashes, a quote can only be in a field that nobody knows yet."""
    row = read(f"{BATCH_DELETE} {extra}")
    assert (row["extra_fields"], row["user_agent"], row["tls_version"]) == (extra, None, "TLSv1.3")
    assert row["parse_note"] is None


def test_unknown_fields_around_a_quoted_one() -> None:
    """Six and more unknown fields after an unknown quoted one are not taken for the known ones."""
    row = read(f'{LINE} "q" a b - d e f')
    assert (row["extra_fields"], row["user_agent"], row["host_id"]) == ('"q" a b - d e f', "curl/7.79.1", HOST)


UNESCAPED = {
    "quote in the URI": ('GET /"x HTTP/1.1', "-", "curl"),
    "quote at the end of the path": ('GET /" HTTP/1.1', "-", "curl"),
    "quotes in a presigned query": ('GET /a?d=attachment;%20filename="x.json"&X-Amz=1 HTTP/1.1', "-", "curl"),
    "exploit text in URI and referrer": (
        'GET //?s=\\think\\app&c=<?php$p="x";$ch=explode(".","a.b");?> HTTP/1.1',
        'https://h/?s=\\think&c=<?php$p="x";$ch=explode(".","a.b");?>',
        "Mozilla/5.0 (compatible; Baiduspider/2.0)",
    ),
    "leading quote in the user agent": ("GET / HTTP/1.1", "-", '"Mozilla/5.0 (Windows NT 10.0)'),
    "trailing quote in the user agent": ("GET / HTTP/1.1", "-", 'Safari/604.1"'),
    "trailing quote in the referrer": ("GET / HTTP/1.1", 'https://h/?id=452"', "curl"),
    "JSON as user agent": ("GET / HTTP/1.1", "-", '{"os":"linux",  "tool":{"v":"3.1"},"n":["a","b"]}'),
    "backslashes are literal": ("GET / HTTP/1.1", "D:\\\\x", '\\"Python\\"'),
    "referrer with spaces": ("GET / HTTP/1.1", "https://h/a page with spaces", "curl"),
    "brackets in the user agent": ("GET / HTTP/1.1", "-", "Mozilla/4.0 [en] (WinNT; I)"),
    "method that does not exist, no protocol": ("FAKE /", "-", "curl"),
    "preflight": ("OPTIONS * HTTP/1.1", "-", "curl"),
}


@pytest.mark.parametrize("name", UNESCAPED)
def test_untrusted_text_is_read_verbatim(name: str) -> None:
    """Quotes inside quoted fields are not escaped by S3, and backslashes mean nothing."""
    uri, referrer, user_agent = UNESCAPED[name]
    row = read(f'{HEAD} REST.GET.OBJECT a "{uri}" 404 NoSuchKey 272 - 9 - "{referrer}" "{user_agent}" {TAIL}')
    assert (row["request_uri"], row["user_agent"]) == (uri, user_agent)
    assert row["referrer"] == (None if referrer == "-" else referrer)
    assert (row["http_status"], row["error_code"], row["bytes_sent"], row["object_size"]) == (
        404,
        "NoSuchKey",
        272,
        None,
    )
    assert row["host_id"] == HOST
    assert row["parse_note"] == ("unescaped_quote" if '"' in uri + referrer + user_agent else None)


FORGED = 'x" 200 - 5 5 5 5 "-" "y'


@pytest.mark.parametrize(
    ("uri", "referrer", "user_agent"),
    [("GET /a HTTP/1.1", "-", FORGED), ("GET /a HTTP/1.1", FORGED, "curl"), (f"GET /{FORGED} HTTP/1.1", "-", "curl")],
)
def test_forged_fields_never_pass_unnoticed(uri: str, referrer: str, user_agent: str) -> None:
    """A user agent, referrer or URI that looks like other fields makes the row ambiguous; no number is believed."""
    row = read(f'{HEAD} REST.GET.OBJECT a "{uri}" 403 AccessDenied 243 - 9 - "{referrer}" "{user_agent}" {TAIL}')
    assert row["parse_note"] == "ambiguous"
    assert row["requester"] == "arn:aws:iam::111122223333:user/a"
    assert row["host_id"] == HOST
    assert [row[name] for name in ("http_status", "error_code", "bytes_sent", "object_size", "total_time")] == [
        None
    ] * 5


def test_forged_trailing_fields_do_not_replace_the_real_ones() -> None:
    """The fields after the user agent are read from the right end, where nobody can write."""
    forged_host = "F" * 76
    agent = f'x" - {forged_host} SigV2 RC4-MD5 QueryString evil.example TLSv1 - - us-east-1'
    row = read(f'{GET} "-" "{agent}" {TAIL}')
    assert row["user_agent"] == agent
    assert (row["host_id"], row["signature_version"], row["tls_version"]) == (HOST, "SigV4", "TLSv1.3")


def test_boundary_inside_a_user_agent_is_ambiguous() -> None:
    """A quote, a space and a quote could end the referrer or be part of the user agent; the first is taken."""
    row = read(f'{GET} "https://h/" "a" "b" {TAIL}')
    assert (row["referrer"], row["user_agent"], row["parse_note"]) == ("https://h/", 'a" "b', "ambiguous")


def test_lifecycle_line_has_no_request() -> None:
    """Lifecycle actions have no address, URI or status: NULL, not zero and not a rejected line."""
    row = read(LIFECYCLE)
    assert (row["remote_ip"], row["request_uri"], row["http_status"], row["user_agent"]) == (None,) * 4
    assert (row["requester"], row["key"], row["key_encoded"]) == ("AmazonS3", "a b", "a+b")
    assert (row["object_size"], row["version_id"]) == (5632055, "NBh28WVku.QO7ZIdWpI2hEA_qAfBi_fY")


def test_bare_dashes_where_quotes_are_usual() -> None:
    """REST.COPY.OBJECT_GET and BATCH.DELETE.OBJECT log `-` without quotes."""
    row = read(f"{HEAD} REST.COPY.OBJECT_GET a - - - - 351400 - - - - - {HOST} SigV4 ECDHE-X AuthHeader h TLSv1.2")
    assert (row["request_uri"], row["http_status"], row["referrer"], row["user_agent"]) == (None,) * 4
    assert (row["object_size"], row["host_id"], row["tls_version"]) == (351400, HOST, "TLSv1.2")
    batch = read(f"{HEAD} BATCH.DELETE.OBJECT a - 204 - - 42 - - - - v1 {HOST} SigV4 - AuthHeader h - - -")
    assert (batch["http_status"], batch["object_size"], batch["version_id"]) == (204, 42, "v1")


def test_bare_user_agent_after_a_quoted_referrer() -> None:
    """NULL may be bare or quoted, each field on its own."""
    row = read(f'{GET} "https://h/" - {TAIL}')
    assert (row["referrer"], row["user_agent"], row["host_id"]) == ("https://h/", None, HOST)
    assert row["parse_note"] == "unusual_form"
    row = read(f'{GET} - "curl" {TAIL}')
    assert (row["referrer"], row["user_agent"], row["host_id"]) == (None, "curl", HOST)


def test_bare_user_agent_after_a_referrer_with_a_boundary_in_it() -> None:
    """A referrer cannot pass for referrer and user agent, nor make its line a reject."""
    row = read(f'{GET} "a" "b" - v1{TAIL.removeprefix("-")}')
    assert (row["referrer"], row["user_agent"], row["version_id"], row["host_id"]) == ('a" "b', None, "v1", HOST)
    forged = f'{HEAD} REST.GET.OBJECT a "GET /" 403 AccessDenied 243 - 9 - "a" "b" 200 - 5 5 5 5 "c" - v1{TAIL[1:]}'
    assert read(forged)["parse_note"] == "ambiguous"


def test_empty_quoted_fields_are_null() -> None:
    """Lines of 2006, and of other S3 servers, have `""`."""
    row = read(f'{GET} "" "" -')
    assert (row["referrer"], row["user_agent"], row["parse_note"]) == (None, None, "unusual_form")


@pytest.mark.parametrize("line", [LINE.replace(" 113 ", " 0113 "), BATCH_DELETE.replace(" a - 204", ' a "-" 204')])
def test_unusual_forms_are_noted(line: str) -> None:
    """What S3 never writes like this is read, but the row alone does not give the line back."""
    assert read(line)["parse_note"] == "unusual_form"


@pytest.mark.parametrize("principal", ["-", "AIDAISBTTLPGXGH6YFFAY"])
@pytest.mark.parametrize("fields", ["SigV4 ECDHE AuthHeader h TLSv1.2", "SigV4 ECDHE AuthHeader h", ""])
def test_extra_column_of_march_2019(principal: str, fields: str) -> None:
    """For a week S3 wrote the caller's principal id before the host id; it is kept aside.

    Where it is a dash, the user agent could be that dash, and all before it the referrer.
    """
    host = f" {HOST} {fields}" if fields else ""
    row = read(f'{GET} "-" "curl" - {principal}{host}')
    assert row["parse_note"] == ("ambiguous" if principal == "-" and fields else "extra_column")
    assert row["user_agent"] == "curl"
    assert row["extra_fields"] == (None if principal == "-" else principal)
    assert (row["host_id"], row["signature_version"]) == ((HOST, "SigV4") if fields else (None, None))


def test_requester_with_spaces() -> None:
    """CloudFront's origin access identity is the only requester with spaces (elastic/integrations#20417)."""
    requester = "arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity E2EXAMPLEID"
    row = read(LINE.replace("arn:aws:iam::111122223333:user/a", requester))
    assert (row["requester"], row["request_id"]) == (requester, "3E57427F3EXAMPLE")


def test_spacing_is_tolerated_outside_quotes_only() -> None:
    """Real lines have double spaces between fields, and hand-collected ones leading spaces and CRLF."""
    row = read("  " + LINE.replace("192.0.2.3 arn", "192.0.2.3  arn").replace("curl", "a  b") + " \r")
    assert (row["remote_ip"], row["user_agent"], row["parse_note"]) == ("192.0.2.3", "a  b/7.79.1", "spacing")
    assert read(f"\ufeff{LINE} \r\r")["parse_note"] == "spacing"


def test_undecodable_bytes_stay_readable() -> None:
    """Text that is not UTF-8 is kept with its bytes escaped, and noted."""
    row = read(LINE.encode().replace(b"curl", b"caf\xe9"))
    assert (row["user_agent"], row["parse_note"]) == ("caf\\xe9/7.79.1", "replaced_bytes")
    assert read(LINE.replace("curl", "café"))["user_agent"] == "café/7.79.1"


def test_trailing_text_is_set_apart() -> None:
    """A line copied out of a program with `";` behind it keeps its fields."""
    row = read(f'{LINE}";')
    assert (row["source_region"], row["extra_fields"], row["parse_note"]) == ("eu-central-1", '";', "trailing_text")
    no_host = read(f'{LINE.replace(HOST, "-")}";')
    assert (no_host["extra_fields"], no_host["parse_note"]) == ('";', "trailing_text")
    bare = read(f'{BATCH_DELETE}";')
    assert (bare["source_region"], bare["extra_fields"], bare["parse_note"]) == ("eu-central-1", '";', "trailing_text")


def test_time_offset_is_honored() -> None:
    """S3 writes +0000; another offset is converted to UTC and noted."""
    row = read(LINE.replace("+0000", "+0130"))
    assert (row["time"], row["parse_note"]) == (1_770_336_038_000_000 - 5_400_000_000, "time_offset")
    assert read(LINE.replace("+0000", "-0000"))["parse_note"] == "time_offset"


def test_request_id_of_a_job_and_a_four_part_operation() -> None:
    """Checksum jobs log a UUID as request id; operations are an open set."""
    line = (
        "7cd47ef2be site [06/Feb/2019:00:00:38 +0000] 192.0.2.3 79a5 e5042925-b524-4b3b-a869-f3881e78ff3a"
        " S3.COMPUTE.OBJECT.CHECKSUM example-object - - - - 1048576 - - - - - bPf7qjG4XwYdPgDQ - - - - - -"
    )
    row = read(line)
    assert (row["request_id"], row["operation"]) == (
        "e5042925-b524-4b3b-a869-f3881e78ff3a",
        "S3.COMPUTE.OBJECT.CHECKSUM",
    )
    assert row["object_size"] == 1048576


REJECTED = {
    "no record at all": ("Record format: owner bucket time", "not_a_record"),
    "a file name from grep before it": (f"logs/x:{LINE}", "grep_prefix"),
    "cut in the user agent": (LINE[: LINE.index("7.79")], "truncated"),
    "cut in the URI": (LINE[: LINE.index("html HTTP")], "truncated"),
    "cut before the numbers end": (LINE[: LINE.index(" 226")], "truncated"),
    "a number that is none": (LINE.replace(" 113 ", " 11x3 "), "bad_number"),
    "a status that is none": (LINE.replace(" 200 ", " 2000 "), "bad_number"),
    "a number beyond 64 bits": (LINE.replace(" 113 ", f" {2**63} "), "out_of_range: bytes_sent"),
    "a duration beyond 32 bits": (LINE.replace(" 7 5 ", f" {2**31} 5 "), "out_of_range: total_time"),
    "a month that is none": (LINE.replace("Feb", "XXX"), "bad_time"),
    "a day that is none": (LINE.replace("06/Feb", "31/Feb"), "bad_time"),
    "another date format": (LINE.replace("06/Feb/2026:00:00:38 +0000", "2026-02-06"), "bad_time"),
    "all dashes": ("- b [-] - - - - - - - - - - - - - - -", "bad_time"),
    "no bucket": (LINE.replace(" site [", " - ["), "no_bucket"),
    "a NUL byte": (LINE.replace("curl", "cu\0rl"), "nul_byte"),
    "a control character outside quotes": (LINE.replace("a.html ", "a\thtml ", 1), "control_character"),
    "an unquoted second record in the tail": (f"{LINE[: LINE.index(' AuthHeader')]} {BATCH_DELETE}", "spliced"),
    "an offset that moves the time out of the calendar": (
        LINE.replace("06/Feb/2026", "01/Jan/0001").replace("+0000", "+0100"),
        "bad_time",
    ),
    "an offset that is none": (LINE.replace("+0000", "+9900"), "bad_time"),
    "a bucket name too long for a folder": (LINE.replace(" site [", f" {'b' * 241} ["), "bad_bucket"),
    "a bucket name that means NULL": (LINE.replace(" site [", " __HIVE_DEFAULT_PARTITION__ ["), "bad_bucket"),
    "no ASCII in the owner": (f"\u200b{LINE}", "not_a_record"),
}


@pytest.mark.parametrize("name", REJECTED)
def test_lines_that_do_not_parse_are_rejected(name: str) -> None:
    """A rejected line says why."""
    line, reason = REJECTED[name]
    assert rejected(line) == reason


@pytest.mark.parametrize("cut", ["html HTTP", "example.com", "7.79", " SigV4", " - eu-central"])
def test_a_second_record_in_the_line_is_ambiguous(cut: str) -> None:
    """A line that was cut and glued to the next one cannot be told from a forgery; it is kept, and says so."""
    row = read(LINE[: LINE.index(cut)] + " " + LINE.replace(" 200 ", " 500 "))
    assert row["parse_note"] == "ambiguous"
    assert (row["bucket"], row["key"]) == ("site", "a.html")


@pytest.mark.parametrize("text", ['x" site [06/Feb/2026:00:00:38 +0000] y', "x site [06/Feb/2026:00:00:38 +0000] y"])
def test_nobody_can_write_himself_out_of_the_table(text: str) -> None:
    """A visitor whose user agent or referrer looks like a second record stays in the table, noted."""
    for row in (read(f'{GET} "-" "{text}" {TAIL}'), read(f'{GET} "{text}" "curl" {TAIL}')):
        assert (row["http_status"], row["host_id"], row["parse_note"]) == (200, HOST, "ambiguous")


@pytest.mark.parametrize(
    ("requester", "note"),
    [
        ('arn:aws:iam::111122223333:user/a"b/mallory', "unescaped_quote"),
        ('arn:aws-us-gov:iam::111122223333:role/"x"/r', "unescaped_quote"),
        ("arn:aws:iam::111122223333:user/a\x7fb/mallory", "unusual_form"),
        ('tenant$us"er', "unescaped_quote"),
    ],
)
def test_no_requester_keeps_himself_out_of_the_table(requester: str, note: str) -> None:
    """The paths of IAM's users and roles may hold quotes and DEL: such a line is a row, noted, with all its fields."""
    row = read(LINE.replace("arn:aws:iam::111122223333:user/a", requester))
    assert (row["requester"], row["request_id"], row["host_id"]) == (requester, "3E57427F3EXAMPLE", HOST)
    assert (row["http_status"], row["parse_note"]) == (200, note)


def test_other_control_characters_are_no_requesters() -> None:
    """IAM allows DEL only; a line with another control character outside quotes is damaged."""
    assert rejected(LINE.replace("user/a", "user/a\x1b")) == "control_character"


UNKNOWN = '"x y" z'
SHORT_HOST = "abcDEF123="


@pytest.mark.parametrize("fields", [17, 18, 23, 24, 25, 26, 27])
@pytest.mark.parametrize("unknown", ['"x y"', '"q" "r"', '""'])
def test_unknown_quoted_fields_after_every_field_count(fields: int, unknown: str) -> None:
    """However many fields a line has, quoted ones that nobody knows yet do not become part of its user agent."""
    known = " ".join(["", *TAIL.split(" ")[: fields - 17]])
    row = read(f'{GET} "https://h/" "curl"{known} {unknown}')
    assert (row["referrer"], row["user_agent"], row["field_count"]) == ("https://h/", "curl", fields)
    assert (row["extra_fields"], row["parse_note"]) == (unknown, "ambiguous")
    assert row["host_id"] == (HOST if fields >= 23 else None)


@pytest.mark.parametrize("region", ["eusc-de-east-1", "us-gov-west-1", "us-isob-east-1", "eu-central-1", "-"])
@pytest.mark.parametrize("host", [HOST, SHORT_HOST, "-"])
def test_unknown_quoted_fields_after_any_region_and_host_id(region: str, host: str) -> None:
    """Regions of all partitions, and host ids of any length, stay what they are before an unknown quoted field."""
    tail = TAIL.replace("eu-central-1", region).replace(HOST, host).replace(f".{region}.", ".eu-central-1.")
    row = read(f'{GET} "-" "curl" {tail} {UNKNOWN}')
    assert (row["user_agent"], row["extra_fields"], row["field_count"]) == ("curl", UNKNOWN, 27)
    assert row["source_region"] == (None if region == "-" else region)
    assert row["host_id"] == (None if host == "-" else host)


@pytest.mark.parametrize("host_header", ['"h"', 'h"i', 'h"'])
def test_quotes_in_the_host_header(host_header: str) -> None:
    """A client that names a host with quotes gets a row, noted, and unknown fields after it are none of its texts."""
    tail = TAIL.replace("site.s3.eu-central-1.amazonaws.com", host_header)
    row = read(f'{GET} "-" "curl" {tail}')
    assert (row["host_header"], row["user_agent"], row["source_region"]) == (host_header, "curl", "eu-central-1")
    assert row["parse_note"] == "unescaped_quote"
    row = read(f'{GET} "-" "curl" {tail} {UNKNOWN}')
    assert (row["host_header"], row["user_agent"], row["extra_fields"]) == (host_header, "curl", UNKNOWN)
    row = read(f"{BATCH_DELETE.removesuffix(TAIL)}{tail} {UNKNOWN}")
    assert (row["host_header"], row["tls_version"], row["extra_fields"]) == (host_header, "TLSv1.3", UNKNOWN)


@pytest.mark.parametrize("version", ["-", "v1"])
@pytest.mark.parametrize("host", [HOST, SHORT_HOST])
@pytest.mark.parametrize("fields", [24, 27])
def test_unknown_quoted_fields_after_a_bare_user_agent(version: str, host: str, fields: int) -> None:
    """A bare dash is no user agent, alone or with the referrer, also where a quoted field follows that nobody knows."""
    tail = " ".join([version, host, *TAIL.split(" ")[2 : fields - 17]])
    for referrer, expected in (('"https://h/"', "https://h/"), ("-", None)):
        row = read(f"{GET} {referrer} - {tail} {UNKNOWN}")
        assert (row["referrer"], row["user_agent"], row["host_id"]) == (expected, None, host)
        assert (row["version_id"], row["field_count"]) == (None if version == "-" else version, fields)
        assert (row["extra_fields"], row["parse_note"]) == (UNKNOWN, "unusual_form")


def test_unknown_fields_that_look_like_known_ones_are_ambiguous() -> None:
    """Dashes after an unknown quoted field are not silently taken for the fields after a user agent."""
    row = read(f'{LINE} "q" a - - d e f')
    assert (row["user_agent"], row["extra_fields"]) == ("curl/7.79.1", '"q" a - - d e f')
    assert row["parse_note"] == "ambiguous"


def test_a_referrer_that_looks_like_the_end_of_the_line() -> None:
    """With an unknown quoted field in the line, forged trailing fields in the referrer do not hide the real ones."""
    forged = f'a" - {"F" * 76} SigV2 RC4-MD5 QueryString evil.example TLSv1 "b'
    row = read(f'{GET} "{forged}" "curl" {TAIL} "x y"')
    assert (row["referrer"], row["user_agent"], row["host_id"]) == (forged, "curl", HOST)
    assert row["parse_note"] == "ambiguous"


@pytest.mark.parametrize("host", [HOST, "-"])
def test_forged_trailing_fields_in_lines_of_other_stores(host: str) -> None:
    """Where the real line has no host id, a user agent that looks like the end of one makes it ambiguous."""
    agent = f'x" - {"F" * 76} SigV2 RC4-MD5 QueryString evil.example TLSv1 - - us-east-1 "y'
    row = read(f'{GET} "-" "{agent}" {TAIL.replace(HOST, host)}')
    assert (row["user_agent"], row["signature_version"]) == (agent, "SigV4")
    assert row["parse_note"] == ("ambiguous" if host == "-" else "unescaped_quote")


@pytest.mark.parametrize("signature", ["SIGV5", "None", "sigv4a", "AWS4-HMAC-SHA256"])
def test_an_unknown_signature_version_is_no_reason_to_reject(signature: str) -> None:
    """A word that is no signature version yet is kept in its place, and noted, with any user agent."""
    for line in (LINE, BATCH_DELETE, LINE.replace("curl", 'cu"rl')):
        row = read(line.replace("SigV4", signature))
        assert (row["signature_version"], row["host_id"]) == (signature, HOST)
        assert row["parse_note"] in ("unusual_form", "unescaped_quote")
    assert read(LINE.replace("SigV4", "SigV5"))["parse_note"] is None


@pytest.mark.parametrize("missing", [HOST, "SigV4"])
def test_a_line_that_lacks_a_field_has_no_unknown_signature(missing: str) -> None:
    """Where a field is missing, the next one does not pass for the signature version."""
    line = LINE.replace(f"{missing} ", "")
    assert rejected(line) == "field_count"


CEPH = (
    'testid fish [23/Aug/2026:10:00:00 +0000] 192.0.2.1 testid 7e29d5c1.1234 REST.PUT.OBJECT a "PUT /fish/a HTTP/1.1"'
    ' 200 - 1024 1024 - 5ms {} "aws-cli/2" - - SigV4 - AuthHeader localhost:8000 - - -'
)


@pytest.mark.parametrize(
    ("logged", "referrer"),
    [("-", None), ('"-"', None), ("https://h/a", "https://h/a"), ("a b", "a b"), ("", None), ("-x", "-x")],
)
def test_ceph_writes_times_with_their_unit_and_referrers_without_quotes(logged: str, referrer: str | None) -> None:
    """`5ms` are 5 milliseconds, and what stands before the user agent is the referrer, whatever a client sent."""
    row = read(CEPH.format(logged))
    assert (row["total_time"], row["turn_around_time"], row["referrer"]) == (None, 5, referrer)
    assert (row["user_agent"], row["signature_version"], row["field_count"]) == ("aws-cli/2", "SigV4", 26)
    assert row["parse_note"] == ("ambiguous" if logged == "" else "unusual_form")


def test_quotes_in_an_unquoted_referrer_are_ambiguous() -> None:
    """Where an unquoted referrer ends is a guess if it holds quotes; the line stays in the table."""
    row = read(CEPH.format('a "b" c'))
    assert (row["http_status"], row["parse_note"]) == (200, "ambiguous")


def test_other_words_are_no_unquoted_referrers() -> None:
    """A seventh number before the user agent is no referrer: the line has a field too many."""
    assert rejected(f'{GET} 9 "curl" {TAIL}') == "field_count"
    assert read(f'{GET} https://h/ "curl" {TAIL}')["referrer"] == "https://h/"


@pytest.mark.parametrize(("logged", "milliseconds"), [("45.5", 46), ("15.2", 15), ("0.49", 0), ("7.5ms", 8)])
def test_times_with_decimals_are_rounded(logged: str, milliseconds: int) -> None:
    """Scality's times have decimals; the column holds whole milliseconds, and sizes have none."""
    row = read(LINE.replace(" 7 5 ", f" {logged} 5 "))
    assert (row["total_time"], row["parse_note"]) == (milliseconds, "unusual_form")
    assert rejected(LINE.replace(" 113 ", " 11.3 ")) == "bad_number"
    assert rejected(LINE.replace(" 7 5 ", f" {2**31}.5 5 ")) == "out_of_range: total_time"


@pytest.mark.parametrize(
    ("logged", "address", "note"),
    [
        ("::ffff:192.0.2.3", "192.0.2.3", "unusual_form"),
        ("::FFFF:c000:203", "192.0.2.3", "unusual_form"),
        ("2001:db8::ffff:1", "2001:db8::ffff:1", None),
        ("::ffff:x", "::ffff:x", None),
    ],
)
def test_one_address_has_one_form(logged: str, address: str, note: str | None) -> None:
    """An address of IPv4 in the form of IPv6 is that of IPv4, so that a visitor is one."""
    row = read(LINE.replace("192.0.2.3", logged))
    assert (row["remote_ip"], row["parse_note"]) == (address, note)


@pytest.mark.parametrize("owner", ["demo:demo", "AUTH_1f2e3d4c5b6a:user-Xy9", "tenant:user"])
def test_owners_and_requesters_with_a_project(owner: str) -> None:
    """OVH and OpenIO write PROJECT:USER, which is no file name of grep's."""
    row = read(LINE.replace("79a59df900b9", owner).replace("arn:aws:iam::111122223333:user/a", owner))
    assert (row["bucket_owner"], row["requester"], row["parse_note"]) == (owner, owner, "unusual_form")


@pytest.mark.parametrize(
    "prefix", ["x:", "12:", "logs/x:12:", "access.log:", "logs2026-02-06-00-00-00-ABCDEF:", "access.log:demo:"]
)
def test_file_names_before_the_owner_are_greps(prefix: str) -> None:
    """A file name, or a line number, before a canonical id or before PROJECT:USER is grep's."""
    assert rejected(f"{prefix}{LINE}") == "grep_prefix"
