-- /// report
-- title = "Bursts of failures"
-- question = "Which addresses failed (4xx, 5xx) many times within one minute of the clock, as who probes or guesses does?"
-- note = "To find nothing by HEAD, or no configuration of a kind that a bucket need not have, is no failure."
-- dashboard = { section = "Security", position = 6 }
--
-- [params.threshold]
-- type = "integer"
-- default = 50
-- help = "how many failures within a minute are many"
--
-- [params.limit]
-- type = "integer"
-- default = 20
-- help = "how many addresses and minutes"
-- ///
-- Who does not fail so many times on a day does not do so within a minute of it.
WITH failing AS (
    SELECT remote_ip, date
    FROM requests
    WHERE remote_ip IS NOT NULL AND failed(operation, http_status, error_code)
    GROUP BY remote_ip, date
    HAVING count(*) >= $threshold
)
SELECT
    remote_ip,
    date_trunc('minute', time) AS minute,
    count(*) AS failed,
    count(*) FILTER (WHERE denied(http_status, error_code)) AS denied,
    count(*) FILTER (WHERE http_status = 404) AS not_found,
    count(DISTINCT key) AS keys
FROM requests
SEMI JOIN failing USING (remote_ip, date)
WHERE failed(operation, http_status, error_code)
GROUP BY remote_ip, minute
HAVING count(*) >= $threshold
ORDER BY failed DESC, remote_ip, minute
LIMIT $limit
