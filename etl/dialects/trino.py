"""Statements for Trino, and for Athena, whose third engine is one: what is not surely the same there is refused."""

from collections.abc import Collection, Mapping

from sqlglot import Schema, exp

from etl.dialects.agreement import annotated, check_agreement
from etl.dialects.rewriting import Node, Rewriters, rewrite
from etl.dialects.vocabulary import NotOfferedError, words

# What names have to be quoted that sqlglot leaves bare: words that only Athena, or only a later Trino, reserves.
_RESERVED = words("""
    cube current_catalog current_date current_path current_role current_schema current_user first grouping json_array
    json_exists json_object json_query json_table json_value last listagg localtime localtimestamp normalize of
    recursive rollup skip trim uescape unnest
""")
_REASONS: Mapping[str, str] = {
    "is_in_network": "it compares addresses with the setting exclude.addresses, for which Trino has no function",
    "parse_user_agent": "it takes user agents apart, for which Trino has no function",
    "percentile_disc": "it needs exact percentiles, and Trino has estimates of them only",
    "url_decode": "it takes URLs apart, where Trino makes a space of each plus sign",
}
# What NULL is in an order of several keys: behind everything else, and of the type of the key.
_FILLERS: tuple[tuple[Collection[exp.DType], str], ...] = (
    (exp.DataType.TEXT_TYPES, "''"),
    (exp.DataType.NUMERIC_TYPES, "0"),
    ({exp.DType.BOOLEAN}, "FALSE"),
    ({exp.DType.DATE}, "CAST('1970-01-01' AS DATE)"),
    ({exp.DType.TIMESTAMP, exp.DType.TIMESTAMPNTZ}, "CAST('1970-01-01' AS TIMESTAMP)"),
)
_TIMES = (exp.DType.TIMESTAMP, exp.DType.TIMESTAMPNTZ)
_WHOLE = (*exp.DataType.INTEGER_TYPES, exp.DType.DECIMAL)


def for_trino(tree: exp.Query, schema: Schema) -> exp.Query:
    """The tree as Trino has to be asked; `schema` has the columns of the table. The tree that is given is used up."""
    for call in tree.find_all(exp.Anonymous):
        if reason := _REASONS.get(call.name.lower()):
            raise NotOfferedError(reason)
    spelled = rewrite(tree, _SPELLINGS)
    # What was put in has types, too, before what depends on types is written.
    written = rewrite(annotated(spelled, schema), _BY_TYPE)
    check_agreement(annotated(written, schema))
    return written


def _is_known(node: Node) -> bool:
    """Whether an expression is never NULL."""
    if isinstance(node, (exp.Literal, exp.Boolean, exp.Count)):
        return True
    if isinstance(node, exp.Coalesce):
        return any(map(_is_known, (node.this, *node.expressions)))
    if isinstance(node, (exp.Paren, exp.Neg, exp.Cast, exp.Round)) and not isinstance(
        node, exp.TryCast
    ):
        return _is_known(node.this)
    if isinstance(node, (exp.Add, exp.Sub, exp.Mul, exp.Div)):
        return _is_known(node.this) and _is_known(node.expression)
    if isinstance(node, (exp.Greatest, exp.Least)):
        return all(map(_is_known, (node.this, *node.expressions)))
    return False


def _extreme(node: Node) -> Node:
    """DuckDB leaves NULL out, and Trino gives it."""
    kind, arguments = type(node), [node.this, *node.expressions]
    node.set("ignore_nulls", False)
    if _is_known(node):
        return node
    first, *others = arguments
    for other in others:
        both = kind(this=first.copy(), expressions=[other.copy()], ignore_nulls=False)
        first = exp.Coalesce(this=both, expressions=[first, other.copy()])
    return first


def _call(name: str, *arguments: exp.Expr) -> exp.Expr:
    """A call as it is written here: what sqlglot knows, it would write its own way."""
    return exp.Anonymous(this=name, expressions=list(arguments))


def _date_add(node: Node) -> Node:
    if node.unit.name.upper() != "DAY":
        raise NotOfferedError(f"it adds units of {node.unit.name} to a date")
    return node


def _moved(node: Node) -> Node:
    """A date and so many days, where only what was written here tells that it is a date."""
    if not node.this.is_type(exp.DType.DATE) or isinstance(node.expression, exp.Interval):
        return node
    days = (
        node.expression
        if isinstance(node, exp.Add)
        else exp.Neg(this=exp.paren(node.expression))
    )
    return exp.DateAdd(this=node.this, expression=days, unit=exp.var("DAY"))


def _date_diff(node: Node) -> Node:
    """Between dates, as between times Trino counts whole days."""
    if node.unit.name.upper() != "DAY":
        raise NotOfferedError("it counts units of time other than days")
    return exp.DateDiff(
        this=_date(node.this), expression=_date(node.expression), unit=node.unit
    )


