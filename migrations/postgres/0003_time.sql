-- Time that passes: when something will next happen to a candidate by itself, who sees to it, and the clocks of test
-- tenants. The same tables and columns as in ../sqlite.

-- Written with every commit; none where nothing is to come.
ALTER TABLE streams ADD COLUMN next_at BIGINT;
CREATE INDEX streams_by_next ON streams (tenant_id, next_at, candidate_id) WHERE next_at IS NOT NULL;

-- Work that one instance does at a time. Whoever takes a lease over raises the token, and a commit that names an older
-- one is refused: its writer was believed dead.
CREATE TABLE leases (
    tenant_id BIGINT NOT NULL,
    name      TEXT   NOT NULL,
    token     BIGINT NOT NULL,
    holder    UUID   NOT NULL,
    until_at  BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, name)
);

CREATE TABLE test_clocks (
    tenant_id BIGINT NOT NULL,
    now_at    BIGINT NOT NULL,
    PRIMARY KEY (tenant_id)
);

GRANT SELECT, INSERT, UPDATE ON leases, test_clocks TO afterword_app;

ALTER TABLE leases ENABLE ROW LEVEL SECURITY;
ALTER TABLE leases FORCE ROW LEVEL SECURITY;
CREATE POLICY one_tenant ON leases USING (tenant_id = NULLIF(current_setting('afterword.tenant', true), '')::bigint);
ALTER TABLE test_clocks ENABLE ROW LEVEL SECURITY;
ALTER TABLE test_clocks FORCE ROW LEVEL SECURITY;
CREATE POLICY one_tenant ON test_clocks USING (tenant_id = NULLIF(current_setting('afterword.tenant', true), '')::bigint);
