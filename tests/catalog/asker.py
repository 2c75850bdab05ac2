"""Runs queries over a DuckDB file, with the DuckDB of this process: `asker.py FILE`, queries and rows as JSON.

Rows are sorted, as a view promises no order; their values are texts, and fractions have ten digits.
"""

import json
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import duckdb


def _text(value: Any) -> str:
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def _rows(connection: Any, query: str) -> list[list[str]]:
    return sorted([_text(value) for value in row] for row in connection.execute(query).fetchall())


def _load_httpfs(connection: Any, endpoint: str) -> None:
    package = find_spec("duckdb_extension_httpfs")
    assert package is not None
    assert package.submodule_search_locations
    folder = Path(package.submodule_search_locations[0]) / "extensions" / f"v{duckdb.__version__}"
    connection.load_extension(str(folder / "httpfs.duckdb_extension"))
    connection.execute(
        f"CREATE SECRET (TYPE s3, KEY_ID 'test', SECRET 'test', REGION 'us-east-1', ENDPOINT '{endpoint}',"
        " USE_SSL false, URL_STYLE 'path')"
    )


def main() -> None:
    task = json.load(sys.stdin)
    with duckdb.connect(sys.argv[1], read_only=True) as connection:
        connection.execute("SET parquet_metadata_cache = true")
        if duckdb.__version__.startswith("1.3."):
            # With several threads it takes equal texts of a CASE for two groups, where it counts distinct values.
            connection.execute("SET threads = 1")
        if task["endpoint"]:
            _load_httpfs(connection, task["endpoint"])
        rows = {name: _rows(connection, query) for name, query in task["queries"].items()}
    json.dump({"version": duckdb.__version__, "rows": rows}, sys.stdout)


main()
