-- /// report
-- title = "Rejects"
-- question = "Which lines could not be read, and why? The table rejects has them all."
-- chart = { kind = "bar", label = "reason", value = "lines" }
-- dashboard = { section = "Operations", position = 6 }
-- ///
SELECT
    reason,
    count(*) AS lines,
    count(DISTINCT log_object) AS log_objects,
    min(date) AS first_date,
    max(date) AS last_date,
    min(line) AS example
FROM rejects
GROUP BY reason
ORDER BY lines DESC, reason
