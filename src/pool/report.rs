//! What became of a plan: who rests, who is back, whose place is free.

use std::collections::BTreeMap;
use std::time::Duration;

use super::cooldown::When;
use super::gauge::{Breaker, Pace};
use super::lease::Lease;
use super::{Attempt, Outcome, Pool, Settlement, rows};
use crate::fault::Millis;

/// Models of one account whose pace is kept.
const PACES: usize = 64;
/// Models of all providers whose first contents are timed.
const GOALS: usize = 256;

impl Pool {
    /// Take in what happened. The same report, sent again while its lease lasts, changes nothing. Returns whether there are [`Pool::changes`] to
    /// store.
    pub fn report(&mut self, settlement: &Settlement, now: Millis) -> bool {
        self.expire(now);
        if !self.leases.is_settled(settlement.lease) {
            // What the calls met is true even if the lease was given up.
            let mut lease = self.leases.take(settlement.lease, now);
            for attempt in &settlement.attempts {
                self.learn(attempt, settlement, lease.as_mut(), now);
            }
            if let Some(lease) = lease {
                self.go_on(lease, settlement, now);
            }
            // Number 0 is no lease: a test by the operator.
            if settlement.done && settlement.lease != 0 {
                self.leases.settle(settlement.lease);
            }
        }
        !self.unsaved.is_empty()
    }

    fn learn(&mut self, attempt: &Attempt, settlement: &Settlement, lease: Option<&mut Lease>, now: Millis) {
        let number = self.slot(&attempt.account);
        let bind = lease.as_ref().and_then(|lease| lease.places.iter().find(|place| place.slot == number)?.bind);
        if lease.is_some_and(|lease| lease.saw(number, attempt, settlement.done)) {
            return;
        }
        let Some(slot) = self.slots.get_mut(number as usize) else { return };
        // A clock ahead of ours, or none at all, must not make an attempt newer than its report.
        let began = if attempt.began == Millis::default() { now } else { attempt.began.min(now) };
        let breaker = self.breakers.get_mut(&attempt.provider);
        let mut first = None;
        let changed = match &attempt.outcome {
            Outcome::Cancelled => false,
            Outcome::Beaten => {
                // It would have taken longer than that.
                self.took(attempt, attempt.ms);
                return;
            }
            Outcome::Failed(fault) => {
                if Breaker::is_bad(fault) {
                    self.breakers.entry(attempt.provider.clone()).or_default().count(true, now);
                }
                let ended = began.plus(Duration::from_millis(attempt.ms)).min(now);
                slot.health.fail(&attempt.model, fault, When { began, ended, now })
            }
            Outcome::Answered => {
                if settlement.done {
                    if let Some(breaker) = breaker {
                        breaker.count(false, now);
                    }
                    first = attempt.first_ms;
                    measure(&mut slot.pace, attempt, settlement, began, now);
                }
                if let Some(key) = bind {
                    let unsaved = &mut self.unsaved;
                    self.affinity.bind(key, &attempt.account, &attempt.model, now, |key| {
                        unsaved.insert(rows::Key::Binding(key));
                    });
                }
                slot.health.succeed(&attempt.model, began)
            }
        };
        if changed {
            self.unsaved.insert(rows::Key::Account(attempt.account.clone()));
            self.refresh(number, now);
        }
        if let Some(ms) = first {
            self.took(attempt, ms);
        }
    }

    fn took(&mut self, attempt: &Attempt, ms: u64) {
        let goal = (attempt.provider.clone(), attempt.model.clone());
        if self.firsts.len() < GOALS || self.firsts.contains_key(&goal) {
            self.firsts.entry(goal).or_default().learn(ms);
        }
    }

    /// Close a lease, or move it to the candidate that is being asked now.
    fn go_on(&mut self, mut lease: Lease, settlement: &Settlement, now: Millis) {
        let tried = |slot: u32, answered: bool| {
            let Some(slot) = self.slots.get(slot as usize) else { return false };
            settlement.attempts.iter().any(|attempt| {
                attempt.account == slot.account.id && (!answered || attempt.outcome == Outcome::Answered)
            })
        };
        let answering = lease.places.iter().position(|place| tried(place.slot, true));
        let current = match settlement.done {
            true => None,
            false => answering.or_else(|| lease.places.iter().position(|place| !tried(place.slot, false))),
        };
        // Candidates are asked in order: those before the current one have had their probe, those behind need none.
        for (at, place) in lease.places.iter_mut().enumerate() {
            if Some(at) != current
                && let Some(model) = place.probe.take()
                && let Some(slot) = self.slots.get_mut(place.slot as usize)
            {
                slot.health.release(&model, settlement.lease);
                self.refresh(place.slot, now);
            }
        }
        let holder = current.and_then(|at| lease.places.get(at)).map(|place| place.slot);
        if settlement.done || holder.is_some() && holder != lease.holder {
            self.vacate(lease.holder, settlement.lease, now);
            lease.holder = holder;
            if let Some(slot) = holder.and_then(|slot| self.slots.get_mut(slot as usize)) {
                slot.held.insert(settlement.lease);
            }
        }
        if !settlement.done {
            let moved = lease.holder.filter(|slot| self.load_matters(*slot));
            self.leases.put(settlement.lease, lease);
            if let Some(slot) = moved {
                self.refresh(slot, now);
            }
        }
    }

    /// A call no longer counts against `slot`.
    pub(super) fn vacate(&mut self, slot: Option<u32>, lease: u64, now: Millis) {
        let Some(number) = slot else { return };
        if let Some(slot) = self.slots.get_mut(number as usize) {
            slot.held.remove(&lease);
        }
        if self.load_matters(number) {
            self.refresh(number, now);
        }
    }
}

fn measure(paces: &mut BTreeMap<String, Pace>, attempt: &Attempt, settlement: &Settlement, began: Millis, now: Millis) {
    let Some(first_ms) = attempt.first_ms else { return };
    if paces.len() < PACES || paces.contains_key(&attempt.model) {
        let writing = now.since(began).saturating_sub(Duration::from_millis(first_ms));
        paces.entry(attempt.model.clone()).or_default().learn(first_ms, settlement.usage.completion(), writing);
    }
}