def _date(node: exp.Expr) -> exp.Expr:
    return node if node.is_type(exp.DType.DATE) else exp.cast(node, exp.DType.DATE)


def _whole_days(node: Node) -> Node:
    times = (node.this, node.expression)
    if node.unit.name != "DAY" or not all(one.is_type(*_TIMES) for one in times):
        raise NotOfferedError("it counts units of time other than days")
    return exp.DateDiff(this=node.this, expression=node.expression, unit=node.unit)


def _truncated(node: Node) -> Node:
    """A date, truncated, is a time in DuckDB."""
    if node.this.is_type(exp.DType.DATE) and not isinstance(node.parent, exp.Cast):
        node.set("this", exp.cast(node.this, exp.DType.TIMESTAMP))
    return node


def _instant_before(node: Node) -> Node:
    """A microsecond earlier: the instant before, which is a millisecond earlier where times have no microseconds."""
    step: Node = node.expression
    if not isinstance(step, exp.Interval) or step.args["unit"].name != "MICROSECOND":
        return node
    if step.name != "1":
        raise NotOfferedError("it counts microseconds, which Trino's times do not have")
    return exp.TimestampAdd(
        this=node.this,
        expression=exp.Neg(this=exp.Literal.number(1)),
        unit=exp.var("MILLISECOND"),
    )


def _around(node: Node) -> exp.Expr | None:
    """What a node is part of, whatever parentheses there are."""
    parent: exp.Expr | None = node.parent
    return _around(parent) if isinstance(parent, exp.Paren) else parent


def _local_time(node: Node) -> Node:
    """`time AT TIME ZONE 'UTC' AT TIME ZONE zone`: a time of UTC as clocks of the zone show it."""
    if isinstance(_around(node), exp.AtTimeZone):
        return node
    zone, inner = node.args["zone"], node.this.unnest()
    if isinstance(inner, exp.Anonymous) and inner.name.lower() == "now":
        instant: exp.Expr = exp.CurrentTimestamp()
    elif isinstance(inner, exp.AtTimeZone) and inner.args["zone"].name == "UTC":
        instant = _call("WITH_TIMEZONE", inner.this, inner.args["zone"])
    else:
        raise NotOfferedError("it takes a time for one of a zone other than UTC")
    if not isinstance(zone, exp.Literal):
        raise NotOfferedError("its time zone is not the same for all rows")
    return exp.cast(exp.AtTimeZone(this=instant, zone=zone), exp.DType.TIMESTAMP)


def _cast(node: Node) -> Node:
    value, kind = node.this, node.to.this
    if isinstance(value, exp.Literal):
        return _constant(node)
    if kind in exp.DataType.TEXT_TYPES and not value.is_type(
        *exp.DataType.TEXT_TYPES, *_WHOLE, exp.DType.DATE
    ):
        raise NotOfferedError("it makes a text of what Trino writes in another way")
    if kind in exp.DataType.INTEGER_TYPES and value.is_type(exp.DType.DOUBLE):
        return exp.cast(_rounded(value), kind)
    if isinstance(value, exp.Null):
        return node
    if kind in exp.DataType.INTEGER_TYPES and not value.is_type(
        *_WHOLE, exp.DType.BOOLEAN
    ):
        raise NotOfferedError(
            "it makes a whole number of what Trino rounds in another way"
        )
    return node


def _rounded(value: Node) -> exp.Expr:
    """The nearest whole number, of two the even one, as DuckDB casts; Trino takes the greater one."""
    half, two = exp.Literal.number("5e-1"), exp.Literal.number("2e0")
    fraction = exp.Sub(this=value.copy(), expression=exp.Floor(this=value.copy()))
    halved = exp.Div(this=value.copy(), expression=two, typed=True)
    even = exp.Mul(this=two.copy(), expression=exp.Round(this=halved))
    is_tie = exp.EQ(this=fraction, expression=half)
    return exp.Case().when(is_tie, even).else_(exp.Round(this=value.copy()))


def _constant(node: Node) -> Node:
    value, kind = node.this, node.to.this
    if kind is exp.DType.DOUBLE and not value.is_string:
        # As such: a decimal number loses digits when it is cast.
        text = value.name.lower()
        return exp.Literal.number(text if "e" in text else f"{text}e0")
    if kind is exp.DType.TIMESTAMP and "." in value.name:
        return exp.cast(value, "TIMESTAMP(6)", dialect="trino")
    return node


def _try_cast(node: Node) -> Node:
    """Of a part of an address: of other texts, each engine takes other ones for numbers."""
    if not isinstance(node.this, exp.SplitPart):
        raise NotOfferedError(
            "it makes numbers of texts, which Trino reads in another way"
        )
    return node


