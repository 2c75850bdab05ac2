-- /// report
-- title = "Access denied, by object"
-- question = "Which objects are refused most often to those who may not have them?"
-- note = "S3 says 403 of an object that is not there, too, to those who may not list the bucket. Archived objects and wrong credentials are not counted. Equal keys of several buckets count as one; --bucket tells them apart."
-- chart = { kind = "bar", label = "key", value = "requests" }
--
-- [params.limit]
-- type = "integer"
-- default = 20
-- help = "how many objects"
-- ///
SELECT
    key,
    count(*) AS requests
FROM requests
WHERE denied(http_status, error_code)
GROUP BY key
ORDER BY requests DESC, key
LIMIT $limit
