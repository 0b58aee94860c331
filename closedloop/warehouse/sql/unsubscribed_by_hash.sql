SELECT l.client, address_of(recipient) AS address, r.unsubscribed_at
    FROM raw_unsubscribes r
    SEMI JOIN (SELECT load_id, line FROM unsubscribed_hashes WHERE who IN (SELECT who FROM asked)) USING (load_id, line)
    JOIN loads l ON l.load_id = r.load_id
    WHERE NOT EXISTS (SELECT 1 FROM superseded s WHERE s.load_id = r.load_id AND s.line = r.line)
