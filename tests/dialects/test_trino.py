"""What is printed for Trino and Athena is Trino's SQL, puts no kinds of values together, and means what it should.

None of these engines runs here. So statements are parsed by Trino's own grammar, what the grammar does not know is
checked by rules of its analyzer, and each statement is read as Trino's and run by DuckDB.
"""

import datetime as dt
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlglot
from conftest import ingest_local
from golden_file import read_golden_file
from small_lake import all_lines, write_log_objects
from sqlglot import exp
from sqlglot.optimizer.scope import Scope as Query
from sqlglot.optimizer.scope import traverse_scope
from sqlglot.schema import MappingSchema
from trino_query_parser import TrinoSyntaxError, parse_statement

from etl import Lake, open_lake
from etl.config import Exclude, Settings
from etl.dialects import Dialect, NotOfferedError, translate
from etl.dialects.agreement import annotated, check_agreement
from etl.dialects.records import COLUMNS
from etl.query import Scope
from etl.reports.loader import load_reports
from etl.reports.report import Report

EXPECTED = Path(__file__).parents[1] / "reports" / "expected"
REFUSED = {
    "cost/list_requests": "apart",
    "operations/delivery_lag": "ledger",
    "operations/latency": "percentiles",
    "operations/latency_by_day": "percentiles",
    "operations/rejects": "rejects",
    "overview/completeness": "ledger",
    "overview/figures": "ledger",
    "security/countries_by_principal": "where addresses are",
    "security/networks": "where addresses are",
    "website/countries": "where addresses are",
    "website/operating_systems": "user agents",
    "website/people_and_bots": "user agents",
    "website/slowest_objects": "percentiles",
    "website/user_agents": "user agents",
}
LONGEST = 262_144
"""Bytes of a query that Athena takes."""
# Of which part of the lake, which is no parameter of a report.
SCOPED = {"website/hours_of_day", "website/requests_by_day"}

SCHEMA = MappingSchema(dialect="duckdb")
SCHEMA.add_table("access_log", COLUMNS)


def statement(sql: str, dialect: Dialect = Dialect.TRINO, **options: Any) -> str:
    """The statement for a report of this SQL."""
    report = Report(path=Path("own.sql"), line=1, name="own", sql=sql, title="Own", question="What?")
    return translate(report, dialect, {}, **options)


def expression(sql: str) -> str:
    """An expression over the table of records, as it is written for Trino, on one line."""
    tree = sqlglot.parse_one(statement(f"SELECT {sql} AS value FROM access_log"), read="trino")
    assert isinstance(tree, exp.Query)
    return tree.selects[0].unalias().sql("trino")


def arguments_of(name: str) -> dict[str, Any]:
    """What the expected result of a report is for."""
    return {} if name in SCOPED else read_golden_file(EXPECTED / f"{name}.csv").arguments


@pytest.fixture(scope="module")
def statements() -> dict[str, str]:
    """The statement of each report; of one that is not offered, why."""
    written = {}
    for report in load_reports().values():
        try:
            written[report.name] = translate(report, Dialect.TRINO, arguments_of(report.name))
        except NotOfferedError as error:
            written[report.name] = f"-- {error}"
    return written


@pytest.fixture(scope="module")
def offered(statements: dict[str, str]) -> dict[str, Any]:
    """The statements of all reports that are offered, as trees of what was printed, without the types of before."""
    return {name: sqlglot.parse_one(sql, read="trino") for name, sql in statements.items() if not sql.startswith("--")}


def test_most_reports_are_offered(statements: dict[str, str]) -> None:
    """The others say in words of users what Trino lacks."""
    refused = {name: sql for name, sql in statements.items() if sql.startswith("--")}
    assert refused.keys() == REFUSED.keys()
    assert {name for name, sql in refused.items() if REFUSED[name] not in sql} == set()
    assert len(statements) - len(refused) >= 106


def test_every_statement_is_of_the_grammar_of_trino(statements: dict[str, str]) -> None:
    """And short enough for Athena, which has the same grammar."""
    for sql in statements.values():
        if not sql.startswith("--"):
            parse_statement(sql)
            # The grammar has names in backquotes, which Trino refuses behind it.
            assert "`" not in re.sub(r"/\*.*?\*/", "", sql, flags=re.DOTALL)
            assert len(sql.encode()) < LONGEST


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT left(key, 3) FROM access_log",
        "SELECT key FROM access_log QUALIFY row_number() OVER () = 1",
        "SELECT * EXCLUDE (key) FROM access_log",
        "SELECT key::VARCHAR FROM access_log",
        "SELECT DISTINCT ON (key) key FROM access_log",
        "SELECT [1, 2] FROM access_log",
        "SELECT key AS end FROM access_log",
        "SELECT key FROM access_log;",
    ],
)
def test_the_grammar_refuses_what_is_not_of_trino(sql: str) -> None:
    with pytest.raises(TrinoSyntaxError):
        parse_statement(sql)


