"""One statement of a report and of all the views that it is made of, each a common table expression.

Engines differ in what a name means that is defined twice, so nothing is.
"""

from collections.abc import Mapping

from sqlglot import exp

from etl.dialects.constants import Constants
from etl.dialects.definitions import Definitions
from etl.dialects.expansion import Expansion
from etl.dialects.relations import remove_empty_joins, rewrite_relations
from etl.dialects.vocabulary import NotOfferedError
from etl.schema import ACCESS_LOG

RECORDS = ACCESS_LOG.name
# What other engines do not have, and why a report needs it.
_TABLES = {
    "ledger": "it reads the ledger, which tells of the runs and is no part of the table of records",
    "rejects": "it reads the lines that could not be parsed, which are no part of the table of records",
}
_FUNCTIONS = {
    "location_of": "it tells where addresses are, by databases that only accesslake reads",
}


class Assembly:
    """A statement as it grows."""

    def __init__(
        self,
        definitions: Definitions,
        constants: Constants,
        records: exp.Query,
    ) -> None:
        """`records` selects the rows of `access_log`."""
        self._definitions = definitions
        self._constants = constants
        self._expansion = Expansion(definitions, constants)
        self._records = records
        self._known: dict[str, exp.Query] = {}
        self._names: dict[str, str] = {}

    def assemble(self, query: exp.Query) -> exp.Query:
        """The query with all that it is made of before it. The query that is given is used up."""
        query = self._prepared(query)
        self._hoist(query, {}, "")
        ctes = [
            exp.CTE(this=body, alias=exp.TableAlias(this=exp.to_identifier(name)))
            for name, body in self._known.items()
        ]
        query.set("with_", exp.With(expressions=ctes) if ctes else None)
        return query

    def _hoist(self, query: exp.Query, scope: Mapping[str, str], prefix: str) -> None:
        """Move what a query defines before the statement, and have it name what is there."""
        names = dict(scope)
        with_ = query.args.get("with_")
        for cte in with_.expressions if with_ else ():
            self._hoist(cte.this, names, prefix)
            names[cte.alias.lower()] = self._add(f"{prefix}{cte.alias}", cte.this)
        query.set("with_", None)
        self._descend(query, names, prefix)

    def _descend(self, node: exp.Expr, names: Mapping[str, str], prefix: str) -> None:
        for child in list(node.iter_expressions()):
            if isinstance(child, exp.Query) and not isinstance(child, exp.Subquery):
                self._hoist(child, names, prefix)
                continue
            self._descend(child, names, prefix)
            if isinstance(child, exp.Table):
                self._name(child, names)

    def _name(self, table: exp.Table, names: Mapping[str, str]) -> None:
        if isinstance(table.this, exp.Func):
            raise NotOfferedError(
                f"it reads {table.this.sql('duckdb')}, which is no table"
            )
        # Whoever writes a name in capitals means the same.
        called = table.name.lower()
        name = names.get(called) or self._defined(called)
        if name != table.name and not table.alias:
            table.set("alias", exp.TableAlias(this=exp.to_identifier(table.name)))
        table.set("this", exp.to_identifier(name))

    def _defined(self, name: str) -> str:
        """What a view or the table of records is called here; it is added where it is not there yet."""
        if name not in self._names:
            body = self._records if name == RECORDS else self._view(name)
            self._names[name] = self._add(name, body)
        return self._names[name]

    def _view(self, name: str) -> exp.Query:
        view = self._definitions.views.get(name)
        if view is None:
            reason = f"it reads {name}, which is no part of the table of records"
            raise NotOfferedError(_TABLES.get(name, reason))
        body = self._prepared(view.copy())
        self._hoist(body, {}, f"{name}_")
        return body

    def _add(self, name: str, body: exp.Query) -> str:
        while name.lower() in map(str.lower, self._known):
            name += "_"
        self._known[name] = body
        return name

    def _prepared(self, query: exp.Query) -> exp.Query:
        """A query without functions of the bundle, relations of the settings and joins of DuckDB's own."""
        expanded = self._expansion.expanded(self._constants.unrolled(query))
        simple = self._constants.folded(expanded)
        _check_functions(simple)
        remove_empty_joins(simple, self._is_empty)
        for table in list(simple.find_all(exp.Table)):
            if table.name in self._constants and (rows := self._constants.rows(table)):
                table.replace(rows.subquery(table.alias_or_name))
        return rewrite_relations(simple)

    def _is_empty(self, relation: exp.Expr) -> bool:
        """Whether a relation has no rows, whatever is in the lake: by its condition, or by the settings."""
        if isinstance(relation, exp.Subquery):
            where = relation.this.args.get("where")
            return where is not None and where.this == exp.false()
        view = self._definitions.views.get(relation.name)
        if view is None:
            return False
        return any(
            table.name in self._constants and self._constants.rows(table) is None
            for table in view.find_all(exp.Table)
        )


def _check_functions(tree: exp.Query) -> None:
    for call in tree.find_all(exp.Anonymous):
        reason = _FUNCTIONS.get(call.name.lower())
        if reason:
            raise NotOfferedError(reason)
