//! How much of a day of Cloudflare's free plan is used, by our own count, and what is given up before it is used up:
//! the platform does not tell a Worker.
//!
//! Workers tell the object what they have used when they ask it something (`shell/meter.rs`), so that an isolate that
//! is thrown away loses what it had not told yet: the rows of its last calls at most, since each call asks twice.
//!
//! Calls are served at every [`Stage`], and what decides about money stays in the object. A stage that was reached
//! lasts until the day ends at midnight UTC.

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

/// What is given up, each beside those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub enum Stage {
    /// Nothing.
    #[default]
    Whole,
    /// Seven of eight rows of the usage log. The sums by the day have every call.
    Sampled,
    /// All of them.
    Sums,
    /// What tokens allow to be kept.
    Uncaptured,
    /// Storing what a call changes before it is answered: it is stored every half minute, and a crash forgets that much.
    Memory,
}

impl Stage {
    const ALL: [Self; 5] = [Self::Whole, Self::Sampled, Self::Sums, Self::Uncaptured, Self::Memory];

    pub fn word(self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::Sampled => "sampled",
            Self::Sums => "sums",
            Self::Uncaptured => "uncaptured",
            Self::Memory => "memory",
        }
    }

    pub fn of(number: usize) -> Self {
        Self::ALL.get(number).copied().unwrap_or(Self::Memory)
    }

    /// Whether a call has a row in the usage log.
    pub fn has_row(self, lease: u64) -> bool {
        match self {
            Self::Whole => true,
            // Leases of one moment differ in their last bits only; Fibonacci's hash spreads them.
            Self::Sampled => lease.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 61 == 0,
            Self::Sums | Self::Uncaptured | Self::Memory => false,
        }
    }
}

/// From which share of any limit on, in percent, each stage after the first.
const FROM: [u64; 4] = [80, 90, 95, 98];

/// What the free plan gives in a day that begins at midnight UTC.
const LIMITS: [(Meter, &str, u64); 6] = [
    (Meter::WorkerRequests, "worker_requests", 100_000),
    (Meter::ObjectRequests, "object_requests", 100_000),
    (Meter::ObjectRowsWritten, "object_rows_written", 100_000),
    (Meter::D1RowsWritten, "d1_rows_written", 100_000),
    (Meter::D1RowsRead, "d1_rows_read", 5_000_000),
    (Meter::KvWrites, "kv_writes", 1_000),
];

/// What a deployment may use in a day; zero is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits([u64; LIMITS.len()]);

impl Default for Limits {
    fn default() -> Self {
        Self(LIMITS.map(|(_, _, limit)| limit))
    }
}

/// The variable that says otherwise.
pub const VARIABLE: &str = "SLUICE_DAILY_LIMITS";

impl Limits {
    /// `name=number`, with commas between them; `off` for one or for all. Also what was not understood.
    pub fn read(text: &str) -> (Self, Vec<String>) {
        let (mut limits, mut problems) = (Self::default(), Vec::new());
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            if part == "off" {
                limits = Self([0; LIMITS.len()]);
                continue;
            }
            let place = part.split_once('=').and_then(|(name, value)| {
                let at = LIMITS.iter().position(|(_, known, _)| *known == name.trim())?;
                let value = value.trim();
                Some((limits.0.get_mut(at)?, if value == "off" { 0 } else { value.parse().ok()? }))
            });
            match place {
                Some((limit, value)) => *limit = value,
                None => problems.push(format!("{VARIABLE}: {part}: expected a limit's name, = and a number or off")),
            }
        }
        (limits, problems)
    }
}

/// Of one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Quotas([u64; LIMITS.len()]);

/// One quota as it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
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

    /// What is to be given up, by the limit that is nearest.
    pub fn stage(&self, limits: &Limits) -> Stage {
        let reached = |share: &u64| {
            let over = |(used, limit): (&u64, &u64)| {
                *limit > 0 && u128::from(*used) * 100 >= u128::from(*limit) * u128::from(*share)
            };
            self.0.iter().zip(&limits.0).any(over)
        };
        Stage::of(FROM.iter().take_while(|share| reached(share)).count())
    }

    /// Those that have a limit.
    pub fn list(&self, limits: &Limits) -> Vec<Quota> {
        let all = LIMITS.iter().zip(self.0).zip(limits.0).filter(|(_, limit)| *limit > 0);
        all.map(|(((_, name, _), used), limit)| Quota { name, used, limit }).collect()
    }
}
