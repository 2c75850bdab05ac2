-- /// report
-- title = "Keys of expired objects"
-- question = "Which keys did lifecycle rules expire? Each is listed once, for writing to a file. Equal keys of several buckets count as one; --bucket tells them apart."
--
-- [params.operation]
-- type = "string"
-- default = "S3.EXPIRE.OBJECT"
-- help = "another lifecycle operation, such as S3.TRANSITION.OBJECT"
-- ///
SELECT DISTINCT key
FROM lifecycle_events
WHERE operation = $operation
ORDER BY key
