"""How each engine writes names, texts and types."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import pyarrow as pa

from etl.engines.table import Column
from etl.fields import TEXT, TIME

HIVE_TYPES: Mapping[pa.DataType, str] = {
    TEXT: "string",
    TIME: "timestamp",
    pa.date32(): "date",
    pa.int16(): "smallint",
    pa.int32(): "int",
    pa.int64(): "bigint",
}
"""The types of Athena and Glue."""
_STANDARD_TYPES = {**HIVE_TYPES, TEXT: "varchar", pa.int32(): "integer"}


def _doubled(text: str) -> str:
    """A literal of standard SQL."""
    return "'" + text.replace("'", "''") + "'"


def _backslashed(text: str) -> str:
    """A literal of Hive and Spark, where a backslash escapes."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


@dataclass(frozen=True, slots=True)
class Syntax:
    """The syntax of one engine."""

    types: Mapping[pa.DataType, str]
    mark: str
    """What stands on both sides of a name, as it may be a keyword or begin with a digit."""
    literal: Callable[[str], str]
    """Writes a text as a literal."""

    def name(self, name: str) -> str:
        """A name of one or several words, as in `database.table`."""
        words = name.split(".")
        return ".".join(f"{self.mark}{word}{self.mark}" for word in words)

    def columns(self, columns: Iterable[Column]) -> str:
        """Columns with types and comments, in parentheses."""
        return block(
            f"{self.name(one.name)} {self.types[one.type]} COMMENT {self.literal(one.comment)}"
            for one in columns
        )

    def properties(self, properties: Mapping[str, str]) -> str:
        """Names and values, both of them texts, in parentheses."""
        return block(
            f"{self.literal(name)} = {self.literal(value)}"
            for name, value in properties.items()
        )


ATHENA = Syntax(HIVE_TYPES, "`", _backslashed)
# The TIMESTAMP of Spark is an instant: a session in another time zone shows it as another time.
SPARK = Syntax({**HIVE_TYPES, TIME: "timestamp_ntz"}, "`", _backslashed)
# The Hive connector takes no precision but the one that its catalog is set to, which is this one unless somebody
# changed it. Times in logs are whole seconds.
TRINO = Syntax({**_STANDARD_TYPES, TIME: "timestamp(3)"}, '"', _doubled)
DUCKDB = Syntax(_STANDARD_TYPES, '"', _doubled)


def block(lines: Iterable[str]) -> str:
    """What is separated by commas, in lines of its own between parentheses."""
    return f"(\n{indented(lines)}\n)"


def indented(lines: Iterable[str]) -> str:
    return ",\n".join(f"    {line}" for line in lines)
