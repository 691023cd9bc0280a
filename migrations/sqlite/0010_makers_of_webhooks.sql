-- Who made a webhook: the key, and whether it reaches the whole tenant; then a key of a group does not see the webhook,
-- whatever group it is told of. Of webhooks made before nobody knows. The same tables and columns as in ../postgres.

ALTER TABLE webhooks ADD COLUMN made_by BLOB;
ALTER TABLE webhooks ADD COLUMN whole INTEGER NOT NULL DEFAULT 0;
