//! Who the clients are: their tokens, what each may do, and what it has left. A pure state machine, like the pool.
//!
//! ```text
//!  key ──> identify ──> permit ──> (accounts are chosen) ──> take: a place, a hold on the budget
//!            401          403, 429                                 |            429, 403
//!                                        settle <── the call is over, or its hold has run out
//! ```
//!
//! A budget is *used* by what calls have cost and *held* by what those under way may still cost. A call is admitted while
//! anything is left, and holds no more than that: the last of the money is served, and what is spent can exceed the
//! budget by one call's estimate at most. A hold whose call never reports is settled as it stands; should the report come
//! after all, it is put right.
//!
//! Stored by the caller, as small rows: each token; what each has used; holds on budgets. A restart forgets the minute's
//! rates and the calls under way of tokens without a budget.

mod address;
mod admit;
mod hold;
mod key;
mod rate;
mod rows;
mod token;
mod window;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::fault::{Failure, Kind, Millis};
use crate::prices::Micro;

use self::hold::Holds;
use self::rate::Bucket;

pub use self::admit::{Admission, Ask, Refusal, wrong_model};
pub use self::hold::{Hold, Lapsed};
pub use self::key::{Fresh, hash, hint};
pub use self::token::{Budget, Limits, Previous, State, Terms, Token};
pub use self::window::{Window, civil};

/// A person has a few, a company some hundreds.
const TOKENS: usize = 10_000;
/// Ten minutes to notice a mistake.
const UNDO: Duration = Duration::from_secs(600);
/// Deleted tokens that can be brought back.
const DISCARDED: usize = 64;

#[derive(Debug, Default, Clone)]
pub struct Clients {
    clients: BTreeMap<String, Client>,
    /// Which token a key is of, also one that was replaced.
    hashes: BTreeMap<String, String>,
    holds: Holds,
    /// Tokens that were deleted, and until when that can be undone.
    discarded: Vec<(Token, Used, Millis)>,
    unsaved: BTreeSet<rows::Key>,
}

#[derive(Debug, Clone)]
struct Client {
    token: Token,
    used: Used,
    /// `used.seen` as it was last stored.
    seen_saved: Millis,
    /// By the calls under way.
    held_micro: Micro,
    held_tokens: u64,
    /// Calls under way.
    calls: u32,
    /// Those of them that hold less than they may cost. One at a time: together they could exceed the budget by more
    /// than one call's estimate.
    short: u32,
    requests: Bucket,
    tokens: Bucket,
}

/// In the budget's window, or since ever for a token that has no budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Used {
    /// When the window began.
    pub since: Millis,
    pub micro: Micro,
    pub tokens: u64,
    pub requests: u64,
    /// The last call.
    pub seen: Millis,
}

/// A token and how it stands, for the operator: no hash.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Token"))]
pub struct View {
    pub id: String,
    #[serde(flatten)]
    pub terms: Terms,
    pub state: State,
    pub hint: String,
    pub used: Used,
    /// What is left of the budget, also of what calls under way hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_micro: Option<Micro>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_tokens: Option<u64>,
    /// When the budget begins anew.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resets: Option<Millis>,
    pub calls: u32,
    /// Until when keys work that were replaced.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub previous_until: Vec<Millis>,
    pub created: Millis,
    pub updated: Millis,
    pub revision: u64,
}

impl Clients {
    pub fn len(&self) -> usize {
        self.clients.len()
    }

    pub fn is_empty(&self) -> bool {
        self.clients.is_empty()
    }

    pub fn get(&self, id: &str) -> Option<&Token> {
        self.clients.get(id).map(|client| &client.token)
    }

    /// Whether some token has, or had lately, the key of this hash.
    pub fn knows(&self, hash: &str) -> bool {
        self.hashes.contains_key(hash)
    }

    pub fn view(&self, id: &str, now: Millis) -> Option<View> {
        self.clients.get(id).map(|client| client.view(now))
    }

