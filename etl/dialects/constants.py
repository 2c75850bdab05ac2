"""What is known before a statement is run: the relations that the settings are, and expressions without columns.

DuckDB itself says what they come to, so an engine is never asked for what it might answer otherwise.
"""

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import duckdb
from sqlglot import exp

from etl.config import Settings
from etl.dialects.relations import conditions
from etl.dialects.rewriting import Node, Rewriters, rewrite_each, rewritten
from etl.dialects.vocabulary import NotOfferedError
from etl.query.views import settings_statements

# What no value can be said of beforehand.
_OPEN = (
    exp.Column,
    exp.Star,
    exp.Query,
    exp.AggFunc,
    exp.Window,
    exp.Placeholder,
    exp.Explode,
)
# What is a constant already, or means something only where it stands.
_PLAIN = (
    exp.Literal,
    exp.Boolean,
    exp.Null,
    exp.Cast,
    exp.Array,
    exp.Interval,
    exp.If,
    exp.PropertyEQ,
)
_COMPUTED = (exp.Func, exp.Binary, exp.Unary)


class Constants:
    """The relations of the settings, and a DuckDB that computes with them."""

    def __init__(self, settings: Settings) -> None:
        self._connection = duckdb.connect()
        self._columns: dict[str, list[str]] = {}
        self._values: dict[exp.Expr, exp.Expr] = {}
        for statement in settings_statements(settings):
            self._connection.execute(statement)
        # What is computed here is computed of constants, and of nothing else.
        self._connection.execute("SET enable_external_access = false")
        self._changing = _changing_functions(self._connection)
        names = "SELECT view_name FROM duckdb_views() WHERE NOT internal"
        for (name,) in self._connection.execute(names).fetchall():
            described = self._connection.execute(f"DESCRIBE {name}").fetchall()
            self._columns[name] = [row[0] for row in described]

    def __contains__(self, relation: str) -> bool:
        return relation in self._columns

    def rows(self, table: exp.Table) -> exp.Query | None:
        """What a join takes of a relation, as a query of constants; None where that is nothing."""
        columns = self._columns[table.name]
        asked = conditions(table.parent) if isinstance(table.parent, exp.Join) else ()
        own = [
            one
            for one in asked
            if all(column.name in columns for column in one.find_all(exp.Column))
        ]
        rows = self._fetch(exp.select("*").from_(table.name).where(*own).sql("duckdb"))
        selects = [
            exp.select(
                *(
                    exp.alias_(constant(value), name)
                    for name, value in zip(columns, row, strict=True)
                )
            )
            for row in rows
        ]
        return (
            exp.union(*selects, distinct=False)
            if len(selects) > 1
            else next(iter(selects), None)
        )

    def unrolled(self, body: Node) -> Node:
        """A function's body without subqueries over relations of the settings.

        What they compare with parameters becomes a CASE, so that nothing is left that could take a column of an
        argument for one of its own.
        """
        return body.transform(self._unroll)

    def folded(self, tree: Node) -> Node:
        """A tree with the value of each part that has no column in it, and without the conditions that this settles."""
        return rewrite_each(tree, lambda node: rewritten(self._fold(node), _SETTLED))

    def _unroll(self, node: exp.Expr) -> exp.Expr:
        if (
            isinstance(node, exp.In)
            and (query := node.args.get("query"))
            and self._relation_of(query.this)
        ):
            values = [
                constant(value) for (value,) in self._fetch(query.this.sql("duckdb"))
            ]
            return exp.In(this=node.this, expressions=values) if values else exp.false()
        if isinstance(node, exp.Exists) and self._relation_of(node.this):
            return exp.Boolean(this=bool(self._fetch(node.this.sql("duckdb"))))
        if isinstance(node, exp.Subquery) and self._relation_of(node.this):
            return self._scalar(node.this)
        return node

    def _relation_of(self, query: Any) -> str | None:
        """The relation of the settings that a query is about, where it is about nothing else."""
        tables = [table.name for table in query.find_all(exp.Table)]
        return tables[0] if len(tables) == 1 and tables[0] in self else None

    def _scalar(self, select: exp.Select) -> exp.Expr:
        name = str(self._relation_of(select))
        own = self._columns[name]
        if all(column.name in own for column in select.find_all(exp.Column)):
            ((value,),) = self._fetch(select.sql("duckdb"))
            return constant(value)
        condition, (result,) = select.args["where"].this, select.selects
        branches = exp.Case()
        for row in self._fetch(f"SELECT * FROM {name}"):
            in_row = _replace_columns(dict(zip(own, map(constant, row), strict=True)))
            branches.when(
                condition.transform(in_row), result.transform(in_row), copy=False
            )
        return branches

    def _fold(self, node: exp.Expr) -> exp.Expr:
        if not isinstance(node, _COMPUTED) or isinstance(node, (*_PLAIN, *_OPEN)):
            return node
        if node.find(*_OPEN) or any(map(self._may_change, node.find_all(exp.Func))):
            return node
        if isinstance(node.parent, (exp.Table, exp.Window)):
            return node
        if node not in self._values:
            self._values[node.copy()] = self._value_of(node)
        return self._values[node].copy()

    def _value_of(self, node: exp.Expr) -> exp.Expr:
        sql = node.sql("duckdb")
        try:
            ((value,),) = self._fetch(f"SELECT {sql}")
        except duckdb.Error as error:
            raise NotOfferedError(f"{sql} has no value: {error}") from error
        return constant(value)

    def _may_change(self, call: exp.Func) -> bool:
        """Whether a function may have another value the next time, as `now` and `random` have."""
        names = [call.name] if isinstance(call, exp.Anonymous) else call.sql_names()
        return any(name.lower() in self._changing for name in names)

    def _fetch(self, sql: str) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = self._connection.execute(sql).fetchall()
        return rows


