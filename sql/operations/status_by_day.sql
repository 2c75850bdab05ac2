-- /// report
-- title = "Answers by day"
-- question = "How were each day's requests answered: 2xx, 3xx, 4xx or 5xx?"
-- chart = { kind = "line", label = "date", value = "requests", series = "status" }
-- dashboard = { section = "Overview", position = 1 }
-- ///
SELECT
    date,
    (http_status // 100)::VARCHAR || 'xx' AS status,
    count(*) AS requests
FROM access_log
WHERE http_status IS NOT NULL
GROUP BY date, status
ORDER BY date, status