    /// In the order of their ids, those behind `after`.
    pub fn list(&self, after: &str, now: Millis) -> impl Iterator<Item = View> {
        let behind = self.clients.iter().filter(move |(id, _)| id.as_str() > after);
        behind.map(move |(_, client)| client.view(now))
    }

    /// A new token for `key`, which is shown to the operator and not kept.
    pub fn create(&mut self, terms: Terms, key: &Fresh, now: Millis) -> Result<View, Failure> {
        terms.check()?;
        if self.clients.len() >= TOKENS {
            return Err(Failure::new(Kind::InvalidRequest, format!("there are {TOKENS} tokens already")));
        }
        if self.hashes.contains_key(&key.hash) {
            return Err(Failure::invalid("key", "a token has this key already"));
        }
        let id = self.free_id(&key.hash);
        let token = Token {
            id: id.clone(),
            terms,
            hash: key.hash.clone(),
            previous: Vec::new(),
            hint: key.hint.clone(),
            created: now,
            updated: now,
            revision: 1,
        };
        self.put(token);
        self.view(&id, now).ok_or_else(|| missing(&id))
    }

    /// Change what `patch` names.
    pub fn change(&mut self, id: &str, patch: &Value, now: Millis) -> Result<View, Failure> {
        let client = self.clients.get_mut(id).ok_or_else(|| missing(id))?;
        let terms = client.token.terms.patched(patch)?;
        let calendar = |terms: &Terms| terms.budget.map(|budget| (budget.window, budget.offset_minutes));
        if calendar(&terms) != calendar(&client.token.terms) {
            // What was used in a month says nothing of a day.
            client.used = Used { seen: client.used.seen, ..Used::default() };
            self.unsaved.insert(rows::Key::Used(id.to_owned()));
        }
        client.token.terms = terms;
        client.token.updated = now;
        client.token.revision += 1;
        self.unsaved.insert(rows::Key::Token(id.to_owned()));
        self.view(id, now).ok_or_else(|| missing(id))
    }

    /// Give a token a new key; the one it has works for `keep`.
    pub fn rotate(&mut self, id: &str, key: &Fresh, keep: Duration, now: Millis) -> Result<View, Failure> {
        if self.hashes.contains_key(&key.hash) {
            return Err(Failure::invalid("key", "a token has this key already"));
        }
        let client = self.clients.get_mut(id).ok_or_else(|| missing(id))?;
        self.hashes.retain(|_, owner| owner != id);
        client.token.rotate(key.hash.clone(), key.hint.clone(), keep, now);
        let token = client.token.clone();
        self.unsaved.insert(rows::Key::Token(id.to_owned()));
        self.know(&token);
        self.view(id, now).ok_or_else(|| missing(id))
    }

    /// Forget a token. Its calls under way end as they will.
    pub fn remove(&mut self, id: &str) -> Option<Token> {
        let client = self.clients.remove(id)?;
        self.hashes.retain(|_, owner| owner != id);
        self.unsaved.insert(rows::Key::Token(id.to_owned()));
        self.unsaved.insert(rows::Key::Used(id.to_owned()));
        Some(client.token)
    }

    /// [`Clients::remove`], and keep it for a while.
    pub fn discard(&mut self, id: &str, now: Millis) -> Option<()> {
        let used = self.clients.get(id)?.used;
        let removed = self.remove(id)?;
        self.discarded.retain(|(_, _, until)| *until > now);
        if self.discarded.len() >= DISCARDED {
            self.discarded.remove(0);
        }
        self.discarded.push((removed, used, now.plus(UNDO)));
        Some(())
    }

    /// Bring a discarded token back. Whether there was one.
    pub fn undo(&mut self, id: &str, now: Millis) -> bool {
        let Some(at) = self.discarded.iter().position(|(token, _, until)| token.id == id && *until > now) else {
            return false;
        };
        let (token, used, _) = self.discarded.remove(at);
        if self.restore(token).is_err() {
            return false;
        }
        // A budget is not made whole by deleting its token; calls that end meanwhile are not among this.
        if let Some(client) = self.clients.get_mut(id) {
            client.used = used;
            self.unsaved.insert(rows::Key::Used(id.to_owned()));
        }
        true
    }

