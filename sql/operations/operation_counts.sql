-- /// report
-- title = "Operations"
-- question = "Which operations were requested, how often, and how often did they fail?"
-- note = "error_percent is of the requests for the operation."
-- chart = { kind = "bar", label = "operation", value = "requests" }
-- dashboard = { section = "Overview", position = 3 }
-- ///
SELECT
    operation,
    count(*) AS requests,
    count(*) FILTER (WHERE failed(operation, http_status, error_code)) AS failed,
    percentage(failed, count(*)) AS error_percent,
    max(time) AS last_time
FROM requests
GROUP BY operation
ORDER BY requests DESC, operation
