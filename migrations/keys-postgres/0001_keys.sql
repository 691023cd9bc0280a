-- The keys of candidates, wrapped by the master key. A database of its own, left out of the backups of the data:
-- destroying a row here is what erases a candidate.

CREATE TABLE candidate_keys (
    tenant_id    BIGINT NOT NULL,
    candidate_id UUID   NOT NULL,
    wrapped      BYTEA  NOT NULL,
    created_at   BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, candidate_id)
);

-- One row, sealed by the master key: a wrong master key cannot open it, and is found out before it seals anything.
CREATE TABLE master (
    id     BIGINT NOT NULL,
    canary BYTEA  NOT NULL,
    PRIMARY KEY (id)
);

GRANT SELECT ON _sqlx_migrations TO afterword_app;
GRANT SELECT, INSERT, DELETE ON candidate_keys TO afterword_app;
GRANT SELECT, INSERT ON master TO afterword_app;

ALTER TABLE candidate_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE candidate_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY one_tenant ON candidate_keys USING (tenant_id = NULLIF(current_setting('afterword.tenant', true), '')::bigint);
