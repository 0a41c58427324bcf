//! What the operator sees of one account, and may do to it.

use std::time::Duration;

use super::cooldown::LONGEST;
use super::explain::of_rest;
use super::{Pool, Resting, Slot, rows};
use crate::fault::Millis;

/// One account as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    pub in_flight: usize,
    pub resting: Vec<Resting>,
}

impl Pool {
    /// Whether the report that ends this call has come.
    pub fn is_settled(&self, lease: u64) -> bool {
        self.leases.is_settled(lease)
    }

    pub fn look(&self, account: &str, now: Millis) -> Look {
        let slot = self.ids.get(account).and_then(|slot| self.slots.get(*slot as usize));
        slot.map_or_else(
            || Look { in_flight: 0, resting: Vec::new() },
            |slot| Look { in_flight: slot.held.len(), resting: slot.resting(now) },
        )
    }

    /// For a call of the operator's, which takes no place.
    pub fn number(&mut self, now: Millis) -> u64 {
        self.leases.number(now)
    }

    /// Let `account` rest, or only its `model`. Whether there is such an account.
    pub fn cool(&mut self, account: &str, model: Option<&str>, wait: Duration, now: Millis) -> bool {
        let Some(&number) = self.ids.get(account) else { return false };
        let Some(slot) = self.slots.get_mut(number as usize) else { return false };
        slot.health.rest(model, wait.min(LONGEST), now);
        self.unsaved.insert(rows::Key::Account(account.to_owned()));
        self.refresh(number, now);
        true
    }
}

impl Slot {
    pub(super) fn resting(&self, now: Millis) -> Vec<Resting> {
        let whole = self.health.whole.iter().map(|rest| (None, rest));
        let models = self.health.models.iter().map(|(model, rest)| (Some(model.clone()), rest));
        let resting = |(model, rest)| {
            let state = of_rest(rest, now);
            Resting {
                account: self.account.id.clone(),
                model,
                strikes: rest.strikes,
                cause: rest.cause,
                said: rest.said(),
                words: state.words(now),
                state,
            }
        };
        whole.chain(models).map(resting).collect()
    }
}
