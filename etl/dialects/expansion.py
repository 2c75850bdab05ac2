"""Functions of the bundle, replaced by what they stand for.

Parameters are replaced all at once, by name, and only where the body names them: a column that has the name of a
parameter, in an argument, stays that column.
"""

from sqlglot import exp

from etl.dialects.constants import Constants
from etl.dialects.definitions import Definitions, Function
from etl.dialects.rewriting import Node

_LOOSE = (exp.Binary, exp.Unary, exp.Between, exp.In, exp.AtTimeZone)


class Expansion:
    """The functions of the bundle, with the settings in them."""

    def __init__(self, definitions: Definitions, constants: Constants) -> None:
        self._definitions = definitions
        self._constants = constants
        self._unrolled: dict[str, Function] = {}

    def expanded(self, tree: Node) -> Node:
        """A tree without calls of the bundle's functions. The tree that is given is used up."""
        # From the inside out: arguments first.
        for call in reversed(list(tree.find_all(exp.Anonymous))):
            known = self._function_of(call)
            if known is None:
                continue
            body = self.expanded(_with_arguments(known, call))
            if isinstance(call.parent, exp.Table):
                name = call.parent.alias or call.name
                call.parent.replace(
                    exp.Subquery(
                        this=body, alias=exp.TableAlias(this=exp.to_identifier(name))
                    )
                )
            elif call is tree:
                return body
            else:
                call.replace(in_parentheses(body))
        return tree

    def _function_of(self, call: exp.Anonymous) -> Function | None:
        name = call.name.lower()
        if isinstance(call.parent, exp.Table):
            return self._definitions.tables.get(name)
        known = self._definitions.functions.get(name)
        if known and name not in self._unrolled:
            body = self._constants.unrolled(known.body.copy())
            self._unrolled[name] = Function(known.parameters, body)
        return self._unrolled.get(name)


def _with_arguments(function: Function, call: exp.Anonymous) -> Node:
    """The body of a function with the arguments of a call."""
    if len(call.expressions) != len(function.parameters):
        raise ValueError(f"{call.name} takes {len(function.parameters)} arguments")
    arguments = dict(zip(function.parameters, call.expressions, strict=True))
    body = function.body.copy()
    named = [
        column
        for column in body.find_all(exp.Column)
        if not column.table and column.name in arguments
    ]
    for column in named:
        argument = arguments[column.name].copy()
        if column.find_ancestor(exp.Select) and argument.find(exp.Column):
            raise ValueError(
                f"{call.name}: a subquery of its body could take {column.name} for a column of its own"
            )
        if column is body:
            return argument
        column.replace(in_parentheses(argument))
    return body


def in_parentheses(tree: Node) -> Node:
    """An expression for any place in another; in parentheses, where that could take it apart."""
    is_loose = isinstance(tree, _LOOSE) and not isinstance(tree, exp.Paren)
    return exp.paren(tree, copy=False) if is_loose else tree
