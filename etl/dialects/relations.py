"""What only DuckDB joins and lists, in joins and conditions that every engine knows."""

from collections.abc import Callable, Iterator
from typing import Any

from sqlglot import exp

from etl.dialects.vocabulary import NotOfferedError


def rewrite_relations(query: exp.Query) -> exp.Query:
    """A query without lists that are unnested at once, and without joins of DuckDB's own."""
    for test in query.find_all(exp.In):
        _rewrite_pairs(test)
    for select in list(query.find_all(exp.Select)):
        _rewrite_list(select)
        for join in list(select.args.get("joins") or ()):
            if join.args.get("method") == "ASOF":
                _rewrite_asof(join)
            elif join.args.get("kind") in ("ANTI", "SEMI"):
                _rewrite_anti(select, join)
    return query


def remove_empty_joins(query: exp.Query, is_empty: Callable[[exp.Expr], bool]) -> None:
    """Remove what an anti join would take off, where that is nothing."""
    for join in list(query.find_all(exp.Join)):
        if join.args.get("kind") == "ANTI" and is_empty(join.this):
            join.pop()


def conditions(join: exp.Join) -> Iterator[exp.Expr]:
    """What a join asks for, each by itself."""
    on = join.args.get("on")
    if on is not None:
        yield from on.flatten() if isinstance(on, exp.And) else (on,)


def _rewrite_list(select: exp.Select) -> None:
    """`SELECT unnest(list(x))`: the list is there for DuckDB's optimizer, and its elements are the rows themselves."""
    lists = [one for one in select.selects if isinstance(one.unalias(), exp.Explode)]
    if len(select.selects) != 1 or not lists:
        return
    column = lists[0]
    collected = column.unalias().this
    if not isinstance(collected, exp.ArrayAgg):
        return
    item = collected.this
    if isinstance(item, exp.Distinct):
        (item,) = item.expressions
        select.set("distinct", exp.Distinct())
    select.set("group", None)
    if isinstance(item, exp.Struct):
        fields = [exp.alias_(field.expression, field.this) for field in item.expressions]
        select.set("expressions", fields)
        return
    select.set("expressions", [exp.alias_(item, column.alias or item.alias_or_name)])


def _rewrite_pairs(test: exp.In) -> None:
    """`(a, b) IN (SELECT (a, b) ...)`: the pair that is selected is two columns elsewhere."""
    query = test.args.get("query")
    if isinstance(test.this, exp.Tuple) and query is not None:
        (pair,) = query.this.selects
        if isinstance(pair, exp.Tuple):
            query.this.set("expressions", pair.expressions)


def _rewrite_anti(select: exp.Select, join: exp.Join) -> None:
    """`a ANTI JOIN b USING (x)`: no row of b has the same x."""
    left, right = select.args["from_"].this.alias_or_name, join.this.alias_or_name
    if left.lower() == right.lower():
        raise NotOfferedError(
            f"it joins {left} with itself, without a name that tells them apart"
        )
    names = [one.name for one in join.args.get("using") or ()]
    equal: list[exp.Expr] = [
        exp.EQ(this=exp.column(name, right), expression=exp.column(name, left))
        for name in names
    ]
    equal.extend(conditions(join))
    matches = exp.Exists(
        this=exp.select("1").from_(join.this.copy()).where(*equal, copy=False)
    )
    select.where(
        matches if join.args["kind"] == "SEMI" else exp.not_(matches), copy=False
    )
    join.pop()


def _rewrite_asof(join: exp.Join) -> None:
    """`a ASOF JOIN b ON a.x = b.x AND a.t >= b.t`: each row of b counts from its t until that of the next one."""
    name = join.this.alias_or_name
    asked = list(conditions(join))
    (time,) = (one for one in asked if isinstance(one, exp.GTE))
    keys = [_side(one, name) for one in asked if isinstance(one, exp.EQ)]
    until = exp.Window(
        this=exp.Lead(this=time.expression.copy()),
        partition_by=keys,
        order=exp.Order(
            expressions=[exp.Ordered(this=time.expression.copy(), nulls_first=False)]
        ),
    )
    limited = exp.select("*", exp.alias_(until, "until")).from_(join.this.copy())
    end = exp.column("until", name)
    within = exp.or_(exp.LT(this=time.this.copy(), expression=end), end.is_(exp.null()))
    join.set("method", None)
    join.set("this", limited.subquery(name))
    join.set("on", exp.and_(*asked, within, copy=False))


def _side(equality: Any, relation: str) -> exp.Expr:
    """The side of an equality that is about a relation."""
    sides = (equality.this, equality.expression)
    side: exp.Expr = next(
        one
        for one in sides
        if all(column.table == relation for column in one.find_all(exp.Column))
    )
    return side.copy()
