-- One row for each mailing of a client: what became of it.
--
-- A response is a row in `responses` or the category that the sending log itself names.
-- "unique" counts recipients of the mailing (mailing_to_user_id), "total" counts events.
-- A mailing shows as soon as any file speaks of it, so a late mailings file hides nothing.
-- A recipient who forbids tracking may come without an id: their events count, they don't.
WITH {judged},
-- Of 64 neighbouring ids each is a bit, so that they are one group: a third of the time and of the memory.
seen AS (
    SELECT client, mailing_id, neighbours,
        bit_or(CASE WHEN by_machine THEN 0 ELSE who END) AS people,
        bit_or(CASE WHEN by_machine THEN who ELSE 0 END) AS machines,
        count(CASE WHEN NOT by_machine THEN 1 END) AS opens,
        count(CASE WHEN by_machine THEN 1 END) AS automated_opens
    FROM (
        SELECT client, mailing_id, by_machine, mailing_to_user_id >> 6 AS neighbours,
            CAST(1 AS UBIGINT) << CAST(mailing_to_user_id & 63 AS UBIGINT) AS who
        FROM (
            SELECT client, mailing_id, mailing_to_user_id, false AS by_machine FROM opens
            UNION ALL
            SELECT client, mailing_id, mailing_to_user_id, true FROM automated_opens
        ) AS of_both
    ) AS as_bits
    GROUP BY client, mailing_id, neighbours
),
clicked AS (
    SELECT client, mailing_id, mailing_to_user_id, count(*) AS clicks
    FROM clicks GROUP BY client, mailing_id, mailing_to_user_id
),
unsubscribed AS (
    SELECT client, mailing_id, mailing_to_user_id
    FROM unsubscribes GROUP BY client, mailing_id, mailing_to_user_id
),
replied AS (
    SELECT client, mailing_id, mailing_to_user_id,
        max(CASE WHEN category = 'unknown' THEN 1 ELSE 0 END) AS replies,
        max(CASE WHEN category = 'autoresponder' THEN 1 ELSE 0 END) AS autoresponders
    FROM (
        SELECT client, mailing_id, mailing_to_user_id, category FROM responses
        UNION ALL
        SELECT l.client, r.mailing_id, r.mailing_to_user_id, r.response_category
        FROM noted r
        JOIN loads l ON l.load_id = r.load_id
    ) AS of_both
    WHERE category IN ('unknown', 'autoresponder')
    GROUP BY client, mailing_id, mailing_to_user_id
),
facts AS (
    SELECT client, mailing_id, sum(recipients) AS recipients,
        sum(recipients * sent * (1 - hard) * (1 - soft)) AS delivered,
        sum(recipients * hard) AS hard, sum(recipients * soft * (1 - hard)) AS soft,
        0 AS opens_unique, 0 AS opens_total, 0 AS automated_opens_unique, 0 AS automated_opens_total,
        0 AS any_opens_unique, 0 AS clicks_unique, 0 AS clicks_total, 0 AS unsubscribes,
        0 AS replies, 0 AS autoresponders
    FROM judged GROUP BY client, mailing_id
    UNION ALL
    SELECT client, mailing_id, 0, 0, 0, 0,
        sum(bit_count(people)), sum(opens), sum(bit_count(machines)), sum(automated_opens),
        sum(bit_count(people | machines)), 0, 0, 0, 0, 0
    FROM seen GROUP BY client, mailing_id
    UNION ALL
    SELECT client, mailing_id, 0, 0, 0, 0, 0, 0, 0, 0, 0, count(mailing_to_user_id), sum(clicks), 0, 0, 0
    FROM clicked GROUP BY client, mailing_id
    UNION ALL
    SELECT client, mailing_id, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, count(mailing_to_user_id), 0, 0
    FROM unsubscribed GROUP BY client, mailing_id
    UNION ALL
    SELECT client, mailing_id, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        count(CASE WHEN replies = 1 THEN mailing_to_user_id END),
        count(CASE WHEN autoresponders = 1 THEN mailing_to_user_id END)
    FROM replied GROUP BY client, mailing_id
    UNION ALL
    SELECT DISTINCT client, mailing_id, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 FROM responses
),
per_mailing AS (
    SELECT client, mailing_id,
        CAST(sum(recipients) AS BIGINT) AS recipients, CAST(sum(delivered) AS BIGINT) AS delivered,
        CAST(sum(hard) AS BIGINT) AS hard, CAST(sum(soft) AS BIGINT) AS soft,
        CAST(sum(opens_unique) AS BIGINT) AS opens_unique, CAST(sum(opens_total) AS BIGINT) AS opens_total,
        CAST(sum(automated_opens_unique) AS BIGINT) AS automated_opens_unique,
        CAST(sum(automated_opens_total) AS BIGINT) AS automated_opens_total,
        CAST(sum(any_opens_unique) AS BIGINT) AS any_opens_unique,
        CAST(sum(opens_total + automated_opens_total) AS BIGINT) AS any_opens_total,
        CAST(sum(clicks_unique) AS BIGINT) AS clicks_unique, CAST(sum(clicks_total) AS BIGINT) AS clicks_total,
        CAST(sum(unsubscribes) AS BIGINT) AS unsubscribes,
        CAST(sum(replies) AS BIGINT) AS replies, CAST(sum(autoresponders) AS BIGINT) AS autoresponders
    FROM facts
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
