-- /// report
-- title = "High request rates"
-- question = "Which addresses sent many requests within one minute of the clock?"
-- note = "A copy, or a deletion of many objects, is one request."
--
-- [params.threshold]
-- type = "integer"
-- default = 100
-- help = "how many requests within a minute are many"
--
-- [params.limit]
-- type = "integer"
-- default = 20
-- help = "how many addresses and minutes"
-- ///
-- Who does not send so many requests on a day does not do so within a minute of it.
WITH busy AS (
    SELECT remote_ip, date
    FROM requests
    WHERE remote_ip IS NOT NULL
    GROUP BY remote_ip, date
    HAVING count(*) >= $threshold
)
SELECT
    remote_ip,
    date_trunc('minute', time) AS minute,
    count(*) AS requests,
    count(*) FILTER (WHERE failed(operation, http_status, error_code)) AS failed,
    count(DISTINCT key) AS keys,
    total(bytes_sent) AS bytes_sent
FROM requests
SEMI JOIN busy USING (remote_ip, date)
GROUP BY remote_ip, minute
HAVING count(*) >= $threshold
ORDER BY requests DESC, remote_ip, minute
LIMIT $limit
