//! The books in D1, and one line in the log for every call.

use std::cell::Cell;

use serde::{Deserialize, Serialize};
use worker::Env;

use super::settings::Settings;
use super::{meter, now, platform};
use crate::captures;
use crate::config::Retention;
use crate::fault::Millis;
use crate::ledger::{Entry, Statement, is_old, is_unmade, prune_before, prune_beyond, schema, version, version_of};

thread_local! {
    /// Rows this isolate could not write and has not told the object of.
    static LOST: Cell<u64> = const { Cell::new(0) };
    /// The tables were seen to be as new as this program.
    static CURRENT: Cell<bool> = const { Cell::new(false) };
    /// The last row could not be written.
    static FAILING: Cell<bool> = const { Cell::new(false) };
}

/// What became of a statement.
#[derive(Deserialize)]
pub struct Done {
    pub rows: Vec<serde_json::Value>,
    pub written: u64,
    pub read: u64,
}

/// Run `statements`; the tables are made if they are not there, or not yet what this program expects.
pub async fn run(env: &Env, statements: &[Statement]) -> Result<Vec<Done>, String> {
    match once(env, statements).await {
        Err(error) if is_unmade(&error) => {
            upgrade(env).await?;
            once(env, statements).await
        }
        other => other,
    }
}

/// Bring the tables to where they must be.
async fn upgrade(env: &Env) -> Result<(), String> {
    let version = match once(env, &[version()]).await {
        Ok(done) => version_of(done.iter().flat_map(|done| &done.rows).next()),
        Err(error) if is_unmade(&error) => 0,
        Err(error) => return Err(error),
    };
    if let Err(error) = once(env, &schema(version)).await {
        // Another isolate may have been quicker; whether that is so, the next statement tells.
        worker::console_warn!("the books: from version {version}: {error}");
    }
    Ok(())
}

/// A new program finds old tables: before somebody misses something, and once for each isolate.
pub async fn keep_up(env: &Env) {
    if CURRENT.get() {
        return;
    }
    let version = once(env, &[version()]).await.map(|done| version_of(done.iter().flat_map(|done| &done.rows).next()));
    // Tables that are not there are made with the first call.
    if let Ok(version) = version
        && is_old(version)
        && let Err(error) = upgrade(env).await
    {
        worker::console_error!("the books: {error}");
        return;
    }
    CURRENT.set(true);
}

async fn once(env: &Env, statements: &[Statement]) -> Result<Vec<Done>, String> {
    let text = serde_json::to_string(statements).map_err(|error| error.to_string())?;
    let patience = Settings::of(env).patience_ms;
    let done = platform::books(env, &text, patience).await.map_err(|error| format!("{error:?}"))?;
    let done: Vec<Done> = serde_json::from_str(&done).map_err(|error| error.to_string())?;
    let sum = |count: fn(&Done) -> u64| done.iter().map(count).sum();
    meter::books(sum(|done| done.written), sum(|done| done.read));
    Ok(done)
}

/// Write the rows of calls that are over. A row that cannot be written is counted; nobody waits for it.
pub async fn write(env: &Env, entries: &[Entry]) {
    let statements: Vec<Statement> = entries.iter().map(Entry::insert).collect();
    let result = run(env, &statements).await;
    FAILING.set(result.is_err());
    let written = match result {
        Ok(done) => done.iter().map(|done| done.written).sum(),
        Err(error) => {
            lose(entries.len() as u64);
            worker::console_error!("the books: {error}");
            0
        }
    };
    for entry in entries {
        log(&Line { event: "call", entry, rows_written: written });
    }
}

/// Forget what is older than is kept, a step at a time; `kept` is what the configuration says. How many there are is
/// asked once an hour: it reads the sums, or all sizes.
pub async fn prune(env: &Env, settings: &Settings, kept: Retention, hourly: bool) {
    let now = now();
    let ago = |days: u64| Millis(now.0.saturating_sub(days.saturating_mul(86_400_000)));
    let before = ago(kept.days.unwrap_or(settings.log_days));
    let mut steps = vec![prune_before(before)];
    if hourly {
        let bytes = kept.capture_mb.unwrap_or(settings.capture_mb).saturating_mul(1 << 20);
        steps.push(prune_beyond(kept.rows.unwrap_or(settings.log_rows), before));
        steps.extend(captures::prune(ago(kept.capture_days.unwrap_or(settings.capture_days)), bytes));
    }
    if let Err(error) = once(env, &steps).await
        && !is_unmade(&error)
    {
        worker::console_error!("the books: {error}");
    }
}

/// Whether calls are missing from the books at the moment.
pub fn is_failing() -> bool {
    FAILING.get()
}

/// Rows that are not in the books, or that the object could not be told of.
pub fn lose(count: u64) {
    LOST.set(LOST.get() + count);
}

/// How many rows were lost since this was last asked.
pub fn lost() -> u64 {
    LOST.take()
}

#[derive(Serialize)]
struct Line<'a> {
    event: &'static str,
    #[serde(flatten)]
    entry: &'a Entry,
    rows_written: u64,
}

/// A line of JSON. Never a body, a key or an address.
pub fn log(line: &impl Serialize) {
    if let Ok(text) = serde_json::to_string(line) {
        worker::console_log!("{text}");
    }
}
