-- One row for each link of a mailing: how often it was clicked, and by how many recipients.
-- A link nobody clicked shows with zeros, a click on a link no file has named shows without a name.
WITH clicked AS (
    SELECT client, mailing_id, link_id,
        count(DISTINCT mailing_to_user_id) AS clicks_unique,
        count(*) AS clicks_total
    FROM clicks
    GROUP BY client, mailing_id, link_id
)
SELECT
    coalesce(l.client, c.client) AS client,
    coalesce(l.mailing_id, c.mailing_id) AS mailing_id,
    coalesce(l.link_id, c.link_id) AS link_id,
    l.name, l.url,
    coalesce(c.clicks_unique, 0) AS clicks_unique,
    coalesce(c.clicks_total, 0) AS clicks_total
FROM links l
FULL JOIN clicked c
    ON c.client = l.client AND c.mailing_id = l.mailing_id AND c.link_id = l.link_id
