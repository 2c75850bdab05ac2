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
        ("price_class('REST.GET.BUCKET')", "put_copy_post_list"),
        ("price_class('REST.HEAD.OBJECT')", "get_and_others"),
        ("price_class('REST.COPY.PART')", "put_copy_post_list"),
        ("price_class('REST.COPY.OBJECT_GET')", "free"),
        ("price_class('BATCH.DELETE.OBJECT')", "free"),
        ("price_class('S3.TRANSITION_GDA.OBJECT')", "transition_deep_archive"),
        ("price_class('S3.EXPIRE.OBJECT')", "free"),
        ("is_billed('REST.GET.OBJECT', 503, 'SlowDown', 'x')", False),
        ("is_billed('REST.GET.OBJECT', 403, 'AccessDenied', NULL)", False),
        ("is_billed('REST.GET.OBJECT', 403, 'AccessDenied', 'x')", True),
        ("is_billed('REST.GET.OBJECT', 404, 'NoSuchKey', NULL)", True),
        ("egress_bytes(7, NULL, 'Mozilla')", 7),
        ("egress_bytes(7, 'eu-west-1', 'Mozilla')", None),
        ("egress_bytes(7, NULL, 'Amazon CloudFront')", None),
        ("request_price('put_copy_post_list')", 0.000005),
        ("percentage(1, 3)", 33.33),
        ("percentage(1, 0)", None),
    ],
)
def test_functions(tmp_path: Path, call: str, expected: object) -> None:
    """Each function returns the value that was worked out by hand."""
    row = connect(open_store(str(tmp_path))).execute(f"SELECT {call}").fetchone()
    assert row == (expected,)
