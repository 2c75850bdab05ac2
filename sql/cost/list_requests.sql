-- /// report
-- title = "LIST hot spots"
-- question = "Who lists which prefixes again and again, and what do the requests cost? A LIST costs more than ten times a GET."
-- note = "Listings of keys, versions, unfinished uploads and their parts; for parts, the prefix is the key. No principal: no credentials, or wrong ones."
-- chart = { kind = "bar", label = "prefix", value = "requests" }
-- dashboard = { section = "Cost", position = 5 }
--
-- [params.limit]
-- type = "integer"
-- default = 20
-- help = "how many prefixes and requesters"
-- ///
WITH listings AS (
    SELECT
        bucket,
        coalesce(key, regexp_extract(request_uri, '[?&]prefix=([^& ]*)', 1), '') AS logged_prefix,
        key IS NOT NULL AS is_decoded,
        requester,
        count(*) AS n,
        count(*) FILTER (
            WHERE is_billed(operation, http_status, error_code, requester)
                AND NOT paid_by_requester(bucket, http_status, requester)
        ) AS billed,
        max(time) AS last_time
    FROM access_log
    WHERE is_list(operation)
    GROUP BY bucket, logged_prefix, is_decoded, requester
)
SELECT
    bucket,
    CASE WHEN is_decoded THEN logged_prefix ELSE coalesce(TRY(url_decode(logged_prefix)), logged_prefix) END AS prefix,
    principal(requester) AS principal,
    total(n) AS requests,
    round(total(billed) * request_price('put_copy_post_list'), 6) AS cost,
    max(last_time) AS last_time
FROM listings
GROUP BY bucket, prefix, principal
ORDER BY requests DESC, bucket, prefix, principal
LIMIT $limit
