-- /// report
-- title = "Early deletions"
-- question = "Which objects were expired, deleted, overwritten or moved on before the days were over that their storage class charges at least, and what do the days that were left cost?"
-- note = "The minimum is 30 days in Standard-IA and One Zone-IA, 90 in Glacier Instant and Flexible Retrieval, 180 in Deep Archive. The cost is that of the storage for the days left, a month having 30. A lower bound: the log does not tell the class of uploads, but of those by a presigned URL that names it, and of those that had to be restored (ARCHIVE: either archive, with the lower charge of the two); and transitions before the first record are not known. Of a bucket with versions only what removes a version counts; where no record tells that it has versions, it counts as one without. Rules act a day or two after the day that AWS bills by."
-- chart = { kind = "bar", label = "key", value = "cost" }
--
-- [params.limit]
-- type = "integer"
-- default = 20
-- help = "how many objects, those with the highest charge first"
-- ///
WITH early AS (
    SELECT
        *,
        ended::DATE - began::DATE AS days,
        minimum_days(storage_class) - days AS days_left,
        gigabytes(billed_size(storage_class, object_size)) * days_left AS gb_days
    FROM stays
    WHERE ended::DATE - began::DATE < minimum_days(storage_class)
)
SELECT
    key,
    bucket,
    version_id,
    storage_class,
    early_delete_usage(storage_class, object_size) AS usage_type,
    began,
    ended,
    ended_by,
    days,
    days_left,
    object_size,
    round(gb_days, 6) AS gb_days,
    round(gb_days / 30 * storage_price(storage_class), 9) AS cost
FROM early
ORDER BY cost DESC NULLS LAST, gb_days DESC NULLS LAST, key, bucket, version_id, began
LIMIT $limit
