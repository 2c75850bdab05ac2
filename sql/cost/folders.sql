-- /// report
-- title = "Cost by folder"
-- question = "How many objects of each folder are read, how often and with how many bytes, and what do the requests for its objects and the data sent of them cost? An estimate, as if all objects were in the class Standard that lifecycle rules are not seen to move."
-- note = "A folder is a part of a key, up to a slash; objects that are in none are in the folder without a name. What has no key, such as listings, is in no folder. Requests are of all kinds, also those that write or fail. Egress (to the internet) is an upper bound: bytes count as such unless the record tells where they went, and the 100 GB of each month that are free are not taken off. Storage is not in it."
-- chart = { kind = "bar", label = "folder", value = "cost" }
--
-- [params.below]
-- type = "string"
-- default = ""
-- help = "look below this folder, such as photos/"
--
-- [params.depth]
-- type = "integer"
-- default = 1
-- help = "how many levels of folders to tell apart"
--
-- [params.limit]
-- type = "integer"
-- default = 20
-- help = "how many folders"
-- ///
WITH records AS (  -- before macros with regular expressions, which are slow
    SELECT
        bucket,
        folder_at(key, $below, $depth) AS folder,
        requester,
        operation,
        http_status,
        error_code,
        count(*) AS n,
        total(bytes_sent) AS bytes_sent,
        total(egress_bytes) AS egress_bytes,
        total(region_bytes) AS region_bytes,
        total(accelerated_bytes) AS accelerated_bytes
    FROM transfers
    WHERE starts_with(key, $below)
    GROUP BY bucket, folder, requester, operation, http_status, error_code
),
sums AS (
    SELECT
        bucket,
        folder,
        total(CASE WHEN is_request(operation) THEN n END) AS requests,
        total(CASE WHEN is_request(operation) THEN bytes_sent END) AS bytes_sent,
        total(egress_bytes) AS egress_bytes,
        transfer_cost(sum(egress_bytes), sum(region_bytes), sum(accelerated_bytes)) AS transfer_cost,
        sum(CASE
            WHEN is_billed(operation, http_status, error_code, requester)
                AND NOT paid_by_requester(bucket, http_status, requester)
                THEN n * request_price(price_class(operation, http_status))
            ELSE 0
        END) AS request_cost
    FROM records
    GROUP BY bucket, folder
),
readings AS (
    SELECT bucket, folder_at(key, $below, $depth) AS folder, count(*) AS objects_read
    FROM (
        SELECT DISTINCT bucket, key
        FROM access_log
        WHERE starts_with(key, $below) AND is_read(operation) AND succeeded(operation, http_status)
    )
    GROUP BY bucket, folder
),
-- Of objects that a rule moved: what a request costs more than in Standard, and what was read of them.
cold AS (
    SELECT
        bucket,
        folder_at(key, $below, $depth) AS folder,
        sum(CASE
            WHEN is_billed(operation, http_status, error_code, requester)
                THEN request_price('get_' || lower(storage_class)) - request_price('get_and_others')
            ELSE 0
        END) AS request_cost,
        sum(coalesce(byte_cost(retrieved_bytes, 'retrieval_' || lower(storage_class)), 0)) AS retrieval_cost
    FROM cold_reads
    WHERE starts_with(key, $below) AND NOT paid_by_requester(bucket, http_status, requester)
    GROUP BY bucket, folder
),
costs AS (
    SELECT
        * EXCLUDE (objects_read, request_cost, retrieval_cost),
        coalesce(objects_read, 0) AS objects_read,
        sums.request_cost + coalesce(cold.request_cost, 0) AS request_cost,
        coalesce(retrieval_cost, 0) AS retrieval_cost
    FROM sums
    LEFT JOIN readings USING (bucket, folder)
    LEFT JOIN cold USING (bucket, folder)
)
SELECT
    bucket,
    folder,
    objects_read,
    requests,
    bytes_sent,
    egress_bytes,
    round(request_cost, 6) AS request_cost,
    round(transfer_cost, 6) AS transfer_cost,
    round(retrieval_cost, 6) AS retrieval_cost,
    round(request_cost + transfer_cost + retrieval_cost, 6) AS cost
FROM costs
WHERE requests > 0 OR request_cost > 0
ORDER BY cost DESC, bytes_sent DESC, bucket, folder
LIMIT $limit
