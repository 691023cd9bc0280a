-- Who made a webhook: the key, and whether it reaches the whole tenant; then a key of a group does not see the webhook,
-- whatever group it is told of. Of webhooks made before nobody knows. The same tables and columns as in ../sqlite.

ALTER TABLE webhooks ADD COLUMN made_by UUID;
ALTER TABLE webhooks ADD COLUMN whole BIGINT NOT NULL DEFAULT 0;
