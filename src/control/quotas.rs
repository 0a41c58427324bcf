//! How much of a day of Cloudflare's free plan is used, by our own count: what the platform does not tell a Worker.
//!
//! Workers tell the object what they have used when they ask it something (`shell/meter.rs`), so that an isolate that
//! is thrown away loses what it had not told yet. Whoever sheds load before a quota is used up asks [`Quotas::share`].

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meter {
    WorkerRequests,
    ObjectRequests,
    /// Rows of the object's own storage.
    ObjectRowsWritten,
    D1RowsWritten,
    D1RowsRead,
    KvWrites,
}

/// What the free plan gives in a day that begins at midnight UTC.
const LIMITS: [(Meter, &str, u64); 6] = [
    (Meter::WorkerRequests, "worker_requests", 100_000),
    (Meter::ObjectRequests, "object_requests", 100_000),
    (Meter::ObjectRowsWritten, "object_rows_written", 100_000),
    (Meter::D1RowsWritten, "d1_rows_written", 100_000),
    (Meter::D1RowsRead, "d1_rows_read", 5_000_000),
    (Meter::KvWrites, "kv_writes", 1_000),
];

/// Of one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Quotas([u64; LIMITS.len()]);

/// One quota as it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Quota {
    pub name: &'static str,
    pub used: u64,
    pub limit: u64,
}

impl Quotas {
    pub fn count(&mut self, meter: Meter, more: u64) {
        if let Some(used) = self.0.get_mut(meter as usize) {
            *used = used.saturating_add(more);
        }
    }

    pub fn list(&self) -> Vec<Quota> {
        let all = LIMITS.iter().zip(self.0);
        all.map(|((_, name, limit), used)| Quota { name, used, limit: *limit }).collect()
    }
}
