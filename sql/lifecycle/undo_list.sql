-- /// report
-- title = "Undo list"
-- question = "What was deleted or expired, the latest first: is it gone for good, or only below a delete marker that can be deleted?"
-- note = "To bring an object back, delete its delete marker by bucket, key and version id. Records of a request have no id of the marker that it set: look it up by the key. A request without a version id counts as marked where other records tell that the bucket has versions. What was brought back or written again is left out, and so are deletions without a size in a bucket without versions, of keys that no other record knows: nothing was there."
--
-- [params.limit]
-- type = "integer"
-- default = 100
-- help = "how many deletions"
-- ///
WITH deletions AS (
    SELECT
        time,
        bucket,
        key,
        version_id,
        requester,
        object_size,
        is_delete(operation) AS is_request,
        removed(operation, version_id, object_size) AS removed
    FROM access_log
    WHERE (is_delete(operation) OR is_expiry(operation)) AND succeeded(operation, http_status)
)
SELECT
    time,
    principal(requester) AS principal,
    bucket,
    key,
    CASE
        WHEN removed = 'marked' THEN 'marked'
        WHEN removed = 'object' AND is_request AND bucket IN (FROM versioned_buckets) THEN 'marked'
        ELSE 'for good'
    END AS outcome,
    version_id
FROM deletions
WHERE removed = 'old version'
    OR (
        removed IN ('object', 'marked')
        AND (bucket, key) IN (SELECT (bucket, key) FROM objects WHERE is_gone)
        -- a delete marker that was removed is in nobody's way; where its id is not known, the next one removed was it
        AND NOT EXISTS (
            FROM deletions AS later
            WHERE later.removed = 'delete marker'
                AND later.bucket = deletions.bucket
                AND later.key = deletions.key
                AND (later.version_id = deletions.version_id
                    OR (deletions.version_id IS NULL AND later.time >= deletions.time))
        )
        -- S3 confirms the deletion of what is not there, too
        AND (NOT is_request OR object_size IS NOT NULL OR bucket IN (FROM versioned_buckets)
            OR (bucket, key) IN (SELECT (bucket, key) FROM objects WHERE last_used IS NOT NULL))
    )
ORDER BY time DESC, bucket, key, outcome, version_id, principal
LIMIT $limit
