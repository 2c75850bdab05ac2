"""A lake as a DuckDB file, for programs that open one."""

from etl.catalog.build import CatalogSummary, write_catalog

__all__ = ["CatalogSummary", "write_catalog"]
