-- /// report
-- title = "Restores"
-- question = "Who asked for archived objects back, how many and how large, and what does that cost in each tier of retrieval? Scenarios, as the log does not tell the tier."
-- note = "restores: begun (202), each with a price of its own; repeats: of what was restored already (200), which cost as a GET; archived_reads: reads that were refused (InvalidObjectState) because the object was not restored. The class is that of the object's last transition, Flexible Retrieval where none is known. There Bulk is free; Deep Archive has no Expedited, and counts as Standard there. Sizes are of the newest record that has one, of the object if there is one, else of a version; objects without any (unknown_sizes) cost more than this. The storage of the restored copies is not in it."
-- chart = { kind = "bar", label = "prefix", value = "standard_cost" }
--
-- [params.limit]
-- type = "integer"
-- default = 20
-- help = "how many months, prefixes and requesters"
-- ///
WITH asked AS (
    SELECT
        date_trunc('month', date)::DATE AS month,
        bucket,
        key,
        requester,
        count(*) FILTER (WHERE operation = 'REST.POST.RESTORE' AND http_status = 202) AS restores,
        count(*) FILTER (WHERE operation = 'REST.POST.RESTORE' AND http_status = 200) AS repeats,
        count(*) FILTER (WHERE is_read(operation)) AS archived_reads
    FROM access_log
    WHERE key IS NOT NULL
        AND ((operation = 'REST.POST.RESTORE' AND http_status BETWEEN 200 AND 299)
            OR (is_read(operation) AND error_code = 'InvalidObjectState'))
    GROUP BY month, bucket, key, requester
),

archived AS (
    SELECT
        bucket,
        key,
        coalesce(
            max_by(object_size, (time, object_size)) FILTER (WHERE object_size IS NOT NULL AND is_current(version_id)),
            max_by(object_size, (time, object_size)) FILTER (WHERE object_size IS NOT NULL)
        ) AS object_size,
        max_by(operation, (time, operation)) FILTER (WHERE storage_class(operation) IS NOT NULL)
        IS NOT DISTINCT FROM 'S3.TRANSITION_GDA.OBJECT' AS is_deep
    FROM access_log
    SEMI JOIN asked USING (bucket, key)
    GROUP BY bucket, key
),

by_class AS (
    SELECT
        month,
        bucket,
        folder_of(key, '') AS prefix,
        principal(requester) AS principal,
        is_deep,
        total(restores) AS restores,
        total(repeats) AS repeats,
        total(archived_reads) AS archived_reads,
        count(DISTINCT key) FILTER (WHERE restores > 0) AS objects,
        total(restores * object_size) AS bytes,
        count(DISTINCT key) FILTER (WHERE restores > 0 AND object_size IS NULL) AS unknown_sizes
    FROM asked
    JOIN archived USING (bucket, key)
    GROUP BY month, bucket, prefix, principal, is_deep
),

costs AS (
    SELECT
        *,
        repeats * request_price('get_and_others') AS repeat_cost,
        CASE
            WHEN is_deep
                THEN restores * request_price('restore_deep_archive') + byte_cost(bytes, 'retrieval_deep_archive')
            ELSE restores * request_price('restore') + byte_cost(bytes, 'retrieval')
        END AS standard_cost,
        CASE
            WHEN is_deep
                THEN restores * request_price('restore_deep_archive') + byte_cost(bytes, 'retrieval_deep_archive')
            ELSE restores * request_price('restore_expedited') + byte_cost(bytes, 'retrieval_expedited')
        END AS expedited_cost,
        CASE
            WHEN is_deep THEN restores * request_price('restore_deep_archive_bulk')
                + byte_cost(bytes, 'retrieval_deep_archive_bulk')
            ELSE 0
        END AS bulk_cost
    FROM by_class
)

SELECT
    month,
    bucket,
    prefix,
    principal,
    total(restores) AS restores,
    total(repeats) AS repeats,
    total(archived_reads) AS archived_reads,
    total(objects) AS objects,
    total(bytes) AS bytes,
    total(unknown_sizes) AS unknown_sizes,
    round(sum(bulk_cost + repeat_cost), 6) AS bulk_cost,
    round(sum(standard_cost + repeat_cost), 6) AS standard_cost,
    round(sum(expedited_cost + repeat_cost), 6) AS expedited_cost
FROM costs
GROUP BY month, bucket, prefix, principal
ORDER BY standard_cost DESC, archived_reads DESC, month, bucket, prefix, principal
LIMIT $limit
