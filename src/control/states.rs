//! How the accounts are, in words that monitors and strangers may see: numbers, no names.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Control;
use crate::fault::Millis;
use crate::pool::Standing;
use crate::telemetry::webhook::Change;

/// How an account is as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Ready,
    /// It rests, or one call finds out whether it is back.
    Cooling,
    /// Only a person can make it work again.
    SignIn,
    /// The deployment's master key does not open it.
    Locked,
    Off,
}

impl State {
    pub fn word(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Cooling => "cooling",
            Self::SignIn => "sign_in",
            Self::Locked => "locked",
            Self::Off => "off",
        }
    }
}

/// How many accounts there are, and how they are, in one object.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tally {
    /// Without those that are switched off: they are as they should be.
    pub accounts: usize,
    pub ready: usize,
    pub locked: usize,
    /// `ok`, `missing`, `short` or `wrong_key`.
    pub master_key: String,
}

/// What `/healthz` says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Health {
    /// `ok`; `unhealthy` above the threshold; `locked` where the master key is the trouble.
    pub status: &'static str,
    pub accounts: usize,
    pub ready: usize,
    pub master_key: String,
}

impl Health {
    /// Of all objects together. `most`: the share of accounts, in percent, that may be unwell.
    pub fn of(tallies: &[Tally], most: u8) -> Self {
        let sum = |count: fn(&Tally) -> usize| tallies.iter().map(count).sum::<usize>();
        let (accounts, ready) = (sum(|tally| tally.accounts), sum(|tally| tally.ready));
        let status = match accounts.saturating_sub(ready) * 100 > usize::from(most) * accounts {
            _ if sum(|tally| tally.locked) > 0 => "locked",
            true => "unhealthy",
            false => "ok",
        };
        let trouble = tallies.iter().find(|tally| tally.master_key != "ok").or(tallies.first());
        Self { status, accounts, ready, master_key: trouble.map(|tally| tally.master_key.clone()).unwrap_or_default() }
    }
}

impl Control {
    /// Provider and state of every account.
    pub(super) fn states(&self, now: Millis) -> impl Iterator<Item = (&str, State)> {
        self.setups
            .values()
            .map(move |setup| (setup.account.provider.as_str(), self.account_state(&setup.account.id, now)))
    }

    fn account_state(&self, id: &str, now: Millis) -> State {
        let record = self.records.get(id);
        if record.is_some_and(|record| record.sign_in.is_some()) {
            return State::SignIn;
        }
        if record.is_some_and(|record| self.is_locked(record)) {
            return State::Locked;
        }
        if self.setups.get(id).is_none_or(|setup| !setup.account.enabled) {
            return State::Off;
        }
        let whole = self.pool.look(id, now).resting.into_iter().filter(|rest| rest.model.is_none());
        let rests = whole
            .map(|rest| rest.state)
            .any(|state| matches!(state, Standing::Cooling { .. } | Standing::Probing { .. }));
        if rests { State::Cooling } else { State::Ready }
    }

    pub fn tally(&self, now: Millis) -> Tally {
        let mut counts: BTreeMap<State, usize> = BTreeMap::new();
        for (_, state) in self.states(now) {
            *counts.entry(state).or_default() += 1;
        }
        let count = |state| counts.get(&state).copied().unwrap_or_default();
        let accounts = counts.values().sum::<usize>() - count(State::Off);
        let (ready, locked) = (count(State::Ready), count(State::Locked));
        Tally { accounts, ready, locked, master_key: self.vault_health().state.to_owned() }
    }

    /// Accounts that are not as they were when this was last asked, or when the object woke.
    pub fn turned(&mut self, now: Millis) -> Vec<Change> {
        let all: Vec<String> = self.setups.keys().cloned().collect();
        self.turned_among(all.iter().map(String::as_str), now)
    }

    /// The same of a few.
    pub fn turned_among<'a>(&mut self, ids: impl Iterator<Item = &'a str>, now: Millis) -> Vec<Change> {
        let mut changes = Vec::new();
        for id in ids {
            let state = self.account_state(id, now);
            let Some(setup) = self.setups.get(id) else { continue };
            let before = self.known.insert(id.to_owned(), state).unwrap_or(State::Ready);
            if before == state {
                continue;
            }
            let whole = || self.pool.look(id, now).resting.into_iter().find(|rest| rest.model.is_none());
            let why = match self.records.get(id).and_then(|record| record.sign_in.clone()) {
                Some(why) => Some(why),
                None if state == State::Ready => None,
                None => whole().map(|rest| rest.words),
            };
            let (provider, label) = (setup.account.provider.clone(), setup.account.label.clone());
            let (from, to) = (before.word(), state.word());
            changes.push(Change { account: id.to_owned(), provider, label, from, to, why, at: now });
        }
        changes
    }
}
