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

-- What was read of objects, and how many bytes. Copies are readings: one in parts is one in an hour, as the record of each
-- part's source has the size of the whole object.
CREATE VIEW readings AS
SELECT
    time, bucket, key, requester, remote_ip,
    CASE WHEN is_request(operation) THEN bytes_sent ELSE object_size END AS bytes
FROM access_log
WHERE is_read(operation) AND operation <> 'REST.COPY.PART_GET' AND succeeded(operation, http_status)
UNION ALL
SELECT max(time) AS time, bucket, key, requester, remote_ip, max(object_size) AS bytes
FROM access_log
WHERE operation = 'REST.COPY.PART_GET' AND succeeded(operation, http_status)
GROUP BY date_trunc('hour', time), bucket, key, requester, remote_ip;

-- Restores of archived objects: requested, and done.
CREATE MACRO is_restore(operation) AS operation IN ('REST.POST.RESTORE', 'S3.RESTORE.OBJECT');

-- What the records tell of each object: its uses, size and storage class, whether it is gone, and when its bucket's
-- records end. As for Intelligent-Tiering, HEAD is no use, and a restore is one. Which version an event is of that names
-- one, its size has to tell: versions as large as the object are taken for it.
CREATE VIEW objects AS
WITH events AS (
    SELECT
        *,
        is_write(operation) AS is_write,
        is_read(operation) AS is_read,
        storage_class(operation) AS class,
        is_current(version_id) AS is_current,
        is_restore(operation) AS is_restore,
        is_write OR (is_current AND (is_restore OR class IS NOT NULL)) AS is_move,
        is_delete(operation) AND NOT is_current AS is_delete_of_version,
        takes_object(operation, version_id) AS takes_object
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
        max(CASE WHEN is_read OR is_write OR is_restore THEN time END) AS last_used,
        -- NULL where the last write does not tell, and nobody has read the object since.
        arg_max_null(
            object_size, CASE WHEN is_write OR (is_read AND is_current AND object_size IS NOT NULL) THEN time END
        ) AS object_size,
        -- Only what is archived can be restored.
        max(CASE WHEN is_move THEN time END) AS moved_at,
        arg_max(
            coalesce(class, CASE WHEN is_write THEN 'STANDARD' ELSE 'ARCHIVE' END), CASE WHEN is_move THEN time END
        ) AS class,
        max(time) FILTER (WHERE takes_object) AS removed_at,
        arg_max_null(CASE WHEN version_id = 'null' THEN object_size END, time) FILTER (
            WHERE takes_object
        ) AS removed_size,
        max(
            CASE WHEN is_write OR ((is_read OR is_look(operation)) AND is_current) THEN time END
        ) AS last_there,
        -- Whoever deletes a delete marker brings the object back. A rule deletes one only where no version is left.
        max(time) FILTER (WHERE is_delete_of_version AND object_size IS NULL) AS last_undelete,
        -- 0 where each version that was written was deleted by its id, the empty ones too.
        sum(CASE
            WHEN is_write THEN 1 + coalesce(object_size, 0)
            WHEN is_delete_of_version THEN -1 - object_size
        END) AS left_over
    FROM events
    GROUP BY bucket, key
),
versions AS (
    SELECT
        bucket,
        key,
        object_size,
        max(time) FILTER (WHERE removed(operation, version_id, object_size) IS NOT NULL) AS removed_at,
        max(time) FILTER (WHERE is_restore OR class IS NOT NULL) AS moved_at,
        arg_max(coalesce(class, 'ARCHIVE'), time) FILTER (WHERE is_restore OR class IS NOT NULL) AS class
    FROM events
    WHERE NOT is_current
    GROUP BY bucket, key, object_size
),
last_days AS (  -- through a list, or DuckDB would expect so many that it would rather remember all objects than them
    SELECT unnest(list({'bucket': bucket, 'last_day': last_day}), recursive := true)
    FROM (
        SELECT bucket, max(date) AS last_day
        FROM access_log
        WHERE is_possible_day(date)
        GROUP BY bucket
    )
),
judged AS (
    SELECT
        known.*,
        last_day,
        -- What was there before a bucket had versions is its version `null`: an old one, if it has another size.
        CASE WHEN coalesce(removed_size = object_size, true) THEN known.removed_at END AS last_removal,
        -- Where the version below a delete marker goes, too, there is nothing left to bring back.
        coalesce(
            last_undelete > known.removed_at AND coalesce(versions.removed_at < known.removed_at, true), false
        ) AS is_undeleted,
        CASE WHEN coalesce(versions.moved_at > known.moved_at, known.moved_at IS NULL)
            THEN versions.class ELSE known.class
        END AS storage_class
    FROM known
    JOIN last_days USING (bucket)
    LEFT JOIN versions USING (bucket, key, object_size)
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
    (coalesce(last_removal >= last_there, last_removal IS NOT NULL) AND NOT is_undeleted)
    OR coalesce(left_over = 0, false) AS is_gone,
    last_day
FROM judged;
