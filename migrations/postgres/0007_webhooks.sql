-- Webhooks: who is told of which facts, where each of them stands in the log, and what became of each delivery. The same
-- tables and columns as in ../sqlite.

-- The address and the secrets are sealed with a key that follows from the master key: an address may hold a token.
CREATE TABLE webhooks (
    tenant_id       BIGINT NOT NULL,
    webhook_id      UUID   NOT NULL,
    url_hash        BYTEA  NOT NULL,
    sealed          BYTEA  NOT NULL,
    types           TEXT,
    candidate_id    UUID,
    group_label     TEXT,
    payload         TEXT   NOT NULL,
    candid          BIGINT NOT NULL,
    state           TEXT   NOT NULL,
    disabled_reason TEXT,
    failing_since   BIGINT,
    quiet_until     BIGINT NOT NULL,
    position        BIGINT NOT NULL,
    revision        BIGINT NOT NULL,
    created_at      BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, webhook_id)
);

-- Ids, states and times only: what is sent is read from the log when it is sent. A delivery that waits behind another of
-- its candidate has no moment of its own.
CREATE TABLE webhook_deliveries (
    tenant_id    BIGINT NOT NULL,
    webhook_id   UUID   NOT NULL,
    position     BIGINT NOT NULL,
    event_id     UUID   NOT NULL,
    candidate_id UUID   NOT NULL,
    state        TEXT   NOT NULL,
    attempts     BIGINT NOT NULL,
    next_at      BIGINT,
    first_at     BIGINT,
    last_at      BIGINT,
    status       BIGINT,
    error        TEXT,
    PRIMARY KEY (tenant_id, webhook_id, position)
);
CREATE UNIQUE INDEX webhook_deliveries_by_event ON webhook_deliveries (tenant_id, webhook_id, event_id);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (tenant_id, webhook_id, next_at, position) WHERE next_at IS NOT NULL;
CREATE INDEX webhook_deliveries_waiting ON webhook_deliveries (tenant_id, webhook_id, candidate_id, position) WHERE state = 'pending';
CREATE INDEX webhook_deliveries_over ON webhook_deliveries (tenant_id, last_at) WHERE state <> 'pending';

GRANT SELECT, INSERT, UPDATE, DELETE ON webhooks, webhook_deliveries TO afterword_app;

ALTER TABLE webhooks ENABLE ROW LEVEL SECURITY;
ALTER TABLE webhooks FORCE ROW LEVEL SECURITY;
CREATE POLICY one_tenant ON webhooks USING (tenant_id = (SELECT NULLIF(current_setting('afterword.tenant', true), '')::bigint));
ALTER TABLE webhook_deliveries ENABLE ROW LEVEL SECURITY;
ALTER TABLE webhook_deliveries FORCE ROW LEVEL SECURITY;
CREATE POLICY one_tenant ON webhook_deliveries USING (tenant_id = (SELECT NULLIF(current_setting('afterword.tenant', true), '')::bigint));
