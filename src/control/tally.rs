//! What was used lately, summed by the hour and the day: what the overview shows without reading the books.
//!
//! The books are exact and as long as the log; these sums are one row of the object's storage for each day, however
//! many calls there were. A row is written at most every few seconds ([`Tally::rows`]), so that a crash loses that much
//! of them. Nothing is decided by them.

mod spread;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::quotas::{Limits, Meter, Quota, Quotas, Stage};
use crate::fault::Millis;
use crate::ir::event::Usage;
use crate::prices::Cost;

pub use self::spread::Spread;

/// Today, and thirty days before it.
const KEPT: u64 = 31;
/// Names of one kind that a day tells apart; with another, the least used of them joins the others.
const NAMES: usize = 128;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "[u64; 9]", into = "[u64; 9]")]
pub struct Sums {
    pub requests: u64,
    /// Calls that nobody answered to the end.
    pub errors: u64,
    pub input: u64,
    pub cache_read: u64,
    pub cache_write: u64,
    pub output: u64,
    pub reasoning: u64,
    /// Micro-dollars.
    pub cost: u64,
    pub saved: u64,
}

impl From<[u64; 9]> for Sums {
    fn from([requests, errors, input, cache_read, cache_write, output, reasoning, cost, saved]: [u64; 9]) -> Self {
        Self { requests, errors, input, cache_read, cache_write, output, reasoning, cost, saved }
    }
}

impl From<Sums> for [u64; 9] {
    fn from(sums: Sums) -> Self {
        let Sums { requests, errors, input, cache_read, cache_write, output, reasoning, cost, saved } = sums;
        [requests, errors, input, cache_read, cache_write, output, reasoning, cost, saved]
    }
}

impl Sums {
    pub fn of(usage: &Usage, cost: &Cost, is_error: bool) -> Self {
        Self {
            requests: 1,
            errors: u64::from(is_error),
            input: usage.input,
            cache_read: usage.cache_read,
            cache_write: usage.cache_write.saturating_add(usage.cache_write_long),
            output: usage.output,
            reasoning: usage.reasoning,
            cost: cost.micro,
            saved: cost.saved,
        }
    }

    pub fn add(&mut self, other: &Self) {
        let (mine, others) = (<[u64; 9]>::from(*self), <[u64; 9]>::from(*other));
        let mut sums = [0; 9];
        for ((sum, mine), other) in sums.iter_mut().zip(mine).zip(others) {
            *sum = mine.saturating_add(other);
        }
        *self = sums.into();
    }
}

/// The sums of each name, of as many names as are told apart.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tops {
    pub names: BTreeMap<String, Sums>,
    pub others: Sums,
}

impl Tops {
    pub fn add(&mut self, name: &str, sums: &Sums) {
        if !self.names.contains_key(name)
            && self.names.len() >= NAMES
            && let Some(least) = self.names.iter().min_by_key(|(_, sums)| sums.requests).map(|(name, _)| name.clone())
            && let Some(gone) = self.names.remove(&least)
        {
            self.others.add(&gone);
        }
        self.names.entry(name.to_owned()).or_default().add(sums);
    }

    fn merge(&mut self, other: &Self) {
        for (name, sums) in &other.names {
            self.names.entry(name.clone()).or_default().add(sums);
        }
        self.others.add(&other.others);
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Day {
    /// By the hour of the day, UTC.
    pub hours: BTreeMap<u8, Sums>,
    /// Until the first words.
    pub first: Spread,
    pub models: Tops,
    /// By the id of the client's token; the operator's own calls have none.
    pub tokens: Tops,
    pub accounts: Tops,
    /// Calls that were refused before anybody was asked, by reason.
    pub denied: BTreeMap<String, u64>,
    /// Those of them that are in the usage log: of callers who are known, and of others.
    pub logged: [u64; 2],
    pub quotas: Quotas,
    /// When each of the [`Stage`]s after the first began.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<Millis>,
}

impl Day {
    pub fn totals(&self) -> Sums {
        let mut totals = Sums::default();
        self.hours.values().for_each(|sums| totals.add(sums));
        totals
    }

    pub fn deny(&mut self, reason: &str) {
        let known = self.denied.len() < NAMES || self.denied.contains_key(reason);
        let reason = if known { reason } else { "other" };
        *self.denied.entry(reason.to_owned()).or_default() += 1;
    }

    /// One of a caller who is known has a row.
    pub fn log(&mut self) {
        if let Some(known) = self.logged.first_mut() {
            *known += 1;
        }
    }

    /// All but the hours, which are of one day each.
    pub fn merge(&mut self, other: &Self) {
        self.first.merge(&other.first);
        self.models.merge(&other.models);
        self.tokens.merge(&other.tokens);
        self.accounts.merge(&other.accounts);
        for (reason, count) in &other.denied {
            *self.denied.entry(reason.clone()).or_default() += count;
        }
        for (mine, others) in self.logged.iter_mut().zip(other.logged) {
            *mine += others;
        }
    }
}

/// A call that is over.
pub struct Over<'a> {
    pub model: &'a str,
    pub account: &'a str,
    pub token: &'a str,
    pub sums: Sums,
    pub first_ms: Option<u64>,
}

#[derive(Debug, Default)]
pub struct Tally {
    number: u64,
    limits: Limits,
    today: Day,
    /// As they were stored: read when somebody wants to see them.
    past: BTreeMap<u64, String>,
    unsaved: bool,
    /// Days whose rows must be written anew, or removed.
    turned: Vec<u64>,
}

impl Tally {
    pub fn load(&mut self, day: u64, row: String, now: Millis) {
        if day == day_of(now) {
            self.number = day;
            // A row that cannot be read is of a later version: its day begins anew.
            self.today = serde_json::from_str(&row).unwrap_or_default();
        } else {
            self.past.insert(day, row);
        }
    }

