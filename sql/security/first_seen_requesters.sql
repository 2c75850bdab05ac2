-- /// report
-- title = "First-seen requesters"
-- question = "Which users, roles and accounts have their first record in the last days of the period?"
-- note = "requester: of a role that several sessions assumed (requesters), the one with most requests. What is before the first day of the period counts as not seen, so run it without one. days_before: so many days before it, the oldest record of all is. Where that is few, the lake does not go back far enough to tell who is new."
-- dashboard = { section = "Security", position = 4, history = true }
--
-- [params.days]
-- type = "integer"
-- default = 7
-- help = "how many days, up to the last one with records"
-- ///
WITH seen AS (
    SELECT requester, min(date) AS first_date, count(*) AS n
    FROM requests
    WHERE NOT is_nobody(requester)
    GROUP BY requester
),
names AS (
    SELECT requester, n, principal(requester) AS principal, min(first_date) OVER (PARTITION BY principal) AS first_date
    FROM seen
),
newcomers AS (
    SELECT requester, n, principal
    FROM names
    WHERE first_date > newest_day() - $days::INTEGER
),
sessions AS (
    SELECT principal, arg_min(requester, (-n, requester)) AS requester, count(*) AS requesters
    FROM newcomers
    GROUP BY principal
)
SELECT
    principal,
    any_value(sessions.requester) AS requester,
    any_value(requesters) AS requesters,
    min(time) AS first_time,
    max(time) AS last_time,
    min(date) - (SELECT min(date) FROM access_log) AS days_before,
    count(*) AS requests,
    count(*) FILTER (WHERE failed(operation, http_status, error_code)) AS failed,
    count(DISTINCT operation) AS operations,
    count(DISTINCT remote_ip) AS addresses
FROM requests
JOIN newcomers USING (requester)
JOIN sessions USING (principal)
GROUP BY principal
ORDER BY first_time, principal
