-- Which groups somebody belonged to who was erased, by a keyed hash: whoever hears of the group hears of the erasure, which
-- stands at this position of the log. Of erasures made before nobody knows. The same tables and columns as in ../postgres.

CREATE TABLE erased_of_groups (
    tenant_id  INTEGER NOT NULL,
    group_hash BLOB    NOT NULL,
    position   INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, group_hash, position)
) WITHOUT ROWID;
