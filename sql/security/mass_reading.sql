-- /// report
-- title = "Mass reading"
-- question = "Who read many different objects, or many bytes, within one hour of the clock?"
-- note = "The ranges of a download are added up, and copies are readings: one in parts is one. Who has no credentials, or wrong ones, is told by the address."
--
-- [params.keys]
-- type = "integer"
-- default = 1000
-- help = "how many objects within an hour are many"
--
-- [params.bytes]
-- type = "integer"
-- default = 10000000000
-- help = "how many bytes within an hour are many"
--
-- [params.limit]
-- type = "integer"
-- default = 20
-- help = "how many hours and readers"
-- ///
WITH readings_by_hour AS NOT MATERIALIZED (  -- to read the records twice is less than to keep them
    SELECT
        date_trunc('hour', time) AS hour,
        bucket,
        key,
        principal(requester) AS principal,
        CASE WHEN is_nobody(requester) THEN remote_ip END AS remote_ip,
        bytes
    FROM readings
),
-- To count readings takes less than to count different objects, of which there are no more.
busy AS (
    SELECT hour, coalesce(principal, remote_ip, '') AS who
    FROM readings_by_hour
    GROUP BY hour, who
    HAVING count(*) >= $keys OR total(bytes) >= $bytes
)
SELECT
    hour,
    bucket,
    principal,
    remote_ip,
    count(*) AS readings,
    count(DISTINCT key) AS keys,
    total(bytes) AS bytes
FROM readings_by_hour AS hourly
SEMI JOIN busy ON hourly.hour = busy.hour AND coalesce(principal, remote_ip, '') = who
GROUP BY hour, bucket, principal, remote_ip
HAVING count(DISTINCT key) >= $keys OR total(bytes) >= $bytes
ORDER BY bytes DESC, keys DESC, hour, bucket, principal, remote_ip
LIMIT $limit