@pytest.mark.parametrize(
    "name", ["cost/by_day", "lifecycle/undo_list", "operations/completeness", "website/top_referrers"]
)
def test_athena_gets_the_same_statements(name: str, statements: dict[str, str]) -> None:
    """What Athena writes in its own way are tables, not queries."""
    report = load_reports()[name]
    assert translate(report, Dialect.ATHENA, arguments_of(name)) == statements[name]


def clauses(select: exp.Select) -> Iterator[exp.Expr]:
    """The parts of a SELECT in which Trino knows no names that the SELECT itself gives."""
    for name in ("where", "group", "having"):
        if clause := select.args.get(name):
            yield clause
    for join in select.args.get("joins") or ():
        if on := join.args.get("on"):
            yield on


def scopes(tree: exp.Expr) -> Iterator[tuple[Query, exp.Select]]:
    for scope in traverse_scope(tree):
        if isinstance(scope.expression, exp.Select):
            yield scope, scope.expression


def test_every_column_belongs_to_a_table(offered: dict[str, Any]) -> None:
    """Only ORDER BY may name what the SELECT calls so."""
    for name, tree in offered.items():
        for scope, select in scopes(tree):
            known = {*scope.sources}
            columns = {one for clause in clauses(select) for one in clause.find_all(exp.Column)}
            own = [one for one in columns if one.parent_select is select]
            assert all(one.table in known or scope.is_correlated_subquery for one in own), (name, select.sql())
            assert all(one.table for one in columns), (name, select.sql())


def ungrouped(node: exp.Expr, keys: set[str]) -> Iterator[exp.Expr]:
    """The columns of an expression that are in no key, and in no aggregate."""
    if node.sql("trino") in keys or isinstance(node, (exp.AggFunc, exp.Filter, exp.Query)):
        return
    if isinstance(node, exp.Column) and node.table:
        yield node
    for child in node.iter_expressions():
        # What a window sees is grouped already, and what it sums up may be an aggregate.
        yield from ungrouped(child.this if isinstance(node, exp.Window) and child is node.this else child, keys)


def test_what_is_selected_is_grouped(offered: dict[str, Any]) -> None:
    """As Trino looks for it: the same expression, word by word; and no key is a number, which would be a position."""
    number = 0
    for name, tree in offered.items():
        for _, select in scopes(tree):
            group = select.args.get("group")
            if group is None:
                continue
            assert not any(isinstance(one, exp.Literal) for one in group.expressions), name
            keys = {one.sql("trino") for one in group.expressions}
            having = [select.args["having"].this] if select.args.get("having") else []
            order = [one.this for one in select.args["order"].expressions] if select.args.get("order") else []
            for part in (*(one.unalias() for one in select.selects), *having, *order):
                assert list(ungrouped(part, keys)) == [], (name, part.sql("trino"))
            number += 1
    assert number > 150


def test_values_of_one_kind_meet(offered: dict[str, Any]) -> None:
    """Also in the types that follow from the printed text alone."""
    for tree in offered.values():
        check_agreement(annotated(tree, SCHEMA))


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT key = http_status FROM access_log",
        "SELECT coalesce(key, date) FROM access_log",
        "SELECT CASE WHEN key IS NULL THEN 1 ELSE key END FROM access_log",
        "SELECT key IN (1, 2) FROM access_log",
        "SELECT key FROM access_log UNION ALL SELECT http_status FROM access_log",
        "SELECT lower(http_status) FROM access_log",
        "SELECT nullif(http_status, '') FROM access_log",
        "SELECT CASE http_status WHEN '200' THEN 1 END FROM access_log",
        "SELECT time BETWEEN 1 AND 2 FROM access_log",
    ],
)
def test_values_of_two_kinds_are_refused(sql: str) -> None:
    """Trino casts none of them to the other."""
    with pytest.raises(NotOfferedError, match="puts together"):
        statement(sql)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    root = tmp_path_factory.mktemp("trino")
    write_log_objects(root, all_lines())
    ingest_local(root / "logs", root / "lake")
    return open_lake(str(root / "lake"))


