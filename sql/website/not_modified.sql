-- /// report
-- title = "Not modified"
-- question = "How many requests could be served from the visitor's own copy (304), each day?"
-- chart = { kind = "line", label = "date", value = "percent" }
-- ///
SELECT
    date,
    count(*) AS requests,
    count(*) FILTER (WHERE http_status = 304) AS not_modified,
    percentage(count(*) FILTER (WHERE http_status = 304), count(*)) AS percent
FROM website_requests
GROUP BY date
ORDER BY date
