-- /// report
-- title = "First-seen requesters"
-- question = "Which users, roles and accounts have their first record in the last days of the period? Run it without --from: what is before it counts as not seen."
-- dashboard = { section = "Security", position = 4, history = true }
--
-- [params.days]
-- type = "integer"
-- default = 7
-- help = "how many days, up to the last one with records"
-- ///
SELECT
    principal(requester) AS principal,
    min(time) AS first_time,
    max(time) AS last_time,
    count(*) AS requests,
    count(*) FILTER (WHERE http_status >= 400) AS failed,
    count(DISTINCT operation) AS operations,
    count(DISTINCT remote_ip) AS addresses
FROM access_log
WHERE is_request(operation) AND NOT is_anonymous(operation, requester, authentication_type)
GROUP BY principal
HAVING min(date) > newest_day() - $days::INTEGER
ORDER BY first_time, principal
