-- What is stored: how long it stays in a storage class, and what that costs.

-- How many days of storage a class charges at least; NULL for a class that charges what is used. ARCHIVE is either
-- Glacier Flexible Retrieval or Deep Archive.
CREATE MACRO minimum_days(storage_class) AS CASE
    WHEN storage_class IN ('STANDARD_IA', 'ONEZONE_IA') THEN 30
    WHEN storage_class IN ('GLACIER_IR', 'GLACIER', 'ARCHIVE') THEN 90
    WHEN storage_class = 'DEEP_ARCHIVE' THEN 180
END;

-- An object below 128 KB: some classes bill it as one of 128 KB, and Intelligent-Tiering never moves it.
CREATE MACRO is_small(object_size) AS object_size < 131072;

-- The bytes that a storage class bills an object of this size with: some at least 128 KB, archives 32 KB for its index.
CREATE MACRO billed_size(storage_class, object_size) AS CASE
    WHEN storage_class IN ('STANDARD_IA', 'ONEZONE_IA', 'GLACIER_IR') AND is_small(object_size) THEN 131072
    WHEN storage_class IN ('GLACIER', 'DEEP_ARCHIVE', 'ARCHIVE') THEN object_size + 32768
    ELSE object_size
END;

-- The price of a GB that is stored for a month; of an archive that may be one or the other, the lower price.
CREATE MACRO storage_price(in_class) AS (
    SELECT price
    FROM storage_prices
    WHERE storage_class = CASE in_class WHEN 'ARCHIVE' THEN 'DEEP_ARCHIVE' ELSE in_class END
);

-- What so many objects, with so many billed bytes in all, cost in a month. An archive keeps 8 KB of each in Standard.
CREATE MACRO monthly_storage_cost(storage_class, billed_bytes, number) AS
gigabytes(billed_bytes) * storage_price(storage_class) + CASE
    WHEN storage_class IN ('GLACIER', 'DEEP_ARCHIVE') THEN gigabytes(8192 * number) * storage_price('STANDARD')
    ELSE 0
END;

-- The line of the Cost and Usage Report for what is deleted before its time.
CREATE MACRO early_delete_usage(storage_class, object_size) AS CASE storage_class
    WHEN 'STANDARD_IA' THEN 'EarlyDelete-SIA'
    WHEN 'ONEZONE_IA' THEN 'EarlyDelete-ZIA'
    WHEN 'GLACIER_IR' THEN 'EarlyDelete-GIR'
    WHEN 'GLACIER' THEN 'EarlyDelete-ByteHrs'
    WHEN 'DEEP_ARCHIVE' THEN 'EarlyDelete-GDA'
END || CASE
    WHEN storage_class IN ('STANDARD_IA', 'ONEZONE_IA', 'GLACIER_IR') AND is_small(object_size) THEN '-SmObjects'
    ELSE ''
END;

-- The storage class that a presigned URL names for an upload; NULL where it names none. Others name theirs in a header,
-- which the log does not have.
CREATE MACRO presigned_class(request_uri) AS nullif(upper(
    regexp_extract(request_uri, '[?&]x-amz-storage-class=([a-z_]+)', 1, 'i')
), '');

-- How long each version of an object was in a storage class, of those objects of which the log tells one that is not
-- Standard: a rule moved it, a presigned URL named it, or it had to be restored after it was written (ARCHIVE).
CREATE VIEW stays AS
WITH hints AS MATERIALIZED (  -- each of these is looked for while the records are read
    SELECT bucket, key, version_id, time, request_id, operation, object_size
    FROM access_log
    WHERE operation LIKE 'S3.TRANSITION%' AND storage_class(operation) IS NOT NULL AND key IS NOT NULL
    UNION ALL
    SELECT bucket, key, version_id, time, request_id, operation, object_size
    FROM access_log
    WHERE is_restore(operation) AND succeeded(operation, http_status)
    UNION ALL
    SELECT bucket, key, version_id, time, request_id, operation, object_size
    FROM access_log
    WHERE error_code = 'InvalidObjectState' AND is_read(operation)
    UNION ALL
    SELECT bucket, key, version_id, time, request_id, operation, object_size
    FROM access_log
    WHERE authentication_type = 'QueryString' AND is_write(operation) AND succeeded(operation, http_status)
        AND presigned_class(request_uri) IS NOT NULL
),

changes AS (
    SELECT
        bucket,
        key,
        version_id,
        time,
        request_id,
        operation,
        object_size,
        CASE WHEN is_write(operation) THEN coalesce(presigned_class(request_uri), 'STANDARD') END AS storage_class
    FROM access_log
    WHERE key IN (SELECT unnest(list(DISTINCT key)) FROM hints)
        AND (is_write(operation) OR is_delete(operation) OR operation = 'S3.EXPIRE.OBJECT')
        AND succeeded(operation, http_status)
        -- a bucket with versions keeps what is overwritten, or deleted without a version id
        AND NOT (version_id IS NULL AND operation <> 'S3.EXPIRE.OBJECT' AND bucket IN (FROM versioned_buckets))
    UNION ALL
    SELECT *, coalesce(storage_class(operation), 'ARCHIVE') AS storage_class
    FROM hints
    WHERE NOT is_write(operation)
),

numbered AS (
    SELECT
        * REPLACE (coalesce(version_id, 'null') AS version_id),
        storage_class IS NOT DISTINCT FROM 'ARCHIVE' AS is_hint,
        -- of records of one second, a removal counts as the last
        count(*) FILTER (WHERE NOT is_hint) OVER (
            PARTITION BY bucket, key, coalesce(version_id, 'null')
            ORDER BY time, storage_class IS NULL, operation, request_id
            ROWS UNBOUNDED PRECEDING
        ) AS step
    FROM changes
),

steps AS (
    SELECT
        bucket,
        key,
        version_id,
        step,
        any_value(time) FILTER (WHERE NOT is_hint) AS time,
        any_value(operation) FILTER (WHERE NOT is_hint) AS operation,
        any_value(object_size) FILTER (WHERE NOT is_hint) AS object_size,
        any_value(storage_class) FILTER (WHERE NOT is_hint) AS named_class,
        CASE WHEN named_class = 'STANDARD' AND bool_or(is_hint) THEN 'ARCHIVE' ELSE named_class END AS storage_class
    FROM numbered
    WHERE step > 0
    GROUP BY bucket, key, version_id, step
),

neighbors AS (
    SELECT
        *,
        lag(storage_class) OVER versions AS previous_class,
        lag(object_size) OVER versions AS previous_size,
        lead(time) OVER versions AS ended,
        lead(operation) OVER versions AS next_operation,
        lead(object_size) OVER versions AS next_size
    FROM steps
    WINDOW versions AS (PARTITION BY bucket, key, version_id ORDER BY step)
)

SELECT
    bucket,
    key,
    nullif(version_id, 'null') AS version_id,
    previous_class,
    storage_class,
    storage_class(operation) IS NOT NULL AS is_transition,
    coalesce(object_size, previous_size, CASE WHEN NOT is_write(next_operation) THEN next_size END) AS object_size,
    time AS began,
    ended,
    CASE
        WHEN next_operation = 'S3.EXPIRE.OBJECT' THEN 'expired'
        WHEN is_delete(next_operation) THEN 'deleted'
        WHEN is_write(next_operation) THEN 'overwritten'
        WHEN next_operation IS NOT NULL THEN 'moved'
    END AS ended_by
FROM neighbors
WHERE storage_class IS NOT NULL;
