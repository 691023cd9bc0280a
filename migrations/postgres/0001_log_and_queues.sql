-- The log and the rows that are derived from it. The same tables and columns as in ../sqlite.
-- Moments are microseconds since the epoch, sealed columns are opaque.

CREATE TABLE tenants (
    tenant_id  BIGINT NOT NULL,
    name       TEXT   NOT NULL,
    test       BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id)
);
-- The one key that stands above tenants: a tenant is found by its name before its id is known.
CREATE UNIQUE INDEX tenants_by_name ON tenants (name);

-- The newest position of a tenant's log. Its row is the lock that orders writers.
CREATE TABLE heads (
    tenant_id BIGINT NOT NULL,
    position  BIGINT NOT NULL,
    PRIMARY KEY (tenant_id)
);

CREATE TABLE streams (
    tenant_id     BIGINT NOT NULL,
    candidate_id  UUID   NOT NULL,
    version       BIGINT NOT NULL,
    recorded_at   BIGINT NOT NULL,
    external_hash BYTEA,
    erased_at     BIGINT,
    keys_gone_by  BIGINT,
    derivation    BIGINT NOT NULL,
    sealed        BYTEA,
    PRIMARY KEY (tenant_id, candidate_id)
);
CREATE UNIQUE INDEX streams_by_external_hash ON streams (tenant_id, external_hash) WHERE external_hash IS NOT NULL;
CREATE INDEX streams_erased ON streams (tenant_id, candidate_id) WHERE erased_at IS NOT NULL;

CREATE TABLE stream_groups (
    tenant_id    BIGINT NOT NULL,
    group_label  TEXT   NOT NULL,
    candidate_id UUID   NOT NULL,
    PRIMARY KEY (tenant_id, group_label, candidate_id)
);
CREATE INDEX stream_groups_by_candidate ON stream_groups (tenant_id, candidate_id);

CREATE TABLE events (
    tenant_id      BIGINT NOT NULL,
    position       BIGINT NOT NULL,
    candidate_id   UUID   NOT NULL,
    version        BIGINT NOT NULL,
    event_id       UUID   NOT NULL,
    type           TEXT   NOT NULL,
    schema_version BIGINT NOT NULL,
    application_id UUID,
    subject        TEXT   NOT NULL,
    occurred_at    BIGINT NOT NULL,
    recorded_at    BIGINT NOT NULL,
    recorded_by    TEXT   NOT NULL,
    sealed         BYTEA,
    PRIMARY KEY (tenant_id, candidate_id, version)
);
CREATE UNIQUE INDEX events_by_position ON events (tenant_id, position);
CREATE UNIQUE INDEX events_by_id ON events (tenant_id, event_id);

-- The queue is read in the order of its index, and from the index alone: that is what makes a page cheap. An index
-- entry must stay under 2704 bytes, so a longer sealed text goes to sealed_long, outside of it.
CREATE TABLE tasks (
    tenant_id      BIGINT NOT NULL,
    candidate_id   UUID   NOT NULL,
    task_id        UUID   NOT NULL,
    application_id UUID,
    play           TEXT   NOT NULL,
    state          TEXT   NOT NULL,
    opens_at       BIGINT NOT NULL,
    due_at         BIGINT NOT NULL,
    snoozed_until  BIGINT,
    version        BIGINT NOT NULL,
    sealed         BYTEA,
    sealed_long    BYTEA,
    PRIMARY KEY (tenant_id, candidate_id, task_id)
);
CREATE INDEX tasks_live ON tasks (tenant_id, due_at, candidate_id, task_id)
    INCLUDE (application_id, play, state, opens_at, snoozed_until, version, sealed) WHERE state = 'live';
CREATE INDEX tasks_settled ON tasks (tenant_id, due_at, candidate_id, task_id) WHERE state <> 'live';

CREATE TABLE applications (
    tenant_id             BIGINT NOT NULL,
    candidate_id          UUID   NOT NULL,
    application_id        UUID   NOT NULL,
    status                TEXT   NOT NULL,
    quiet_at              BIGINT,
    silent_at             BIGINT,
    presumed_closed_at    BIGINT,
    rejection_stage       TEXT,
    rejection_received_at BIGINT,
    version               BIGINT NOT NULL,
    sealed                BYTEA  NOT NULL,
    rejection_sealed      BYTEA,
    PRIMARY KEY (tenant_id, candidate_id, application_id)
);
CREATE INDEX applications_rejected ON applications (tenant_id, rejection_received_at, candidate_id, application_id)
    WHERE rejection_received_at IS NOT NULL;

