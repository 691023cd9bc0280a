-- Calendars: secret addresses under which a candidate's dates can be read without a key. Of an address only the hash is
-- kept. And the rules of playbooks that candidates who were brought in from elsewhere have adopted there.
-- The same tables and columns as in ../postgres.

CREATE TABLE calendars (
    tenant_id    INTEGER NOT NULL,
    calendar_id  BLOB    NOT NULL,
    candidate_id BLOB    NOT NULL,
    hash         BLOB    NOT NULL,
    created_at   INTEGER NOT NULL,
    revoked_at   INTEGER,
    PRIMARY KEY (tenant_id, calendar_id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX calendars_by_hash ON calendars (tenant_id, hash);
CREATE INDEX calendars_by_candidate ON calendars (tenant_id, candidate_id, created_at);

CREATE TABLE playbook_copies (
    tenant_id INTEGER NOT NULL,
    hash      TEXT    NOT NULL,
    rules     TEXT    NOT NULL,
    PRIMARY KEY (tenant_id, hash)
) WITHOUT ROWID;
