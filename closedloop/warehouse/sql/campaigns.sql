-- One row for each mailing of a client: what became of it.
--
-- A response is a row in `responses` or the category that the sending log itself names.
-- "unique" counts recipients of the mailing (mailing_to_user_id), "total" counts events.
-- A mailing shows as soon as any file speaks of it, so a late mailings file hides nothing.
WITH said AS (
    SELECT client, mailing_id, mailing_to_user_id, category FROM responses
    UNION ALL
    SELECT client, mailing_id, mailing_to_user_id, response_category
    FROM mailing_recipients WHERE response_category IS NOT NULL
),
facts AS (
    SELECT client, mailing_id, mailing_to_user_id,
        1 AS listed,
        CASE WHEN sending_status = 'sent' THEN 1 ELSE 0 END AS sent,
        CASE WHEN delivery_status = 'HARD' THEN 1 ELSE 0 END AS hard,
        CASE WHEN delivery_status = 'SOFT' THEN 1 ELSE 0 END AS soft,
        0 AS reply, 0 AS autoresponder, 0 AS open, 0 AS automated, 0 AS click, 0 AS unsubscribe
    FROM mailing_recipients
    UNION ALL
    SELECT client, mailing_id, mailing_to_user_id, 0, 0,
        CASE WHEN category = 'fatal_bounce' THEN 1 ELSE 0 END,
        CASE WHEN category IN ('bounce', 'temporary_bounce') THEN 1 ELSE 0 END,
        CASE WHEN category = 'unknown' THEN 1 ELSE 0 END,
        CASE WHEN category = 'autoresponder' THEN 1 ELSE 0 END,
        0, 0, 0, 0
    FROM said
    UNION ALL
    SELECT client, mailing_id, mailing_to_user_id, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0 FROM opens
    UNION ALL
    SELECT client, mailing_id, mailing_to_user_id, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0 FROM automated_opens
    UNION ALL
    SELECT client, mailing_id, mailing_to_user_id, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0 FROM clicks
    UNION ALL
    SELECT client, mailing_id, mailing_to_user_id, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 FROM unsubscribes
),
-- A recipient who forbids tracking may come without an id: their events count, they don't.
per_recipient AS (
    SELECT client, mailing_id, mailing_to_user_id IS NOT NULL AS known,
        max(listed) = 1 AS listed, max(sent) = 1 AS sent,
        max(hard) = 1 AS hard, max(soft) = 1 AS soft,
        max(reply) = 1 AS replied, max(autoresponder) = 1 AS autoresponded,
        sum(open) AS opens, sum(automated) AS automated, sum(click) AS clicks,
        max(unsubscribe) = 1 AS unsubscribed
    FROM facts
    GROUP BY client, mailing_id, mailing_to_user_id
),
per_mailing AS (
    SELECT client, mailing_id,
        count(CASE WHEN listed THEN 1 END) AS recipients,
        count(CASE WHEN listed AND sent AND NOT hard AND NOT soft THEN 1 END) AS delivered,
        count(CASE WHEN listed AND hard THEN 1 END) AS hard,
        count(CASE WHEN listed AND soft AND NOT hard THEN 1 END) AS soft,
        count(CASE WHEN known AND opens > 0 THEN 1 END) AS opens_unique,
        CAST(sum(opens) AS BIGINT) AS opens_total,
        count(CASE WHEN known AND automated > 0 THEN 1 END) AS automated_opens_unique,
        CAST(sum(automated) AS BIGINT) AS automated_opens_total,
        count(CASE WHEN known AND opens + automated > 0 THEN 1 END) AS any_opens_unique,
        CAST(sum(opens + automated) AS BIGINT) AS any_opens_total,
        count(CASE WHEN known AND clicks > 0 THEN 1 END) AS clicks_unique,
        CAST(sum(clicks) AS BIGINT) AS clicks_total,
        count(CASE WHEN known AND unsubscribed THEN 1 END) AS unsubscribes,
        count(CASE WHEN known AND replied THEN 1 END) AS replies,
        count(CASE WHEN known AND autoresponded THEN 1 END) AS autoresponders
    FROM per_recipient
    GROUP BY client, mailing_id
),
figures AS (
    SELECT
        coalesce(m.client, p.client) AS client,
        coalesce(m.mailing_id, p.mailing_id) AS mailing_id,
        m.campaign_id, m.started_at, m.finished_at,
        coalesce(p.recipients, 0) AS recipients,
        coalesce(p.delivered, 0) AS delivered,
        coalesce(p.hard, 0) AS hard,
        coalesce(p.soft, 0) AS soft,
        coalesce(p.opens_unique, 0) AS opens_unique,
        coalesce(p.opens_total, 0) AS opens_total,
        coalesce(p.automated_opens_unique, 0) AS automated_opens_unique,
        coalesce(p.automated_opens_total, 0) AS automated_opens_total,
        coalesce(p.any_opens_unique, 0) AS any_opens_unique,
        coalesce(p.any_opens_total, 0) AS any_opens_total,
        coalesce(p.clicks_unique, 0) AS clicks_unique,
        coalesce(p.clicks_total, 0) AS clicks_total,
        coalesce(p.unsubscribes, 0) AS unsubscribes,
        coalesce(p.replies, 0) AS replies,
        coalesce(p.autoresponders, 0) AS autoresponders
    FROM mailings m
    FULL JOIN per_mailing p ON p.client = m.client AND p.mailing_id = m.mailing_id
)
SELECT *,
    CAST(delivered AS DOUBLE PRECISION) / NULLIF(recipients, 0) AS delivered_rate,
    CAST(hard + soft AS DOUBLE PRECISION) / NULLIF(recipients, 0) AS bounce_rate,
    CAST(opens_unique AS DOUBLE PRECISION) / NULLIF(delivered, 0) AS open_rate,
    CAST(any_opens_unique AS DOUBLE PRECISION) / NULLIF(delivered, 0) AS any_open_rate,
    CAST(clicks_unique AS DOUBLE PRECISION) / NULLIF(delivered, 0) AS click_rate,
    CAST(clicks_unique AS DOUBLE PRECISION) / NULLIF(opens_unique, 0) AS click_to_open_rate,
    CAST(unsubscribes AS DOUBLE PRECISION) / NULLIF(delivered, 0) AS unsubscribe_rate
FROM figures
