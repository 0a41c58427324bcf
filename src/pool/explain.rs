//! Why the pool would choose as it would, in words. Changes nothing.

use std::time::Duration;

use serde::Serialize;

use super::cooldown::{Cause, Rest};
use super::{Ask, Candidate, Denial, Goal, Pace, Pool, Slot};
use crate::fault::Millis;

/// What [`Pool::plan`] would answer now, and what it would look at.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    /// In the order they would be asked.
    pub order: Vec<Candidate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub denial: Option<Denial>,
    pub accounts: Vec<Considered>,
}

/// One account under one goal.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Considered {
    pub account: String,
    pub label: String,
    pub provider: String,
    pub model: String,
    /// Counted from 0.
    pub tier: usize,
    pub priority: u32,
    pub weight: u32,
    pub state: Standing,
    pub words: String,
    /// Its provider fails nearly always at the moment, so that others go first.
    pub broken: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pace: Option<Pace>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    Ready,
    /// Its window is over; the next call finds out.
    Due {
        why: &'static str,
    },
    Cooling {
        until: Millis,
        why: &'static str,
    },
    Probing {
        until: Millis,
        why: &'static str,
    },
    Busy {
        calls: usize,
    },
    Disabled,
    ModelNotAllowed,
    /// The ask stays within another account or group.
    NotAsked,
}

impl Standing {
    pub fn words(&self, now: Millis) -> String {
        let seconds = |until: &Millis| until.since(now).as_millis().div_ceil(1000);
        match self {
            Self::Ready => "ready".to_owned(),
            Self::Due { why } => format!("ready for one call to find out ({why} before)"),
            Self::Cooling { until, why } => format!("cooling for {} s: {why}", seconds(until)),
            Self::Probing { until, why } => {
                format!("one call is finding out ({why} before), for at most {} s", seconds(until))
            }
            Self::Busy { calls } => format!("busy with {calls} calls"),
            Self::Disabled => "disabled".to_owned(),
            Self::ModelNotAllowed => "model not allowed".to_owned(),
            Self::NotAsked => "not asked".to_owned(),
        }
    }
}

/// One window of one account, for the list of accounts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Resting {
    pub account: String,
    /// `None`: the whole account.
    pub model: Option<String>,
    pub strikes: u32,
    pub cause: Cause,
    /// The wait that the provider named.
    pub said: Option<Duration>,
    pub state: Standing,
    pub words: String,
}

impl Pool {
    pub fn explain(&self, ask: &Ask, now: Millis) -> Explanation {
        let mut accounts = Vec::new();
        for (tier, goals) in ask.tiers.iter().enumerate() {
            for goal in goals {
                let slots = self.providers.get(&goal.provider).into_iter().flatten();
                accounts
                    .extend(slots.filter_map(|slot| self.considered(self.slots.get(*slot as usize)?, goal, tier, now)));
            }
        }
        // On a copy, so that what is said is what would be done.
        let (order, denial) = match self.clone().plan(ask, now) {
            Ok(plan) => (plan.candidates, None),
            Err(denial) => (Vec::new(), Some(denial)),
        };
        Explanation { order, denial, accounts }
    }

    fn considered(&self, slot: &Slot, goal: &Goal, tier: usize, now: Millis) -> Option<Considered> {
        let account = &slot.account;
        let state = slot.standing(goal, now);
        Some(Considered {
            account: account.id.clone(),
            label: account.label.clone(),
            provider: goal.provider.clone(),
            model: goal.model.clone(),
            tier,
            priority: account.priority,
            weight: account.weight,
            words: state.words(now),
            state,
            broken: self.is_broken(&goal.provider, now),
            pace: slot.pace.get(&goal.model).copied(),
        })
    }

    /// Every window there is, in the order of the operator's list.
    pub fn resting(&self, now: Millis) -> Vec<Resting> {
        self.listed
            .iter()
            .filter_map(|slot| self.slots.get(*slot as usize))
            .flat_map(|slot| slot.resting(now))
            .collect()
    }
}

impl Slot {
    fn standing(&self, goal: &Goal, now: Millis) -> Standing {
        if !self.account.is_on() {
            return Standing::Disabled;
        }
        if !self.account.is_among(goal.only.as_deref()) {
            return Standing::NotAsked;
        }
        if !self.account.may_serve(&goal.model) {
            return Standing::ModelNotAllowed;
        }
        let windows = self.health.rests(&goal.model).map(|rest| of_rest(rest, now));
        let rank = |standing: &Standing| match standing {
            Standing::Cooling { until, .. } | Standing::Probing { until, .. } => *until,
            _ => Millis::default(),
        };
        match windows.max_by_key(rank) {
            Some(found @ (Standing::Cooling { .. } | Standing::Probing { .. })) => found,
            _ if self.is_full() => Standing::Busy { calls: self.held.len() },
            Some(found) => found,
            None => Standing::Ready,
        }
    }
}

pub(super) fn of_rest(rest: &Rest, now: Millis) -> Standing {
    let why = rest.cause.words();
    match rest.probe {
        _ if rest.until > now => Standing::Cooling { until: rest.until, why },
        Some((_, until)) if until > now => Standing::Probing { until, why },
        _ => Standing::Due { why },
    }
}
