-- The log and the rows that are derived from it. The same tables and columns as in ../postgres.
-- Moments are microseconds since the epoch, ids are 16 bytes, sealed columns are opaque.

CREATE TABLE tenants (
    tenant_id  INTEGER NOT NULL,
    name       TEXT    NOT NULL,
    test       INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id)
);
-- The one key that stands above tenants: a tenant is found by its name before its id is known.
CREATE UNIQUE INDEX tenants_by_name ON tenants (name);

-- The newest position of a tenant's log. Its row is the lock that orders writers.
CREATE TABLE heads (
    tenant_id INTEGER NOT NULL,
    position  INTEGER NOT NULL,
    PRIMARY KEY (tenant_id)
) WITHOUT ROWID;

CREATE TABLE streams (
    tenant_id     INTEGER NOT NULL,
    candidate_id  BLOB    NOT NULL,
    version       INTEGER NOT NULL,
    recorded_at   INTEGER NOT NULL,
    external_hash BLOB,
    erased_at     INTEGER,
    keys_gone_by  INTEGER,
    derivation    INTEGER NOT NULL,
    sealed        BLOB,
    PRIMARY KEY (tenant_id, candidate_id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX streams_by_external_hash ON streams (tenant_id, external_hash) WHERE external_hash IS NOT NULL;
CREATE INDEX streams_erased ON streams (tenant_id, candidate_id) WHERE erased_at IS NOT NULL;

CREATE TABLE stream_groups (
    tenant_id    INTEGER NOT NULL,
    group_label  TEXT    NOT NULL,
    candidate_id BLOB    NOT NULL,
    PRIMARY KEY (tenant_id, group_label, candidate_id)
) WITHOUT ROWID;
CREATE INDEX stream_groups_by_candidate ON stream_groups (tenant_id, candidate_id);

-- Keeps its hidden row id: rows lie in the order of the log, which is how feeds read them.
CREATE TABLE events (
    tenant_id      INTEGER NOT NULL,
    position       INTEGER NOT NULL,
    candidate_id   BLOB    NOT NULL,
    version        INTEGER NOT NULL,
    event_id       BLOB    NOT NULL,
    type           TEXT    NOT NULL,
    schema_version INTEGER NOT NULL,
    application_id BLOB,
    subject        TEXT    NOT NULL,
    occurred_at    INTEGER NOT NULL,
    recorded_at    INTEGER NOT NULL,
    recorded_by    TEXT    NOT NULL,
    sealed         BLOB,
    PRIMARY KEY (tenant_id, candidate_id, version)
);
CREATE UNIQUE INDEX events_by_position ON events (tenant_id, position);
CREATE UNIQUE INDEX events_by_id ON events (tenant_id, event_id);

-- A sealed text too long for an index entry of PostgreSQL goes to sealed_long; see there.
CREATE TABLE tasks (
    tenant_id      INTEGER NOT NULL,
    candidate_id   BLOB    NOT NULL,
    task_id        BLOB    NOT NULL,
    application_id BLOB,
    play           TEXT    NOT NULL,
    state          TEXT    NOT NULL,
    opens_at       INTEGER NOT NULL,
    due_at         INTEGER NOT NULL,
    snoozed_until  INTEGER,
    version        INTEGER NOT NULL,
    sealed         BLOB,
    sealed_long    BLOB,
    PRIMARY KEY (tenant_id, candidate_id, task_id)
) WITHOUT ROWID;
CREATE INDEX tasks_live ON tasks (tenant_id, due_at, candidate_id, task_id) WHERE state = 'live';
CREATE INDEX tasks_settled ON tasks (tenant_id, due_at, candidate_id, task_id) WHERE state <> 'live';

CREATE TABLE applications (
    tenant_id             INTEGER NOT NULL,
    candidate_id          BLOB    NOT NULL,
    application_id        BLOB    NOT NULL,
    status                TEXT    NOT NULL,
    quiet_at              INTEGER,
    silent_at             INTEGER,
    presumed_closed_at    INTEGER,
    rejection_stage       TEXT,
    rejection_received_at INTEGER,
    version               INTEGER NOT NULL,
    sealed                BLOB    NOT NULL,
    rejection_sealed      BLOB,
    PRIMARY KEY (tenant_id, candidate_id, application_id)
) WITHOUT ROWID;
CREATE INDEX applications_rejected ON applications (tenant_id, rejection_received_at, candidate_id, application_id)
    WHERE rejection_received_at IS NOT NULL;

CREATE TABLE idempotency (
    tenant_id     INTEGER NOT NULL,
    key_hash      BLOB    NOT NULL,
    request_hash  BLOB    NOT NULL,
    candidate_id  BLOB,
    first_version INTEGER NOT NULL,
    facts         INTEGER NOT NULL,
    sealed        BLOB,
    recorded_at   INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, key_hash)
) WITHOUT ROWID;
CREATE INDEX idempotency_by_age ON idempotency (tenant_id, recorded_at);
CREATE INDEX idempotency_sealed ON idempotency (tenant_id, candidate_id) WHERE sealed IS NOT NULL;

CREATE TABLE api_keys (
    tenant_id    INTEGER NOT NULL,
    key_id       BLOB    NOT NULL,
    hash         BLOB    NOT NULL,
    scopes       TEXT    NOT NULL,
    name         TEXT,
    candidate_id BLOB,
    group_label  TEXT,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER,
    revoked_at   INTEGER,
    PRIMARY KEY (tenant_id, key_id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX api_keys_by_hash ON api_keys (tenant_id, hash);
