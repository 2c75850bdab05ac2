-- What became of objects.

-- Lifecycle rules that expire something: an object, for good or below a delete marker, or one version of it.
CREATE MACRO is_expiry(operation) AS operation IN ('S3.EXPIRE.OBJECT', 'S3.CREATE.DELETEMARKER');

-- Requests name a version only where they do not mean the current one. Other stores write `null` where there are none.
CREATE MACRO is_current(version_id) AS coalesce(version_id, 'null') = 'null';

-- An object is gone after it: deleted or expired, or below a delete marker. Its old versions may still be there.
CREATE MACRO takes_object(operation, version_id) AS operation = 'S3.CREATE.DELETEMARKER'
    OR ((operation = 'S3.EXPIRE.OBJECT' OR is_delete(operation)) AND is_current(version_id));

-- What a deletion or an expiry removed: with a version id that version only, of which a delete marker has no size, else
-- the object. `marked`: a rule put a delete marker on top of the versions, which stay. NULL for other operations.
CREATE MACRO removed(operation, version_id, object_size) AS CASE
    WHEN operation = 'S3.CREATE.DELETEMARKER' THEN 'marked'
    WHEN takes_object(operation, version_id) THEN 'object'
    WHEN operation <> 'S3.EXPIRE.OBJECT' AND NOT is_delete(operation) THEN NULL
    WHEN object_size IS NULL THEN 'delete marker'
    ELSE 'old version'
END;

-- A lifecycle rule took an object away, not only an old version or a delete marker.
CREATE MACRO is_object_expiry(operation, version_id) AS is_lifecycle(operation) AND takes_object(operation, version_id);

-- The storage class that a lifecycle rule moves objects to; NULL for other operations.
CREATE MACRO storage_class(operation) AS CASE operation
    WHEN 'S3.TRANSITION_SIA.OBJECT' THEN 'STANDARD_IA'
    WHEN 'S3.TRANSITION_ZIA.OBJECT' THEN 'ONEZONE_IA'
    WHEN 'S3.TRANSITION_INT.OBJECT' THEN 'INTELLIGENT_TIERING'
    WHEN 'S3.TRANSITION_GIR.OBJECT' THEN 'GLACIER_IR'
    WHEN 'S3.TRANSITION.OBJECT' THEN 'GLACIER'
    WHEN 'S3.TRANSITION_GDA.OBJECT' THEN 'DEEP_ARCHIVE'
END;

-- The buckets that keep versions, as far as records tell: somebody named a version, or a rule set a delete marker.
CREATE VIEW versioned_buckets AS
SELECT DISTINCT bucket
FROM access_log
WHERE operation = 'S3.CREATE.DELETEMARKER' OR (NOT is_current(version_id) AND succeeded(operation, http_status));

-- The record of the object that a copy reads.
CREATE MACRO is_copy_source(operation) AS operation IN ('REST.COPY.OBJECT_GET', 'REST.COPY.PART_GET');

-- Restores of archived objects: requested, and done.
CREATE MACRO is_restore(operation) AS operation IN ('REST.POST.RESTORE', 'S3.RESTORE.OBJECT');

-- What the records tell of each object: its uses, size and storage class, whether it is gone, and when its bucket's
-- records end. As for Intelligent-Tiering, HEAD is no use, and a restore is one.
CREATE VIEW objects AS
WITH events AS (
    SELECT
        *,
        is_write(operation) AS is_write,
        is_read(operation) AS is_read,
        is_write OR (is_read AND is_current(version_id)) AS is_of_current,
        is_delete(operation) AND NOT is_current(version_id) AS is_delete_of_version
    FROM access_log
    WHERE key IS NOT NULL AND succeeded(operation, http_status)
),
known AS (  -- CASE, not FILTER, where most records are used: it takes less time
    SELECT
        bucket,
        key,
        count(*) FILTER (WHERE is_write) AS writes,
        max(time) FILTER (WHERE is_write) AS last_write,
        -- A copy reads before it writes: so one of an object onto itself, to change metadata or class, is no later reading.
        max(CASE WHEN is_copy_source(operation) THEN time - INTERVAL 1 MICROSECOND ELSE time END) FILTER (
            WHERE is_read
        ) AS last_read,
        max(CASE WHEN is_read OR is_write OR is_restore(operation) THEN time END) AS last_used,
        arg_max(object_size, CASE WHEN is_of_current THEN time END) AS object_size,
        -- Only what is archived can be restored.
        arg_max(
            coalesce(storage_class(operation), CASE WHEN is_write THEN 'STANDARD' ELSE 'ARCHIVE' END), time
        ) FILTER (
            WHERE is_write OR is_restore(operation) OR storage_class(operation) IS NOT NULL
        ) AS storage_class,
        max(CASE WHEN takes_object(operation, version_id) THEN time END) AS last_removal,
        -- Whoever deletes a delete marker brings the object back. A rule deletes one only where no version is left.
        max(CASE WHEN is_of_current OR (is_delete_of_version AND object_size IS NULL) THEN time END) AS last_there,
        -- 0 where each version that was written was deleted by its id, the empty ones too.
        sum(CASE
            WHEN is_write THEN 1 + object_size
            WHEN is_delete_of_version THEN -1 - object_size
        END) AS left_over
    FROM events
    GROUP BY bucket, key
),
last_days AS (  -- through a list, or DuckDB would expect so many that it would rather remember all objects than them
    SELECT unnest(list(of_bucket), recursive := true)
    FROM (
        SELECT {'bucket': bucket, 'last_day': max(date)} AS of_bucket
        FROM access_log
        WHERE is_possible_day(date)
        GROUP BY bucket
    )
)
SELECT
    bucket,
    key,
    writes,
    last_write,
    last_read,
    last_used,
    object_size,
    storage_class,
    coalesce(storage_class IN ('GLACIER', 'DEEP_ARCHIVE', 'ARCHIVE'), false) AS is_archived,
    coalesce(last_removal >= last_there, last_removal IS NOT NULL) OR coalesce(left_over = 0, false) AS is_gone,
    last_day
FROM known
JOIN last_days USING (bucket);