def in_duckdb(tree: exp.Expr) -> str:
    """A statement of Trino in DuckDB's SQL. Whole numbers have whole quotients there, and days are whole days."""
    typed = annotated(tree.copy(), SCHEMA) if isinstance(tree, exp.Query) else tree
    for difference in list(typed.find_all(exp.DateDiff)):
        days = [exp.Literal.string("day"), difference.expression.copy(), difference.this.copy()]
        difference.replace(exp.Anonymous(this="date_sub", expressions=days))
    for quotient in list(typed.find_all(exp.Div)):
        if quotient.is_type(*exp.DataType.INTEGER_TYPES):
            quotient.replace(exp.IntDiv(this=quotient.this.copy(), expression=quotient.expression.copy()))
    return typed.sql("duckdb")


def comparable(value: Any) -> Any:
    """Sums of prices differ in the last digits with the order in which they are added."""
    return float(f"{value:.9g}") if isinstance(value, (float, Decimal)) else value


def test_the_statements_give_the_expected_rows(offered: dict[str, Any], lake: Lake) -> None:
    """Read as Trino's and run by DuckDB over the small lake: those that the oracle computes, in order."""
    connection = duckdb.connect()
    connection.execute(str(lake.ddl("duckdb")))
    connection.execute("CREATE MACRO with_timezone(t, zone) AS timezone(zone, t)")
    connection.execute("CREATE MACRO at_timezone(t, zone) AS timezone(zone, t)")
    connection.execute("SET TimeZone = 'UTC'")
    different = []
    for name in offered.keys() - SCOPED:
        expected = read_golden_file(EXPECTED / f"{name}.csv")
        found = connection.execute(in_duckdb(offered[name])).fetchall()
        rows = [tuple(map(comparable, row)) for row in found]
        if rows != [tuple(map(comparable, row)) for row in expected.rows]:
            different.append(name)
    assert different == []


NULLED = "CASE WHEN NOT access_log.key IS NULL THEN COALESCE({}, '') END"


@pytest.mark.parametrize(
    ("sql", "written"),
    [
        # NULL among others
        (
            "greatest(bytes_sent, object_size) > 5",
            (
                "COALESCE(GREATEST(access_log.bytes_sent, access_log.object_size), access_log.bytes_sent, "
                "access_log.object_size) > 5"
            ),
        ),
        ("greatest(coalesce(http_status, 0), 5)", "GREATEST(COALESCE(access_log.http_status, 0), 5)"),
        # what is not found
        ("regexp_extract(key, 'a+')", NULLED.format("REGEXP_EXTRACT(access_log.key, 'a+')")),
        ("nullif(regexp_extract(key, 'a+'), '')", "NULLIF(REGEXP_EXTRACT(access_log.key, 'a+'), '')"),
        ("split_part(key, '.', 1)", "SPLIT_PART(access_log.key, '.', 1)"),
        ("split_part(key, '.', 2)", NULLED.format("SPLIT_PART(access_log.key, '.', 2)")),
        ("split_part(key, '.', -1)", "REVERSE(SPLIT_PART(REVERSE(access_log.key), '.', 1))"),
        # texts
        ("starts_with(key, 'a')", "STARTS_WITH(access_log.key, 'a')"),
        ("contains(key, 'a')", "(STRPOS(access_log.key, 'a') > 0)"),
        ("left(key, 3)", "SUBSTR(access_log.key, 1, 3)"),
        ("key || http_status", "access_log.key || CAST(access_log.http_status AS VARCHAR)"),
        ("key = 'it''s \\ \"x\"'", "access_log.key = 'it''s \\ \"x\"'"),
        ("key LIKE 'a\\_%'", "access_log.key LIKE 'a\\_%'"),
        # patterns
        ("regexp_matches(key, '^a.$')", "REGEXP_LIKE(access_log.key, '\\Aa[^\\n]\\z')"),
        ("regexp_matches(key, 'ax', 'i')", "REGEXP_LIKE(access_log.key, '[aA][xX]')"),
        # times
        ("hour(time)", "HOUR(access_log.time)"),
        ("isodow(date)", "DAY_OF_WEEK(access_log.date)"),
        ("date + 3", "DATE_ADD('DAY', 3, access_log.date)"),
        ("last_day(date)", "LAST_DAY_OF_MONTH(access_log.date)"),
        ("date_trunc('hour', time)", "DATE_TRUNC('HOUR', access_log.time)"),
        ("date_trunc('month', date)", "DATE_TRUNC('MONTH', CAST(access_log.date AS TIMESTAMP))"),
        ("date_trunc('month', date)::DATE", "CAST(DATE_TRUNC('MONTH', access_log.date) AS DATE)"),
        ("date_diff('day', date, DATE '2026-01-01')", "DATE_DIFF('DAY', access_log.date, CAST('2026-01-01' AS DATE))"),
        (
            "hour(time AT TIME ZONE 'UTC' AT TIME ZONE 'Europe/Berlin')",
            "HOUR(CAST(AT_TIMEZONE(WITH_TIMEZONE(access_log.time, 'UTC'), 'Europe/Berlin') AS TIMESTAMP))",
        ),
        ("now() AT TIME ZONE 'UTC'", "CAST(AT_TIMEZONE(CURRENT_TIMESTAMP, 'UTC') AS TIMESTAMP)"),
        # numbers
        ("sum(bytes_sent)", "SUM(CAST(access_log.bytes_sent AS DECIMAL(38, 0)))"),
        ("bytes_sent / 3", "CAST(access_log.bytes_sent AS DOUBLE) / 3"),
        ("http_status // 100", "access_log.http_status / 100"),
        ("bytes_sent * 0.1::DOUBLE", "access_log.bytes_sent * 0.1e0"),
        # aggregates and windows
        ("bool_or(http_status = 200)", "BOOL_OR(access_log.http_status = 200)"),
        (
            "max_by(operation, (http_status IS NULL, time)) FILTER (WHERE operation IS NOT NULL)",
            (
                "MAX_BY(access_log.operation, CASE WHEN NOT access_log.operation IS NULL THEN "
                "ROW(access_log.http_status IS NULL, access_log.time IS NULL, "
                "COALESCE(access_log.time, CAST('1970-01-01' AS TIMESTAMP))) END) "
                "FILTER(WHERE NOT access_log.operation IS NULL)"
            ),
        ),
        (
            "count(*) FILTER (WHERE key IS NULL) OVER (PARTITION BY bucket)",
            "COUNT(CASE WHEN access_log.key IS NULL THEN 1 END) OVER (PARTITION BY access_log.bucket)",
        ),
        ("http_status IS DISTINCT FROM 304", "access_log.http_status IS DISTINCT FROM 304"),
    ],
)
def test_what_differs_is_written_as_trino_means_it(sql: str, written: str) -> None:
    assert expression(sql) == written


