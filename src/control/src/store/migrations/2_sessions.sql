-- Of a token only its SHA-256: whoever reads the database cannot sign in with it.
CREATE TABLE sessions (
    token_hash BLOB PRIMARY KEY CHECK (length(token_hash) = 32),
    agent      INTEGER NOT NULL REFERENCES agents (id),
    begun      INTEGER NOT NULL,
    seen       INTEGER NOT NULL,            -- when it was last used
    ends       INTEGER NOT NULL             -- however much it is used
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_by_agent ON sessions (agent, begun);
