-- One row for each wave of ours: what we wrote, which mailing came of it, what the recipients did.
--
-- A mailing is a wave's if its recipients carry the wave's WELLE_ID. Where the platform does not send
-- that column back, it is the nearest mailing that started from 10 minutes before to 36 hours
-- after publishing, with half to all of the rows written; the match must be the best for both sides,
-- so a mailing belongs to one wave at most. `mailings` counts the mailings that carry the WELLE_ID:
-- more than one means that a wave was mailed twice.
WITH figures AS (
    SELECT client, mailing_id, started_at, recipients, delivered, opens_unique, clicks_unique,
        unsubscribes
    FROM campaigns
),
placed AS (
    SELECT client, wave_id, mailing_id,
        row_number() OVER (
            PARTITION BY client, wave_id ORDER BY recipients DESC, mailing_id
        ) AS place,
        row_number() OVER (
            PARTITION BY client, mailing_id ORDER BY recipients DESC, wave_id
        ) AS counterplace,
        count(*) OVER (PARTITION BY client, wave_id) AS mailings
    FROM mailing_waves
),
named AS (
    SELECT client, wave_id, mailing_id, mailings
    FROM placed WHERE place = 1 AND counterplace = 1
),
candidates AS (
    SELECT w.client, w.wave_id, f.mailing_id,
        abs(extract(epoch FROM f.started_at) - extract(epoch FROM w.published_at)) AS seconds
    FROM sent_waves w
    JOIN figures f
        ON f.client = w.client
        AND f.started_at >= w.published_at - INTERVAL '10 minutes'
        AND f.started_at <= w.published_at + INTERVAL '36 hours'
        AND f.recipients <= w.written
        AND f.recipients * 2 >= w.written
    WHERE NOT EXISTS (
            SELECT 1 FROM mailing_waves n WHERE n.client = w.client AND n.wave_id = w.wave_id
        )
        AND NOT EXISTS (
            SELECT 1 FROM mailing_waves n WHERE n.client = f.client AND n.mailing_id = f.mailing_id
        )
),
ranked AS (
    SELECT client, wave_id, mailing_id,
        row_number() OVER (PARTITION BY client, wave_id ORDER BY seconds, mailing_id) AS place,
        row_number() OVER (PARTITION BY client, mailing_id ORDER BY seconds, wave_id) AS counterplace
    FROM candidates
),
matched AS (
    SELECT client, wave_id, mailing_id, 'WELLE_ID' AS matched_by, mailings FROM named
    UNION ALL
    SELECT client, wave_id, mailing_id, 'time and count', 0
    FROM ranked WHERE place = 1 AND counterplace = 1
)
SELECT
    w.client, w.wave_id, w.job, w.source_mailing, w.file, w.test, w.state,
    w.written, w.dropped_rows, w.published_at,
    m.mailing_id, m.matched_by, coalesce(m.mailings, 0) AS mailings,
    f.recipients AS seen, w.written - f.recipients AS not_seen,
    f.delivered, f.opens_unique, f.clicks_unique, f.unsubscribes
FROM sent_waves w
LEFT JOIN matched m ON m.client = w.client AND m.wave_id = w.wave_id
LEFT JOIN figures f ON f.client = m.client AND f.mailing_id = m.mailing_id
