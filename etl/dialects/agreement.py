"""Types of expressions, for engines that compare and combine values of one kind only."""

from collections.abc import Iterator
from typing import Any

from sqlglot import Schema, exp
from sqlglot.dialects.trino import Trino
from sqlglot.optimizer.annotate_types import TypeAnnotator, annotate_types

from etl.dialects.rewriting import Node
from etl.dialects.vocabulary import NotOfferedError


def _as_its_value(_: TypeAnnotator, node: Node) -> Node:
    node.type = node.this.type
    return node


# What sqlglot has no types of.
_RESULTS: dict[type[exp.Expr], dict[str, Any]] = {
    exp.ArgMax: {"annotator": _as_its_value},
    exp.ArgMin: {"annotator": _as_its_value},
    exp.AtTimeZone: {"returns": exp.DType.TIMESTAMPTZ},
    exp.RegexpExtract: {"returns": exp.DType.VARCHAR},
    exp.Reverse: {"returns": exp.DType.VARCHAR},
    exp.SplitPart: {"returns": exp.DType.VARCHAR},
    exp.TimestampTrunc: {"annotator": _as_its_value},
    exp.TimeToUnix: {"returns": exp.DType.DOUBLE},
}
_FAMILIES = {
    "a text": exp.DataType.TEXT_TYPES,
    "a number": exp.DataType.NUMERIC_TYPES,
    "a truth value": {exp.DType.BOOLEAN},
    # A date is a time of midnight, of itself.
    "a time": {exp.DType.DATE, exp.DType.TIMESTAMP, exp.DType.TIMESTAMPNTZ},
    "a list": {exp.DType.ARRAY},
    "an instant": {exp.DType.TIMESTAMPTZ},
}
_COMPARED = (
    exp.EQ,
    exp.NEQ,
    exp.LT,
    exp.LTE,
    exp.GT,
    exp.GTE,
    exp.NullSafeEQ,
    exp.NullSafeNEQ,
    exp.Nullif,
)
_LISTED = (exp.Coalesce, exp.Greatest, exp.Least)
_ROWS = (exp.Anonymous, exp.Struct, exp.Tuple)
_TEXTS = (
    exp.DPipe,
    exp.Length,
    exp.Like,
    exp.Lower,
    exp.RegexpExtract,
    exp.RegexpLike,
    exp.SplitPart,
    exp.StartsWith,
    exp.StrPosition,
    exp.Substring,
    exp.Trim,
    exp.Upper,
)

_NUMBERS = (exp.Add, exp.Sub, exp.Mul, exp.Div)
_TEXT = exp.Literal.string("")
_TEXT.type = exp.DataType.build("varchar")
_NUMBER = exp.Literal.number(0)
_NUMBER.type = exp.DataType.build("bigint")
_TRUTH = exp.true()
_TRUTH.type = exp.DataType.build("boolean")


def annotated(tree: exp.Query, schema: Schema) -> exp.Query:
    """The tree with the types that Trino gives to expressions; `schema` has the columns of the table."""
    metadata: Any = {**Trino.EXPRESSION_METADATA, **_RESULTS}
    return annotate_types(
        tree, schema=schema, expression_metadata=metadata, dialect="trino"
    )


def check_agreement(tree: exp.Query) -> None:
    """Raise NotOfferedError where an annotated tree puts values together that are not known to be of one kind."""
    for node in tree.walk():
        for together in _together(node):
            _check(node, together)


def _check(node: Node, together: list[Node]) -> None:
    values = [one for one in map(_bare, together) if not isinstance(one, exp.Null)]
    families = {_family(one) for one in values}
    if len(families) > 1 or None in families:
        kinds = sorted(one or "what is of no known type" for one in families)
        what = type(node).key.upper()
        raise NotOfferedError(
            f"its {what} puts together {' and '.join(kinds)}, which Trino does not"
        )


def _bare(node: Node) -> Node:
    node = node.unalias()
    return _bare(node.this) if isinstance(node, exp.Paren) else node


def _family(node: Node) -> str | None:
    return next((name for name, kinds in _FAMILIES.items() if node.is_type(*kinds)), None)


def _together(node: Node) -> Iterator[list[Node]]:
    """The values that a node puts together, in one list for each kind that they have to be of."""
    if isinstance(node, _COMPARED):
        yield from _sides(node)
    elif isinstance(node, exp.Between):
        yield [node.this, node.args["low"], node.args["high"]]
    elif isinstance(node, _LISTED):
        yield [node.this, *node.expressions]
    elif isinstance(node, exp.In):
        query = node.args.get("query")
        yield [node.this, *(query.this.selects if query else node.expressions)]
    elif isinstance(node, exp.Case):
        yield from _branches(node)
    elif isinstance(node, exp.SetOperation):
        yield from map(list, zip(node.left.selects, node.right.selects, strict=True))
    else:
        yield from _operands(node)


def _operands(node: Node) -> Iterator[list[Node]]:
    if isinstance(node, _TEXTS):
        yield [node.this, _TEXT]
    elif isinstance(node, _NUMBERS):
        yield [node.this, node.expression, _NUMBER]


def _sides(node: Node) -> Iterator[list[Node]]:
    left, right = _bare(node.this), _bare(node.expression)
    if isinstance(left, exp.Tuple) and isinstance(right, exp.Tuple):
        yield from map(list, zip(left.expressions, right.expressions, strict=True))
    else:
        yield [left, right]


def _branches(case: Node) -> Iterator[list[Node]]:
    ifs, default = case.args["ifs"], case.args.get("default")
    results = [one.args["true"] for one in ifs] + ([default] if default else [])
    # Keys of several values are only compared with each other.
    if not any(isinstance(_bare(one), _ROWS) for one in results):
        yield results
    if case.this:
        yield [case.this, *(one.this for one in ifs)]
    else:
        yield [_TRUTH, *(one.this for one in ifs)]
