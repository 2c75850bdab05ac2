-- /// report
-- title = "Access denied, by address"
-- question = "Which addresses are refused most often, because they may not do what they request?"
-- note = "S3 says 403 of an object that is not there, too, to those who may not list the bucket. Archived objects and wrong credentials are not counted."
-- chart = { kind = "bar", label = "remote_ip", value = "requests" }
--
-- [params.limit]
-- type = "integer"
-- default = 20
-- help = "how many addresses"
-- ///
SELECT
    remote_ip,
    count(*) AS requests
FROM requests
WHERE denied(http_status, error_code)
GROUP BY remote_ip
ORDER BY requests DESC, remote_ip
LIMIT $limit
