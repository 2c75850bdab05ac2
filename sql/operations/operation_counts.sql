-- /// report
-- title = "Operations"
-- question = "Which operations were requested, how often, and how often did they fail?"
-- chart = { kind = "bar", label = "operation", value = "requests" }
-- dashboard = { section = "Overview", position = 3 }
-- ///
SELECT
    operation,
    count(*) AS requests,
    count(*) FILTER (WHERE http_status >= 400) AS errors,
    percentage(count(*) FILTER (WHERE http_status >= 400), count(*)) AS percent,
    max(time) AS last_time
FROM access_log
WHERE is_request(operation)
GROUP BY operation
ORDER BY requests DESC, operation
