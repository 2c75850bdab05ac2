-- /// report
-- title = "Keys of expired objects"
-- question = "Which keys do the events of a lifecycle operation name? Each is listed once, for writing to a file."
-- note = "Not a list to delete by: of a versioned bucket it has objects of which only an old version expired, and objects may have been written again. lifecycle/gone_keys has those that are gone. Equal keys of several buckets count as one; --bucket tells them apart."
--
-- [params.operation]
-- type = "string"
-- default = "S3.EXPIRE.OBJECT"
-- help = "another lifecycle operation, such as S3.TRANSITION.OBJECT"
--
-- [params.removed]
-- type = "string"
-- default = ""
-- help = "only events that removed this: object, old version, delete marker or marked"
-- ///
SELECT DISTINCT key
FROM lifecycle_events
WHERE operation = $operation
    AND ($removed = '' OR removed(operation, version_id, object_size) = $removed)
ORDER BY key
