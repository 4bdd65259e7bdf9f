-- Times are milliseconds since 1970 in UTC.
CREATE TABLE agents (
    id           INTEGER PRIMARY KEY,
    user_name    TEXT NOT NULL UNIQUE,      -- in lower case
    tenant       TEXT NOT NULL,             -- the tenant's file's name without .toml
    password     TEXT NOT NULL,             -- argon2id with its parameters and salt, as a PHC string
    password_set INTEGER NOT NULL,
    created      INTEGER NOT NULL,
    disabled     INTEGER,                   -- since when; NULL: may sign in
    failures     INTEGER NOT NULL DEFAULT 0,-- wrong passwords since the last right one
    locked_until INTEGER,
    last_sign_in INTEGER
) STRICT;

-- Every refusal is counted here, so that it costs the disk the same whether or not the name is an agent's. Which names were wrong is not
-- kept: people type all sorts of things there.
CREATE TABLE refused_sign_ins (
    id    INTEGER PRIMARY KEY CHECK (id = 1),
    times INTEGER NOT NULL,
    last  INTEGER
) STRICT;
INSERT INTO refused_sign_ins (id, times) VALUES (1, 0);
