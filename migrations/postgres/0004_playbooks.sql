-- Playbooks: what a tenant changes of the numbers of the plays. Rows are never changed; a new version is a new row, which
-- candidates adopt one after another. The same tables and columns as in ../sqlite.

CREATE TABLE playbooks (
    tenant_id   BIGINT NOT NULL,
    version     BIGINT NOT NULL,
    hash        TEXT   NOT NULL,
    rules       TEXT   NOT NULL,
    recorded_at BIGINT NOT NULL,
    recorded_by TEXT   NOT NULL,
    PRIMARY KEY (tenant_id, version)
);

-- Written with every commit: the version that the candidate has adopted.
ALTER TABLE streams ADD COLUMN playbook_version BIGINT NOT NULL DEFAULT 0;
CREATE INDEX streams_by_playbook ON streams (tenant_id, playbook_version, candidate_id) WHERE erased_at IS NULL;

GRANT SELECT, INSERT ON playbooks TO afterword_app;

ALTER TABLE playbooks ENABLE ROW LEVEL SECURITY;
ALTER TABLE playbooks FORCE ROW LEVEL SECURITY;
CREATE POLICY one_tenant ON playbooks USING (tenant_id = (SELECT NULLIF(current_setting('afterword.tenant', true), '')::bigint));
