-- Which groups somebody belonged to who was erased, by a keyed hash: whoever hears of the group hears of the erasure, which
-- stands at this position of the log. Of erasures made before nobody knows. The same tables and columns as in ../sqlite.

CREATE TABLE erased_of_groups (
    tenant_id  BIGINT NOT NULL,
    group_hash BYTEA  NOT NULL,
    position   BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, group_hash, position)
);

GRANT SELECT, INSERT ON erased_of_groups TO afterword_app;

ALTER TABLE erased_of_groups ENABLE ROW LEVEL SECURITY;
ALTER TABLE erased_of_groups FORCE ROW LEVEL SECURITY;
CREATE POLICY one_tenant ON erased_of_groups USING (tenant_id = (SELECT NULLIF(current_setting('afterword.tenant', true), '')::bigint));
