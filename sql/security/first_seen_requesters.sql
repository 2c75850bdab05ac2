-- /// report
-- title = "First-seen requesters"
-- question = "Which users, roles and accounts have their first record in the last days of the period?"
-- note = "What is before the first day of the period counts as not seen, so run it without one. days_before: so many days before it, the oldest record of all is. Where that is few, the lake does not go back far enough to tell who is new."
-- dashboard = { section = "Security", position = 4, history = true }
--
-- [params.days]
-- type = "integer"
-- default = 7
-- help = "how many days, up to the last one with records"
-- ///
WITH seen AS (
    SELECT requester, min(date) AS first_date
    FROM requests
    WHERE NOT is_nobody(requester)
    GROUP BY requester
),
names AS (
    SELECT requester, principal(requester) AS principal, min(first_date) OVER (PARTITION BY principal) AS first_date
    FROM seen
),
newcomers AS (
    SELECT requester, principal
    FROM names
    WHERE first_date > newest_day() - $days::INTEGER
)
SELECT
    principal,
    min(time) AS first_time,
    max(time) AS last_time,
    min(date) - (SELECT min(date) FROM access_log) AS days_before,
    count(*) AS requests,
    count(*) FILTER (WHERE failed(operation, http_status, error_code)) AS failed,
    count(DISTINCT operation) AS operations,
    count(DISTINCT remote_ip) AS addresses
FROM requests
JOIN newcomers USING (requester)
GROUP BY principal
ORDER BY first_time, principal