CREATE TABLE idempotency (
    tenant_id     BIGINT NOT NULL,
    key_hash      BYTEA  NOT NULL,
    request_hash  BYTEA  NOT NULL,
    candidate_id  UUID,
    first_version BIGINT NOT NULL,
    facts         BIGINT NOT NULL,
    sealed        BYTEA,
    recorded_at   BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, key_hash)
);
CREATE INDEX idempotency_by_age ON idempotency (tenant_id, recorded_at);
CREATE INDEX idempotency_sealed ON idempotency (tenant_id, candidate_id) WHERE sealed IS NOT NULL;

CREATE TABLE api_keys (
    tenant_id    BIGINT NOT NULL,
    key_id       UUID   NOT NULL,
    hash         BYTEA  NOT NULL,
    scopes       TEXT   NOT NULL,
    name         TEXT,
    candidate_id UUID,
    group_label  TEXT,
    created_at   BIGINT NOT NULL,
    expires_at   BIGINT,
    revoked_at   BIGINT,
    PRIMARY KEY (tenant_id, key_id)
);
CREATE UNIQUE INDEX api_keys_by_hash ON api_keys (tenant_id, hash);

-- The second wall between tenants. The service works as afterword_app, which owns nothing and sees one tenant at a time.
-- The log is append-only for it: an event's sealed payload may be redacted or erased, nothing else of it may change.
GRANT SELECT ON _sqlx_migrations TO afterword_app;
GRANT SELECT, INSERT ON tenants TO afterword_app;
GRANT SELECT, INSERT ON events TO afterword_app;
GRANT UPDATE (sealed) ON events TO afterword_app;
GRANT SELECT, INSERT, UPDATE ON heads, streams, api_keys TO afterword_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON stream_groups, tasks, applications, idempotency TO afterword_app;

-- No such wall around `tenants`: names and nothing of a person, listed before a tenant is chosen.
ALTER TABLE heads ENABLE ROW LEVEL SECURITY;
ALTER TABLE heads FORCE ROW LEVEL SECURITY;
CREATE POLICY one_tenant ON heads USING (tenant_id = NULLIF(current_setting('afterword.tenant', true), '')::bigint);
ALTER TABLE streams ENABLE ROW LEVEL SECURITY;
ALTER TABLE streams FORCE ROW LEVEL SECURITY;
CREATE POLICY one_tenant ON streams USING (tenant_id = NULLIF(current_setting('afterword.tenant', true), '')::bigint);
ALTER TABLE stream_groups ENABLE ROW LEVEL SECURITY;
ALTER TABLE stream_groups FORCE ROW LEVEL SECURITY;
CREATE POLICY one_tenant ON stream_groups USING (tenant_id = NULLIF(current_setting('afterword.tenant', true), '')::bigint);
ALTER TABLE events ENABLE ROW LEVEL SECURITY;
ALTER TABLE events FORCE ROW LEVEL SECURITY;
CREATE POLICY one_tenant ON events USING (tenant_id = NULLIF(current_setting('afterword.tenant', true), '')::bigint);
ALTER TABLE tasks ENABLE ROW LEVEL SECURITY;
ALTER TABLE tasks FORCE ROW LEVEL SECURITY;
CREATE POLICY one_tenant ON tasks USING (tenant_id = NULLIF(current_setting('afterword.tenant', true), '')::bigint);
ALTER TABLE applications ENABLE ROW LEVEL SECURITY;
ALTER TABLE applications FORCE ROW LEVEL SECURITY;
CREATE POLICY one_tenant ON applications USING (tenant_id = NULLIF(current_setting('afterword.tenant', true), '')::bigint);
ALTER TABLE idempotency ENABLE ROW LEVEL SECURITY;
ALTER TABLE idempotency FORCE ROW LEVEL SECURITY;
CREATE POLICY one_tenant ON idempotency USING (tenant_id = NULLIF(current_setting('afterword.tenant', true), '')::bigint);
ALTER TABLE api_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE api_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY one_tenant ON api_keys USING (tenant_id = NULLIF(current_setting('afterword.tenant', true), '')::bigint);
