"""A statement has only words that are known to mean the same to the engine."""

import pytest
import sqlglot

from etl.dialects import Dialect, NotOfferedError
from etl.dialects.vocabulary import check_vocabulary

# What a translator passes on as it is: other engines refuse it, or take it for something else.
REFUSED = (
    "SELECT a, COUNT(*) FROM t GROUP BY ALL",
    "SELECT a FROM t ORDER BY ALL",
    "SELECT * EXCEPT (a) FROM t",
    "SELECT * EXCLUDE (a) FROM t",
    "SELECT * REPLACE (1 AS a) FROM t",
    "WITH b AS MATERIALIZED (SELECT 1 AS a) SELECT a FROM b",
    "WITH b AS NOT MATERIALIZED (SELECT 1 AS a) SELECT a FROM b",
    "SELECT PERCENTILE_DISC(a, 0.5) FROM t",
    "SELECT PERCENTILE_APPROX(a, 0.5) FROM t",
    "SELECT APPROX_PERCENTILE(a, 0.5) FROM t",
    "SELECT REGEXP_FULL_MATCH(a, 'x') FROM t",
    "SELECT ENDS_WITH(a, 'x') FROM t",
    "SELECT ARBITRARY(a) IGNORE NULLS FROM t",
    "SELECT ANY_VALUE(a) FROM t",
    "SELECT DATE_SUB('day', a, b) FROM t",
    "SELECT URL_DECODE(a) FROM t",
    "SELECT a FROM t ASOF JOIN u ON t.a >= u.a",
    "SELECT a FROM t ANTI JOIN u ON t.a = u.a",
    "SELECT a FROM t SEMI JOIN u ON t.a = u.a",
    "SELECT a FROM t WHERE a = :name",
    "SELECT a FROM t WHERE a = $name",
    "SELECT a FROM t WHERE a = ?",
    "SELECT a FROM t QUALIFY ROW_NUMBER() OVER (ORDER BY a) = 1",
    "SELECT a FROM t UNION ALL BY NAME SELECT a FROM u",
    "SELECT a::INTEGER FROM t",
    "SELECT {'x': a} FROM t",
    "SELECT a[1:2] FROM t",
    "SELECT HASH(a) FROM t",
    "SELECT CONTAINS(a, b, c) FROM t",
    "SELECT a FROM t USING SAMPLE 10",
    "SELECT TRY(a) FROM t",
    "INSERT INTO t SELECT a FROM u",
)
DIALECTS = (Dialect.SPARK,)


def check(sql: str, dialect: Dialect) -> None:
    check_vocabulary(sql, sqlglot.parse_one(sql, read="duckdb"), dialect)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("sql", REFUSED)
def test_what_only_duckdb_knows_is_refused(sql: str, dialect: Dialect) -> None:
    with pytest.raises(NotOfferedError, match="not known to mean the same"):
        check(sql, dialect)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_words_of_every_engine_pass(dialect: Dialect) -> None:
    """A name may be a word that is refused elsewhere, and texts may have anything."""
    check(
        "WITH hash AS (SELECT ledger, COUNT(DISTINCT b) FILTER (WHERE c LIKE '%;?{}') AS n FROM t GROUP BY ledger)"
        " SELECT MAX_BY(ledger, n), SUM(n) OVER (PARTITION BY ledger) FROM hash UNION ALL SELECT '::', 1"
        " ORDER BY n DESC NULLS LAST LIMIT 3",
        dialect,
    )


def test_a_function_is_refused_where_a_column_has_its_name() -> None:
    """What is called is a function, whatever else has its name."""
    with pytest.raises(NotOfferedError, match="HASH"):
        check("SELECT hash, HASH(a) FROM t", Dialect.SPARK)
