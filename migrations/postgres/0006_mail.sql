-- Sending letters: a tenant's mail server, and what was tried. The same tables and columns as in ../sqlite.

-- Sealed with the master key: host, user and password are nobody's to read in a backup.
CREATE TABLE mail_settings (
    tenant_id  BIGINT NOT NULL,
    sealed     BYTEA   NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id)
);

-- One attempt a row, written before the server is spoken to. Nothing in it is personal: ids, times, the server's codes.
CREATE TABLE mail_deliveries (
    tenant_id    BIGINT NOT NULL,
    candidate_id UUID    NOT NULL,
    delivery_id  UUID    NOT NULL,
    note_id      UUID    NOT NULL,
    revision     BIGINT NOT NULL,
    recipients   TEXT    NOT NULL,
    state        TEXT    NOT NULL,
    stage        TEXT    NOT NULL,
    code         BIGINT,
    enhanced     TEXT,
    reason       TEXT,
    started_at   BIGINT NOT NULL,
    finished_at  BIGINT,
    -- By the wall's clock: whoever was at it is gone by then.
    until_at     BIGINT NOT NULL,
    -- 1 or 0: somebody said whether it arrived.
    resolved     BIGINT,
    PRIMARY KEY (tenant_id, candidate_id, delivery_id)
);

CREATE INDEX mail_deliveries_by_note ON mail_deliveries (tenant_id, candidate_id, note_id, started_at, delivery_id);
-- Of one note nothing is sent while the fate of an earlier attempt is open.
CREATE UNIQUE INDEX mail_deliveries_open ON mail_deliveries (tenant_id, candidate_id, note_id) WHERE state IN ('sending', 'unknown');

GRANT SELECT, INSERT, UPDATE, DELETE ON mail_settings, mail_deliveries TO afterword_app;

ALTER TABLE mail_settings ENABLE ROW LEVEL SECURITY;
ALTER TABLE mail_settings FORCE ROW LEVEL SECURITY;
CREATE POLICY one_tenant ON mail_settings USING (tenant_id = (SELECT NULLIF(current_setting('afterword.tenant', true), '')::bigint));
ALTER TABLE mail_deliveries ENABLE ROW LEVEL SECURITY;
ALTER TABLE mail_deliveries FORCE ROW LEVEL SECURITY;
CREATE POLICY one_tenant ON mail_deliveries USING (tenant_id = (SELECT NULLIF(current_setting('afterword.tenant', true), '')::bigint));
