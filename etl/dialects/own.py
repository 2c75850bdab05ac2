"""What reports of one's own may have, beyond words that are known: what means the same wherever it stands.

The bundled reports are compared with DuckDB one by one. Nobody compares others, so what depends on values, on NULL or
on types is refused there, where it is not plain that engines agree.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal

from sqlglot import exp

from etl.dialects.rewriting import Node
from etl.dialects.vocabulary import NotOfferedError

_MARK = "own"
_ORDERED = (exp.ArgMax, exp.ArgMin)
_TEXTS = exp.DataType.TEXT_TYPES
_AS_TEXT = (
    *exp.DataType.INTEGER_TYPES,
    exp.DType.DATE,
    exp.DType.BOOLEAN,
    exp.DType.NULL,
)


def mark(tree: exp.Query) -> exp.Query:
    """Mark all that a report says itself: what it is made of else is the bundle's."""
    for node in tree.walk():
        node.meta[_MARK] = True
    return tree


def check_own(tree: exp.Query) -> None:
    """Raise NotOfferedError for the first part of what is marked that engines may take otherwise; types are known."""
    for node in tree.walk():
        check = _CHECKS.get(type(node))
        if check is not None and node.meta.get(_MARK):
            check(node)


def _refuse(what: str) -> Callable[[Node], None]:
    def refuse(_node: Node) -> None:
        raise NotOfferedError(f"it has {what}")

    return refuse


def _tuple(node: Node) -> None:
    """The keys of an order are written out, with NULL where DuckDB has it."""
    parent = node.parent
    if not isinstance(parent, _ORDERED) or parent.expression is not node:
        raise NotOfferedError(
            "it compares several values at once, among which NULL counts otherwise"
        )


def _arg_max(node: Node) -> None:
    if node.args.get("count") is not None:
        raise NotOfferedError("it asks for several of the greatest values at once")


def _array(node: Node) -> None:
    if not isinstance(node.parent, exp.PercentileDisc):
        raise NotOfferedError("it has a list")


def _round(node: Node) -> None:
    digits = node.args.get("decimals")
    if digits is not None and not _is_whole(digits, least=0):
        raise NotOfferedError(
            "it rounds to a number of digits that is not written as one"
        )


def _number(node: Node) -> None:
    is_decimal = not node.is_string and "." in node.name and "e" not in node.name.lower()
    if is_decimal and not _is_of_double_precision(node.parent):
        raise NotOfferedError(
            f"it has the decimal number {node.name}, with which engines reckon otherwise: "
            f"{Decimal(node.name):E} is of double precision to all"
        )


def _is_of_double_precision(parent: Node) -> bool:
    """Whether a number that stands there is made one of double precision, or asks for a percentile."""
    is_cast = isinstance(parent, exp.Cast) and parent.to.is_type(exp.DType.DOUBLE)
    return is_cast or isinstance(parent, (exp.PercentileDisc, exp.Array))


def _start(node: Node) -> None:
    positions = (node.args.get("start"), node.args.get("length"))
    if not all(one is None or _is_whole(one, least=1) for one in positions):
        raise NotOfferedError(
            "it takes a part of a text from a position that may be none"
        )


def _left(node: Node) -> None:
    if not _is_whole(node.expression, least=0):
        raise NotOfferedError("it takes so many characters as may be fewer than none")


def _split(node: Node) -> None:
    delimiter, index = node.args["delimiter"], node.args["part_index"]
    is_plain = isinstance(delimiter, exp.Literal) and delimiter.name
    if not is_plain or not _is_whole(
        index.this if isinstance(index, exp.Neg) else index, least=1
    ):
        raise NotOfferedError("it splits a text at what is not written as a text")


def _trim(node: Node) -> None:
    if node.expression is None:
        raise NotOfferedError(
            "it takes white space off, of which engines know different kinds"
        )


def _cast(node: Node) -> None:
    value, kind = node.this, node.to
    if kind.is_type(*_TEXTS) and not value.is_type(*_TEXTS, *_AS_TEXT):
        raise NotOfferedError("it makes a text of what engines write in different ways")
    if kind.is_type(*exp.DataType.NUMERIC_TYPES) and not value.is_type(
        *exp.DataType.NUMERIC_TYPES, exp.DType.BOOLEAN, exp.DType.NULL
    ):
        raise NotOfferedError("it makes a number of what is not known to be one")


def _concatenated(node: Node) -> None:
    for side in (node.this, node.expression):
        if not side.is_type(*_TEXTS, *_AS_TEXT):
            raise NotOfferedError(
                "it puts together with a text what is not known to be one"
            )


def _is_whole(node: Node, *, least: int) -> bool:
    return isinstance(node, exp.Literal) and node.is_int and int(node.name) >= least


_CHECKS: Mapping[type[exp.Expr], Callable[[Node], None]] = {
    exp.ArgMax: _arg_max,
    exp.ArgMin: _arg_max,
    exp.Array: _array,
    exp.ArrayAgg: _refuse("a list"),
    exp.ArrayContains: _refuse("a list"),
    exp.Bracket: _refuse("a list"),
    exp.Cast: _cast,
    exp.DPipe: _concatenated,
    exp.Explode: _refuse("a list"),
    exp.Left: _left,
    exp.Literal: _number,
    exp.Round: _round,
    exp.SplitPart: _split,
    exp.Struct: _refuse("a structure"),
    exp.Substring: _start,
    exp.TimeToUnix: _refuse("epoch, which not all engines count with fractions"),
    exp.Trim: _trim,
    exp.TryCast: _refuse("TRY_CAST, and engines read different texts as numbers"),
    exp.Tuple: _tuple,
}
