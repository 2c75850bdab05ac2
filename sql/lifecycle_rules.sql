-- The actions of a bucket's lifecycle rules beside the events that fit them: for `accesslake lifecycle-rules`, which binds
-- $actions (JSON), $first and $last (the days of the period).
WITH actions AS (
    SELECT unnest(from_json(
        $actions,
        '[{"position": "INTEGER", "rule": "VARCHAR", "enabled": "BOOLEAN", "action": "VARCHAR", "filter": "VARCHAR",
           "operations": ["VARCHAR"], "prefix": "VARCHAR", "larger_than": "BIGINT", "smaller_than": "BIGINT"}]'
    ), recursive := true)
),
operations AS (
    SELECT * EXCLUDE (operations), unnest(operations) AS operation
    FROM actions
),
events AS (
    SELECT
        position,
        enabled,
        log.time,
        log.key,
        log.object_size,
        log.date BETWEEN $first::DATE AND $last::DATE AS in_period,
        count(*) FILTER (WHERE enabled) OVER (PARTITION BY log.event) AS fitting
    FROM (SELECT *, row_number() OVER () AS event FROM lifecycle_events) AS log
    JOIN operations ON log.operation = operations.operation AND starts_with(log.key, operations.prefix)
    WHERE coalesce(object_size > larger_than, true) AND coalesce(object_size < smaller_than, true)
),
counted AS (
    SELECT
        position,
        count(*) FILTER (WHERE in_period) AS events,
        count(*) FILTER (WHERE in_period AND fitting > enabled::INTEGER) AS shared,
        count(DISTINCT key) FILTER (WHERE in_period) AS keys,
        total(CASE WHEN in_period THEN object_size END) AS bytes,
        max(time) AS last_event
    FROM events
    GROUP BY position
),
prefixes AS (
    SELECT prefix, EXISTS (FROM access_log WHERE starts_with(key, prefix)) AS is_known
    FROM (SELECT DISTINCT prefix FROM actions)
)
SELECT
    rule,
    action,
    filter,
    coalesce(events, 0) AS events,
    coalesce(shared, 0) AS events_of_other_rules_too,
    coalesce(keys, 0) AS keys,
    coalesce(bytes, 0) AS bytes,
    last_event,
    CASE WHEN enabled THEN '' ELSE 'disabled, ' END || CASE
        WHEN events > shared THEN 'active'
        WHEN events > 0 THEN 'active, or another rule is'
        WHEN last_event IS NOT NULL THEN 'silent since ' || last_event::DATE
        WHEN NOT is_known THEN 'no match ever, and no record of a key with this prefix'
        ELSE 'no match ever'
    END AS verdict
FROM actions
JOIN prefixes USING (prefix)
LEFT JOIN counted USING (position)
ORDER BY position
