"""What may stand in a statement for another engine: only what is known to mean there what it means in DuckDB.

A translator passes on what it does not know, and an engine may take that for something else. So each statement is read
word by word before it is handed out: what is neither a name nor listed here is refused.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlglot import Dialect as Grammar
from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

from etl.dialects.dialect import Dialect
from etl.errors import UsageError


class NotOfferedError(UsageError):
    """A report that is not written in the dialect of an engine; the message says why."""


def words(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


def _functions(text: str) -> dict[str, frozenset[int]]:
    """Functions by name, each with the numbers of arguments that it may have: `name/1/2`; none for any number."""
    pairs = (one.partition("/") for one in text.split())
    return {
        name: frozenset(map(int, filter(None, arities.split("/"))))
        for name, _, arities in pairs
    }


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The words and signs of a dialect that statements may have."""

    functions: Mapping[str, frozenset[int]]
    keywords: frozenset[str]
    signs: frozenset[str]


_KEYWORDS = words("""
    AND AS BETWEEN BOOLEAN CASE CURRENT DATE DAY DESC DISTINCT DOUBLE ELSE END FALSE FROM HAVING IN INTERVAL IS JOIN
    LEFT LIKE LIMIT NOT NULL NULLS ON OR OVER PRECEDING ROW ROWS SELECT THEN TRAILING TRUE UNBOUNDED UNION WHEN WHERE
    WINDOW WITH
""") | {"GROUP BY", "ORDER BY", "PARTITION BY"}
# After which word another one means what it should: UNION ALL, but not GROUP BY ALL.
_AFTER = {"ALL": "UNION", "FIRST": "NULLS", "LAST": "NULLS"}
_SIGNS = words("( ) , . = <> < <= > >= + - * / ||")
_FUNCTIONS = _functions("""
    AVG/1 BOOL_AND/1 BOOL_OR/1 CAST/1 COALESCE COUNT/1 DATE_TRUNC/2 DECIMAL/2 EXISTS FILTER GREATEST HOUR/1 IN LAG/1
    LEAD/1 LEAST LENGTH/1 LOWER/1 MAX/1 MAX_BY/2 MIN/1 MIN_BY/2 NULLIF/2 ROUND/1 ROW_NUMBER/0 SUBSTRING/2/3 SUM/1 TRIM/1
    TRY_CAST/1 UPPER/1
""")
_TRINO = Vocabulary(
    _functions("""
        AT_TIMEZONE/2 CURRENT_TIMESTAMP/0 DATE_ADD/3 DATE_DIFF/3 DAY_OF_WEEK/1 FLOOR/1 LAST_DAY_OF_MONTH/1 OVER
        REGEXP_EXTRACT/2/3 REGEXP_LIKE/2 REVERSE/1 ROW SEQUENCE/3 SPLIT_PART/3 STARTS_WITH/2 STRPOS/2 SUBSTR/2/3
        TO_UNIXTIME/1 UNNEST/1 WITH_TIMEZONE/2
    """),
    words("BIGINT BOTH CROSS CURRENT_TIMESTAMP INTEGER SMALLINT TIMESTAMP VARCHAR"),
    frozenset(),
)
_OF_DIALECT: Mapping[Dialect, Vocabulary] = {
    Dialect.ATHENA: _TRINO,
    Dialect.TRINO: _TRINO,
    Dialect.SPARK: Vocabulary(
        _functions("""
            ARRAY CONTAINS/2 CURRENT_TIMESTAMP/0 DATEDIFF/2 DATE_ADD/2 ENDSWITH/2 EXPLODE/1 FROM_UTC_TIMESTAMP/2 GROUP/1
            IS_IN_NETWORK/2 LAST_DAY/1 LEFT/2 LOCATE/2 PARSE_USER_AGENT/1 PERCENTILE_DISC/1 REGEXP_EXTRACT/2/3
            RINT/1 SEQUENCE/3 SPLIT_PART/3 STARTSWITH/2 STRUCT TIMESTAMPDIFF/3 UNIX_TIMESTAMP/1 WEEKDAY/1
        """),
        words("BIGINT DIV INT MICROSECOND RLIKE STRING TIMESTAMP_NTZ WITHIN"),
        words("[ ]"),
    ),
}
_LITERALS = {TokenType.STRING, TokenType.NUMBER, TokenType.IDENTIFIER}


def check_vocabulary(sql: str, tree: exp.Expr, dialect: Dialect) -> None:
    """Raise NotOfferedError for the first word of a statement that is not on the list of its dialect."""
    own = _OF_DIALECT[dialect]
    functions = {**_FUNCTIONS, **own.functions}
    keywords, signs = _KEYWORDS | own.keywords, _SIGNS | own.signs
    names = {name.this.upper() for name in tree.find_all(exp.Identifier)}
    tokens = Grammar.get_or_raise(dialect).tokenize(sql)
    for at, token in enumerate(tokens):
        word = token.text.upper()
        if token.token_type in _LITERALS:
            continue
        is_called = at + 1 < len(tokens) and tokens[at + 1].text == "("
        if is_called and word in functions:
            _check_arguments(word, functions[word], tokens[at + 1 :], dialect)
        elif word in _AFTER:
            _check_order(word, tokens[at - 1].text.upper(), dialect)
        elif not (word in keywords or word in signs or (word in names and not is_called)):
            raise NotOfferedError(f"{word} is not known to mean the same to {dialect}")


def _check_order(word: str, before: str, dialect: Dialect) -> None:
    if _AFTER[word] != before:
        raise NotOfferedError(
            f"{before} {word} is not known to mean the same to {dialect}"
        )


def _check_arguments(
    function: str, allowed: Collection[int], tokens: Sequence[Token], dialect: Dialect
) -> None:
    if not allowed:
        return
    number = len(list(_arguments(tokens)))
    if number not in allowed:
        raise NotOfferedError(
            f"{function} with {number} arguments is not known to mean the same to {dialect}"
        )


def _arguments(tokens: Sequence[Token]) -> Iterator[int]:
    """The positions where the arguments of a call end; `tokens` begin with its parenthesis."""
    depth = 0
    for at, token in enumerate(tokens):
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(token.text, 0)
        is_end = depth == 0
        if (is_end and at > 1) or (depth == 1 and token.text == ","):
            yield at
        if is_end:
            return