    /// Bring back what [`Clients::remove`] took, unless somebody has its place or its key by now.
    pub fn restore(&mut self, token: Token) -> Result<(), Failure> {
        if self.clients.contains_key(&token.id) || self.hashes.contains_key(&token.hash) {
            return Err(Failure::new(Kind::InvalidRequest, "another token has its id or its key by now"));
        }
        self.put(token);
        Ok(())
    }

    fn put(&mut self, token: Token) {
        self.know(&token);
        self.unsaved.insert(rows::Key::Token(token.id.clone()));
        self.clients.insert(token.id.clone(), Client::new(token));
    }

    fn know(&mut self, token: &Token) {
        let previous = token.previous.iter().map(|old| old.hash.clone());
        for hash in previous.chain([token.hash.clone()]) {
            self.hashes.insert(hash, token.id.clone());
        }
    }

    /// The start of the key's hash: it says nothing of the key.
    fn free_id(&self, hash: &str) -> String {
        let lengths = 12..=hash.len();
        let ids = lengths.filter_map(|length| hash.get(..length)).map(|start| format!("tok_{start}"));
        ids.into_iter().find(|id| !self.clients.contains_key(id)).unwrap_or_default()
    }
}

impl Client {
    fn new(token: Token) -> Self {
        Self {
            token,
            used: Used::default(),
            seen_saved: Millis::default(),
            held_micro: 0,
            held_tokens: 0,
            calls: 0,
            short: 0,
            requests: Bucket::default(),
            tokens: Bucket::default(),
        }
    }

    /// When the budget's window ends, if it has begun and does end.
    fn resets(&self) -> Option<Millis> {
        let budget = self.token.terms.budget?;
        (self.used.since != Millis::default()).then(|| budget.window.end(self.used.since, budget.offset_minutes))?
    }

    /// What is used as of `now`: nothing, once the window is over.
    fn used(&self, now: Millis) -> Used {
        if self.resets().is_some_and(|end| end <= now) {
            return Used { seen: self.used.seen, ..Used::default() };
        }
        self.used
    }

    /// What is left of money and of tokens, where they are limited.
    fn left(&self, now: Millis) -> (Option<Micro>, Option<u64>) {
        let budget = self.token.terms.budget.unwrap_or_default();
        let used = self.used(now);
        let left = |limit: Option<u64>, used: u64, held: u64| {
            limit.map(|limit| limit.saturating_sub(used).saturating_sub(held))
        };
        (left(budget.micro, used.micro, self.held_micro), left(budget.tokens, used.tokens, self.held_tokens))
    }

    /// Whether what is used is all there was, whatever is held.
    fn is_exhausted(&self, now: Millis) -> bool {
        let budget = self.token.terms.budget.unwrap_or_default();
        let used = self.used(now);
        budget.micro.is_some_and(|limit| used.micro >= limit) || budget.tokens.is_some_and(|limit| used.tokens >= limit)
    }

    fn state(&self, now: Millis) -> State {
        let terms = &self.token.terms;
        if !terms.enabled {
            State::Disabled
        } else if terms.expires.is_some_and(|end| end <= now) {
            State::Expired
        } else if self.is_exhausted(now) {
            State::Exhausted
        } else {
            State::Active
        }
    }

    fn view(&self, now: Millis) -> View {
        let Token { id, terms, previous, hint, created, updated, revision, .. } = self.token.clone();
        let (left_micro, left_tokens) = self.left(now);
        View {
            id,
            terms,
            state: self.state(now),
            hint,
            used: self.used(now),
            left_micro,
            left_tokens,
            resets: self.resets().filter(|end| *end > now),
            calls: self.calls,
            previous_until: previous.iter().map(|old| old.until).filter(|until| *until > now).collect(),
            created,
            updated,
            revision,
        }
    }
}

fn missing(id: &str) -> Failure {
    let id: String = id.chars().filter(|c| !c.is_control()).take(80).collect();
    Failure::new(Kind::NotFound, format!("there is no token {id}")).code("token_not_found")
}
