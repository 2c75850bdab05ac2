"""The records that a statement is about: the engine's table, and what a scope leaves of it."""

import re
from collections.abc import Iterator

from sqlglot import exp

from etl.dialects.constants import constant
from etl.dialects.dialect import check_qualified_name
from etl.query import Scope
from etl.query.scope import is_pattern
from etl.query.views import LARGEST, column_types
from etl.schema import ACCESS_LOG

COLUMNS = column_types(ACCESS_LOG)
"""The columns of the table of records, and their types in DuckDB."""

# A class of characters, or one character.
_PIECES = re.compile(r"\[!?[^]]+\]|.", re.DOTALL)


def table_named(name: str) -> exp.Table:
    """The table of this name. Raises UsageError as `check_qualified_name`."""
    check_qualified_name(name)
    # In quotes, as one may be a keyword or begin with a digit; the usual one is neither.
    words = [
        exp.to_identifier(word, quoted=word != ACCESS_LOG.name)
        for word in name.split(".")
    ]
    parts = dict(zip(("this", "db", "catalog"), reversed(words), strict=False))
    alias = exp.TableAlias(this=exp.to_identifier(ACCESS_LOG.name))
    return exp.Table(**parts, alias=alias)


def records(scope: Scope, table: exp.Table) -> exp.Query:
    """The rows of `table` that are in the scope."""
    columns = [exp.alias_(_column(name), name) for name in COLUMNS]
    return exp.select(*columns).from_(table.copy()).where(*_conditions(scope))


def _column(name: str) -> exp.Expr:
    """A column; of a number that is too large to be one, NULL: a lake may be from before the parser knew."""
    column = exp.column(name)
    if name not in LARGEST:
        return column
    is_possible = exp.LTE(this=column, expression=exp.Literal.number(LARGEST[name]))
    return exp.Case().when(is_possible, column.copy())


def _conditions(scope: Scope) -> Iterator[exp.Expr]:
    """Days before times: they are partitions."""
    if scope.buckets:
        yield _of_buckets(scope.buckets)
    date, time = exp.column("date"), exp.column("time")
    if scope.date_from:
        yield exp.GTE(this=date, expression=constant(scope.date_from))
    if scope.date_to:
        yield exp.LTE(this=date.copy(), expression=constant(scope.date_to))
    if scope.time_from:
        yield exp.GTE(this=time, expression=constant(scope.time_from))
    if scope.time_before:
        yield exp.LT(this=time.copy(), expression=constant(scope.time_before))
    if scope.key_prefix is not None:
        yield exp.StartsWith(
            this=exp.column("key"), expression=constant(scope.key_prefix)
        )


def _of_buckets(buckets: tuple[str, ...]) -> exp.Expr:
    """Buckets by name, or by patterns as of a shell."""
    names = [constant(one) for one in buckets if not is_pattern(one)]
    bucket = exp.column("bucket")
    tests: list[exp.Expr] = [exp.In(this=bucket, expressions=names)] if names else []
    for pattern in filter(is_pattern, buckets):
        regex = constant("".join(map(_regex, _PIECES.findall(pattern))))
        tests.append(exp.RegexpFullMatch(this=bucket.copy(), expression=regex))
    return exp.paren(exp.or_(*tests)) if len(tests) > 1 else tests[0]


def _regex(piece: str) -> str:
    """The regular expression for a piece of a pattern."""
    if len(piece) > 1:
        return f"[{piece[1:-1].replace('!', '^', 1)}]" if piece[1] == "!" else piece
    return {"*": r"[\s\S]*", "?": r"[\s\S]"}.get(piece, re.escape(piece))
