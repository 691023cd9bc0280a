-- Time that passes: when something will next happen to a candidate by itself, who sees to it, and the clocks of test
-- tenants. The same tables and columns as in ../postgres.

-- Written with every commit; none where nothing is to come.
ALTER TABLE streams ADD COLUMN next_at INTEGER;
CREATE INDEX streams_by_next ON streams (tenant_id, next_at, candidate_id) WHERE next_at IS NOT NULL;

-- Work that one instance does at a time. Whoever takes a lease over raises the token, and a commit that names an older
-- one is refused: its writer was believed dead.
CREATE TABLE leases (
    tenant_id INTEGER NOT NULL,
    name      TEXT    NOT NULL,
    token     INTEGER NOT NULL,
    holder    BLOB    NOT NULL,
    until_at  INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, name)
) WITHOUT ROWID;

CREATE TABLE test_clocks (
    tenant_id INTEGER NOT NULL,
    now_at    INTEGER NOT NULL,
    PRIMARY KEY (tenant_id)
) WITHOUT ROWID;
