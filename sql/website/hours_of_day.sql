-- /// report
-- title = "Hours of the day"
-- question = "At which hours of the day (0 to 23) do requests for objects come?"
-- chart = { kind = "bar", label = "hour", value = "requests" }
--
-- [params.timezone]
-- type = "string"
-- default = "UTC"
-- help = "whose hours, such as Europe/Berlin"
--
-- [params.people]
-- type = "boolean"
-- default = false
-- help = "only requests of people's browsers, not those of bots and programs"
--
-- [params.pages]
-- type = "boolean"
-- default = false
-- help = "only requests for pages, not for what they load"
-- ///
SELECT
    hour(time AT TIME ZONE 'UTC' AT TIME ZONE $timezone) AS hour,
    count(*) AS requests,
    total(bytes_sent) AS bytes_sent
FROM website_requests_of($people, $pages)
GROUP BY hour
ORDER BY hour
