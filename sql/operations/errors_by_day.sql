-- /// report
-- title = "Errors by day"
-- question = "What part of each day's requests fails: because of the client (4xx), because of S3 (5xx)?"
-- note = "error_percent is of the requests whose response is known. To find nothing by HEAD, or no configuration of a kind that a bucket need not have, is no failure."
-- chart = { kind = "line", label = "date", value = "error_percent" }
-- dashboard = { section = "Operations", position = 2 }
-- ///
SELECT
    date,
    count(*) AS requests,
    count(*) FILTER (WHERE failed(operation, http_status, error_code)) AS failed,
    count(*) FILTER (WHERE http_status < 500 AND failed(operation, http_status, error_code)) AS client_errors,
    count(*) FILTER (WHERE http_status >= 500) AS server_errors,
    percentage(failed, count(*)) AS error_percent
FROM requests
WHERE http_status IS NOT NULL
GROUP BY date
ORDER BY date
