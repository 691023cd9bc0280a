-- What every task of a play has in common, and what the columns say, is no longer sealed with each task. The index of the
-- queue orders ids; the texts lie in the table, and in memory once they were read: a text in the index was written twice.
-- Rows of before are derived anew by `serve`, or by `rebuild`.

DROP INDEX tasks_live;
ALTER TABLE tasks DROP COLUMN sealed_long;
CREATE INDEX tasks_live ON tasks (tenant_id, due_at, candidate_id, task_id)
    INCLUDE (application_id, play, state, opens_at, snoozed_until, version) WHERE state = 'live';

-- Rows that are written again with every fact stay on their page, and their indexes as they are.
ALTER TABLE applications SET (fillfactor = 70);
ALTER TABLE streams SET (fillfactor = 80);

-- The tenant of a session is read once for a statement, and not for each of its rows.
ALTER POLICY one_tenant ON heads USING (tenant_id = (SELECT NULLIF(current_setting('afterword.tenant', true), '')::bigint));
ALTER POLICY one_tenant ON streams USING (tenant_id = (SELECT NULLIF(current_setting('afterword.tenant', true), '')::bigint));
ALTER POLICY one_tenant ON stream_groups USING (tenant_id = (SELECT NULLIF(current_setting('afterword.tenant', true), '')::bigint));
ALTER POLICY one_tenant ON events USING (tenant_id = (SELECT NULLIF(current_setting('afterword.tenant', true), '')::bigint));
ALTER POLICY one_tenant ON tasks USING (tenant_id = (SELECT NULLIF(current_setting('afterword.tenant', true), '')::bigint));
ALTER POLICY one_tenant ON applications USING (tenant_id = (SELECT NULLIF(current_setting('afterword.tenant', true), '')::bigint));
ALTER POLICY one_tenant ON idempotency USING (tenant_id = (SELECT NULLIF(current_setting('afterword.tenant', true), '')::bigint));
ALTER POLICY one_tenant ON api_keys USING (tenant_id = (SELECT NULLIF(current_setting('afterword.tenant', true), '')::bigint));
