//! Whether a call may go on, in the order in which clients expect to be told: who it is, whether that may call at all,
//! whether anything is left, from where, for what, how fast.

use std::net::IpAddr;
use std::time::Duration;

use super::hold::term;
use super::{Budget, Client, Clients, Hold, Limits, Terms, Used, rows};
use crate::access;
use crate::call::printable;
use crate::fault::{Failure, Kind, Millis};
use crate::prices::Micro;

/// When a call was seen is not stored more often.
const SEEN: Duration = Duration::from_secs(60);
/// A place is free when a call ends, and nobody knows when that is.
const MOMENT: Duration = Duration::from_secs(1);
/// A budget that never begins anew can only be raised.
const DAY: Duration = Duration::from_secs(86_400);
/// Official SDKs sleep no longer than this before they try again, whatever they are told.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a client wants, as far as its token decides.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ask {
    pub address: Option<IpAddr>,
    /// An account was named.
    pub pinned: bool,
    /// Bytes that Sluice does not understand.
    pub raw: bool,
    pub input_tokens: u64,
    pub max_output: u64,
}

/// That the token allows none of what was asked for.
pub fn wrong_model(said: &str) -> Refusal {
    let message = format!("this API key may not use the model {}", printable(said));
    Refusal::forbidden("model_not_allowed", message)
}

/// A call that may go on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Admission {
    /// `x-ratelimit-*`, for the client.
    pub headers: Vec<(String, String)>,
    pub held_micro: Micro,
}

/// Why a call may not go on: `failure.code` says which rule it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub failure: Failure,
    pub headers: Vec<(String, String)>,
}

impl Refusal {
    fn new(failure: Failure) -> Self {
        Self { failure, headers: Vec::new() }
    }

    fn forbidden(code: &str, message: impl Into<String>) -> Self {
        Self::new(Failure::new(Kind::Forbidden, message).code(code))
    }

    /// That waiting helps, and how long.
    fn later(mut self, wait: Duration, client: &Client, now: Millis) -> Self {
        // Told a moment too early, a client would only be told again.
        let wait = Duration::from_secs(wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(MOMENT);
        self.headers = client.headers(now);
        if wait > PATIENCE {
            // Understood by the official OpenAI and Anthropic clients, which would otherwise try again in a second.
            self.headers.push(("x-should-retry".to_owned(), "false".to_owned()));
        }
        self.failure.retry_after = Some(wait);
        self
    }
}

impl Clients {
    /// Whose key it is. Its owner may still not be allowed to call.
    pub fn identify(&self, hash: &str, now: Millis) -> Result<&str, Refusal> {
        let id = self.hashes.get(hash);
        let client = id.and_then(|id| self.clients.get(id)).filter(|client| client.token.has(hash, now));
        client.map(|client| client.token.id.as_str()).ok_or_else(unknown)
    }

    /// Whether the token may call at all.
    pub fn is_active(&self, id: &str, now: Millis) -> Result<&Terms, Refusal> {
        let Some(client) = self.clients.get(id) else { return Err(unknown()) };
        let terms = &client.token.terms;
        let lapsed = |code, message: &str| Refusal::new(Failure::new(Kind::Unauthorized, message).code(code));
        if !terms.enabled {
            return Err(lapsed("token_disabled", "this API key has been disabled"));
        }
        if terms.expires.is_some_and(|end| end <= now) {
            return Err(lapsed("token_expired", "this API key has expired"));
        }
        Ok(terms)
    }

    /// Everything that does not depend on who is asked. Changes nothing.
    pub fn permit(&self, id: &str, ask: &Ask, now: Millis) -> Result<&Terms, Refusal> {
        let terms = self.is_active(id, now)?;
        let Some(client) = self.clients.get(id) else { return Err(unknown()) };
        if client.is_exhausted(now) {
            let message = "the budget of this API key is used up";
            let failure = Failure::new(Kind::QuotaExceeded, message).code("insufficient_quota");
            let wait = client.resets().map_or(DAY, |end| end.since(now));
            return Err(Refusal::new(failure).later(wait, client, now));
        }
        if !terms.allows_from(ask.address) {
            let message = "this API key may not be used from this address";
            return Err(Refusal::forbidden("ip_not_allowed", message));
        }
        if ask.pinned && !terms.operator {
            let message = "this API key may not name the account to be asked";
            return Err(Refusal::forbidden("pin_not_allowed", message));
        }
        if ask.raw && !terms.allow_raw {
            let message = "this API key may not send what is not understood";
            return Err(Refusal::forbidden("raw_not_allowed", message));
        }
        let Limits { rpm, tpm, concurrency } = terms.limits;
        if let Some(limit) = concurrency.filter(|limit| client.calls >= *limit) {
            let message = format!("this API key has {limit} calls under way, as many as it may");
            return Err(Refusal::new(slow("concurrency_limit_exceeded", message)).later(MOMENT, client, now));
        }
        if let Some((limit, wait)) = rpm.and_then(|limit| Some((limit, client.requests.wait(1, limit, now)?))) {
            let message = format!("this API key may send {limit} requests a minute");
            return Err(Refusal::new(slow("rate_limit_exceeded", message)).later(wait, client, now));
        }
        let wait = tpm.and_then(|limit| Some((limit, client.tokens.wait(ask.input_tokens.max(1), limit, now)?)));
        if let Some((limit, wait)) = wait {
            let message = format!("this API key may use {limit} tokens a minute");
            return Err(Refusal::new(slow("token_limit_exceeded", message)).later(wait, client, now));
        }
        Ok(terms)
    }

