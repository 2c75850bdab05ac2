-- /// report
-- title = "Not found, by address"
-- question = "Which addresses request what does not exist (404) most often, and for how many different keys?"
-- note = "Not by HEAD, by which programs look whether an object is there, and not configurations that a bucket need not have."
-- chart = { kind = "bar", label = "remote_ip", value = "requests" }
--
-- [params.limit]
-- type = "integer"
-- default = 20
-- help = "how many addresses"
-- ///
SELECT
    remote_ip,
    count(*) AS requests,
    count(DISTINCT key) AS keys,
    min(time) AS first_time,
    max(time) AS last_time
FROM requests
WHERE http_status = 404 AND failed(operation, http_status, error_code) AND remote_ip IS NOT NULL
GROUP BY remote_ip
ORDER BY requests DESC, remote_ip
LIMIT $limit
