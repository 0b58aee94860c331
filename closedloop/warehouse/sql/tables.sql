-- What the warehouse knows besides delivered rows. Times are UTC without a zone.

CREATE TABLE schema_version (
    version INTEGER NOT NULL,  -- of these tables
    views   VARCHAR,           -- fingerprint of the views, so that they are written only when they change
    hashed  UBIGINT            -- what the DuckDB that drew the hashes makes of a sample
);

CREATE TABLE loads (
    load_id     INTEGER   NOT NULL,
    client      VARCHAR   NOT NULL,
    schema_name VARCHAR   NOT NULL,
    file        VARCHAR   NOT NULL,  -- one load for each client and file
    day         DATE      NOT NULL,  -- the date in the file's name
    size        BIGINT    NOT NULL,
    modified    TIMESTAMP NOT NULL,
    sha256      VARCHAR   NOT NULL,
    records     BIGINT    NOT NULL,  -- loaded + quarantined + blank + header
    loaded      BIGINT    NOT NULL,
    quarantined BIGINT    NOT NULL,
    blank       BIGINT    NOT NULL,
    header      BIGINT    NOT NULL,
    loaded_at   TIMESTAMP NOT NULL
);

CREATE TABLE rejects (
    load_id     INTEGER NOT NULL,
    column_name VARCHAR NOT NULL,  -- empty where the whole line is broken
    rule        VARCHAR NOT NULL,
    "rows"      BIGINT  NOT NULL
);

CREATE TABLE sent_waves (
    client         VARCHAR   NOT NULL,
    wave_id        BIGINT    NOT NULL,
    job            VARCHAR   NOT NULL,
    source_mailing BIGINT    NOT NULL,
    file           VARCHAR   NOT NULL,
    slot           TIMESTAMP,
    test           BOOLEAN   NOT NULL,
    state          VARCHAR   NOT NULL,
    selected       BIGINT    NOT NULL,
    written        BIGINT    NOT NULL,
    dropped        VARCHAR   NOT NULL,  -- JSON: rows by reason
    dropped_rows   BIGINT    NOT NULL,
    size           BIGINT    NOT NULL,
    sha256         VARCHAR   NOT NULL,
    built_at       TIMESTAMP NOT NULL,
    published_at   TIMESTAMP,
    resend_of      BIGINT,              -- the wave whose soft bounces this one mails
    confirmed_at   TIMESTAMP,
    confirmed_by   VARCHAR              -- WELLE_ID, time and count, import log
);

-- Delivered rows that a newer one of their key outdates.
CREATE TABLE superseded (
    load_id INTEGER NOT NULL,
    line    BIGINT  NOT NULL
);

-- Delivered rows of schemas without a key that may stand in another file, too.
CREATE TABLE contested (
    load_id INTEGER NOT NULL,
    line    BIGINT  NOT NULL
);

-- What the rows of the sending log say that no newer one outdates, counted file by file.
CREATE TABLE sending_log_counts (
    load_id           INTEGER NOT NULL,
    mailing_id        BIGINT,
    sending_status    VARCHAR,
    delivery_status   VARCHAR,
    response_category VARCHAR,
    recipients        BIGINT  NOT NULL
);

-- Rows of the sending log that no newer one outdates and at which the answers look one by one.
CREATE TABLE noted (
    load_id            INTEGER NOT NULL,
    line               BIGINT  NOT NULL,
    mailing_to_user_id BIGINT,
    address            VARCHAR USING COMPRESSION uncompressed,  -- the recipient as `suppressions` has it; to pack it would take longest
    sent_at            TIMESTAMP,
    mailing_id         BIGINT,
    sending_status     VARCHAR,
    delivery_status    VARCHAR,
    response_category  VARCHAR
);

-- Unsubscribes that name their recipient, by the hash of the address as `suppressions` has it.
CREATE TABLE unsubscribed_hashes (
    load_id INTEGER NOT NULL,
    line    BIGINT  NOT NULL,
    who     UBIGINT NOT NULL
);

-- The schemas whose rows are marked so, and how they are compared.
CREATE TABLE marked (
    schema_name VARCHAR NOT NULL,
    likeness    VARCHAR NOT NULL,
    ranked      VARCHAR NOT NULL,  -- columns of the key
    span        VARCHAR NOT NULL,
    counted     VARCHAR NOT NULL   -- how the gist of the sending log is drawn from them, if it is
);

-- One row: from how many bounces on an address is not mailed any more.
CREATE TABLE bounce_limits (
    hard INTEGER NOT NULL,
    soft INTEGER NOT NULL
);
