-- Templates: what a tenant says instead of the default texts that letters are composed with. Rows are never changed; a new
-- version is a new row, and one without variants goes back to the default. The same tables and columns as in ../postgres.

CREATE TABLE note_templates (
    tenant_id   INTEGER NOT NULL,
    kind        TEXT    NOT NULL,
    tone        TEXT    NOT NULL,
    version     INTEGER NOT NULL,
    variants    TEXT,
    recorded_at INTEGER NOT NULL,
    recorded_by TEXT    NOT NULL,
    PRIMARY KEY (tenant_id, kind, tone, version)
) WITHOUT ROWID;
