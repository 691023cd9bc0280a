-- The ring: the keys that wrap candidates' keys and seal what belongs to tenants, itself wrapped by the master key. So the
-- master key can be changed by writing this one row. None in a store of before: there the ring follows from its master key.
ALTER TABLE master ADD COLUMN ring BYTEA;

-- Who was erased, by id: a backup of the data from before the erasure is recognised by this when it is restored.
CREATE TABLE erased_candidates (
    tenant_id    BIGINT NOT NULL,
    candidate_id UUID   NOT NULL,
    erased_at    BIGINT NOT NULL,
    keys_gone_by BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, candidate_id)
);

GRANT SELECT, INSERT ON erased_candidates TO afterword_app;
GRANT UPDATE ON master TO afterword_app;

ALTER TABLE erased_candidates ENABLE ROW LEVEL SECURITY;
ALTER TABLE erased_candidates FORCE ROW LEVEL SECURITY;
CREATE POLICY one_tenant ON erased_candidates USING (tenant_id = NULLIF(current_setting('afterword.tenant', true), '')::bigint);

-- A deleted key is vacuumed a minute later, and not when many more were deleted: then its place is used anew.
ALTER TABLE candidate_keys SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 0);
ALTER TABLE master SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 0);