def _changing_functions(connection: Any) -> frozenset[str]:
    sql = "SELECT function_name FROM duckdb_functions() WHERE stability <> 'CONSISTENT'"
    known = {name for (name,) in connection.execute(sql).fetchall()}
    # As the parser calls what has another name in DuckDB.
    return frozenset(
        known
        | {"current_timestamp", "current_time", "localtimestamp", "localtime", "rand"}
    )


def constant(value: object) -> exp.Expr:
    """A value as a tree; numbers with a point are of double precision, as in DuckDB's results."""
    if value is None:
        return exp.null()
    for kinds, tree in _TREES:
        if isinstance(value, kinds):
            return tree(value)
    raise TypeError(f"no constant: {value!r}")


# In this order: a truth value is a number to Python, and a time a date.
_TREES: tuple[tuple[type | tuple[type, ...], Callable[[Any], exp.Expr]], ...] = (
    (bool, lambda value: exp.Boolean(this=value)),
    (str, exp.Literal.string),
    (int, exp.Literal.number),
    (
        (float, Decimal),
        lambda value: exp.cast(exp.Literal.number(repr(float(value))), exp.DType.DOUBLE),
    ),
    (
        dt.datetime,
        lambda value: exp.cast(exp.Literal.string(str(value)), exp.DType.TIMESTAMP),
    ),
    (dt.date, lambda value: exp.cast(exp.Literal.string(str(value)), exp.DType.DATE)),
    (list, lambda value: exp.Array(expressions=[constant(one) for one in value])),
)


def _settled_connector(node: Node) -> Node:
    decisive = exp.Boolean(this=isinstance(node, exp.Or))
    sides = (node.this, node.expression)
    if decisive in sides:
        return decisive
    open_sides = [side for side in sides if not isinstance(side, exp.Boolean)]
    return node if len(open_sides) > 1 else next(iter(open_sides), node.this)


def _settled_paren(node: Node) -> Node:
    is_whole = isinstance(node.this, (exp.Boolean, exp.Column, exp.Literal, exp.Null))
    return node.this if is_whole else node


def _settled_membership(node: Node) -> Node:
    """A list of constants; not with NULL among them, which `IN` takes otherwise."""
    if isinstance(node.this, exp.Null):
        return node.this
    values = node.this.expressions if isinstance(node.this, exp.Array) else []
    if not values or any(isinstance(value, exp.Null) for value in values):
        return node
    return exp.In(this=node.expression, expressions=values)


def _settled_case(node: Node) -> Node:
    if node.this is not None:
        return node
    branches = [
        one for one in node.args["ifs"] if one.this not in (exp.false(), exp.null())
    ]
    if not branches:
        return node.args.get("default") or exp.null()
    if branches[0].this == exp.true():
        return branches[0].args["true"]
    node.set("ifs", branches)
    return node


_SETTLED: Rewriters = {
    exp.And: _settled_connector,
    exp.Or: _settled_connector,
    exp.Paren: _settled_paren,
    exp.ArrayContains: _settled_membership,
    exp.Case: _settled_case,
}


def _replace_columns(values: dict[str, exp.Expr]) -> Callable[[exp.Expr], exp.Expr]:
    def replaced(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Column) and node.name in values:
            return values[node.name].copy()
        return node

    return replaced
