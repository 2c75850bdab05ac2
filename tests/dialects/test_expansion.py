"""What stands for a function of the bundle means what the function means, wherever it stands."""

from pathlib import Path

import duckdb
import pytest
from sqlglot import exp

from etl.config import DEFAULTS, Exclude, Settings
from etl.dialects import Dialect, NotOfferedError, translate
from etl.dialects.constants import Constants
from etl.dialects.definitions import Definitions, Function, bundled_definitions, parse
from etl.dialects.expansion import Expansion
from etl.reports import find_report
from etl.reports.report import Report


def expanded(select: str, **functions: tuple[str, str]) -> str:
    """A statement with functions in it, each of which is given as its parameters and its body."""
    definitions = Definitions()
    for name, (parameters, body) in functions.items():
        tree = parse(f"SELECT {body}").selects[0]
        definitions.functions[name] = Function(tuple(parameters.split()), tree)
    constants = Constants(DEFAULTS)
    text: str = Expansion(definitions, constants).expanded(parse(select)).sql("duckdb")
    return text


def report_of(sql: str) -> Report:
    return Report(path=Path("own.sql"), line=1, name="own", sql=sql, title="Own", question="Which?")


def on_spark(sql: str, settings: Settings = DEFAULTS) -> str:
    return translate(report_of(sql), Dialect.SPARK, {}, settings=settings)


def test_an_argument_is_no_parameter() -> None:
    """A column that is called as a parameter stays the column, whichever argument it is in."""
    text = expanded("SELECT minus(b, a) FROM t", minus=("a b", "a - b"))
    assert text == "SELECT (b - a) FROM t"
    nested = expanded("SELECT minus(minus(b, a), a) FROM t", minus=("a b", "a - b"))
    rows = duckdb.execute(f"WITH t AS (SELECT 2 AS a, 7 AS b) {nested}").fetchall()
    assert rows == [((7 - 2) - 2,)]


def test_arguments_and_bodies_stay_whole() -> None:
    """The operators around a call, and those of its arguments, bind as they did."""
    text = expanded(
        "SELECT 10 - twice(a + 1) * 3, NOT both(a OR b, c) FROM t", twice=("x", "x * 2"), both=("x y", "x AND y")
    )
    assert text == "SELECT 10 - ((a + 1) * 2) * 3, NOT ((a OR b) AND c) FROM t"


def test_a_subquery_of_a_body_takes_no_argument_for_its_own() -> None:
    """`storage_price` compares with a column that its argument may be called like, too."""
    text = on_spark(
        "SELECT storage_price(storage_class) AS price FROM (SELECT 'x' || key AS storage_class FROM access_log)"
    )
    assert "FROM storage_prices" not in text
    assert "_0.storage_class" in text
    with pytest.raises(ValueError, match="could take a for a column of its own"):
        expanded("SELECT newest(b) FROM t", newest=("a", "(SELECT max(c) FROM u WHERE d = a)"))


def test_every_function_of_the_bundle_is_expanded() -> None:
    """None of them has a name that the parser takes for a function of its own, and would pass on."""
    definitions = bundled_definitions()
    for name, function in {**definitions.functions, **definitions.tables}.items():
        call = parse(f"SELECT {name}({', '.join(function.parameters)})").selects[0]
        assert isinstance(call, exp.Anonymous), name


def test_a_report_may_call_its_own_what_a_view_is_called() -> None:
    """Each name means what is nearest to it, and views mean what they mean in the bundle."""
    text = on_spark(
        "WITH requests AS (SELECT bucket FROM access_log), events AS (SELECT bucket FROM objects)"
        " SELECT count(*) AS n FROM requests JOIN visits USING (bucket) JOIN events USING (bucket)"
    )
    names = [cte.alias for cte in parse(text).ctes]
    assert len(set(names)) == len(names)
    assert "objects_events" in names
    (own,) = (cte.this for cte in parse(text).ctes if cte.alias == "requests")
    assert own.args.get("where") is None


def test_settings_are_constants() -> None:
    """Accounts, buckets and prices stand in the statement, and nothing of them is looked up."""
    settings = Settings(accounts=("111122223333",), requester_pays=("shared",), site_hosts=("example.org",))
    text = on_spark(
        "SELECT is_foreign(requester) AS a, paid_by_requester(bucket, http_status, requester) AS b,"
        " is_own_site(referrer, bucket, host_header) AS c, request_price('get_and_others') AS d FROM access_log",
        settings,
    )
    for word in ("'111122223333'", "'shared'", "'example.org'"):
        assert word in text
    for name in ("own_accounts", "requester_pays_buckets", "site_hosts", "prices"):
        assert name not in text
    assert repr(settings.prices.get_and_others / 1000) in text


def test_a_setting_that_is_empty_leaves_nothing() -> None:
    """Nobody is foreign where the owner's accounts are not known, and nobody is excluded."""
    text = on_spark("SELECT count(*) FILTER (WHERE is_foreign(requester)) AS n FROM website_requests")
    assert "EXISTS" not in text
    assert "excluded" not in text
    kept = on_spark("SELECT count(*) AS n FROM website_requests", Settings(exclude=Exclude(requesters=("me",))))
    assert "excluded_requesters" in kept
    assert "excluded_addresses" not in kept


def test_a_table_that_others_have_not_is_refused() -> None:
    with pytest.raises(NotOfferedError, match="ledger"):
        on_spark("SELECT count(*) AS n FROM ledger")


def test_rounded_numbers_stay_whole() -> None:
    """What stands for a rounded number is divided as a whole."""
    text = on_spark("SELECT 100 / round(total_time / 3, 1) AS n FROM access_log")
    assert "/ (\n" in text or "/ (ROUND" in text


