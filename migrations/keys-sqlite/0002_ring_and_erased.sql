-- The ring: the keys that wrap candidates' keys and seal what belongs to tenants, itself wrapped by the master key. So the
-- master key can be changed by writing this one row. None in a store of before: there the ring follows from its master key.
ALTER TABLE master ADD COLUMN ring BLOB;

-- Who was erased, by id: a backup of the data from before the erasure is recognised by this when it is restored.
CREATE TABLE erased_candidates (
    tenant_id    INTEGER NOT NULL,
    candidate_id BLOB    NOT NULL,
    erased_at    INTEGER NOT NULL,
    keys_gone_by INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, candidate_id)
) WITHOUT ROWID;
