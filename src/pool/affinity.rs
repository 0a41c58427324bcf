//! Which account a conversation stays with. Bounded in number and in time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::fault::Millis;

/// About a million bytes of memory; a person has a few hundred conversations a day.
const BINDINGS: usize = 4096;
/// The longest that a provider keeps a prompt in its cache.
const TTL: Duration = Duration::from_secs(3600);
/// A conversation in use is not written at every call. A restart may end a binding by this much early.
const RENEW: Duration = Duration::from_secs(1800);
/// Ended bindings removed at a time: each is a row, and a thousand rows are not one call's to pay.
const SWEEP: usize = 8;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    pub account: String,
    pub model: String,
    until: Millis,
    /// `until` as it was last stored.
    #[serde(skip)]
    saved: Millis,
}

#[derive(Debug, Clone, Default)]
pub struct Affinity {
    bound: BTreeMap<u64, Binding>,
    ends: BTreeSet<(Millis, u64)>,
}

impl Affinity {
    pub fn get(&self, key: u64, now: Millis) -> Option<&Binding> {
        self.bound.get(&key).filter(|binding| binding.until > now)
    }

    /// As it is stored; `None` once it is gone.
    pub fn stored(&self, key: u64) -> Option<&Binding> {
        self.bound.get(&key)
    }

    /// Bind or renew. `changed` hears of every binding that must be stored or removed.
    pub fn bind(&mut self, key: u64, account: &str, model: &str, now: Millis, mut changed: impl FnMut(u64)) {
        let until = now.plus(TTL);
        match self.bound.get_mut(&key) {
            Some(binding) if binding.account == account && binding.model == model => {
                self.ends.remove(&(binding.until, key));
                self.ends.insert((until, key));
                binding.until = until;
                if until.since(binding.saved) >= RENEW {
                    binding.saved = until;
                    changed(key);
                }
            }
            old => {
                if let Some(binding) = old {
                    self.ends.remove(&(binding.until, key));
                }
                let (account, model) = (account.to_owned(), model.to_owned());
                self.insert(key, Binding { account, model, until, saved: until });
                changed(key);
            }
        }
        for _ in 0..SWEEP {
            match self.ends.first().copied() {
                Some((end, oldest)) if end <= now || self.bound.len() > BINDINGS => {
                    self.ends.remove(&(end, oldest));
                    self.bound.remove(&oldest);
                    changed(oldest);
                }
                _ => return,
            }
        }
    }

    fn insert(&mut self, key: u64, binding: Binding) {
        self.ends.insert((binding.until, key));
        self.bound.insert(key, binding);
    }

    pub fn load(&mut self, key: u64, binding: Binding) {
        if let Some(old) = self.bound.remove(&key) {
            self.ends.remove(&(old.until, key));
        }
        let saved = binding.until;
        self.insert(key, Binding { saved, ..binding });
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.bound.len()
    }
}
