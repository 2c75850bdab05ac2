-- /// report
-- title = "Buckets"
-- question = "How much is each bucket used, by whom, how often does it fail, and when was an object last read or written?"
-- note = "Reads of configuration and listings are requests, but no reads of an object. error_percent is of requests."
-- chart = { kind = "bar", label = "bucket", value = "requests" }
-- dashboard = { section = "Overview", position = 2 }
-- ///
WITH principals AS (
    SELECT bucket, count(DISTINCT principal(requester)) AS principals
    FROM (SELECT DISTINCT bucket, requester FROM requests)
    GROUP BY bucket
),
used AS (  -- a copy reads its source, and is a request to the bucket that it is written to
    SELECT
        bucket,
        count(*) FILTER (WHERE is_request(operation)) AS requests,
        count(*) FILTER (WHERE is_request(operation) AND failed(operation, http_status, error_code)) AS failed,
        count(DISTINCT remote_ip) AS addresses,
        total(bytes_sent) AS bytes_sent,
        min(time) AS first_time,
        max(time) AS last_time,
        max(time) FILTER (WHERE is_read(operation) AND succeeded(operation, http_status)) AS last_read,
        max(time) FILTER (WHERE is_write(operation) AND succeeded(operation, http_status)) AS last_write
    FROM access_log
    WHERE is_request(operation) OR is_read(operation)
    GROUP BY bucket
)
SELECT
    bucket,
    requests,
    failed,
    percentage(failed, requests) AS error_percent,
    addresses,
    coalesce(principals, 0) AS principals,
    bytes_sent,
    first_time,
    last_time,
    last_read,
    last_write
FROM used
LEFT JOIN principals USING (bucket)
ORDER BY requests DESC, bucket
