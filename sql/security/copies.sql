-- /// report
-- title = "Copies"
-- question = "Who copied how many objects and bytes, from which bucket to which?"
-- note = "A copy has a record in the log of each bucket. No source or no destination: that bucket is not in the lake, as where it is another account's, or --bucket leaves it out. Then a copy in parts counts with the size of its object, once."
-- chart = { kind = "bar", label = "principal", value = "copies" }
--
-- [params.limit]
-- type = "integer"
-- default = 20
-- help = "how many principals and pairs of buckets"
-- ///
WITH copies AS (  -- the two records of a copy have one request id
    SELECT
        requester,
        min(bucket) FILTER (WHERE NOT is_request(operation)) AS source,
        min(bucket) FILTER (WHERE is_request(operation)) AS destination,
        min(key) FILTER (WHERE NOT is_request(operation)) AS source_key,
        min(key) FILTER (WHERE is_request(operation)) AS key,
        -- of a part, the record of the source has the size of the whole object
        coalesce(max(object_size) FILTER (WHERE is_request(operation)), max(object_size)) AS bytes,
        bool_and(operation = 'REST.COPY.PART_GET') AS is_of_whole,
        min(time) AS time
    FROM access_log
    WHERE operation IN ('REST.COPY.OBJECT', 'REST.COPY.OBJECT_GET', 'REST.COPY.PART', 'REST.COPY.PART_GET')
    GROUP BY requester, request_id
    HAVING bool_and(succeeded(operation, http_status))
),
objects AS (
    SELECT
        requester,
        source,
        destination,
        coalesce(source_key, key) AS object,
        count(*) AS number,
        total(CASE WHEN NOT is_of_whole THEN bytes END) + coalesce(max(bytes) FILTER (WHERE is_of_whole), 0) AS bytes,
        min(time) AS first_time,
        max(time) AS last_time
    FROM copies
    GROUP BY requester, source, destination, object
)
SELECT
    principal(requester) AS principal,
    source,
    destination,
    total(number) AS copies,
    count(DISTINCT object) AS objects,
    total(objects.bytes) AS bytes,
    min(objects.first_time) AS first_time,
    max(objects.last_time) AS last_time
FROM objects
GROUP BY principal, source, destination
ORDER BY copies DESC, principal, source, destination
LIMIT $limit
