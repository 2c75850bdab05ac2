-- /// report
-- title = "Keys of objects that rules took away"
-- question = "Which objects did lifecycle rules expire, or put below a delete marker, that have not come back since?"
-- note = "For whoever deletes elsewhere by it, in a database or from a cache. Of a versioned bucket, versions below a delete marker may still be there. Equal keys of several buckets count as one, and as gone where one is; --bucket tells them apart."
-- ///
SELECT DISTINCT key
FROM objects
JOIN (
    SELECT DISTINCT bucket, key
    FROM lifecycle_events
    WHERE is_object_expiry(operation, version_id)
) USING (bucket, key)
WHERE is_gone
ORDER BY key
