-- Playbooks: what a tenant changes of the numbers of the plays. Rows are never changed; a new version is a new row, which
-- candidates adopt one after another. The same tables and columns as in ../postgres.

CREATE TABLE playbooks (
    tenant_id   INTEGER NOT NULL,
    version     INTEGER NOT NULL,
    hash        TEXT    NOT NULL,
    rules       TEXT    NOT NULL,
    recorded_at INTEGER NOT NULL,
    recorded_by TEXT    NOT NULL,
    PRIMARY KEY (tenant_id, version)
) WITHOUT ROWID;

-- Written with every commit: the version that the candidate has adopted.
ALTER TABLE streams ADD COLUMN playbook_version INTEGER NOT NULL DEFAULT 0;
CREATE INDEX streams_by_playbook ON streams (tenant_id, playbook_version, candidate_id) WHERE erased_at IS NULL;
