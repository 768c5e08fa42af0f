-- How many ends of a job stand no more: it was done, was reopened, and what had
-- come of it was withdrawn or given up.
ALTER TABLE jobs ADD COLUMN edition INTEGER NOT NULL DEFAULT 0;

-- Who is caught has everything looked for that rests on its word.
CREATE INDEX results_by_volunteer ON results (volunteer, job);

-- What may relate a result's device to others: neither then vouches for the
-- other, also after the hub was started again.
ALTER TABLE results ADD COLUMN block  TEXT NOT NULL DEFAULT ''; -- of its address
ALTER TABLE results ADD COLUMN driver TEXT NOT NULL DEFAULT ''; -- class of devices that may err alike
ALTER TABLE results ADD COLUMN build  TEXT NOT NULL DEFAULT ''; -- software
ALTER TABLE results ADD COLUMN born   INTEGER;                  -- when its key was first seen
