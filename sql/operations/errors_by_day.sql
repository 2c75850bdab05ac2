-- /// report
-- title = "Errors by day"
-- question = "What part of each day's requests fails: because of the client (4xx), because of S3 (5xx)?"
-- chart = { kind = "line", label = "date", value = "percent" }
-- dashboard = { section = "Operations", position = 2 }
-- ///
SELECT
    date,
    count(*) AS requests,
    count(*) FILTER (WHERE http_status BETWEEN 400 AND 499) AS client_errors,
    count(*) FILTER (WHERE http_status >= 500) AS server_errors,
    percentage(count(*) FILTER (WHERE http_status >= 400), count(*)) AS percent
FROM access_log
WHERE http_status IS NOT NULL
GROUP BY date
ORDER BY date
