-- /// report
-- title = "Folders"
-- question = "How often are the objects of each folder requested, with what success, and how many bytes are sent? A folder is the first part of a key, up to a slash; objects that are in none are in the folder without a name."
-- note = "What the objects of each folder cost, reads and writes of all kinds together, is in cost/folders."
-- chart = { kind = "bar", label = "folder", value = "bytes_sent" }
--
-- [params.below]
-- type = "string"
-- default = ""
-- help = "look below this folder, such as photos/"
--
-- [params.depth]
-- type = "integer"
-- default = 1
-- help = "how many levels of folders to tell apart"
--
-- [params.limit]
-- type = "integer"
-- default = 20
-- help = "how many folders"
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
    bucket,
    folder_at(key, $below, $depth) AS folder,
    count(*) AS requests,
    count(*) FILTER (WHERE is_answered(http_status)) AS answered,
    count(*) FILTER (WHERE failed(operation, http_status, error_code)) AS failed,
    total(bytes_sent) AS bytes_sent,
    percentage(total(bytes_sent), sum(total(bytes_sent)) OVER ()) AS bytes_percent
FROM website_requests_of($people, $pages)
WHERE starts_with(key, $below)
GROUP BY ALL
ORDER BY bytes_sent DESC, requests DESC, bucket, folder
LIMIT $limit
