"""Statements for Spark SQL: 3.5 and later, in a session whose time zone is UTC."""

from sqlglot import Schema, exp
from sqlglot.optimizer.annotate_types import annotate_types

from etl.dialects.rewriting import Node, Rewriters, rewrite
from etl.dialects.vocabulary import NotOfferedError


def for_spark(tree: exp.Query, schema: Schema) -> exp.Query:
    """The tree as Spark has to be asked; `schema` has the columns of the table. The tree that is given is used up."""
    typed = annotate_types(tree, schema=schema, dialect="spark")
    return rewrite(typed, _REWRITERS)


def _type(node: Node) -> Node:
    """`TIMESTAMP` is an instant in Spark."""
    if node.this is exp.DType.TIMESTAMP:
        return exp.DataType.build("TIMESTAMP_NTZ", dialect="spark")
    return node


def _truncated(node: Node) -> Node:
    """`date_trunc` makes an instant of a time."""
    if isinstance(node.parent, exp.Cast):
        return node
    return exp.cast(node.copy(), "TIMESTAMP_NTZ", dialect="spark")


def _local_time(node: Node) -> Node:
    """`time AT TIME ZONE 'UTC' AT TIME ZONE zone`: a time of UTC as clocks of the zone show it."""
    inner, zone = node.this.unnest(), node.args["zone"]
    if zone.name == "UTC" and isinstance(node.parent, exp.AtTimeZone):
        return node  # the outer one says what is wanted
    if isinstance(inner, exp.AtTimeZone) and inner.args["zone"].name == "UTC":
        local = exp.func("FROM_UTC_TIMESTAMP", inner.this, zone)
        return exp.cast(local, "TIMESTAMP_NTZ", dialect="spark")
    if zone.name == "UTC" and inner.name.lower() == "now":
        return exp.CurrentTimestamp()
    raise NotOfferedError("it has AT TIME ZONE for something else than times of UTC")


def _day_of_week(node: Node) -> Node:
    """1 is Monday, and 7 Sunday."""
    return exp.paren(
        exp.Add(this=exp.func("WEEKDAY", node.this), expression=exp.Literal.number(1))
    )


def _cast(node: Node) -> Node:
    """To whole numbers: DuckDB rounds, to the even one where two are as near, and Spark cuts off.

    A list of days has days already, and cannot be unlisted within an expression.
    """
    if isinstance(node.this, exp.Explode):
        return node.this
    if node.to.is_type(*exp.DataType.INTEGER_TYPES) and node.this.is_type(
        *exp.DataType.FLOAT_TYPES
    ):
        node.set("this", exp.func("RINT", node.this))
    return node


def _order(node: Node) -> Node:
    """By several keys: a NULL among them is the least to Spark, and the greatest to DuckDB."""
    for keys in node.expression.find_all(exp.Tuple):
        parts = [part for key in keys.expressions for part in _with_null_last(key)]
        keys.set("expressions", parts)
    return node


def _with_null_last(key: exp.Expr) -> tuple[exp.Expr, ...]:
    if isinstance(key, (exp.Is, exp.NullSafeEQ, exp.NullSafeNEQ)):
        return (key,)
    return (exp.Is(this=key.copy(), expression=exp.null()), key)


def _days_between(node: Node) -> Node:
    """Midnights between two times; of smaller units others count those that are whole."""
    if node.unit.name.upper() != "DAY":
        raise NotOfferedError(
            f"it counts how often a {node.unit.name.lower()} began between two times"
        )
    return exp.func("DATEDIFF", node.this, node.expression, dialect="spark")


def _try(_node: Node) -> Node:
    """What the reports try is to decode."""
    raise NotOfferedError(
        "it decodes %-encoded text, and Spark decodes otherwise: it takes + for a blank"
    )


def _like(node: Node) -> Node:
    """Others have an escape, and it is not the same one."""
    if not isinstance(node.expression, exp.Literal) or "\\" in node.expression.this:
        raise NotOfferedError(
            "it has LIKE with a backslash, or with a pattern that is not constant"
        )
    return node


def _text(node: Node) -> Node:
    """Spark puts the value of a variable in the place of `${...}`, in texts, too: these two are no longer together."""
    if not node.is_string or "${" not in node.name:
        return node
    first, *others = node.name.split("${")
    whole: exp.Expr = exp.Literal.string(first)
    for piece in others:
        before = exp.DPipe(this=whole, expression=exp.Literal.string("$"))
        whole = exp.DPipe(this=before, expression=exp.Literal.string(f"{{{piece}"))
    return exp.paren(whole)


_REWRITERS: Rewriters = {
    exp.ArgMax: _order,
    exp.ArgMin: _order,
    exp.Cast: _cast,
    exp.DataType: _type,
    exp.DateDiff: _days_between,
    exp.Like: _like,
    exp.Literal: _text,
    exp.TimestampTrunc: _truncated,
    exp.AtTimeZone: _local_time,
    exp.DayOfWeekIso: _day_of_week,
    exp.Try: _try,
}
