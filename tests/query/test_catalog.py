"""What queries can use is described, and the description is true."""

import json
from pathlib import Path

import pytest
from conftest import run_cli

from etl.query.catalog import NOTES, columns, functions
from etl.query.database import connect
from etl.store.open import open_store

ROOT = Path(__file__).resolve().parents[2]


def test_every_view_column_and_function_is_described(tmp_path: Path) -> None:
    """Nothing that SQL can use is missing, nothing described is not there."""
    connection = connect(open_store(str(tmp_path)))
    views = connection.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()
    assert {name for (name,) in views} == set(NOTES)
    described = {(one.view, one.column) for one in columns()}
    assert described == {(view, column) for view, notes in NOTES.items() for column in notes}
    assert all(one.meaning and one.type for one in columns())
    macros = connection.execute(
        "SELECT DISTINCT function_name FROM duckdb_functions() WHERE NOT internal AND function_type LIKE '%macro'"
    ).fetchall()
    assert {one.call.partition("(")[0] for one in functions()} == {name for (name,) in macros}
    assert all(one.meaning for one in functions())


def test_the_command(tmp_path: Path) -> None:
    """A table with the functions after it; one view in any format; the nearest name of one that there is not."""
    text = run_cli("schema").stdout
    assert all(one.call in text for one in functions())
    rejects = json.loads(run_cli("schema", "rejects", "--format", "json").stdout)
    assert [row["column"] for row in rejects] == list(NOTES["rejects"])
    assert rejects[2] == {
        "view": "rejects", "column": "line_number", "type": "BIGINT", "unit": "", "meaning": "from 1",
    }  # fmt: skip
    wrong = run_cli("schema", "acess_log")
    assert (wrong.returncode, "did you mean 'access_log'?" in wrong.stderr) == (2, True)
    run_cli("schema", "--output", str(tmp_path / "schema.csv"))
    assert (tmp_path / "schema.csv").read_text().startswith("view,column,type,unit,meaning\naccess_log,bucket,VARCHAR,")


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("host_of('https://User:pw@WWW.Example.com.:8443/a?b#c')", "www.example.com"),
        ("host_of('http://[2001:DB8::1]:80/')", "[2001:db8::1]"),
        ("host_of('android-app://com.example/')", "com.example"),
        ("host_of('/relative')", None),
        ("host_of('')", None),
        ("host_of(NULL)", None),
        ("is_own_site('https://b.s3.amazonaws.com/x', 'b', 'B.s3.amazonaws.com:443')", True),
        ("is_own_site('https://www.site.example/x', 'www.site.example', 'b.s3.amazonaws.com')", True),
        ("is_own_site('https://evil.example/?www.site.example', 'www.site.example', NULL)", False),
        ("is_own_site(NULL, 'b', NULL)", False),
        ("price_class('REST.GET.BUCKET', 200)", "put_copy_post_list"),
        ("price_class('REST.GET.UPLOAD', 200)", "put_copy_post_list"),
        ("price_class('REST.HEAD.OBJECT', 200)", "get_and_others"),
        ("price_class('REST.COPY.PART', 200)", "put_copy_post_list"),
        ("price_class('REST.COPY.OBJECT_GET', NULL)", "free"),
        ("price_class('BATCH.DELETE.OBJECT', 204)", "free"),
        ("price_class('S3.TRANSITION_GDA.OBJECT', NULL)", "transition_deep_archive"),
        ("price_class('S3.EXPIRE.OBJECT', NULL)", "free"),
        ("price_class('REST.POST.RESTORE', 202)", "restore"),
        ("price_class('REST.POST.RESTORE', 200)", "get_and_others"),
        ("price_class('REST.POST.BUCKET', 204)", "put_copy_post_list"),
        ("price_class('REST.POST.SELECT', 200)", "get_and_others"),
        ("is_billed('REST.GET.OBJECT', 503, 'SlowDown', 'x')", False),
        ("is_billed('REST.GET.OBJECT', 403, 'AccessDenied', NULL)", False),
        ("is_billed('REST.HEAD.OBJECT', 403, NULL, NULL)", False),
        ("is_billed('REST.GET.OBJECT', 403, 'AccessDenied', 'x')", True),
        ("is_billed('REST.GET.OBJECT', 404, 'NoSuchKey', NULL)", True),
        ("is_billed('REST.GET.OBJECT', 416, 'InvalidRange', 'x')", False),
        ("is_billed('REST.GET.OBJECT', 400, 'InvalidRange', 'x')", True),
        ("is_billed('REST.GET.OBJECT', NULL, NULL, 'x')", True),
        ("is_billed('WEBSITE.GET.OBJECT', 403, 'AccessDenied', NULL)", True),
        ("is_billed('WEBSITE.GET.OBJECT', 405, 'MethodNotAllowed', NULL)", True),
        ("is_billed('WEBSITE.GET.OBJECT', 503, 'SlowDown', NULL)", False),
        ("is_private('10.0.0.1')", True),
        ("is_private('192.168.1.1')", True),
        ("is_private('169.254.1.1')", True),
        ("is_private('172.15.0.1')", False),
        ("is_private('172.16.0.0')", True),
        ("is_private('172.31.255.255')", True),
        ("is_private('172.160.0.1')", False),
        ("is_private('100.63.0.1')", False),
        ("is_private('100.64.0.1')", True),
        ("is_private('100.127.0.1')", True),
        ("is_private('100.128.0.1')", False),
        ("is_private('FD00:ec2::254')", True),
        ("is_private('fe80::1')", True),
        ("is_private('::ffff:172.16.0.1')", True),
        ("is_private('::ffff:172.32.0.1')", False),
        ("is_private('2001:db8::1')", False),
        ("is_private('fd0010a1b2c3d4e5f60718293a4b5c6d')", False),
        ("is_private(NULL)", False),
        ("host_region('b.s3.eu-west-2.amazonaws.com')", "eu-west-2"),
        ("host_region('b.S3.EU-West-2.amazonaws.com:443')", "eu-west-2"),
        ("host_region('b.s3-eu-west-1.amazonaws.com')", "eu-west-1"),
        ("host_region('s3.dualstack.us-gov-west-1.amazonaws.com')", "us-gov-west-1"),
        ("host_region('b.s3-website-us-east-1.amazonaws.com')", "us-east-1"),
        ("host_region('b.vpce-1a-x.s3.us-east-1.vpce.amazonaws.com')", "us-east-1"),
        ("host_region('b.s3.cn-north-1.amazonaws.com.cn')", "cn-north-1"),
        ("host_region('b.s3.eusc-de-east-1.amazonaws.eu')", "eusc-de-east-1"),
        ("host_region('logs-us-east-1.s3.amazonaws.com')", None),
        ("host_region('www.eu-west-1.example.com')", None),
        ("transfer('192.0.2.1', NULL, 'Mozilla', NULL, 'eu-west-1')", "internet"),
        ("transfer(NULL, 'svc:cloudfront.amazonaws.com', NULL, NULL, 'eu-west-1')", "cloudfront"),
        ("transfer('192.0.2.1', NULL, 'Amazon CloudFront', NULL, NULL)", "cloudfront"),
        ("transfer(NULL, 'svc:logs.amazonaws.com', NULL, NULL, NULL)", "service"),
        ("transfer('10.0.0.1', 'x', NULL, NULL, 'eu-west-1')", "private"),
        ("transfer('192.0.2.1', 'x', NULL, 'eu-west-1', 'eu-west-1')", "same_region"),
        ("transfer('192.0.2.1', 'x', NULL, 'us-east-1', 'eu-west-1')", "other_region"),
        ("transfer('192.0.2.1', 'x', NULL, 'us-east-1', NULL)", "other_region"),
        ("is_accelerated('b.s3-accelerate.dualstack.amazonaws.com')", True),
        ("is_accelerated('abc.mrap.accesspoint.s3-global.amazonaws.com')", True),
        ("is_accelerated('b.s3.eu-west-1.amazonaws.com')", False),
        ("uploaded_bytes('REST.PUT.PART', 200, 7)", 7),
        ("uploaded_bytes('REST.PUT.OBJECT', 403, 7)", None),
        ("uploaded_bytes('REST.POST.UPLOAD', 200, 7)", None),
        ("uploaded_bytes('REST.COPY.OBJECT', 200, 7)", None),
        ("request_price('put_copy_post_list')", 0.000005),
        ("byte_cost(2147483648, 'egress')", 0.18),
        ("percentage(1, 3)", 33.33),
        ("percentage(1, 0)", None),
    ],
)
def test_functions(tmp_path: Path, call: str, expected: object) -> None:
    """Each function returns the value that was worked out by hand."""
    row = connect(open_store(str(tmp_path))).execute(f"SELECT {call}").fetchone()
    assert row == (expected,)
