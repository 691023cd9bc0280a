-- Webhooks: who is told of which facts, where each of them stands in the log, and what became of each delivery. The same
-- tables and columns as in ../postgres.

-- The address and the secrets are sealed with a key that follows from the master key: an address may hold a token.
CREATE TABLE webhooks (
    tenant_id       INTEGER NOT NULL,
    webhook_id      BLOB    NOT NULL,
    url_hash        BLOB    NOT NULL,
    sealed          BLOB    NOT NULL,
    types           TEXT,
    candidate_id    BLOB,
    group_label     TEXT,
    payload         TEXT    NOT NULL,
    candid          INTEGER NOT NULL,
    state           TEXT    NOT NULL,
    disabled_reason TEXT,
    failing_since   INTEGER,
    quiet_until     INTEGER NOT NULL,
    position        INTEGER NOT NULL,
    revision        INTEGER NOT NULL,
    created_at      INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, webhook_id)
) WITHOUT ROWID;

-- Ids, states and times only: what is sent is read from the log when it is sent. A delivery that waits behind another of
-- its candidate has no moment of its own.
CREATE TABLE webhook_deliveries (
    tenant_id    INTEGER NOT NULL,
    webhook_id   BLOB    NOT NULL,
    position     INTEGER NOT NULL,
    event_id     BLOB    NOT NULL,
    candidate_id BLOB    NOT NULL,
    state        TEXT    NOT NULL,
    attempts     INTEGER NOT NULL,
    next_at      INTEGER,
    first_at     INTEGER,
    last_at      INTEGER,
    status       INTEGER,
    error        TEXT,
    PRIMARY KEY (tenant_id, webhook_id, position)
) WITHOUT ROWID;
CREATE UNIQUE INDEX webhook_deliveries_by_event ON webhook_deliveries (tenant_id, webhook_id, event_id);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (tenant_id, webhook_id, next_at, position) WHERE next_at IS NOT NULL;
CREATE INDEX webhook_deliveries_waiting ON webhook_deliveries (tenant_id, webhook_id, candidate_id, position) WHERE state = 'pending';
CREATE INDEX webhook_deliveries_over ON webhook_deliveries (tenant_id, last_at) WHERE state <> 'pending';