def _extracted(node: Node) -> Node:
    """DuckDB gives an empty text where nothing is found, and Trino NULL."""
    return _or_empty(_matched(node), node.this)


def _matched(node: Node) -> Node:
    if not isinstance(node.expression, exp.Literal):
        raise NotOfferedError("its pattern is known only row by row")
    return node


def _any_case(_: Node) -> Node:
    raise NotOfferedError("it uses ILIKE, for which Trino has no operator")


def _or_empty(found: Node, text: exp.Expr) -> Node:
    parent = found.parent
    if isinstance(parent, exp.TryCast):
        return found
    if isinstance(parent, exp.Nullif) and parent.expression == exp.Literal.string(""):
        return found
    filled = exp.Coalesce(this=found.copy(), expressions=[exp.Literal.string("")])
    return exp.Case().when(exp.not_(text.copy().is_(exp.null())), filled)


def _part(node: Node) -> Node:
    """Trino counts parts from the left only, and has NULL for those that are not there."""
    index, delimiter = node.args["part_index"], node.args["delimiter"]
    number = int(index.to_py()) if index.is_number else 0
    if number == 0 or not isinstance(delimiter, exp.Literal) or len(delimiter.name) != 1:
        raise NotOfferedError("it splits a text at what is known only row by row")
    if number > 0:
        found: exp.Expr = node.copy()
    else:
        part = exp.SplitPart(
            this=exp.Reverse(this=node.this.copy()),
            delimiter=delimiter,
            part_index=exp.Literal.number(-number),
        )
        found = exp.Reverse(this=part)
    if abs(number) == 1:
        return found
    found.parent = node.parent
    return _or_empty(found, node.this)


def _trim(node: Node) -> Node:
    """Without characters that are named, DuckDB takes spaces off, and Trino any white space."""
    if node.expression is None:
        node.set("expression", exp.Literal.string(" "))
        node.set("position", node.args.get("position") or "BOTH")
    if len(node.expression.name) != 1:
        raise NotOfferedError("it takes off several characters")
    return node


def _left(node: Node) -> Node:
    if not isinstance(node.expression, exp.StrPosition) and not _is_positive(
        node.expression
    ):
        raise NotOfferedError("it takes so many characters as is known only row by row")
    start = exp.Literal.number(1)
    return exp.Substring(this=node.this, start=start, length=node.expression)


def _substring(node: Node) -> Node:
    if not _is_positive(node.args["start"]):
        raise NotOfferedError("it takes a part of a text that may begin before it")
    return node


def _is_positive(node: Node) -> bool:
    if isinstance(node, exp.Add):
        return isinstance(node.this, exp.Length) and _is_positive(node.expression)
    return isinstance(node, exp.Literal) and node.is_int and int(node.name) > 0


def _contains(node: Node) -> Node:
    """`contains` is about arrays."""
    position = exp.StrPosition(this=node.this, substr=node.expression)
    return exp.paren(exp.GT(this=position, expression=exp.Literal.number(0)), copy=False)


def _concatenated(node: Node) -> Node:
    """Texts only, as Trino wants it."""
    return exp.DPipe(this=_text(node.this), expression=_text(node.expression))


def _text(node: Node) -> Node:
    if isinstance(node, exp.DPipe) or node.is_type(*exp.DataType.TEXT_TYPES):
        return node
    if not node.is_type(*_WHOLE, exp.DType.DATE):
        raise NotOfferedError("it puts together what is not known to be a text")
    return exp.cast(node, exp.DType.TEXT)


def _whole_quotient(node: Node) -> Node:
    return exp.Div(this=node.this, expression=node.expression, typed=True)


def _quotient(node: Node) -> Node:
    """Both sides are of double precision already."""
    node.set("typed", True)
    node.set("safe", False)
    return node


def _order(node: Node) -> Node:
    """Several keys at once: Trino compares no rows with NULL in them, which comes last in DuckDB."""
    for keys in list(node.expression.find_all(exp.Tuple)):
        keys.replace(_row(keys.expressions))
    return node


def _row(keys: list[Node]) -> exp.Expr:
    return _call("ROW", *(part for key in keys for part in _with_null_last(key)))


def _with_null_last(key: Node) -> tuple[exp.Expr, ...]:
    if _is_known(key) or isinstance(key, (exp.NullSafeEQ, exp.NullSafeNEQ, exp.Is)):
        return (key.copy(),)
    filler = next((text for kinds, text in _FILLERS if key.is_type(*kinds)), None)
    if filler is None:
        raise NotOfferedError("it orders by several keys of which one has no known type")
    filled = exp.Coalesce(
        this=key.copy(), expressions=[exp.maybe_parse(filler, dialect="trino")]
    )
    return (key.copy().is_(exp.null()), filled)


def _field(_node: Node) -> Node:
    raise NotOfferedError("it takes a field of a structure")


