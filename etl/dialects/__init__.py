"""The reports in the SQL of other engines: one statement that needs only the lake's table, and not this program.

From DuckDB's SQL and the bundle's definitions to the text that an engine gets: `definitions`, `constants` and
`expansion` put what a report names in its place, `assembly` makes one statement of it, `portable` writes what only
DuckDB knows in other words, `spark` and `trino` write it for an engine, and `vocabulary` and `agreement` refuse what
is not known to mean the same there.
"""

from typing import TYPE_CHECKING

from etl.faces import lazy_face

if TYPE_CHECKING:
    from etl.dialects.dialect import Dialect, check_qualified_name
    from etl.dialects.printing import printed
    from etl.dialects.translation import translate
    from etl.dialects.vocabulary import NotOfferedError

__getattr__ = lazy_face(
    __name__,
    {
        "dialect": ("Dialect", "check_qualified_name"),
        "printing": ("printed",),
        "translation": ("translate",),
        "vocabulary": ("NotOfferedError",),
    },
)

__all__ = [
    "Dialect",
    "NotOfferedError",
    "check_qualified_name",
    "printed",
    "translate",
]
