"""Runs statements in a local Spark, a run of `ingest`, and the last statement again: task and rows as JSON."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession


def _rows(spark: Any, columns: list[str]) -> list[list[str]]:
    rows = spark.table("access_log").select(*columns).collect()
    return sorted([str(value) for value in row] for row in rows)


def main() -> None:
    task = json.load(sys.stdin)
    options = {
        "spark.ui.enabled": "false",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.sql.session.timeZone": "America/New_York",
        "spark.sql.shuffle.partitions": "2",
    }
    spark = SparkSession.builder.master("local[2]").config(map=options).getOrCreate()
    for statement in task["statements"]:
        spark.sql(statement)
    before = _rows(spark, task["columns"])
    for name, text in task["files"].items():
        Path(name).write_text(text)
    subprocess.run(task["ingest"], check=True, stdout=subprocess.DEVNULL)
    spark.sql(task["statements"][-1])
    after = _rows(spark, task["columns"])
    table = spark.table("access_log")
    comments = {field.name: field.metadata["comment"] for field in table.schema.fields}
    answer = {"before": before, "after": after, "types": dict(table.dtypes), "comments": comments}
    json.dump(answer, sys.stdout)


main()
