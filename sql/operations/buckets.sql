-- /// report
-- title = "Buckets"
-- question = "How much is each bucket used, by whom, and how often does it fail?"
-- chart = { kind = "bar", label = "bucket", value = "requests" }
-- dashboard = { section = "Overview", position = 2 }
-- ///
SELECT
    bucket,
    count(*) AS requests,
    count(*) FILTER (WHERE http_status >= 400) AS errors,
    percentage(count(*) FILTER (WHERE http_status >= 400), count(*)) AS percent,
    count(DISTINCT remote_ip) AS addresses,
    count(DISTINCT requester) FILTER (WHERE NOT is_anonymous(operation, requester, authentication_type)) AS requesters,
    total(bytes_sent) AS bytes_sent,
    min(time) AS first_time,
    max(time) AS last_time
FROM access_log
WHERE is_request(operation)
GROUP BY bucket
ORDER BY requests DESC, bucket
