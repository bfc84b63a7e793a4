-- A result never changes. It is read whole by its id, and listed by its number;
-- the time is for forgetting old ones. Times are milliseconds.
CREATE TABLE appraisals (
  number INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  time INTEGER NOT NULL,
  appraisal TEXT NOT NULL,
  ear TEXT NOT NULL
) STRICT;
CREATE INDEX appraisals_by_time ON appraisals (time);
