//! Calls under way: what each holds of its token's budget, and until when.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Clients, rows};
use crate::fault::Millis;
use crate::prices::Micro;

/// As long as a lease of the pool's.
const TERM: Duration = Duration::from_secs(600);
/// An answer may be that much longer for each token it may have: 50 a second.
const PER_TOKEN: Duration = Duration::from_millis(20);
/// Nobody waits longer.
const LONGEST: Duration = Duration::from_secs(3600);
/// Leases remembered that were settled, so that a report that is sent twice counts once.
const SETTLED: usize = 4096;
/// Holds that ran out, remembered in case their report comes after all.
const LAPSED: usize = 1024;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// The token's id.
    pub token: String,
    pub micro: Micro,
    pub tokens: u64,
    pub until: Millis,
    /// What was taken from the minute's tokens.
    #[serde(default)]
    pub rated: u64,
    /// It is less than the call may cost: all that was left.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub short: bool,
    /// Whether it is a row: only a budget must outlive a restart.
    #[serde(skip)]
    pub stored: bool,
}

/// A call that never reported. It counts as its hold, which is an estimate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lapsed {
    pub lease: u64,
    pub token: String,
    pub micro: Micro,
    pub tokens: u64,
    /// When the window began in which it counts.
    pub since: Millis,
}

#[derive(Debug, Default, Clone)]
pub struct Holds {
    open: BTreeMap<u64, Hold>,
    ends: BTreeSet<(Millis, u64)>,
    settled: VecDeque<u64>,
    lapsed: VecDeque<Lapsed>,
    /// Those of `lapsed` nobody has been told of.
    untold: Vec<Lapsed>,
}

impl Holds {
    pub fn get(&self, lease: u64) -> Option<&Hold> {
        self.open.get(&lease)
    }

    pub fn open(&mut self, lease: u64, hold: Hold) {
        self.ends.insert((hold.until, lease));
        self.open.insert(lease, hold);
    }

    fn close(&mut self, lease: u64) -> Option<Hold> {
        let hold = self.open.remove(&lease)?;
        self.ends.remove(&(hold.until, lease));
        Some(hold)
    }

    fn overdue(&mut self, now: Millis) -> Option<(u64, Hold)> {
        let (until, lease) = self.ends.first().copied()?;
        if until > now {
            return None;
        }
        self.close(lease).map(|hold| (lease, hold))
    }

    pub fn len(&self) -> usize {
        self.open.len()
    }
}

/// How long a call with an answer of up to `output` tokens may take.
pub fn term(output: u64) -> Duration {
    let answering = PER_TOKEN.saturating_mul(u32::try_from(output).unwrap_or(u32::MAX));
    TERM.saturating_add(answering).min(LONGEST)
}

impl Clients {
    /// A call is over and cost this. The same settlement again changes nothing; whether this one did.
    pub fn settle(&mut self, lease: u64, micro: Micro, tokens: u64, now: Millis) -> bool {
        self.expire(now);
        if self.holds.settled.contains(&lease) {
            return false;
        }
        if let Some(hold) = self.holds.close(lease) {
            self.release(lease, &hold, micro, tokens, now);
        } else if let Some(at) = self.holds.lapsed.iter().position(|lapsed| lapsed.lease == lease) {
            // It was settled at its hold: put right what that was wrong by.
            let Some(lapsed) = self.holds.lapsed.remove(at) else { return false };
            self.holds.untold.retain(|untold| untold.lease != lease);
            self.correct(&lapsed, micro, tokens);
        } else {
            return false;
        }
        self.holds.settled.push_back(lease);
        if self.holds.settled.len() > SETTLED {
            self.holds.settled.pop_front();
        }
        true
    }

    /// Settle what is overdue, at its hold.
    pub fn expire(&mut self, now: Millis) {
        while let Some((lease, hold)) = self.holds.overdue(now) {
            self.release(lease, &hold, hold.micro, hold.tokens, now);
            let Hold { token, micro, tokens, .. } = hold;
            let since = self.clients.get(&token).map(|client| client.used.since).unwrap_or_default();
            let lapsed = Lapsed { lease, token, micro, tokens, since };
            self.holds.untold.push(lapsed.clone());
            self.holds.lapsed.push_back(lapsed);
            if self.holds.lapsed.len() > LAPSED {
                self.holds.lapsed.pop_front();
            }
        }
    }

    /// Whether somebody was told that this call never reported.
    pub fn is_written_off(&self, lease: u64) -> bool {
        let is_it = |lapsed: &Lapsed| lapsed.lease == lease;
        self.holds.lapsed.iter().any(is_it) && !self.holds.untold.iter().any(is_it)
    }

    /// Whose call has this lease.
    pub fn holder(&self, lease: u64) -> Option<&str> {
        let lapsed =
            || self.holds.lapsed.iter().find(|lapsed| lapsed.lease == lease).map(|lapsed| lapsed.token.as_str());
        self.holds.get(lease).map(|hold| hold.token.as_str()).or_else(lapsed)
    }

    /// Calls that were settled at their hold since this was last asked.
    pub fn lapsed(&mut self) -> Vec<Lapsed> {
        std::mem::take(&mut self.holds.untold)
    }

    /// Calls under way, of all tokens.
    pub fn under_way(&self) -> usize {
        self.holds.len()
    }

    /// The hold is gone, the cost is used. It counts in the window in which the call ends.
    fn release(&mut self, lease: u64, hold: &Hold, micro: Micro, tokens: u64, now: Millis) {
        if hold.stored {
            self.unsaved.insert(rows::Key::Hold(lease));
        }
        let Some(client) = self.clients.get_mut(&hold.token) else { return };
        client.calls = client.calls.saturating_sub(1);
        client.short = client.short.saturating_sub(u32::from(hold.short));
        client.held_micro = client.held_micro.saturating_sub(hold.micro);
        client.held_tokens = client.held_tokens.saturating_sub(hold.tokens);
        if let Some(limit) = client.token.terms.limits.tpm {
            let more = i128::from(tokens) - i128::from(hold.rated);
            client.tokens.take(i64::try_from(more).unwrap_or(i64::MAX), limit, now);
        }
        client.roll(now);
        client.used.requests += 1;
        client.used.micro = client.used.micro.saturating_add(micro);
        client.used.tokens = client.used.tokens.saturating_add(tokens);
        if client.token.terms.budget.is_some() {
            self.unsaved.insert(rows::Key::Used(hold.token.clone()));
        }
    }

    fn correct(&mut self, lapsed: &Lapsed, micro: Micro, tokens: u64) {
        let Some(client) = self.clients.get_mut(&lapsed.token) else { return };
        if client.used.since != lapsed.since {
            // The window it counted in is over.
            return;
        }
        let put = |used: u64, was: u64, is: u64| used.saturating_add(is).saturating_sub(was);
        client.used.micro = put(client.used.micro, lapsed.micro, micro);
        client.used.tokens = put(client.used.tokens, lapsed.tokens, tokens);
        if client.token.terms.budget.is_some() {
            self.unsaved.insert(rows::Key::Used(lapsed.token.clone()));
        }
    }
}
