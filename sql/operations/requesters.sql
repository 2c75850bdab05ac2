-- /// report
-- title = "Requesters"
-- question = "Who sends requests, how many, and how often do they fail?"
-- note = "No principal: no credentials, or wrong ones. error_percent is of the principal's requests."
-- chart = { kind = "bar", label = "principal", value = "requests" }
--
-- [params.limit]
-- type = "integer"
-- default = 20
-- help = "how many principals"
-- ///
WITH used AS (
    SELECT
        requester,
        bucket,
        operation,
        remote_ip,
        count(*) AS number,
        count(*) FILTER (WHERE failed(operation, http_status, error_code)) AS failed,
        total(bytes_sent) AS bytes_sent,
        max(time) AS last_time
    FROM requests
    GROUP BY requester, bucket, operation, remote_ip
)
SELECT
    principal(requester) AS principal,
    total(number) AS requests,
    total(used.failed) AS failed,
    percentage(sum(used.failed), sum(number)) AS error_percent,
    count(DISTINCT bucket) AS buckets,
    count(DISTINCT operation) AS operations,
    count(DISTINCT remote_ip) AS addresses,
    total(used.bytes_sent) AS bytes_sent,
    max(used.last_time) AS last_time
FROM used
GROUP BY principal
ORDER BY requests DESC, principal
LIMIT $limit
