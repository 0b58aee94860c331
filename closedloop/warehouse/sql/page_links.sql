-- The links that were clicked most, as many as the parameter says; `links` counts all.
--
-- What follows a ? or # in an address may name a recipient, and so may the path of a link that is somebody's own: both are left
-- out. Links that look alike then stay apart, but for those that are somebody's own.
WITH named AS (
    SELECT c.client, c.mailing_id, c.name,
        CASE WHEN l.mailing_to_user_id IS NULL THEN c.link_id END AS link_id,
        CASE WHEN l.mailing_to_user_id IS NULL THEN regexp_extract(c.url, '^[^?#]*')
            ELSE regexp_extract(c.url, '^[a-z]+://[^/?#]*', 0, 'i') END AS url,
        c.clicks_unique, c.clicks_total
    FROM link_clicks c
    LEFT JOIN links l ON l.client = c.client AND l.link_id = c.link_id
),
shown AS (
    SELECT client, mailing_id, name, link_id, url,
        CAST(sum(clicks_unique) AS BIGINT) AS clicks_unique, CAST(sum(clicks_total) AS BIGINT) AS clicks_total
    FROM named
    GROUP BY ALL
)
SELECT client, mailing_id, name, url, clicks_unique, clicks_total, count(*) OVER () AS links
FROM shown
ORDER BY clicks_total DESC, client, mailing_id DESC, name, link_id
LIMIT ?
