-- Calendars: secret addresses under which a candidate's dates can be read without a key. Of an address only the hash is
-- kept. And the rules of playbooks that candidates who were brought in from elsewhere have adopted there.
-- The same tables and columns as in ../sqlite.

CREATE TABLE calendars (
    tenant_id    BIGINT NOT NULL,
    calendar_id  UUID   NOT NULL,
    candidate_id UUID   NOT NULL,
    hash         BYTEA  NOT NULL,
    created_at   BIGINT NOT NULL,
    revoked_at   BIGINT,
    PRIMARY KEY (tenant_id, calendar_id)
);
CREATE UNIQUE INDEX calendars_by_hash ON calendars (tenant_id, hash);
CREATE INDEX calendars_by_candidate ON calendars (tenant_id, candidate_id, created_at);

CREATE TABLE playbook_copies (
    tenant_id BIGINT NOT NULL,
    hash      TEXT   NOT NULL,
    rules     TEXT   NOT NULL,
    PRIMARY KEY (tenant_id, hash)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON calendars TO afterword_app;
GRANT SELECT, INSERT ON playbook_copies TO afterword_app;

ALTER TABLE calendars ENABLE ROW LEVEL SECURITY;
ALTER TABLE calendars FORCE ROW LEVEL SECURITY;
CREATE POLICY one_tenant ON calendars USING (tenant_id = (SELECT NULLIF(current_setting('afterword.tenant', true), '')::bigint));
ALTER TABLE playbook_copies ENABLE ROW LEVEL SECURITY;
ALTER TABLE playbook_copies FORCE ROW LEVEL SECURITY;
CREATE POLICY one_tenant ON playbook_copies USING (tenant_id = (SELECT NULLIF(current_setting('afterword.tenant', true), '')::bigint));
