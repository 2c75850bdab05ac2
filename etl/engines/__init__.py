"""The lake as a table of other engines: statements that make it one, and its entry in AWS Glue."""

from typing import TYPE_CHECKING

from etl.faces import lazy_face

if TYPE_CHECKING:
    from etl.engines.glue import GlueChange, update_glue
    from etl.engines.projection import check_table_name
    from etl.engines.spark import report_on_spark
    from etl.engines.statements import Script, write_script
    from etl.engines.table import LakeTable, read_table

__getattr__ = lazy_face(
    __name__,
    {
        "glue": ("GlueChange", "update_glue"),
        "projection": ("check_table_name",),
        "spark": ("report_on_spark",),
        "statements": ("Script", "write_script"),
        "table": ("LakeTable", "read_table"),
    },
)

__all__ = [
    "GlueChange",
    "LakeTable",
    "Script",
    "check_table_name",
    "read_table",
    "report_on_spark",
    "update_glue",
    "write_script",
]