    /// A place for the call, and a hold on the budget: the most it can cost, or what is left. `ceiling` is `None` if
    /// nobody knows what it can cost.
    pub fn take(
        &mut self,
        id: &str,
        ask: &Ask,
        ceiling: Option<Micro>,
        lease: u64,
        now: Millis,
    ) -> Result<Admission, Refusal> {
        self.expire(now);
        let Some(client) = self.clients.get_mut(id) else { return Err(unknown()) };
        if client.roll(now) {
            self.unsaved.insert(rows::Key::Used(id.to_owned()));
        }
        let Terms { limits, budget, .. } = client.token.terms;
        if budget.is_some_and(|budget| budget.micro.is_some()) && ceiling.is_none() {
            let message = "this model has no price, and the budget of this API key is in money";
            return Err(Refusal::forbidden("price_unknown", message));
        }
        let (left_micro, left_tokens) = client.left(now);
        let all = ask.input_tokens.saturating_add(ask.max_output);
        let most = ceiling.unwrap_or(0);
        let short = left_micro.is_some_and(|left| left < most) || left_tokens.is_some_and(|left| left < all);
        if left_micro == Some(0) || left_tokens == Some(0) || short && client.short > 0 {
            let message = "what is left of the budget of this API key is held by calls under way";
            return Err(Refusal::new(slow("budget_held", message)).later(MOMENT, client, now));
        }
        let hold = Hold {
            token: id.to_owned(),
            micro: most.min(left_micro.unwrap_or(u64::MAX)),
            tokens: all.min(left_tokens.unwrap_or(u64::MAX)),
            until: now.plus(term(ask.max_output)),
            rated: ask.input_tokens,
            short,
            stored: budget.is_some(),
        };
        client.calls += 1;
        client.short += u32::from(short);
        client.held_micro = client.held_micro.saturating_add(hold.micro);
        client.held_tokens = client.held_tokens.saturating_add(hold.tokens);
        if let Some(limit) = limits.rpm {
            client.requests.take(1, limit, now);
        }
        if let Some(limit) = limits.tpm {
            client.tokens.take(i64::try_from(ask.input_tokens).unwrap_or(i64::MAX), limit, now);
        }
        client.used.seen = now;
        let admission = Admission { headers: client.headers(now), held_micro: hold.micro };
        if now.since(client.seen_saved) >= SEEN {
            self.unsaved.insert(rows::Key::Used(id.to_owned()));
        }
        if hold.stored {
            self.unsaved.insert(rows::Key::Hold(lease));
        }
        self.holds.open(lease, hold);
        Ok(admission)
    }
}

impl Client {
    /// Begin the window that `now` is in, if the last one is over; whether it was.
    pub(super) fn roll(&mut self, now: Millis) -> bool {
        let Some(Budget { window, offset_minutes, .. }) = self.token.terms.budget else { return false };
        let over = self.resets().is_some_and(|end| end <= now);
        let first = self.used.since == Millis::default();
        if over || first {
            let carried = if over { Used::default() } else { self.used };
            self.used = Used { since: window.start(now, offset_minutes), seen: self.used.seen, ..carried };
        }
        over || first
    }

    /// What OpenAI's clients read: how much, how much of it is left, and until when it is whole again.
    pub(super) fn headers(&self, now: Millis) -> Vec<(String, String)> {
        let mut headers = Vec::new();
        let mut add = |what: &str, limit: u64, remaining: u64, reset: Duration| {
            headers.push((format!("x-ratelimit-limit-{what}"), limit.to_string()));
            headers.push((format!("x-ratelimit-remaining-{what}"), remaining.to_string()));
            headers.push((format!("x-ratelimit-reset-{what}"), format!("{}s", reset.as_millis().div_ceil(1000))));
        };
        let Terms { limits, budget, .. } = &self.token.terms;
        if let Some(limit) = limits.rpm {
            add("requests", limit.into(), self.requests.remaining(limit, now), self.requests.reset(limit, now));
        }
        if let Some(limit) = limits.tpm {
            add("tokens", limit.into(), self.tokens.remaining(limit, now), self.tokens.reset(limit, now));
        }
        let (left_micro, left_tokens) = self.left(now);
        let resets = self.resets().map_or(Duration::ZERO, |end| end.since(now));
        if let (Some(limit), Some(left)) = (budget.and_then(|budget| budget.micro), left_micro) {
            add("budget-micro", limit, left, resets);
        }
        if let (Some(limit), Some(left)) = (budget.and_then(|budget| budget.tokens), left_tokens) {
            add("budget-tokens", limit, left, resets);
        }
        headers
    }
}

fn slow(code: &str, message: impl Into<String>) -> Failure {
    Failure::new(Kind::RateLimited, message).code(code)
}

fn unknown() -> Refusal {
    Refusal::new(access::unknown_key())
}
