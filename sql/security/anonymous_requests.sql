-- /// report
-- title = "Anonymous requests"
-- question = "What do requests without credentials do, are they let in, and do they change anything?"
-- note = "Requests with wrong or expired credentials, and the preflights of browsers, are not among them."
-- chart = { kind = "bar", label = "operation", value = "requests" }
-- dashboard = { section = "Security", position = 2 }
-- ///
SELECT
    bucket,
    operation,
    count(*) AS requests,
    count(*) FILTER (WHERE succeeded(operation, http_status)) AS successful,
    count(*) FILTER (WHERE succeeded(operation, http_status) AND is_change(operation)) AS changes,
    count(DISTINCT remote_ip) AS addresses,
    total(bytes_sent) AS bytes_sent,
    max(time) AS last_time,
    max(time) FILTER (WHERE succeeded(operation, http_status)) AS last_success
FROM access_log
WHERE is_anonymous(operation, requester, authentication_type)
GROUP BY bucket, operation
ORDER BY requests DESC, bucket, operation
