"""Patterns of RE2 are written so that Java, Joni and RE2 match the same."""

import duckdb
import pytest

from etl.dialects import NotOfferedError
from etl.dialects.regex import java_pattern

TEXTS = [
    *("", "a", "A", "k", "\u212a", "s", "S", "\u017f", "1", "\u0661", "_", "\u00e4", "a\n", "\na", "a b", "a\x0bb"),
    *("[", "]", "-", "x[y", "aa", "a1_", "\r", "\u2028a"),
]
PATTERNS = ["^a.?$", r"\w", r"\d+", r"[\d_]", r"[\s]", r"a\sb", "[[]", "[]a]", "[k-s]", "as?k?"]


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("options", ["", "i"])
def test_a_pattern_matches_what_it_matched(pattern: str, options: str) -> None:
    """As written for Java, without options: in ASCII, and whatever else RE2 takes for the same letter."""
    written = java_pattern(pattern, ignores_case=bool(options))
    for text in TEXTS:
        values = [text, pattern, options, text, written]
        found = duckdb.execute("SELECT regexp_matches(?, ?, ?), regexp_matches(?, ?)", values).fetchone()
        assert found is not None
        assert found[0] == found[1], (text, written)


@pytest.mark.parametrize(
    ("pattern", "written"),
    [
        ("^a.b$", r"\Aa[^\n]b\z"),
        (r"[\d.]x\w", "[0-9.]x[0-9A-Za-z_]"),
        ("(?i)ak", "[aA][kK\u212a]"),
        ("(?i)[a-z_]", "[a-z_A-Z\u017f\u212a]"),
        (r"[^/?#]*(\[[^\]/?#]*\])", r"[^/?#]*(\[[^\]/?#]*\])"),
        ("(?:i|j){2,3}", "(?:i|j){2,3}"),
        ("[^[x]", r"[^\[x]"),
        (r"a[\s\S]*", r"a(?:[^\n]|\n)*"),
    ],
)
def test_what_engines_take_otherwise_is_written_out(pattern: str, written: str) -> None:
    assert java_pattern(pattern) == written


@pytest.mark.parametrize(
    "pattern", [r"\pL", r"[\W]", "[[:alpha:]]", "[a&&b]", "(?s)a", "(?P<x>a)", "a(?i)b", "a{,3}", r"\x41", "(?i)\u00e4"]
)
def test_what_may_be_something_else_is_refused(pattern: str) -> None:
    with pytest.raises(NotOfferedError, match="something else"):
        java_pattern(pattern)
