-- One row for each wave of ours: what we wrote, which mailing came of it, what the recipients did.
--
-- A mailing is a wave's if its recipients carry the wave's WELLE_ID. Where the platform does not send
-- that column back, only time and count tell: a mailing may be a wave's if it started from 10 minutes
-- before the wave was built to 36 hours after it was known to be published, with half to all of the rows
-- written. A start in the hour that comes twice may be an hour later than the warehouse reads it. Of such waves an
-- equal count tells more than a near time. Waves of one count that were published within 10 minutes of each
-- other take their mailings in order of time, the first wave the first mailing. A mailing belongs
-- to one wave at most. `mailings` counts the mailings that carry the WELLE_ID: more than one means
-- that a wave was mailed twice.
WITH figures AS (
    SELECT c.client, c.mailing_id, c.started_at, c.recipients, c.delivered, c.opens_unique,
        c.clicks_unique, c.unsubscribes, coalesce(m.started_at_ambiguous, false) AS ambiguous
    FROM campaigns c
    LEFT JOIN mailings m ON m.client = c.client AND m.mailing_id = c.mailing_id
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
nameless AS (
    SELECT w.client, w.wave_id, w.written, w.published_at, w.built_at,
        CASE WHEN w.published_at <= INTERVAL '10 minutes' + lag(w.published_at) OVER (
            PARTITION BY w.client, w.written ORDER BY w.published_at, w.wave_id
        ) THEN 0 ELSE 1 END AS opens_group
    FROM sent_waves w
    WHERE w.published_at IS NOT NULL
        AND NOT EXISTS (
            SELECT 1 FROM mailing_waves n WHERE n.client = w.client AND n.wave_id = w.wave_id
        )
),
-- A group: waves of one count, each published soon after the one before.
grouped AS (
    SELECT client, wave_id, written, published_at, built_at,
        sum(opens_group) OVER (
            PARTITION BY client, written ORDER BY published_at, wave_id
            ROWS UNBOUNDED PRECEDING
        ) AS group_number
    FROM nameless
),
queued AS (
    SELECT client, wave_id, written, group_number, published_at, built_at,
        row_number() OVER (
            PARTITION BY client, written, group_number ORDER BY published_at, wave_id
        ) AS turn,
        count(*) OVER (PARTITION BY client, written, group_number) AS waves
    FROM grouped
),
candidates AS (
    SELECT q.client, q.wave_id, q.written, q.group_number, q.turn, q.waves,
        f.mailing_id, f.started_at,
        CASE WHEN f.recipients = q.written THEN 0 ELSE 1 END AS unequal,
        least(
            abs(extract(epoch FROM f.started_at) - extract(epoch FROM q.published_at)),
            abs(extract(epoch FROM f.started_at) - extract(epoch FROM q.built_at)),
            CASE WHEN f.ambiguous THEN
                abs(3600 + extract(epoch FROM f.started_at) - extract(epoch FROM q.published_at))
            END
        ) AS seconds
    FROM queued q
    JOIN figures f
        ON f.client = q.client
        AND f.started_at + CASE WHEN f.ambiguous THEN INTERVAL '1 hour' ELSE INTERVAL '0 hours' END
            >= q.built_at - INTERVAL '10 minutes'
        AND f.started_at <= q.published_at + INTERVAL '36 hours'
        AND f.recipients <= q.written
        AND f.recipients * 2 >= q.written
    WHERE NOT EXISTS (
            SELECT 1 FROM mailing_waves n WHERE n.client = f.client AND n.mailing_id = f.mailing_id
        )
),
-- Each mailing goes to the group of its best wave; a group keeps as many as it has waves, the best ones.
claimed AS (
    SELECT c.*,
        row_number() OVER (
            PARTITION BY client, mailing_id ORDER BY unequal, seconds, wave_id
        ) AS place
    FROM candidates c
),
kept AS (
    SELECT c.*,
        row_number() OVER (
            PARTITION BY client, written, group_number ORDER BY unequal, seconds, mailing_id
        ) AS place_in_group
    FROM claimed c
    WHERE place = 1
),
taken AS (
    SELECT client, written, group_number, mailing_id,
        row_number() OVER (
            PARTITION BY client, written, group_number ORDER BY started_at, mailing_id
        ) AS turn
    FROM kept
    WHERE place_in_group <= waves
),
matched AS (
    SELECT client, wave_id, mailing_id, 'WELLE_ID' AS matched_by, mailings FROM named
    UNION ALL
    SELECT c.client, c.wave_id, c.mailing_id, 'time and count', 0
    FROM candidates c
    JOIN taken t
        ON t.client = c.client AND t.written = c.written AND t.group_number = c.group_number
        AND t.turn = c.turn AND t.mailing_id = c.mailing_id
)
SELECT
    w.client, w.wave_id, w.job, w.source_mailing, w.file, w.test, w.state,
    w.resend_of, w.written, w.dropped_rows, w.published_at, w.confirmed_at, w.confirmed_by,
    m.mailing_id, m.matched_by, coalesce(m.mailings, 0) AS mailings,
    f.recipients AS seen, w.written - f.recipients AS not_seen,
    f.delivered, f.opens_unique, f.clicks_unique, f.unsubscribes
FROM sent_waves w
LEFT JOIN matched m ON m.client = w.client AND m.wave_id = w.wave_id
LEFT JOIN figures f ON f.client = m.client AND f.mailing_id = m.mailing_id
