-- /// report
-- title = "Not used lately"
-- question = "Which objects have not been read, written or restored lately, and may do in a cheaper storage class?"
-- note = "Days count back from the last day with records of the object's bucket. Left out is what is archived already, is known to be gone, or was not used in the period at all. The storage class is that of the last transition; an upload may name one, which logs do not tell."
--
-- [params.days]
-- type = "integer"
-- default = 30
-- help = "how many days without use, up to the last one with records of the bucket"
--
-- [params.limit]
-- type = "integer"
-- default = 20
-- help = "how many objects, the largest first"
-- ///
SELECT
    key,
    bucket,
    last_used,
    storage_class,
    object_size
FROM objects
WHERE last_used::DATE <= last_day - $days::INTEGER
    AND NOT is_gone
    AND NOT is_archived
ORDER BY object_size DESC NULLS LAST, key, bucket
LIMIT $limit
