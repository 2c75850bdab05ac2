"""How trees are rewritten: node by node, by the kind of each."""

from collections.abc import Callable, Mapping
from typing import Any

from sqlglot import exp

Node = Any
"""A node of a tree: what it has, depends on its kind."""
Rewriters = Mapping[type[exp.Expr], Callable[[Node], Node]]


def rewrite(tree: exp.Query, rewriters: Rewriters) -> exp.Query:
    """The tree with each node as the rewriter of its kind gives it, from the inside out. It is used up."""
    return rewrite_each(tree, lambda node: rewritten(node, rewriters))


def rewrite_each(tree: exp.Query, rewriter: Callable[[Node], Node]) -> exp.Query:
    """The tree with each node as `rewriter` gives it, from the inside out. It is used up."""
    for node in reversed(list(tree.walk())):
        if (replacement := rewriter(node)) is not node:
            node.replace(replacement)
    return tree


def rewritten(node: Node, rewriters: Rewriters) -> Node:
    """A node as the rewriter of its kind gives it; as it is where there is none."""
    rewriter = rewriters.get(type(node))
    return node if rewriter is None else rewriter(node)
