"""DuckDB's SQL for log objects, for every version of it: imports nothing."""

COLUMNS = (
    "bucket_owner", "bucket", "time", "zone", "remote_ip", "requester", "request_id", "operation", "key",
    "request_uri", "http_status", "error_code", "bytes_sent", "object_size", "total_time", "turn_around_time",
    "referrer", "user_agent", "version_id", "host_id", "signature_version", "cipher_suite", "authentication_type",
    "host_header", "tls_version", "access_point_arn", "acl_required",
)  # fmt: skip
NUMBERS = {
    "http_status": "SMALLINT", "bytes_sent": "BIGINT", "object_size": "BIGINT",
    "total_time": "INTEGER", "turn_around_time": "INTEGER",
}  # fmt: skip
TIME = "strptime(time, '[%d/%b/%Y:%H:%M:%S')"


def select_lines(pattern: str) -> str:
    """A SELECT of the lines of the log objects that match `pattern`; lines that cannot be parsed are left out."""
    columns = ", ".join(f"'{name}': '{NUMBERS.get(name, 'VARCHAR')}'" for name in COLUMNS)
    return (
        f"SELECT * FROM read_csv('{pattern}', delim = ' ', quote = '\"', escape = '', header = false, nullstr = '-',"
        f" columns = {{{columns}}}, auto_detect = false, ignore_errors = true)"
    )


def copy_to_parquet(pattern: str, out: str) -> str:
    """A COPY of these lines to Parquet, partitioned by bucket and date. Its result is their number."""
    return (
        f"COPY (SELECT * REPLACE ({TIME} AS time), {TIME}::DATE AS date FROM ({select_lines(pattern)}))"
        f" TO '{out}' (FORMAT parquet, PARTITION_BY (bucket, date), COMPRESSION zstd)"
    )
