"""What DuckDB writes in its own way, in expressions that mean the same in every engine.

Each function takes a node of a tree in which all columns are named with their tables, and types are known.
"""

from collections.abc import Callable, Iterator, Mapping

from sqlglot import exp

from etl.dialects.regex import java_pattern
from etl.dialects.rewriting import Node, Rewriters, rewrite
from etl.dialects.vocabulary import NotOfferedError

_WIDE = "DECIMAL(38, 0)"


def portable(tree: exp.Query) -> exp.Query:
    """The tree in other words. The tree that is given is used up."""
    for union in list(tree.find_all(exp.SetOperation)):
        if union.args.get("by_name"):
            _align(union)
    return rewrite(tree, _REWRITERS)


def _align(union: exp.SetOperation) -> None:
    """`UNION ALL BY NAME`: all sides have all columns, in the order of the first."""
    sides = list(_sides(union))
    names = dict.fromkeys(name for side in sides for name in side.named_selects)
    for side in sides:
        columns = {one.alias_or_name: one for one in side.selects}
        aligned = [columns.get(name) or exp.alias_(exp.null(), name) for name in names]
        side.set("expressions", aligned)


def _sides(query: Node) -> Iterator[exp.Select]:
    """The selects of a union, and of the unions that are its sides."""
    if isinstance(query, exp.SetOperation):
        query.set("by_name", False)
        yield from _sides(query.left)
        yield from _sides(query.right)
    else:
        yield query


def _any_value(node: Node) -> Node:
    """The greatest is one of them, and the same at every run."""
    return exp.Max(this=node.this)


def _ignore_nulls(node: Node) -> Node:
    return node.this if isinstance(node.this, exp.Max) else node


def _arg_max(node: Node) -> Node:
    """DuckDB's `arg_max` and `arg_min` look for a value that is not NULL."""
    value = node.this
    is_known = exp.not_(exp.Is(this=value.copy(), expression=exp.null()))
    order = exp.Case().when(is_known, node.expression)
    return type(node)(this=value, expression=order)


def _arg_max_null(value: exp.Expr, order: exp.Expr) -> exp.Expr:
    return exp.ArgMax(this=value, expression=order)


def _date_sub(unit: exp.Expr, begin: exp.Expr, end: exp.Expr) -> exp.Expr:
    """Whole units between two times."""
    return exp.TimestampDiff(this=end, expression=begin, unit=exp.var(unit.name.upper()))


def _function(node: Node) -> Node:
    rewrite = _FUNCTIONS.get(node.name.lower())
    return rewrite(*node.expressions) if rewrite else node


def _percentile(node: Node) -> Node:
    """Several percentiles at once are a list of them, which is NULL where there are no values."""
    if isinstance(node.parent, exp.Filter):
        return node
    return _percentiles(node, None)


def _filtered(node: Node) -> Node:
    return (
        _percentiles(node.this, node.expression)
        if isinstance(node.this, exp.PercentileDisc)
        else node
    )


def _percentiles(node: Node, where: exp.Expr | None) -> Node:
    asked = node.expression
    if not isinstance(asked, exp.Array):
        return _one_percentile(node.this, asked, where)
    every = [_one_percentile(node.this, one, where) for one in asked.expressions]
    is_known = exp.not_(exp.Is(this=every[0].copy(), expression=exp.null()))
    return exp.Case().when(is_known, exp.Array(expressions=every))


def _one_percentile(
    value: exp.Expr, fraction: exp.Expr, where: exp.Expr | None
) -> exp.Expr:
    order = exp.Order(expressions=[exp.Ordered(this=value.copy())])
    # As a function that sqlglot does not know: it would take an estimate for it.
    exact = exp.Anonymous(this="PERCENTILE_DISC", expressions=[fraction.copy()])
    percentile = exp.WithinGroup(this=exact, expression=order)
    return exp.Filter(this=percentile, expression=where.copy()) if where else percentile


def _field(node: Node) -> Node:
    """`max({'a': x, 'b': y}).b`: the `y` of the greatest `x` and `y`."""
    greatest = node.this
    if not isinstance(greatest, exp.Max) or not isinstance(greatest.this, exp.Struct):
        return node
    fields = {one.this.name: one.expression for one in greatest.this.expressions}
    value = fields[node.expression.name].copy()
    keys = exp.Tuple(expressions=[one.copy() for one in fields.values()])
    return exp.ArgMax(this=value, expression=keys)


