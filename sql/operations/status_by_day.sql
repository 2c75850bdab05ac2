-- /// report
-- title = "Responses by day"
-- question = "How many requests of each day succeeded, were redirected or failed (2xx, 3xx, 4xx, 5xx)?"
-- chart = { kind = "line", label = "date", value = "requests", series = "status" }
-- dashboard = { section = "Overview", position = 1 }
-- ///
SELECT
    date,
    (http_status // 100)::VARCHAR || 'xx' AS status,
    count(*) AS requests
FROM requests
WHERE http_status IS NOT NULL
GROUP BY date, status
ORDER BY date, status
