"""Where one statement ends and the next begins."""

import pytest

from etl.query.statements import split_statements


@pytest.mark.parametrize(
    ("text", "statements", "rest"),
    [
        ("SELECT 1; SELECT\n2", ["SELECT 1"], "SELECT\n2"),
        ("SELECT 'ä;''b' AS \"x;y\" -- z;\n, 1;", ["SELECT 'ä;''b' AS \"x;y\" -- z;\n, 1"], ""),
        ("SELECT $$a;b$$ /* ; */;SELECT 2;", ["SELECT $$a;b$$ /* ; */", "SELECT 2"], ""),
        ("SELECT 'a;b", [], "SELECT 'a;b"),
        (";; -- nothing;\n;", [], ""),
        ("SELECT 1; -- done;", ["SELECT 1"], ""),
    ],
)
def test_semicolons_end_statements(text: str, statements: list[str], rest: str) -> None:
    """But not in quotes and comments, also where those have no end yet; a comment alone is no statement."""
    assert split_statements(text) == (statements, rest)
