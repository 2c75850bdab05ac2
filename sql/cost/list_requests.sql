-- /// report
-- title = "LIST hot spots"
-- question = "Who lists which prefixes again and again? A LIST costs more than ten times a GET."
-- chart = { kind = "bar", label = "prefix", value = "requests" }
-- dashboard = { section = "Cost", position = 5 }
--
-- [params.limit]
-- type = "integer"
-- default = 20
-- help = "how many prefixes and requesters"
-- ///
SELECT
    bucket,
    coalesce(
        TRY(url_decode(regexp_extract(request_uri, '[?&]prefix=([^& ]*)', 1))),
        regexp_extract(request_uri, '[?&]prefix=([^& ]*)', 1)
    ) AS prefix,
    requester,
    count(*) AS requests,
    round(
        count(*) FILTER (WHERE is_billed(operation, http_status, error_code, requester))
        * request_price('put_copy_post_list'),
        6
    ) AS cost,
    max(time) AS last_time
FROM access_log
WHERE operation IN ('REST.GET.BUCKET', 'REST.GET.BUCKETVERSIONS', 'REST.GET.UPLOADS')
GROUP BY bucket, prefix, requester
ORDER BY requests DESC, bucket, prefix, requester
LIMIT $limit
