-- A record that is only ever read whole is kept as its JSON; the columns beside
-- it are those that a query or a guard asks for. Times are milliseconds.

-- The one lease of the cluster. A commit names the epoch it was made under.
CREATE TABLE lease (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  epoch INTEGER NOT NULL,
  holder TEXT NOT NULL,
  until INTEGER NOT NULL
) STRICT;
INSERT INTO lease VALUES (1, 0, '', 0);

-- uid is time-ordered, so new rows and new index entries sit together at the end.
CREATE TABLE jobs (
  number INTEGER PRIMARY KEY,
  uid TEXT NOT NULL UNIQUE,
  id TEXT NOT NULL UNIQUE,
  version INTEGER NOT NULL,
  state TEXT NOT NULL,
  worker TEXT,
  verdict TEXT,
  record TEXT NOT NULL
) STRICT;

-- Two partial indexes instead of one on state: a job enters each once, and the
-- changes in between touch neither.
CREATE INDEX jobs_live ON jobs (uid)
  WHERE state IN ('QUEUED', 'PLACED', 'STARTING', 'RUNNING');
CREATE INDEX jobs_ended ON jobs (state, uid)
  WHERE state IN ('SUCCEEDED', 'FAILED', 'CANCELLED', 'EXPIRED');
CREATE INDEX jobs_by_worker ON jobs (worker, uid) WHERE worker IS NOT NULL;
CREATE INDEX jobs_by_verdict ON jobs (verdict, uid) WHERE verdict IS NOT NULL;

-- Apart from jobs, because a spec never changes and a job changes often.
CREATE TABLE specs (
  job INTEGER PRIMARY KEY,
  spec BLOB NOT NULL
) STRICT;

CREATE TABLE requests (
  id TEXT PRIMARY KEY,
  body_sha256 TEXT NOT NULL,
  job_uid TEXT NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX requests_by_expiry ON requests (expires_at);

CREATE TABLE events (
  sequence INTEGER PRIMARY KEY,
  job_uid TEXT NOT NULL,
  job_id TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  type TEXT NOT NULL,
  state TEXT NOT NULL,
  message TEXT NOT NULL,
  time INTEGER NOT NULL
) STRICT;
CREATE INDEX events_by_job ON events (job_uid);

CREATE TABLE placements (
  job_uid TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  report TEXT NOT NULL,
  PRIMARY KEY (job_uid, attempt)
) STRICT;

CREATE TABLE workers (
  id TEXT PRIMARY KEY,
  created_at INTEGER NOT NULL,
  succeeded INTEGER NOT NULL,
  failed INTEGER NOT NULL
) STRICT;

CREATE TABLE evidence (
  sha256 TEXT PRIMARY KEY,
  worker TEXT NOT NULL,
  appraised_at INTEGER NOT NULL,
  evidence BLOB NOT NULL,
  appraisal TEXT NOT NULL
) STRICT;
CREATE INDEX evidence_by_time ON evidence (appraised_at, sha256);

CREATE TABLE log_entries (
  "index" INTEGER PRIMARY KEY,
  job_uid TEXT NOT NULL,
  entry BLOB NOT NULL,
  envelope BLOB NOT NULL,
  evidence_sha256 TEXT NOT NULL
) STRICT;

-- Rows as small as these are cheapest inside the index itself.
CREATE TABLE log_nodes (
  level INTEGER NOT NULL,
  "index" INTEGER NOT NULL,
  hash BLOB NOT NULL,
  PRIMARY KEY (level, "index")
) STRICT, WITHOUT ROWID;

CREATE TABLE checkpoints (
  size INTEGER PRIMARY KEY,
  note TEXT NOT NULL
) STRICT;
