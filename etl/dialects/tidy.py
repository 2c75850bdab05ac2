"""A statement as somebody would write it, without what its names say already."""

from sqlglot import exp


def tidy(tree: exp.Query) -> exp.Query:
    """The tree without aliases that repeat a name. The tree that is given is used up.

    Spark 4.3 fails to plan a window over a column that is called again what it is called (PLAN_VALIDATION_FAILED).
    """
    for alias in list(tree.find_all(exp.Alias)):
        if isinstance(alias.this, exp.Column) and alias.this.name == alias.alias:
            alias.replace(alias.this)
    for table in tree.find_all(exp.Table):
        if not table.db and table.alias == table.name:
            table.set("alias", None)
    return tree
