"""The views and functions of `sql/views` as trees."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

import duckdb
import sqlglot
from sqlglot import exp

from etl.query.views import view_definitions

_CREATE = re.compile(
    r"CREATE\s+(?:VIEW\s+(?P<view>\w+)|MACRO\s+(?P<macro>\w+)\((?P<parameters>[^)]*)\))\s+AS\s+"
    r"(?P<is_table>TABLE\s+)?(?P<body>.*)",
    re.DOTALL,
)
_COMMENTS = re.compile(r"(?:--[^\n]*\n|\s)*")


@dataclass(frozen=True, slots=True)
class Function:
    """A function of SQL: the names of its parameters, and an expression or a query of them."""

    parameters: tuple[str, ...]
    body: exp.Expr


@dataclass(frozen=True, slots=True)
class Definitions:
    """What the bundle defines, by name."""

    views: dict[str, exp.Query] = field(default_factory=dict)
    functions: dict[str, Function] = field(default_factory=dict)
    tables: dict[str, Function] = field(default_factory=dict)
    """Functions whose result is a table."""


def parse(sql: str) -> exp.Query:
    """One SELECT of DuckDB as a tree."""
    tree = sqlglot.parse_one(sql, read="duckdb")
    if not isinstance(tree, exp.Query):
        raise TypeError(f"no SELECT: {sql}")
    return tree


@cache
def bundled_definitions() -> Definitions:
    """The definitions of `sql/views`."""
    definitions = Definitions()
    # DuckDB tells where one statement ends and the next begins.
    for statement in duckdb.extract_statements(view_definitions()):
        _add(definitions, _COMMENTS.sub("", statement.query, count=1))
    return definitions


def _add(definitions: Definitions, sql: str) -> None:
    found = _CREATE.fullmatch(sql.strip().removesuffix(";"))
    if found is None:
        raise ValueError(f"neither a view nor a function: {sql}")
    parts: Mapping[str, str] = found.groupdict()
    if parts["view"]:
        definitions.views[parts["view"]] = parse(parts["body"])
        return
    parameters = tuple(re.findall(r"\w+", parts["parameters"]))
    if parts["is_table"]:
        definitions.tables[parts["macro"]] = Function(parameters, parse(parts["body"]))
        return
    body = parse(f"SELECT {parts['body']}").selects[0]
    definitions.functions[parts["macro"]] = Function(parameters, body)
