-- /// report
-- title = "Unused buckets"
-- question = "Of which buckets has nobody read, written or deleted an object in the last days?"
-- note = "CloudFront fetches for people; other services, listings and reads of the configuration are no use, and neither is what failed. A bucket whose records ended (last_record) may be one that is not logged any more; one without any records is not known."
--
-- [params.days]
-- type = "integer"
-- default = 30
-- help = "how many days without use, up to the last one with records"
-- ///
WITH used AS (
    SELECT
        bucket,
        is_read(operation) OR is_write(operation) OR is_delete(operation) AS is_use,
        is_service(requester) AND NOT is_cloudfront(requester, NULL) AS by_service,
        count(*) FILTER (WHERE is_request(operation)) AS number,
        max(time) FILTER (WHERE succeeded(operation, http_status)) AS last_success,
        max(time) AS last_time
    FROM access_log
    GROUP BY bucket, is_use, by_service
)
SELECT
    bucket,
    max(last_success) FILTER (WHERE is_use AND NOT by_service) AS last_use,
    total(number) AS requests,
    total(CASE WHEN by_service THEN number END) AS by_services,
    max(last_time) AS last_record
FROM used
GROUP BY bucket
HAVING coalesce(last_use::DATE, DATE '1970-01-01') <= newest_day() - $days::INTEGER
ORDER BY last_use NULLS FIRST, bucket
