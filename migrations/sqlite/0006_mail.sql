-- Sending letters: a tenant's mail server, and what was tried. The same tables and columns as in ../postgres.

-- Sealed with the master key: host, user and password are nobody's to read in a backup.
CREATE TABLE mail_settings (
    tenant_id  INTEGER NOT NULL,
    sealed     BLOB    NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id)
) WITHOUT ROWID;

-- One attempt a row, written before the server is spoken to. Nothing in it is personal: ids, times, the server's codes.
CREATE TABLE mail_deliveries (
    tenant_id    INTEGER NOT NULL,
    candidate_id BLOB    NOT NULL,
    delivery_id  BLOB    NOT NULL,
    note_id      BLOB    NOT NULL,
    revision     INTEGER NOT NULL,
    recipients   TEXT    NOT NULL,
    state        TEXT    NOT NULL,
    stage        TEXT    NOT NULL,
    code         INTEGER,
    enhanced     TEXT,
    reason       TEXT,
    started_at   INTEGER NOT NULL,
    finished_at  INTEGER,
    -- By the wall's clock: whoever was at it is gone by then.
    until_at     INTEGER NOT NULL,
    -- 1 or 0: somebody said whether it arrived.
    resolved     INTEGER,
    PRIMARY KEY (tenant_id, candidate_id, delivery_id)
) WITHOUT ROWID;

CREATE INDEX mail_deliveries_by_note ON mail_deliveries (tenant_id, candidate_id, note_id, started_at, delivery_id);
-- Of one note nothing is sent while the fate of an earlier attempt is open.
CREATE UNIQUE INDEX mail_deliveries_open ON mail_deliveries (tenant_id, candidate_id, note_id) WHERE state IN ('sending', 'unknown');
