-- How long a tenant keeps candidates of whom nothing more is told. Rows are never changed; the newest counts, and one
-- without a period keeps everybody for ever. The same tables and columns as in ../sqlite.

CREATE TABLE retentions (
    tenant_id   BIGINT NOT NULL,
    version     BIGINT NOT NULL,
    period      TEXT,
    recorded_at BIGINT NOT NULL,
    recorded_by TEXT   NOT NULL,
    PRIMARY KEY (tenant_id, version)
);

-- Not later than the newest fact that somebody told: a hint of where to look, brought up to date by whoever looks. The log
-- decides.
ALTER TABLE streams ADD COLUMN told_since BIGINT NOT NULL DEFAULT 0;
CREATE INDEX streams_by_told ON streams (tenant_id, told_since, candidate_id) WHERE erased_at IS NULL;

GRANT SELECT, INSERT ON retentions TO afterword_app;

ALTER TABLE retentions ENABLE ROW LEVEL SECURITY;
ALTER TABLE retentions FORCE ROW LEVEL SECURITY;
CREATE POLICY one_tenant ON retentions USING (tenant_id = (SELECT NULLIF(current_setting('afterword.tenant', true), '')::bigint));

-- What an erasure wrote over is vacuumed soon, and not when many more rows were: then its place is used anew. Of the log
-- no other row is ever written over, and pages without such rows are passed by.
ALTER TABLE events SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 0);
-- These are written over all the time; in a quiet store that must not mean for weeks.
ALTER TABLE tasks SET (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 0);
ALTER TABLE applications SET (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 0);
ALTER TABLE streams SET (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 0);
ALTER TABLE idempotency SET (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 0);
