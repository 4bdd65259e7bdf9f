-- What somebody may do: take payments, or listen to recordings. Nobody does both.
ALTER TABLE agents ADD COLUMN role TEXT NOT NULL DEFAULT 'agent' CHECK (role IN ('agent', 'archive'));
