-- The history: every call, its sums by the day, and what operators changed. Nothing here decides anything.
-- Statements are separated by blank lines and can be repeated: a Worker without its tables makes them by itself.

CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID, STRICT;

INSERT INTO meta (name, value) VALUES ('schema', '1') ON CONFLICT (name) DO NOTHING;

-- A call's id is its lease: it grows with time, and a call that is told twice is one row.
CREATE TABLE IF NOT EXISTS usage (
  id INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  request TEXT NOT NULL,
  token TEXT NOT NULL,
  model TEXT NOT NULL,
  served TEXT NOT NULL,
  provider TEXT NOT NULL,
  account TEXT NOT NULL,
  protocol TEXT NOT NULL,
  operation TEXT NOT NULL,
  stream INTEGER NOT NULL,
  status INTEGER NOT NULL,
  ended TEXT NOT NULL,
  attempts TEXT NOT NULL,
  first_ms INTEGER,
  total_ms INTEGER NOT NULL,
  input INTEGER NOT NULL,
  cache_read INTEGER NOT NULL,
  cache_write INTEGER NOT NULL,
  cache_write_long INTEGER NOT NULL,
  output INTEGER NOT NULL,
  reasoning INTEGER NOT NULL,
  cost INTEGER NOT NULL,
  saved INTEGER NOT NULL,
  basis TEXT NOT NULL,
  estimated INTEGER NOT NULL,
  session TEXT,
  agent TEXT
) STRICT;

CREATE INDEX IF NOT EXISTS usage_by_token ON usage (token);

CREATE INDEX IF NOT EXISTS usage_by_account ON usage (account);

CREATE TABLE IF NOT EXISTS daily (
  day INTEGER NOT NULL,
  token TEXT NOT NULL,
  model TEXT NOT NULL,
  account TEXT NOT NULL,
  requests INTEGER NOT NULL,
  errors INTEGER NOT NULL,
  estimated INTEGER NOT NULL,
  input INTEGER NOT NULL,
  cache_read INTEGER NOT NULL,
  cache_write INTEGER NOT NULL,
  output INTEGER NOT NULL,
  reasoning INTEGER NOT NULL,
  cost INTEGER NOT NULL,
  saved INTEGER NOT NULL,
  first_ms INTEGER NOT NULL,
  firsts INTEGER NOT NULL,
  PRIMARY KEY (day, token, model, account)
) WITHOUT ROWID, STRICT;

-- Calls that the log has no row for, only the sums: what is inserted here is nowhere else. A view's columns take numbers
-- as D1 binds them, which is as reals.
CREATE VIEW IF NOT EXISTS unlisted AS SELECT * FROM usage;

CREATE TRIGGER IF NOT EXISTS unlisted_rolls_up INSTEAD OF INSERT ON unlisted BEGIN
  INSERT INTO daily (day, token, model, account, requests, errors, estimated, input, cache_read, cache_write, output, reasoning, cost, saved, first_ms, firsts)
  VALUES (CAST(NEW.at / 86400000 AS INTEGER), NEW.token, NEW.served, NEW.account, 1, NEW.status >= 400, NEW.estimated, NEW.input, NEW.cache_read,
    NEW.cache_write + NEW.cache_write_long, NEW.output, NEW.reasoning, NEW.cost, NEW.saved, coalesce(NEW.first_ms, 0), NEW.first_ms IS NOT NULL)
  ON CONFLICT (day, token, model, account) DO UPDATE SET
    requests = requests + 1, errors = errors + excluded.errors, estimated = estimated + excluded.estimated,
    input = input + excluded.input, cache_read = cache_read + excluded.cache_read, cache_write = cache_write + excluded.cache_write,
    output = output + excluded.output, reasoning = reasoning + excluded.reasoning, cost = cost + excluded.cost, saved = saved + excluded.saved,
    first_ms = first_ms + excluded.first_ms, firsts = firsts + excluded.firsts;
END;

-- The sums are made where the rows are, so that they cannot disagree with them.
-- Calls that were refused before anybody was asked are not among them: the log has only some of those.
CREATE TRIGGER IF NOT EXISTS usage_rolls_up AFTER INSERT ON usage WHEN NEW.account <> '' OR NEW.status < 400 BEGIN
  INSERT INTO unlisted SELECT * FROM usage WHERE id = NEW.id;
END;

CREATE TABLE IF NOT EXISTS audit (
  seq INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  actor TEXT NOT NULL,
  action TEXT NOT NULL,
  subject TEXT NOT NULL,
  detail TEXT NOT NULL,
  previous TEXT NOT NULL,
  hash TEXT NOT NULL
) STRICT;

-- What tokens allowed to be kept, compressed. Nothing, unless a token says so.
CREATE TABLE IF NOT EXISTS captures (
  id INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  token TEXT NOT NULL,
  model TEXT NOT NULL,
  served TEXT NOT NULL,
  provider TEXT NOT NULL,
  account TEXT NOT NULL,
  protocol TEXT NOT NULL,
  operation TEXT NOT NULL,
  finish TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  body BLOB NOT NULL
) STRICT;
