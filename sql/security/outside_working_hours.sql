-- /// report
-- title = "Outside working hours"
-- question = "Who with credentials was at work at night or on a weekend?"
-- note = "Services, which never sleep, are left out."
-- chart = { kind = "bar", label = "principal", value = "requests" }
--
-- [params.timezone]
-- type = "string"
-- default = "UTC"
-- help = "whose hours, such as Europe/Berlin"
--
-- [params.first_hour]
-- type = "integer"
-- default = 8
-- help = "work begins at this hour, 0 to 23"
--
-- [params.last_hour]
-- type = "integer"
-- default = 18
-- help = "and ends before this one"
--
-- [params.limit]
-- type = "integer"
-- default = 20
-- help = "how many principals"
-- ///
SELECT
    principal(requester) AS principal,
    count(*) AS requests,
    count(*) FILTER (WHERE isodow(local) >= 6) AS on_weekends,
    count(*) FILTER (WHERE failed(operation, http_status, error_code)) AS failed,
    count(DISTINCT local::DATE) AS days,
    max(time) AS last_time
FROM (
    SELECT *, time AT TIME ZONE 'UTC' AT TIME ZONE $timezone AS local
    FROM requests
    WHERE NOT is_nobody(requester) AND NOT is_service(requester)
)
WHERE isodow(local) >= 6 OR CASE
    WHEN $first_hour <= $last_hour THEN hour(local) NOT BETWEEN $first_hour AND $last_hour - 1
    ELSE hour(local) BETWEEN $last_hour AND $first_hour - 1  -- a night shift
END
GROUP BY principal
ORDER BY requests DESC, principal
LIMIT $limit
