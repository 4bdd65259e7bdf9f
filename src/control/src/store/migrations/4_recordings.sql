-- What is recorded, for the archive's pages. All of it can be made again from the proofs that lie beside the recordings, but the holds
-- and who listened. Times are milliseconds since 1970 in UTC.
CREATE TABLE recordings (
    name       TEXT PRIMARY KEY,
    tenant     TEXT NOT NULL,
    began      INTEGER NOT NULL,
    duration   INTEGER NOT NULL,            -- milliseconds
    caller     TEXT NOT NULL,               -- the number of who calls; '' where it is not known
    called     TEXT NOT NULL,
    agents     TEXT NOT NULL,               -- user names, a line each
    orders     TEXT NOT NULL,               -- order references of its payments, a line each
    ending     TEXT NOT NULL CHECK (ending IN ('finished', 'interrupted')),
    file       TEXT NOT NULL,               -- from the recordings' directory; its proof lies beside it
    bytes      INTEGER NOT NULL,
    keep_until INTEGER NOT NULL,
    held       TEXT,                        -- why it must not be deleted; NULL: it may be
    deleted    INTEGER                      -- when its audio was; its proof stays
) STRICT, WITHOUT ROWID;
CREATE INDEX recordings_by_tenant ON recordings (tenant, began, name);
CREATE INDEX recordings_due ON recordings (keep_until) WHERE deleted IS NULL AND held IS NULL;

-- Who listened, downloaded, or looked.
CREATE TABLE listens (
    id        INTEGER PRIMARY KEY,
    recording TEXT NOT NULL,
    tenant    TEXT NOT NULL,
    at        INTEGER NOT NULL,
    who       TEXT NOT NULL,                -- the user's name
    what      TEXT NOT NULL CHECK (what IN ('listened', 'downloaded'))
) STRICT;
CREATE INDEX listens_by_recording ON listens (recording, at);
