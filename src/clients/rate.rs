//! So many a minute: a bucket that fills evenly and is full after a minute.

use std::time::Duration;

use crate::fault::Millis;

/// What one unit weighs: a bucket gains `limit` a millisecond, so that all sums are whole.
const UNIT: i64 = 60_000;
/// A day: longer than any debt is worth remembering, and far from where the sums would overflow.
const LONGEST: u64 = 86_400_000;
/// The most a minute that can be asked for.
pub const HIGHEST: u32 = 1_000_000_000;

/// Full when new; it may owe what was found out too late.
#[derive(Debug, Clone, Copy, Default)]
pub struct Bucket(Option<(i64, Millis)>);

impl Bucket {
    fn level(&self, limit: u32, now: Millis) -> i64 {
        let full = i64::from(limit) * UNIT;
        let Some((level, at)) = self.0 else { return full };
        let passed = u64::try_from(now.since(at).as_millis()).unwrap_or(LONGEST).min(LONGEST);
        level.saturating_add(i64::try_from(passed).unwrap_or_default() * i64::from(limit)).min(full)
    }

    /// How long until `amount` can be taken, or as much as ever fits in.
    pub fn wait(&self, amount: u64, limit: u32, now: Millis) -> Option<Duration> {
        let wanted = i64::try_from(amount.min(limit.into())).unwrap_or_default() * UNIT;
        let lacking = wanted - self.level(limit, now);
        (lacking > 0).then(|| span(lacking, limit))
    }

    /// Take `amount`, or give back if it is negative.
    pub fn take(&mut self, amount: i64, limit: u32, now: Millis) {
        let full = i64::from(limit) * UNIT;
        let level = self.level(limit, now).saturating_sub(amount.saturating_mul(UNIT));
        // What is owed is paid off within an hour.
        self.0 = Some((level.clamp(-60 * full, full), now));
    }

    pub fn remaining(&self, limit: u32, now: Millis) -> u64 {
        u64::try_from(self.level(limit, now) / UNIT).unwrap_or_default()
    }

    /// Until it is full again.
    pub fn reset(&self, limit: u32, now: Millis) -> Duration {
        span(i64::from(limit) * UNIT - self.level(limit, now), limit)
    }
}

fn span(lacking: i64, limit: u32) -> Duration {
    Duration::from_millis(u64::try_from(lacking).unwrap_or_default().div_ceil(limit.max(1).into()))
}
