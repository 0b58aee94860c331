-- Bounces by the domain of the recipients, per client; no address leaves this query.
--
-- The domain of few people is as good as a name: those with fewer than the first parameter of people, and all after
-- the second parameter of domains with the most bounces, are one row without a domain.
WITH said AS (
    SELECT client, mailing_id, mailing_to_user_id,
        max(CASE WHEN category = 'fatal_bounce' THEN 1 ELSE 0 END) AS hard,
        max(CASE WHEN category IN ('bounce', 'temporary_bounce') THEN 1 ELSE 0 END) AS soft
    FROM responses
    GROUP BY client, mailing_id, mailing_to_user_id
),
log AS (
    SELECT r.client, lower(trim(r.recipient)) AS who,
        CASE WHEN r.delivery_status = 'HARD' OR r.response_category = 'fatal_bounce' OR s.hard = 1
            THEN 1 ELSE 0 END AS hard,
        CASE WHEN r.delivery_status = 'SOFT' OR r.response_category IN ('bounce', 'temporary_bounce') OR s.soft = 1
            THEN 1 ELSE 0 END AS soft
    FROM mailing_recipients r
    LEFT JOIN said s ON s.client = r.client AND s.mailing_id = r.mailing_id
        AND s.mailing_to_user_id = r.mailing_to_user_id
),
people AS (
    SELECT client, who, count(*) AS mails, sum(hard) AS hard,
        sum(CASE WHEN hard = 0 THEN soft ELSE 0 END) AS soft
    FROM log
    GROUP BY client, who
),
domains AS (
    SELECT client, nullif(regexp_extract(who, '@([^@]+)$', 1), '') AS domain, count(*) AS people,
        sum(mails) AS mails, sum(hard) AS hard, sum(soft) AS soft
    FROM people
    GROUP BY ALL
),
ranked AS (
    SELECT *, row_number() OVER (
        PARTITION BY client, people >= ? ORDER BY hard + soft DESC, mails DESC, domain
    ) AS place
    FROM domains
)
SELECT client, CASE WHEN people >= ? AND place <= ? THEN domain END AS domain,
    CAST(sum(mails) AS BIGINT) AS recipients, CAST(sum(hard) AS BIGINT) AS hard, CAST(sum(soft) AS BIGINT) AS soft
FROM ranked
GROUP BY ALL
ORDER BY sum(hard + soft) DESC, sum(mails) DESC, 2, client