@pytest.mark.parametrize(
    "sql",
    [
        "quantile_disc(total_time, 0.5)",
        "median(total_time)",
        "approx_quantile(total_time, 0.5)",
        "url_decode(key)",
        "ends_with(key, 'a')",
        "regexp_matches(key, '(?i)[^a]')",
        "regexp_matches(key, 'a{,3}')",
        "regexp_matches(key, operation)",
        "substring(key, http_status)",
        "split_part(key, '.', http_status)",
        "try_cast(key AS INTEGER)",
        "time::VARCHAR",
        "avg(total_time)::VARCHAR",
        "list(key)",
        "strftime(time, '%H')",
        "key ILIKE 'a%'",
        "time AT TIME ZONE 'Europe/Berlin'",
        "avg(http_status) FILTER (WHERE key IS NULL) OVER (PARTITION BY bucket)",
    ],
)
def test_what_is_not_surely_the_same_is_refused(sql: str) -> None:
    with pytest.raises(NotOfferedError):
        statement(f"SELECT {sql} AS value FROM access_log")


def test_names_that_are_words_are_quoted() -> None:
    """Words that Trino or Athena reserves, and names that begin with an underscore."""
    sql = statement('SELECT key AS "end", key AS first, key AS _key, bucket AS "table" FROM access_log')
    for name in ("end", "first", "_key", "table"):
        assert f'AS "{name}"' in sql
    parse_statement(sql)


def test_sets_of_addresses_are_refused() -> None:
    """The setting takes none off by default, and is not in a statement then."""
    sql = "SELECT count(*) AS n FROM website_requests"
    assert "network" not in statement(sql).lower()
    settings = Settings(exclude=Exclude(addresses=("10.0.0.0/8",)))
    with pytest.raises(NotOfferedError, match=r"exclude\.addresses"):
        statement(sql, settings=settings)


def test_a_statement_has_its_scope_and_its_table() -> None:
    """Names of buckets, patterns of them and days are what a query of Athena's table needs to name."""
    scope = Scope(bucket=("web", "log-*"), date_from=dt.date(2026, 2, 1), key_prefix="a/")
    sql = statement("SELECT count(*) AS n FROM access_log", scope=scope, table="logs.access_log")
    tree = sqlglot.parse_one(sql, read="trino")
    assert {one.db for one in tree.find_all(exp.Table)} == {"", "logs"}
    (where,) = [one.this.sql("trino") for one in tree.find_all(exp.Where)]
    assert "bucket IN ('web') OR REGEXP_LIKE(" in where.replace("access_log.", "")
    assert "'\\A(?:log\\-(?:[^\\n]|\\n)*)\\z'" in where
    assert "date >= CAST('2026-02-01' AS DATE)" in where.replace("access_log.", "")
    assert "STARTS_WITH(" in where
    parse_statement(sql)
