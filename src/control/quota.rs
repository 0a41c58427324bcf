//! What providers have told of the allowances of accounts: when asked, and beside their answers.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Control, Key};
use crate::fault::Millis;
use crate::pool::Settlement;
use crate::upstream::quota::{Window, bounded};

/// What an answer tells in passing is stored no more often than this: the next answer tells it again.
const OFTEN: Duration = Duration::from_secs(600);

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Told {
    pub at: Millis,
    pub windows: Vec<Window>,
    #[serde(skip)]
    stored: Millis,
}

#[derive(Debug, Default)]
pub struct Quotas(BTreeMap<String, Told>);

impl Quotas {
    /// A row that cannot be read says what the next answer says again.
    pub fn load(&mut self, id: &str, row: &str) {
        if let Ok(told) = serde_json::from_str::<Told>(row) {
            self.0.insert(id.to_owned(), Told { stored: told.at, ..told });
        }
    }

    pub fn row(&self, id: &str) -> Option<String> {
        self.0.get(id).and_then(|told| serde_json::to_string(told).ok())
    }

    pub fn forget(&mut self, id: &str) -> bool {
        self.0.remove(id).is_some()
    }

    /// Windows that are told keep the others company: an answer tells of some. Whether it is time to store them.
    fn learn(&mut self, id: &str, windows: Vec<Window>, asked: bool, now: Millis) -> bool {
        let told = self.0.entry(id.to_owned()).or_default();
        let mut all = windows;
        for known in std::mem::take(&mut told.windows) {
            if !asked && !all.iter().any(|window| window.name == known.name) {
                all.push(known);
            }
        }
        told.windows = bounded(all);
        told.at = now;
        let due = asked || now.since(told.stored) >= OFTEN;
        if due {
            told.stored = now;
        }
        due
    }
}

impl Control {
    pub fn quota(&self, account: &str) -> Option<&Told> {
        self.quotas.0.get(account)
    }

    /// What the provider said when it was asked: that, and no more.
    pub fn learn_quota(&mut self, account: &str, windows: Vec<Window>, now: Millis) {
        if self.setups.contains_key(account) && self.quotas.learn(account, windows, true, now) {
            self.unsaved.insert(Key::Quota(account.to_owned()));
        }
    }

    /// What answers told in passing.
    pub(super) fn learn(&mut self, settlement: &Settlement, now: Millis) {
        for attempt in settlement.attempts.iter().filter(|attempt| !attempt.windows.is_empty()) {
            if self.setups.contains_key(&attempt.account)
                && self.quotas.learn(&attempt.account, attempt.windows.clone(), false, now)
            {
                self.unsaved.insert(Key::Quota(attempt.account.clone()));
            }
        }
    }
}
