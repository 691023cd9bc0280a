-- The keys of candidates, wrapped by the master key. A database of its own, left out of the backups of the data:
-- destroying a row here is what erases a candidate.

CREATE TABLE candidate_keys (
    tenant_id    INTEGER NOT NULL,
    candidate_id BLOB    NOT NULL,
    wrapped      BLOB    NOT NULL,
    created_at   INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, candidate_id)
) WITHOUT ROWID;

-- One row, sealed by the master key: a wrong master key cannot open it, and is found out before it seals anything.
CREATE TABLE master (
    id     INTEGER NOT NULL,
    canary BLOB    NOT NULL,
    PRIMARY KEY (id)
);
