-- /// report
-- title = "Requesters"
-- question = "Who sends requests, how many, and how often do they fail? No requester: no credentials."
-- chart = { kind = "bar", label = "requester", value = "requests" }
--
-- [params.limit]
-- type = "integer"
-- default = 20
-- help = "how many requesters"
-- ///
SELECT
    requester,
    count(*) AS requests,
    count(*) FILTER (WHERE http_status >= 400) AS errors,
    percentage(count(*) FILTER (WHERE http_status >= 400), count(*)) AS percent,
    count(DISTINCT bucket) AS buckets,
    count(DISTINCT operation) AS operations,
    count(DISTINCT remote_ip) AS addresses,
    total(bytes_sent) AS bytes_sent,
    max(time) AS last_time
FROM access_log
WHERE is_request(operation)
GROUP BY requester
ORDER BY requests DESC, requester
LIMIT $limit
