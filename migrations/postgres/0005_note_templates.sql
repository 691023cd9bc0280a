-- Templates: what a tenant says instead of the default texts that letters are composed with. Rows are never changed; a new
-- version is a new row, and one without variants goes back to the default. The same tables and columns as in ../sqlite.

CREATE TABLE note_templates (
    tenant_id   BIGINT NOT NULL,
    kind        TEXT   NOT NULL,
    tone        TEXT   NOT NULL,
    version     BIGINT NOT NULL,
    variants    TEXT,
    recorded_at BIGINT NOT NULL,
    recorded_by TEXT   NOT NULL,
    PRIMARY KEY (tenant_id, kind, tone, version)
);

GRANT SELECT, INSERT ON note_templates TO afterword_app;

ALTER TABLE note_templates ENABLE ROW LEVEL SECURITY;
ALTER TABLE note_templates FORCE ROW LEVEL SECURITY;
CREATE POLICY one_tenant ON note_templates USING (tenant_id = (SELECT NULLIF(current_setting('afterword.tenant', true), '')::bigint));