def _pairs(test: Node) -> Node:
    """`(a, b) IN (SELECT c, d ...)`, where only truth counts: a query may give one column only."""
    query = test.args.get("query")
    if not isinstance(test.this, exp.Tuple) or query is None:
        return test
    select = query.this
    if test.find_ancestor(
        exp.Not, exp.Select
    ) is not test.parent_select or select.args.get("group"):
        raise NotOfferedError("it looks for pairs that are not among others")
    equal = [
        exp.EQ(this=inner.unalias().copy(), expression=outer.copy())
        for inner, outer in zip(select.selects, test.this.expressions, strict=True)
    ]
    matching = select.copy().select("1", append=False).where(*equal, copy=False)
    return exp.Exists(this=matching)


def _window(node: Node) -> Node:
    """`f(x) FILTER (WHERE ...) OVER ...`: windows have no filters."""
    if not isinstance(node.this, exp.Filter):
        return node
    function, condition = node.this.this, node.this.expression.this
    if not isinstance(function, (exp.Count, exp.Sum, exp.Max, exp.Min)):
        raise NotOfferedError("it filters what a window sees")
    is_count = isinstance(function.this, exp.Star)
    value = exp.Literal.number(1) if is_count else function.this.copy()
    node.set("this", type(function)(this=exp.Case().when(condition.copy(), value)))
    return node


def _listed(select: Node) -> Node:
    """`SELECT unnest(generate_series(a, b, step))`: Trino unnests what is in FROM, and refuses an `a` after `b`."""
    series = [one for one in select.selects if one.find(exp.GenerateSeries)]
    if not series:
        return select
    listed: Node = series[0]
    days: Node = listed.find(exp.GenerateSeries)
    if len(series) > 1 or not days.args["start"].is_type(exp.DType.DATE):
        raise NotOfferedError("it lists what is not days")
    first, last = exp.column("first_day", "spans"), exp.column("last_day", "spans")
    sequence = exp.GenerateSeries(
        start=first,
        end=last,
        step=exp.Interval(this=exp.Literal.string("1"), unit=exp.var("DAY")),
    )
    is_some = exp.LTE(this=first.copy(), expression=last.copy())
    unnest = exp.Unnest(
        expressions=[exp.Case().when(is_some, sequence)],
        alias=exp.TableAlias(
            this=exp.to_identifier("listed", quoted=True),
            columns=[exp.to_identifier(listed.alias)],
        ),
    )
    others = [one for one in select.selects if one is not listed]
    spans = select.copy().select(
        *(one.copy() for one in others),
        exp.alias_(days.args["start"].copy(), "first_day"),
        exp.alias_(days.args["end"].copy(), "last_day"),
        append=False,
    )
    columns = [
        exp.alias_(
            exp.cast(exp.column(listed.alias, "listed"), exp.DType.DATE), listed.alias
        )
        if one is listed
        else exp.column(one.alias_or_name, "spans")
        for one in select.selects
    ]
    return (
        exp.select(*columns)
        .from_(spans.subquery("spans"))
        .join(unnest, join_type="CROSS")
    )


def _sum(node: Node) -> Node:
    """Whole numbers have room for 38 digits in a sum, as everywhere; some types are known here only."""
    if node.this.is_type(*exp.DataType.INTEGER_TYPES):
        return exp.Sum(this=exp.cast(node.this, "DECIMAL(38, 0)"))
    return node


def _name(node: Node) -> Node:
    """Athena takes names that begin with an underscore in quotes only."""
    if node.name.startswith("_") or node.name.lower() in _RESERVED:
        node.set("quoted", True)
    return node


_SPELLINGS: Rewriters = {
    exp.AtTimeZone: _local_time,
    exp.Contains: _contains,
    exp.ILike: _any_case,
    exp.Identifier: _name,
    exp.In: _pairs,
    exp.IntDiv: _whole_quotient,
    exp.Left: _left,
    exp.RegexpExtract: _extracted,
    exp.RegexpLike: _matched,
    exp.Select: _listed,
    exp.SplitPart: _part,
    exp.Sub: _instant_before,
    exp.Substring: _substring,
    exp.Trim: _trim,
    exp.TryCast: _try_cast,
    exp.Window: _window,
}
_BY_TYPE: Rewriters = {
    exp.Add: _moved,
    exp.ArgMax: _order,
    exp.ArgMin: _order,
    exp.Cast: _cast,
    exp.DPipe: _concatenated,
    exp.DateAdd: _date_add,
    exp.Dot: _field,
    exp.DateDiff: _date_diff,
    exp.Div: _quotient,
    exp.Greatest: _extreme,
    exp.Least: _extreme,
    exp.Sub: _moved,
    exp.Sum: _sum,
    exp.TimestampDiff: _whole_days,
    exp.TimestampTrunc: _truncated,
}
