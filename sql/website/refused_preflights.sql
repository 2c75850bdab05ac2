-- /// report
-- title = "Refused preflights"
-- question = "From the pages of which sites do browsers ask in vain whether they may send a request (a CORS preflight, 4xx), and for which folders?"
-- note = "The log has no Origin header: the site is the host of the referrer, and empty where the page sends none. 403: no rule of the bucket's CORS configuration allows the origin, the method or the headers, or there is none; 400: a preflight without an origin."
-- chart = { kind = "bar", label = "site", value = "preflights" }
--
-- [params.limit]
-- type = "integer"
-- default = 20
-- help = "how many sites and folders"
-- ///
SELECT
    host_of(referrer) AS site,
    bucket,
    folder_of(key, '') AS folder,
    http_status,
    error_code,
    total(n) AS preflights,
    min(first_time) AS first_time,
    max(last_time) AS last_time
FROM (
    SELECT
        referrer,
        bucket,
        key,
        http_status,
        error_code,
        count(*) AS n,
        min(time) AS first_time,
        max(time) AS last_time
    FROM requests
    WHERE operation LIKE '%.OPTIONS.%' AND http_status BETWEEN 400 AND 499
    GROUP BY referrer, bucket, key, http_status, error_code
)
GROUP BY site, bucket, folder, http_status, error_code
ORDER BY preflights DESC, site, bucket, folder, http_status, error_code
LIMIT $limit
