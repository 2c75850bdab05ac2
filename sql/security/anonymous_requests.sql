-- /// report
-- title = "Anonymous requests"
-- question = "What do strangers without credentials do, and are they let in?"
-- chart = { kind = "bar", label = "operation", value = "requests" }
-- ///
SELECT
    bucket,
    operation,
    count(*) AS requests,
    count(*) FILTER (WHERE http_status < 400) AS successful,
    count(DISTINCT remote_ip) AS addresses,
    total(bytes_sent) AS bytes_sent,
    max(time) AS last_time
FROM access_log
WHERE is_anonymous(requester)
GROUP BY bucket, operation
ORDER BY requests DESC, bucket, operation
