-- /// report
-- title = "Not modified"
-- question = "How many requests for objects could be served from the client's own copy (304), each day, and what percentage of all?"
-- chart = { kind = "line", label = "date", value = "not_modified_percent" }
-- ///
SELECT
    date,
    count(*) AS requests,
    count(*) FILTER (WHERE http_status = 304) AS not_modified,
    percentage(count(*) FILTER (WHERE http_status = 304), count(*)) AS not_modified_percent
FROM website_requests
GROUP BY date
ORDER BY date
