//! How long things took, in a bounded number of buckets.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Of each doubling: a value is known to within a sixteenth of itself.
const STEPS: u64 = 8;
/// Half an hour; nothing that is slower is told apart.
const LONGEST: u64 = 1 << 21;

/// At most 168 buckets, of which only those that are used are kept.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Spread {
    count: u64,
    sum: u64,
    buckets: BTreeMap<u16, u64>,
}

impl Spread {
    pub fn add(&mut self, value: u64) {
        let value = value.min(LONGEST);
        self.count += 1;
        self.sum = self.sum.saturating_add(value);
        *self.buckets.entry(bucket(value)).or_default() += 1;
    }

    pub fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.sum = self.sum.saturating_add(other.sum);
        for (bucket, count) in &other.buckets {
            *self.buckets.entry(*bucket).or_default() += count;
        }
    }

    pub fn count(&self) -> u64 {
        self.count
    }

    pub fn mean(&self) -> Option<u64> {
        self.sum.checked_div(self.count)
    }

    /// The value that `percent` of all do not exceed, as the middle of its bucket.
    pub fn percentile(&self, percent: u64) -> Option<u64> {
        let rank = self.count.saturating_mul(percent).div_ceil(100).max(1);
        let mut seen = 0;
        for (bucket, count) in &self.buckets {
            seen += count;
            if seen >= rank {
                return Some(middle(*bucket));
            }
        }
        None
    }
}

/// Below 8 each value has its own; above, eight to each power of two.
fn bucket(value: u64) -> u16 {
    if value < STEPS {
        return u16::try_from(value).unwrap_or_default();
    }
    let power = u64::from(value.ilog2()) - u64::from(STEPS.ilog2());
    u16::try_from(power * STEPS + (value >> power)).unwrap_or(u16::MAX)
}

fn middle(bucket: u16) -> u64 {
    let bucket = u64::from(bucket);
    if bucket < 2 * STEPS {
        return bucket;
    }
    let power = bucket / STEPS - 1;
    let low = (bucket % STEPS + STEPS) << power;
    low + ((1 << power) >> 1)
}
