-- The tables of a cluster's engine, and the role of its machines, which may read all of them and
-- change none: what changes them are the functions of the next files.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'bouncegate_machine') THEN
        CREATE ROLE bouncegate_machine NOLOGIN;
    END IF;
END
$$;

REVOKE ALL ON SCHEMA bouncegate FROM PUBLIC;
GRANT USAGE ON SCHEMA bouncegate TO bouncegate_machine;

-- The ordered log. Bodies are sealed: they do not compress.
CREATE TABLE bouncegate.log (
    position bigint PRIMARY KEY CHECK (position > 0),
    node text NOT NULL,
    seq bigint NOT NULL CHECK (seq > 0),
    at bigint NOT NULL,               -- milliseconds since 1970
    body bytea NOT NULL,
    chain bytea NOT NULL CHECK (octet_length(chain) = 32),
    UNIQUE (node, seq)
);
ALTER TABLE bouncegate.log ALTER COLUMN body SET STORAGE EXTERNAL;

-- Where the log ends; the one row is locked by an append until its commit. `forgotten`: no row up
-- to this position is kept. An empty log begins with a chain of its own, so that no two are alike.
CREATE TABLE bouncegate.head (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    position bigint NOT NULL,
    chain bytea NOT NULL,
    at bigint NOT NULL,
    forgotten bigint NOT NULL
) WITH (fillfactor = 10);
INSERT INTO bouncegate.head (position, chain, at, forgotten)
VALUES (0, sha256(convert_to('bouncegate ' || gen_random_uuid(), 'UTF8')), 0, 0);

-- The machines: what they announced, and the number of their last entry in the log (`seq`), also
-- of the last one that is forgotten.
CREATE TABLE bouncegate.nodes (
    node text PRIMARY KEY CHECK (node ~ '^[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?$'),
    seq bigint NOT NULL DEFAULT 0,
    forgotten bigint NOT NULL DEFAULT 0,
    level integer NOT NULL DEFAULT 0, -- the newest kind of entry that it understands
    version text NOT NULL DEFAULT '',
    position bigint NOT NULL DEFAULT 0,
    skew bigint NOT NULL DEFAULT 0,   -- its clock less the engine's, in milliseconds
    seen bigint NOT NULL DEFAULT 0    -- milliseconds since 1970; 0: never, or it left
) WITH (fillfactor = 50);

-- How many recipients each machine sent to in an hour (since 1970), by a keyed hash of a domain.
CREATE TABLE bouncegate.rates (
    hour integer NOT NULL,
    subject bytea NOT NULL CHECK (octet_length(subject) = 16),
    node text NOT NULL,
    sends bigint NOT NULL CHECK (sends >= 0),
    PRIMARY KEY (hour, subject, node)
);

-- What all machines must have and the engine must not know, sealed.
CREATE TABLE bouncegate.secrets (
    name text PRIMARY KEY CHECK (length(name) BETWEEN 1 AND 64),
    version integer NOT NULL CHECK (version > 0),
    body bytea NOT NULL CHECK (octet_length(body) BETWEEN 1 AND 1048576),
    node text NOT NULL,
    at bigint NOT NULL
);

REVOKE ALL ON ALL TABLES IN SCHEMA bouncegate FROM PUBLIC;
GRANT SELECT ON ALL TABLES IN SCHEMA bouncegate TO bouncegate_machine;
