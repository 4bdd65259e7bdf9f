-- One payment sent to a PSP once. No card number and no security code, nor anything made from one, but brand, first six and last four
-- as far as the tenant lets them be shown.
CREATE TABLE attempts (
    id              INTEGER PRIMARY KEY,
    session         TEXT NOT NULL,          -- the payment session; it may have several attempts
    tenant          TEXT NOT NULL,
    agent           INTEGER NOT NULL REFERENCES agents (id),
    amount          INTEGER NOT NULL CHECK (amount > 0),   -- in the currency's smallest unit
    currency        TEXT NOT NULL CHECK (length(currency) = 3),
    order_reference TEXT,
    brand           TEXT,
    first_six       TEXT CHECK (first_six GLOB '[0-9][0-9][0-9][0-9][0-9][0-9]'),
    last_four       TEXT CHECK (last_four GLOB '[0-9][0-9][0-9][0-9]'),
    psp             TEXT NOT NULL,
    psp_reference   TEXT,
    our_reference   TEXT NOT NULL UNIQUE,
    idempotency_key TEXT NOT NULL UNIQUE,
    state           TEXT NOT NULL CHECK (state IN ('prepared', 'sent', 'unknown', 'approved', 'declined', 'failed')),
    reason          TEXT,
    created         INTEGER NOT NULL,
    changed         INTEGER NOT NULL
) STRICT;
CREATE INDEX attempts_by_tenant ON attempts (tenant, created, id);
CREATE INDEX attempts_unresolved ON attempts (id) WHERE state IN ('prepared', 'sent', 'unknown');

-- An attempt only goes forward, whoever writes.
CREATE TRIGGER attempts_go_forward BEFORE UPDATE OF state ON attempts
WHEN NOT (
    (old.state = 'prepared' AND new.state IN ('sent', 'failed'))
    OR (old.state = 'sent' AND new.state IN ('unknown', 'approved', 'declined', 'failed'))
    OR (old.state = 'unknown' AND new.state IN ('approved', 'declined', 'failed'))
)
BEGIN
    SELECT RAISE(ABORT, 'an attempt only goes forward');
END;
