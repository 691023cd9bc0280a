-- How long a tenant keeps candidates of whom nothing more is told. Rows are never changed; the newest counts, and one
-- without a period keeps everybody for ever. The same tables and columns as in ../postgres.

CREATE TABLE retentions (
    tenant_id   INTEGER NOT NULL,
    version     INTEGER NOT NULL,
    period      TEXT,
    recorded_at INTEGER NOT NULL,
    recorded_by TEXT    NOT NULL,
    PRIMARY KEY (tenant_id, version)
) WITHOUT ROWID;

-- Not later than the newest fact that somebody told: a hint of where to look, brought up to date by whoever looks. The log
-- decides.
ALTER TABLE streams ADD COLUMN told_since INTEGER NOT NULL DEFAULT 0;
CREATE INDEX streams_by_told ON streams (tenant_id, told_since, candidate_id) WHERE erased_at IS NULL;
