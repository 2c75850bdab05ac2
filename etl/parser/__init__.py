"""Log lines to records: the fast path for regular lines, the slow path for all others."""

from etl.parser.grammar import Note
from etl.parser.keys import encode_key
from etl.parser.parser import (
    MOST_REJECTED_BYTES,
    MOST_REJECTS,
    ObjectCounts,
    Parsed,
    Parser,
)

__all__ = [
    "MOST_REJECTED_BYTES",
    "MOST_REJECTS",
    "Note",
    "ObjectCounts",
    "Parsed",
    "Parser",
    "encode_key",
]
