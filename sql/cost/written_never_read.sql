-- /// report
-- title = "Written and never read"
-- question = "Which objects were written in the period and never read afterwards, and may do in a cheaper storage class?"
-- note = "Left out is what is archived already or known to be gone. To copy an object onto itself, which changes its metadata or class, is no reading. The storage class is that of the last transition; an upload may name one, which logs do not tell."
--
-- [params.limit]
-- type = "integer"
-- default = 20
-- help = "how many objects, the largest first"
-- ///
SELECT
    key,
    bucket,
    writes,
    last_write,
    storage_class,
    object_size
FROM objects
WHERE last_write IS NOT NULL
    AND coalesce(last_read < last_write, true)
    AND NOT is_gone
    AND NOT is_archived
ORDER BY object_size DESC NULLS LAST, key, bucket
LIMIT $limit
