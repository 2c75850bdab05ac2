"""accesslake: Amazon S3 server access logs in a Parquet lake, and answers from it."""

from etl.errors import AccessLakeError
from etl.lake import Lake, open_lake
from etl.query import Result

__all__ = ["AccessLakeError", "Lake", "Result", "open_lake"]
