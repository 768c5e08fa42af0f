-- What was believed of a result's device when its lease was handed out.
ALTER TABLE results ADD COLUMN class   TEXT    NOT NULL DEFAULT '';
ALTER TABLE results ADD COLUMN risk    REAL    NOT NULL DEFAULT 1;
ALTER TABLE results ADD COLUMN alone   INTEGER NOT NULL DEFAULT 1;
ALTER TABLE results ADD COLUMN checked INTEGER NOT NULL DEFAULT 0;
UPDATE results SET class = lane;

-- How a verdict came about, and what it took.
ALTER TABLE verdicts ADD COLUMN path     TEXT    NOT NULL DEFAULT 'alone';
ALTER TABLE verdicts ADD COLUMN risk     REAL    NOT NULL DEFAULT 1;
ALTER TABLE verdicts ADD COLUMN executed INTEGER NOT NULL DEFAULT 1;

ALTER TABLE jobs ADD COLUMN generation INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN spent      INTEGER NOT NULL DEFAULT 0; -- executions that settled nothing

-- Verdicts and results that a repair took back, with the generation of the job
-- they were part of. They are evidence, and somebody was paid for them.
CREATE TABLE withdrawn_results (
    generation INTEGER NOT NULL,
    job        TEXT    NOT NULL,
    shard      INTEGER NOT NULL,
    volunteer  INTEGER NOT NULL,
    arrival    INTEGER NOT NULL,
    lane       TEXT    NOT NULL,
    class      TEXT    NOT NULL,
    output     BLOB    NOT NULL,
    token      BLOB    NOT NULL,
    signature  BLOB    NOT NULL,
    millis     INTEGER NOT NULL,
    at         INTEGER NOT NULL,
    standing   INTEGER NOT NULL,
    risk       REAL    NOT NULL,
    alone      INTEGER NOT NULL,
    checked    INTEGER NOT NULL,
    PRIMARY KEY (job, generation, shard, volunteer)
) STRICT, WITHOUT ROWID;

CREATE TABLE withdrawn_verdicts (
    generation INTEGER NOT NULL,
    job        TEXT    NOT NULL,
    shard      INTEGER NOT NULL,
    program    BLOB    NOT NULL,
    inputs     BLOB    NOT NULL,
    ops        INTEGER NOT NULL,
    output     BLOB    NOT NULL,
    at         INTEGER NOT NULL,
    path       TEXT    NOT NULL,
    risk       REAL    NOT NULL,
    executed   INTEGER NOT NULL,
    PRIMARY KEY (job, generation, shard)
) STRICT, WITHOUT ROWID;

-- A job keeps several checkpoints: a repair goes back to one of them.
CREATE TABLE checkpoints (
    job    TEXT    NOT NULL REFERENCES jobs(id),
    round  INTEGER NOT NULL,
    record BLOB    NOT NULL,
    blobs  BLOB    NOT NULL,                -- hashes, one after another
    PRIMARY KEY (job, round)
) STRICT, WITHOUT ROWID;

INSERT INTO checkpoints (job, round, record, blobs)
    SELECT id, checkpoint_round, coalesce(checkpoint, x''), coalesce(checkpoint_blobs, x'') FROM jobs WHERE checkpoint_round IS NOT NULL;
ALTER TABLE jobs DROP COLUMN checkpoint;
ALTER TABLE jobs DROP COLUMN checkpoint_round;
ALTER TABLE jobs DROP COLUMN checkpoint_blobs;

-- What was learned of each class of device of each volunteer.
CREATE TABLE devices (
    volunteer INTEGER NOT NULL REFERENCES volunteers(id),
    class     TEXT    NOT NULL,
    evidence  REAL    NOT NULL,             -- verified results, faded
    at        INTEGER NOT NULL,             -- of the evidence
    results   INTEGER NOT NULL,             -- settled
    verified  INTEGER NOT NULL,             -- of those, found right by somebody else
    caught    INTEGER NOT NULL,             -- proved wrong
    PRIMARY KEY (volunteer, class)
) STRICT, WITHOUT ROWID;

CREATE TABLE disputes (
    id       INTEGER PRIMARY KEY,           -- order of their ends
    job      TEXT    NOT NULL REFERENCES jobs(id),
    shard    INTEGER NOT NULL,
    a        BLOB    NOT NULL,              -- keys
    b        BLOB    NOT NULL,
    op       INTEGER NOT NULL,
    name     TEXT    NOT NULL,
    rounds   INTEGER NOT NULL,
    bytes    INTEGER NOT NULL,
    fault_a  TEXT    NOT NULL,
    fault_b  TEXT    NOT NULL,
    absent_a INTEGER NOT NULL,
    absent_b INTEGER NOT NULL,
    evidence BLOB    NOT NULL,
    at       INTEGER NOT NULL
) STRICT;

CREATE INDEX disputes_by_job ON disputes (job, id);