def test_what_changes_is_no_constant() -> None:
    """What has no column in it is computed beforehand, unless it may be something else when the statement is run."""
    text = on_spark("SELECT upper('a' || 'b') AS a, is_possible_day(date) AS b FROM access_log")
    assert "'AB'" in text
    assert "CURRENT_TIMESTAMP()" in text
    for changing in ("random()", "current_date", "today()", "uuid()", "now()"):
        with pytest.raises(NotOfferedError):
            on_spark(f"SELECT {changing} AS a FROM access_log")


def test_nothing_is_read_to_write_a_statement(tmp_path: Path) -> None:
    """A report of somebody else's opens no file while it is translated."""
    secret = tmp_path / "secret.txt"
    secret.write_text("hunter2")
    with pytest.raises(NotOfferedError, match="no table"):
        on_spark(f"SELECT (SELECT content FROM read_text('{secret}')) AS a FROM access_log")


@pytest.mark.parametrize(
    "expression",
    [
        r"key LIKE 'a\b'",
        "key LIKE request_uri",
        "regexp_matches(key, request_uri)",
        "regexp_matches(key, 'a.b', 's')",
        "time AT TIME ZONE 'Europe/Berlin'",
        "date_diff('hour', time, time)",
        "time AT TIME ZONE 'Asia/Tokyo' AT TIME ZONE 'Europe/Berlin'",
    ],
)
def test_what_means_something_else_to_others_is_refused(expression: str) -> None:
    with pytest.raises(NotOfferedError):
        on_spark(f"SELECT {expression} AS a FROM access_log")


def test_whole_numbers_are_rounded_as_duckdb_does() -> None:
    """Spark cuts a fraction off."""
    text = on_spark(
        "SELECT total(total_time / 8) AS a, (total_time / 8)::INTEGER AS b,"
        " sum(bytes_sent)::BIGINT AS c FROM access_log"
    )
    assert text.count("RINT(") == 2


def test_null_comes_last_among_several_keys() -> None:
    """Spark has it first."""
    text = on_spark("SELECT max_by(key, (time, object_size)) AS a FROM access_log")
    for column in ("time", "object_size"):
        assert f"access_log.{column} IS NULL, access_log.{column}" in " ".join(text.split())
    bundled = translate(find_report("lifecycle/expired_never_read"), Dialect.SPARK, {})
    assert "lifecycle_events.object_size IS NULL" in bundled


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("SELECT count(*) AS n FROM access_log WHERE (total_time, key) > (20, 'a')", "several values"),
        ("SELECT key FROM access_log WHERE (bucket, key) IN (SELECT (bucket, key) FROM objects)", "several values"),
        ("SELECT row_number() OVER (ORDER BY (time, key)) AS n FROM access_log", "several values"),
        ("SELECT min({'a': time, 'b': key}).b AS k FROM access_log", "a structure"),
        ("SELECT list_contains(['x', NULL], operation) AS a FROM access_log", "a list"),
        ("SELECT arg_max(operation, time, 2) AS a FROM access_log", "several of the greatest"),
        ("SELECT round(total_time, -2) AS a FROM access_log", "rounds"),
        ("SELECT avg(total_time * 0.1) AS a FROM access_log", "decimal number 0.1"),
        ("SELECT TRY_CAST(key AS INTEGER) AS a FROM access_log", "TRY_CAST"),
        ("SELECT left(key, -2) AS a FROM access_log", "fewer than none"),
        ("SELECT left(key, length(key) - 8) AS a FROM access_log", "fewer than none"),
        ("SELECT substring(key, 0, 3) AS a FROM access_log", "may be none"),
        ("SELECT substring(key, 3, -2) AS a FROM access_log", "may be none"),
        ("SELECT split_part(key, '', 1) AS a FROM access_log", "splits"),
        ("SELECT trim(key) AS a FROM access_log", "white space"),
        ("SELECT 'x' || (total_time * 1e9) AS a FROM access_log", "not known to be one"),
        ("SELECT (time - INTERVAL 1 DAY) || '' AS a FROM access_log", "not known to be one"),
        ("SELECT epoch(time) AS a FROM access_log", "epoch"),
        ("SELECT a.key FROM access_log AS a SEMI JOIN access_log AS A USING (key)", "with itself"),
    ],
)
def test_what_nobody_compared_is_refused(sql: str, reason: str) -> None:
    """Of reports of one's own: each of these gave other rows on Spark than in DuckDB, without an error."""
    for dialect in (Dialect.SPARK, Dialect.TRINO):
        with pytest.raises(NotOfferedError, match=reason):
            translate(report_of(sql), dialect, {})


def test_names_are_the_same_in_capitals() -> None:
    """A common table expression hides the view of its name, however it is written."""
    for name in ("Website_Requests", "website_requests"):
        text = on_spark(f"WITH {name} AS (SELECT key FROM access_log) SELECT count(*) AS n FROM website_REQUESTS")
        assert "operation" not in text
    text = on_spark("WITH Access_Log AS (SELECT key FROM access_log) SELECT count(*) AS n FROM ACCESS_LOG")
    names = [cte.alias.lower() for cte in parse(text).ctes]
    assert len(set(names)) == len(names) == 2


def test_spark_finds_no_variables_in_texts() -> None:
    """It would put environment variables and options in their place, in whatever somebody is asked for."""
    text = on_spark("SELECT key = '${env:HOME}/$${x}' AS a, row_number() OVER (ORDER BY key) AS n FROM access_log")
    assert "${" not in text
    assert "'$' || '{env:HOME}/$'" in text


def test_different_numbers_are_summed_in_38_digits() -> None:
    assert "SUM(DISTINCT CAST(access_log.object_size AS DECIMAL(38, 0)))" in on_spark(
        "SELECT sum(DISTINCT object_size) AS n FROM access_log"
    )
