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
    last_sign_in INTEGER,
    refusals     INTEGER NOT NULL DEFAULT 0 -- ever
) STRICT;

-- Every refusal is counted. Which names were wrong is not kept: people type all sorts of things there.
CREATE TABLE refused_sign_ins (
    id    INTEGER PRIMARY KEY CHECK (id = 1),
    times INTEGER NOT NULL
) STRICT;
INSERT INTO refused_sign_ins (id, times) VALUES (1, 0);

-- Written where there is no agent to write of, so that a wrong name costs the disk as much as a wrong password.
CREATE TABLE unknown_sign_ins (
    id           INTEGER PRIMARY KEY CHECK (id = 1),
    failures     INTEGER NOT NULL,
    last_refusal INTEGER
) STRICT;
INSERT INTO unknown_sign_ins (id, failures) VALUES (1, 0);
