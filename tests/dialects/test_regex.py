"""A pattern matches in Java what it matches in DuckDB, whatever the text."""

import random
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest
from conftest import require_spark
from sqlglot import exp

from etl.dialects import NotOfferedError
from etl.dialects.definitions import bundled_definitions, parse
from etl.dialects.regex import java_pattern
from etl.reports.loader import load_reports

PATTERNS = (exp.RegexpExtract, exp.RegexpLike, exp.RegexpFullMatch)
OTHERS = (r"^a.c$", r"\bkey\b", r"(?i)[a-z_]+k$", r"^\s*x\S?$", r"^[\w.]{2,3}\W", r"a|^$", r"(?i)^s3\.", r"\A\[.\]\z")
PIECES = (
    *("s3", "S3", ".", "-", "amazonaws", ".com", ".cn", "/", "?", "&", ":", "=", "@", "#", "%", "_", "[", "]", " ", ""),
    *("prefix=", "uploadId=", "partNumber=", "X-Amz-Credential=", "x-amz-storage-class=", "fips", "external-1"),
    *("arn:aws:sts::111122223333:assumed-role/AWSServiceRoleForX/y", "arn:aws:iam::", "https://", "localhost"),
    *("a", "c", "key", "x", "K", "z", "7", "0123456789abcdef" * 4, "us-east-1", "10.", "172.16", "::ffff:", "fe80:"),
    *("\n", "\r", "\t", "\v", "\u0085", "\u2028", "\u00a0", "\u212a", "\u017f", "\u0130", "\u0131", "\u0663", "é"),
)  # fmt: skip


@pytest.fixture(scope="module")
def java(request: pytest.FixtureRequest) -> Iterator[Any]:
    """The classes of a Java that runs."""
    require_spark(request)
    from pyspark.java_gateway import launch_gateway  # noqa: PLC0415 - where it is installed

    gateway = launch_gateway()
    yield gateway.jvm
    gateway.shutdown()
    gateway.proc.kill()
    gateway.proc.communicate()


def patterns_of_the_bundle() -> set[str]:
    definitions = bundled_definitions()
    functions = [*definitions.functions.values(), *definitions.tables.values()]
    reports = [parse(report.sql) for report in load_reports().values()]
    trees = [*definitions.views.values(), *(one.body for one in functions), *reports]
    found = (node.expression for tree in trees for node in tree.find_all(*PATTERNS))
    return {one.this for one in found if isinstance(one, exp.Literal) and one.is_string}


def texts(rng: random.Random) -> list[str]:
    return ["".join(rng.choices(PIECES, k=rng.randint(0, 6))) for _ in range(120)]


def in_duckdb(pattern: str, rows: list[str]) -> list[str | None]:
    """What the pattern matches in each text; None where it does not match."""
    match = "CASE WHEN regexp_matches(text, $p) THEN regexp_extract(text, $p, 0) END"
    sql = f"SELECT {match} FROM (SELECT unnest($t) AS text)"
    return [row[0] for row in duckdb.execute(sql, {"p": pattern, "t": rows}).fetchall()]


def in_java(java: Any, pattern: str, rows: list[str]) -> list[str | None]:
    compiled = java.java.util.regex.Pattern.compile(pattern)
    matchers = (compiled.matcher(text) for text in rows)
    return [one.group() if one.find() else None for one in matchers]


def test_patterns_match_the_same_in_java(java: Any) -> None:
    """Ends of lines, letters that have a case beyond ASCII, and digits of other scripts among the texts."""
    rng = random.Random(5)
    bundled = patterns_of_the_bundle()
    assert len(bundled) > 15
    matched = 0
    for pattern in sorted(bundled) + list(OTHERS):
        rows = texts(rng)
        found = in_java(java, java_pattern(pattern), rows)
        assert found == in_duckdb(pattern, rows), pattern
        matched += sum(one is not None for one in found)
    assert matched > 100


@pytest.mark.parametrize(
    ("pattern", "written"),
    [
        ("^a.b$", r"\Aa[^\n]b\z"),
        (r"[\d.]x\w", "[0-9.]x[0-9A-Za-z_]"),
        ("(?i)ak", "[aA][kK\u212a]"),
        ("(?i)[a-z_]", "[a-z_A-Z\u017f\u212a]"),
        (r"[^/?#]*(\[[^\]/?#]*\])", r"[^/?#]*(\[[^\]/?#]*\])"),
        ("(?:i|j){2,3}", "(?:i|j){2,3}"),
        ("^[^[x]", r"\A[^\[x]"),
    ],
)
def test_what_engines_take_otherwise_is_written_out(pattern: str, written: str) -> None:
    """To Joni, the engine of Trino, even `^` may be the start of any line."""
    assert java_pattern(pattern) == written


REFUSED = (
    *(r"[[:alpha:]]", "[a&&b]", r"\pL", r"[\W]", r"\Qa.b\E", r"\x41", "(?P<name>a)", "(?s).", "(?m)^a", r"\Ba"),
    *("a(?i)b", "a{,3}", "(?i)\u00e4"),
)


@pytest.mark.parametrize("pattern", REFUSED)
def test_what_java_reads_otherwise_is_refused(pattern: str) -> None:
    with pytest.raises(NotOfferedError, match="something else"):
        java_pattern(pattern)


@pytest.mark.parametrize("pattern", ["(x?)*", "(a+)+$", "(?:a|b){2,}"])
def test_a_group_without_end_is_refused(pattern: str) -> None:
    """Java ended over one of these, and with it Spark."""
    with pytest.raises(NotOfferedError, match="never be done"):
        java_pattern(pattern)