def _round(node: Node) -> Node:
    """As DuckDB rounds: what is a tie is decided by the binary number, not by its digits."""
    digits = node.args.get("decimals")
    if digits is None:
        return node
    factor = exp.cast(exp.Literal.number(f"{10 ** int(digits.name)}.0"), exp.DType.DOUBLE)
    scaled = exp.Mul(this=exp.paren(node.this, copy=False), expression=factor)
    rounded = exp.Div(this=exp.Round(this=scaled), expression=factor.copy())
    return (
        exp.paren(rounded)
        if isinstance(node.parent, (exp.Binary, exp.Unary))
        else rounded
    )


def _div(node: Node) -> Node:
    """`/` is of double precision, whatever it divides."""
    return exp.Div(this=_double(node.this), expression=node.expression)


def _double(node: exp.Expr) -> exp.Expr:
    return exp.cast(node, exp.DType.DOUBLE, copy=False)


def _sum(node: Node) -> Node:
    """A sum of whole numbers has room for 38 digits."""
    is_distinct = isinstance(node.this, exp.Distinct)
    added = node.this.expressions[0] if is_distinct else node.this
    if not added.is_type(*exp.DataType.INTEGER_TYPES):
        return node
    wide = exp.cast(added, _WIDE, copy=False)
    return exp.Sum(this=exp.Distinct(expressions=[wide]) if is_distinct else wide)


def _add(node: Node) -> Node:
    return _moved(node, node.expression)


def _subtract(node: Node) -> Node:
    if node.this.is_type(exp.DType.DATE) and node.expression.is_type(exp.DType.DATE):
        return exp.DateDiff(
            this=node.this, expression=node.expression, unit=exp.var("DAY")
        )
    return _moved(node, exp.Neg(this=exp.paren(node.expression)))


def _moved(node: Node, days: exp.Expr) -> Node:
    """A date that is so many days later; any other sum or difference as it is."""
    whole = exp.DataType.INTEGER_TYPES
    if not node.this.is_type(exp.DType.DATE) or not node.expression.is_type(*whole):
        return node
    return exp.DateAdd(this=node.this, expression=days, unit=exp.var("DAY"))


def _pattern(node: Node) -> Node:
    options = node.args.get("parameters") or node.args.get("flag")
    if options is not None and options.name != "i":
        raise NotOfferedError(f"it matches with the options {options}")
    text = _java(node.expression, ignores_case=options is not None)
    node.set("parameters", None)
    node.set("flag", None)
    node.set("expression", exp.Literal.string(text))
    return node


def _full_match(node: Node) -> Node:
    text = rf"\A(?:{_java(node.expression)})\z"
    return exp.RegexpLike(this=node.this, expression=exp.Literal.string(text))


def _java(pattern: exp.Expr, *, ignores_case: bool = False) -> str:
    if not isinstance(pattern, exp.Literal):
        raise NotOfferedError("it matches texts with patterns that are not constant")
    return java_pattern(pattern.this, ignores_case=ignores_case)


def _group(node: Node) -> Node:
    if node.args.get("all"):
        node.set("all", None)
        every = (one.unalias() for one in node.parent.selects)
        node.set(
            "expressions", [one.copy() for one in every if one.find(exp.AggFunc) is None]
        )
    return _without_hashes(node)


def _without_hashes(node: Node) -> Node:
    """Hashes are grouped by to take less time: what they are made of is the same groups."""
    keys = [
        key
        for one in node.expressions
        for key in (one.expressions if one.name.lower() == "hash" else [one])
    ]
    node.set("expressions", keys)
    return node


_REWRITERS: Rewriters = {
    exp.AnyValue: _any_value,
    exp.IgnoreNulls: _ignore_nulls,
    exp.ArgMax: _arg_max,
    exp.ArgMin: _arg_max,
    exp.Dot: _field,
    exp.Round: _round,
    exp.Anonymous: _function,
    exp.PercentileDisc: _percentile,
    exp.Filter: _filtered,
    exp.Group: _group,
    exp.Div: _div,
    exp.Sum: _sum,
    exp.Add: _add,
    exp.Sub: _subtract,
    exp.RegexpExtract: _pattern,
    exp.RegexpLike: _pattern,
    exp.RegexpFullMatch: _full_match,
}
_FUNCTIONS: Mapping[str, Callable[..., exp.Expr]] = {
    "arg_max_null": _arg_max_null,
    "date_sub": _date_sub,
}
