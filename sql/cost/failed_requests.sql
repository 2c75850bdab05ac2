-- /// report
-- title = "Failed requests that were billed"
-- question = "Which requests failed, and were billed all the same?"
-- chart = { kind = "bar", label = "error_code", value = "billed" }
-- dashboard = { section = "Cost", position = 6 }
--
-- [params.limit]
-- type = "integer"
-- default = 20
-- help = "how many operations and errors"
-- ///
SELECT
    operation,
    http_status,
    error_code,
    count(*) AS requests,
    count(*) FILTER (WHERE is_billed(operation, http_status, error_code, requester)) AS billed,
    round(
        count(*) FILTER (WHERE is_billed(operation, http_status, error_code, requester))
        * request_price(price_class(operation)),
        6
    ) AS cost
FROM access_log
WHERE http_status >= 400
GROUP BY operation, http_status, error_code
HAVING count(*) FILTER (WHERE is_billed(operation, http_status, error_code, requester)) > 0
ORDER BY cost DESC, billed DESC, operation, http_status, error_code
LIMIT $limit