    pub fn count(&mut self, meter: Meter, more: u64, now: Millis) {
        let limits = self.limits;
        let today = self.today(now);
        today.quotas.count(meter, more);
        let reached = today.quotas.stage(&limits) as usize;
        if today.stages.len() < reached {
            today.stages.resize(reached, now);
        }
    }

    pub fn limit(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// What is given up at the moment.
    pub fn stage(&self, now: Millis) -> Stage {
        // A clock that goes back stays in the day it was in.
        if day_of(now) > self.number { Stage::Whole } else { Stage::of(self.today.stages.len()) }
    }

    /// Today's use of what has a limit.
    pub fn quotas(&mut self, now: Millis) -> Vec<Quota> {
        let limits = self.limits;
        self.today(now).quotas.list(&limits)
    }

    pub fn call(&mut self, over: &Over<'_>, now: Millis) {
        let hour = u8::try_from(now.0 / 3_600_000 % 24).unwrap_or_default();
        let today = self.today(now);
        today.hours.entry(hour).or_default().add(&over.sums);
        for (tops, name) in
            [(&mut today.models, over.model), (&mut today.tokens, over.token), (&mut today.accounts, over.account)]
        {
            tops.add(name, &over.sums);
        }
        if let Some(first) = over.first_ms {
            today.first.add(first);
        }
    }

    /// The day that `now` is in. A clock that goes back stays in the day it was in.
    pub fn today(&mut self, now: Millis) -> &mut Day {
        let number = day_of(now);
        if number > self.number {
            let before = std::mem::take(&mut self.today);
            if self.number > 0 {
                self.past.insert(self.number, serde_json::to_string(&before).unwrap_or_default());
                self.turned.push(self.number);
            }
            self.number = number;
            let kept = self.past.split_off(&(number + 1).saturating_sub(KEPT));
            self.turned.extend(std::mem::replace(&mut self.past, kept).into_keys());
        }
        self.unsaved = true;
        &mut self.today
    }

    /// Days from the one `days - 1` before today, each with its number. Those without calls are empty.
    pub fn days(&self, days: u64, now: Millis) -> Vec<(u64, Day)> {
        let last = day_of(now);
        let of = |number: u64| {
            if number == self.number {
                return self.today.clone();
            }
            self.past.get(&number).and_then(|row| serde_json::from_str(row).ok()).unwrap_or_default()
        };
        ((last + 1).saturating_sub(days)..=last).map(|number| (number, of(number))).collect()
    }

    /// Whether there is something to store.
    pub fn is_unsaved(&self) -> bool {
        self.unsaved
    }

    /// Rows to store, by day; `None` removes one.
    pub fn rows(&mut self) -> Vec<(u64, Option<String>)> {
        if !std::mem::take(&mut self.unsaved) {
            return Vec::new();
        }
        let turned = std::mem::take(&mut self.turned);
        let mut rows: Vec<_> = turned.into_iter().map(|day| (day, self.past.get(&day).cloned())).collect();
        rows.push((self.number, serde_json::to_string(&self.today).ok()));
        rows
    }
}

fn day_of(at: Millis) -> u64 {
    at.0 / 86_400_000
}
