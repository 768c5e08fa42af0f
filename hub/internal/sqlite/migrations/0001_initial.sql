-- Times are milliseconds since 1970 UTC. Hashes, keys and tokens are raw bytes.
-- A shard's number is round << 24 | index.

CREATE TABLE jobs (
    key              INTEGER PRIMARY KEY,   -- order of submission
    id               TEXT    NOT NULL UNIQUE,
    name             TEXT    NOT NULL,
    kind             TEXT    NOT NULL,
    file             BLOB    NOT NULL,      -- as submitted
    plan             TEXT    NOT NULL,      -- JSON
    state            TEXT    NOT NULL,
    reason           TEXT    NOT NULL DEFAULT '',
    created          INTEGER NOT NULL,
    finished         INTEGER,
    checkpoint       BLOB,
    checkpoint_round INTEGER,
    checkpoint_blobs BLOB                   -- hashes, one after another
) STRICT;

CREATE TABLE rounds (
    job    TEXT    NOT NULL REFERENCES jobs(id),
    round  INTEGER NOT NULL,
    report TEXT    NOT NULL,                -- JSON
    PRIMARY KEY (job, round)
) STRICT, WITHOUT ROWID;

CREATE TABLE artifacts (
    job  TEXT    NOT NULL REFERENCES jobs(id),
    name TEXT    NOT NULL,
    type TEXT    NOT NULL,
    size INTEGER NOT NULL,
    hash BLOB    NOT NULL,
    PRIMARY KEY (job, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE volunteers (
    id     INTEGER PRIMARY KEY,
    key    BLOB    NOT NULL UNIQUE,
    agent  TEXT    NOT NULL,
    first  INTEGER NOT NULL,
    seen   INTEGER NOT NULL,
    shards INTEGER NOT NULL DEFAULT 0       -- confirmed
) STRICT;

CREATE TABLE results (
    job       TEXT    NOT NULL REFERENCES jobs(id),
    shard     INTEGER NOT NULL,
    volunteer INTEGER NOT NULL REFERENCES volunteers(id),
    arrival   INTEGER NOT NULL,             -- 0 for the shard's first
    lane      TEXT    NOT NULL,
    output    BLOB    NOT NULL,
    token     BLOB    NOT NULL,
    signature BLOB    NOT NULL,
    millis    INTEGER NOT NULL,
    at        INTEGER NOT NULL,
    standing  INTEGER NOT NULL,             -- 0 pending, 1 confirmed, 2 refuted
    PRIMARY KEY (job, shard, volunteer)
) STRICT, WITHOUT ROWID;

-- The verdict on a shard.
CREATE TABLE verdicts (
    job     TEXT    NOT NULL REFERENCES jobs(id),
    shard   INTEGER NOT NULL,
    program BLOB    NOT NULL,
    inputs  BLOB    NOT NULL,               -- hashes, one after another
    ops     INTEGER NOT NULL,
    output  BLOB    NOT NULL,
    at      INTEGER NOT NULL,
    PRIMARY KEY (job, shard)
) STRICT, WITHOUT ROWID;

CREATE TABLE marks (
    volunteer INTEGER NOT NULL REFERENCES volunteers(id),
    lane      TEXT    NOT NULL,
    job       TEXT    NOT NULL,
    shard     INTEGER NOT NULL,
    reason    TEXT    NOT NULL,
    at        INTEGER NOT NULL,
    PRIMARY KEY (volunteer, lane, job, shard)
) STRICT, WITHOUT ROWID;

-- The ledger. A balance is the sum of an account's entries, kept beside them.
CREATE TABLE accounts (
    id      INTEGER PRIMARY KEY,
    name    TEXT    NOT NULL UNIQUE,
    balance INTEGER NOT NULL
) STRICT;

CREATE TABLE transactions (
    id     INTEGER PRIMARY KEY,
    at     INTEGER NOT NULL,
    job    TEXT    NOT NULL,
    shard  INTEGER NOT NULL,
    output TEXT    NOT NULL,
    reason TEXT    NOT NULL
) STRICT;

CREATE TABLE entries (
    tx      INTEGER NOT NULL REFERENCES transactions(id),
    line    INTEGER NOT NULL,
    account INTEGER NOT NULL REFERENCES accounts(id),
    amount  INTEGER NOT NULL CHECK (amount <> 0),
    PRIMARY KEY (tx, line)
) STRICT, WITHOUT ROWID;

CREATE INDEX entries_by_account ON entries (account, tx);

CREATE TRIGGER transactions_keep   BEFORE DELETE ON transactions BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER transactions_freeze BEFORE UPDATE ON transactions BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER entries_keep        BEFORE DELETE ON entries      BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER entries_freeze      BEFORE UPDATE ON entries      BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;

-- Blobs kept for good.
CREATE TABLE pins (
    hash BLOB    PRIMARY KEY,
    size INTEGER NOT NULL,
    at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Running totals, so that statistics need no scan.
CREATE TABLE totals (
    one     INTEGER PRIMARY KEY CHECK (one = 1),
    shards  INTEGER NOT NULL DEFAULT 0,
    results INTEGER NOT NULL DEFAULT 0,
    refuted INTEGER NOT NULL DEFAULT 0,
    ops     INTEGER NOT NULL DEFAULT 0,
    credit  INTEGER NOT NULL DEFAULT 0
) STRICT;

INSERT INTO totals (one) VALUES (1);
