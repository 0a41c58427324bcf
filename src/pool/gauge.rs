//! How providers and accounts have been doing lately. In memory only: it orders, it never forbids.

use std::collections::VecDeque;
use std::time::Duration;

use serde::Serialize;

use crate::fault::{Fault, Millis};

/// Half of what a breaker looks back on.
const HALF: Duration = Duration::from_secs(30);
/// Fewer attempts than this say nothing about a provider.
const SAMPLE: u32 = 20;
/// In percent. An outage fails nearly everything; failures with as many successes between them are no outage.
const BROKEN: u32 = 80;

/// Whether a provider as a whole is down. Then its accounts go after the others of their tier.
#[derive(Debug, Clone, Default)]
pub struct Breaker {
    start: Millis,
    now: Count,
    before: Count,
}

#[derive(Debug, Clone, Copy, Default)]
struct Count {
    good: u32,
    bad: u32,
}

impl Breaker {
    /// A failure counts if it is the provider's: a limit or a bad credential is the account's.
    pub fn is_bad(fault: &Fault) -> bool {
        matches!(fault, Fault::Overloaded | Fault::Transport | Fault::Malformed)
    }

    pub fn count(&mut self, bad: bool, now: Millis) {
        let passed = now.since(self.start);
        if passed >= HALF {
            self.before = if passed >= 2 * HALF { Count::default() } else { self.now };
            self.now = Count::default();
            self.start = now;
        }
        let side = if bad { &mut self.now.bad } else { &mut self.now.good };
        *side = side.saturating_add(1);
    }

    pub fn is_open(&self, now: Millis) -> bool {
        let passed = now.since(self.start);
        let counts = match () {
            () if passed < HALF => [self.now, self.before],
            () if passed < 2 * HALF => [self.now, Count::default()],
            () => return false,
        };
        let (good, bad) = counts.iter().fold((0_u32, 0_u32), |(good, bad), count| {
            (good.saturating_add(count.good), bad.saturating_add(count.bad))
        });
        let all = good.saturating_add(bad);
        all >= SAMPLE && bad.saturating_mul(100) >= all.saturating_mul(BROKEN)
    }
}

/// How fast an account serves a model: moving averages, newest first by a quarter.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Pace {
    pub first_ms: f64,
    /// Zero: not known yet.
    pub tokens_per_second: f64,
}

/// Shorter answers say more about the network than about the model.
const TOKENS: u64 = 16;

impl Pace {
    pub fn learn(&mut self, first_ms: u64, tokens: u64, writing: Duration) {
        let mix = |old: f64, new: f64| if old == 0.0 { new } else { old + (new - old) / 4.0 };
        self.first_ms = mix(self.first_ms, whole(first_ms));
        if tokens >= TOKENS && !writing.is_zero() {
            self.tokens_per_second = mix(self.tokens_per_second, whole(tokens) / writing.as_secs_f64());
        }
    }
}

/// The latest times to a first content.
#[derive(Debug, Clone, Default)]
pub struct Firsts(VecDeque<u32>);

/// Times kept, and how few say nothing.
const FIRSTS: usize = 64;
const FEW: usize = 20;
/// Sooner nobody is asked twice, however fast everybody is.
const SOONEST_MS: u32 = 50;

impl Firsts {
    pub fn learn(&mut self, ms: u64) {
        if self.0.len() >= FIRSTS {
            self.0.pop_front();
        }
        self.0.push_back(u32::try_from(ms).unwrap_or(u32::MAX));
    }

    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.0.iter().copied()
    }
}

/// The time that 95 of 100 of `times` do not exceed.
pub fn p95(times: impl Iterator<Item = u32>) -> Option<u64> {
    let mut times: Vec<u32> = times.collect();
    if times.len() < FEW {
        return None;
    }
    let at = (times.len() * 95).div_ceil(100).saturating_sub(1);
    let (_, time, _) = times.select_nth_unstable(at);
    Some(u64::from((*time).max(SOONEST_MS)))
}

fn whole(number: u64) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}
