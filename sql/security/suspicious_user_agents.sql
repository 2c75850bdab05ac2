-- /// report
-- title = "Suspicious user agents"
-- question = "Which requests come from scanners and attack tools, as far as they say so?"
--
-- [params.pattern]
-- type = "string"
-- default = '(?i)sqlmap|nikto|nmap|masscan|zgrab|nuclei|gobuster|dirbuster|dirb/|wpscan|acunetix|nessus|openvas|hydra|metasploit|burp|s3scanner|bucket.?finder|kali|parrot|pentoo|\$\{jndi'
-- help = "a regular expression that is looked for in the user agent"
--
-- [params.limit]
-- type = "integer"
-- default = 20
-- help = "how many user agents"
-- ///
SELECT
    user_agent,
    count(*) AS requests,
    count(*) FILTER (WHERE succeeded(operation, http_status)) AS successful,
    count(DISTINCT remote_ip) AS addresses,
    count(DISTINCT key) AS keys,
    max(time) AS last_time
FROM requests
WHERE regexp_matches(user_agent, $pattern)
GROUP BY user_agent
ORDER BY requests DESC, user_agent
LIMIT $limit
