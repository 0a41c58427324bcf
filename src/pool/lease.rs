//! Calls under way: who holds a place, what was promised, and what has been reported already.
//!
//! Leases live in memory only. A restart frees every place; the reports of calls under way still count.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::{Attempt, Outcome};
use crate::fault::Millis;

/// A report later than this is lost; the place is free again.
pub const TERM: Duration = Duration::from_secs(600);
/// Settled leases remembered, so that a report that is sent twice counts once.
const SETTLED: usize = 1024;

#[derive(Debug, Clone)]
pub struct Lease {
    began: Millis,
    pub places: Vec<Place>,
    /// The account whose cap this call counts against.
    pub holder: Option<u32>,
    seen: Vec<(u32, Millis, u8)>,
}

/// One candidate of the plan.
#[derive(Debug, Clone)]
pub struct Place {
    pub slot: u32,
    /// The conversation to move here when this account answers.
    pub bind: Option<u64>,
    /// The model for which this call is the account's probe.
    pub probe: Option<String>,
}

impl Lease {
    pub fn end(&self) -> Millis {
        self.began.plus(TERM)
    }

    /// Note an attempt; whether it had been noted before. An answer is news twice: when it begins and when it is done.
    pub fn saw(&mut self, slot: u32, attempt: &Attempt, done: bool) -> bool {
        let outcome = match attempt.outcome {
            Outcome::Answered if done => 3,
            Outcome::Answered => 0,
            Outcome::Failed(_) => 1,
            Outcome::Cancelled => 2,
            Outcome::Beaten => 4,
        };
        let mark = (slot, attempt.began, outcome);
        let seen = self.seen.contains(&mark);
        if !seen {
            self.seen.push(mark);
        }
        seen
    }
}

#[derive(Debug, Clone, Default)]
pub struct Leases {
    open: BTreeMap<u64, Lease>,
    last: u64,
    settled: VecDeque<u64>,
}

impl Leases {
    /// A number never given before, also by the pool before a restart, and exact in JavaScript: milliseconds and ten
    /// bits reach 2⁵³ in the year 2248.
    pub fn number(&mut self, now: Millis) -> u64 {
        self.last = (now.0 << 10).max(self.last.saturating_add(1));
        self.last
    }

    pub fn open(&mut self, number: u64, places: Vec<Place>, now: Millis) {
        let holder = places.first().map(|place| place.slot);
        self.open.insert(number, Lease { began: now, places, holder, seen: Vec::new() });
    }

    /// More candidates for an open lease, the first of which is asked now. Returns who was asked before.
    pub fn extend(&mut self, number: u64, places: Vec<Place>) -> Option<u32> {
        let lease = self.open.get_mut(&number)?;
        let first = places.first().map(|place| place.slot);
        lease.places.extend(places);
        std::mem::replace(&mut lease.holder, first)
    }

    /// Take a lease out to settle it; [`Leases::put`] it back if the call goes on. One from before a restart holds
    /// nothing any more, but what is reported of it still counts once. `None`: given up, or none at all.
    pub fn take(&mut self, number: u64, now: Millis) -> Option<Lease> {
        let stranger = Lease { began: Millis(number >> 10), places: Vec::new(), holder: None, seen: Vec::new() };
        self.open.remove(&number).or(Some(stranger)).filter(|lease| lease.end() > now)
    }

    pub fn put(&mut self, number: u64, lease: Lease) {
        self.open.insert(number, lease);
    }

    pub fn get(&self, number: u64) -> Option<&Lease> {
        self.open.get(&number)
    }

    pub fn is_settled(&self, number: u64) -> bool {
        self.settled.contains(&number)
    }

    pub fn settle(&mut self, number: u64) {
        if self.settled.len() >= SETTLED {
            self.settled.pop_front();
        }
        self.settled.push_back(number);
    }

    /// The oldest lease, if its report is overdue. Numbers grow with time, so the first is the oldest.
    pub fn overdue(&mut self, now: Millis) -> Option<(u64, Lease)> {
        let (number, lease) = self.open.first_key_value()?;
        let number = *number;
        if lease.end() > now { None } else { self.open.remove(&number).map(|lease| (number, lease)) }
    }

    pub fn len(&self) -> usize {
        self.open.len()
    }
}
