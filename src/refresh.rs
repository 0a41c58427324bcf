//! When an account's token is renewed, and by whom: one at a time, in time, and never because it is being renewed.
//!
//! A renewal that fails leaves everything as it was. The old token serves until its end; the refresh token is kept
//! whatever the provider said, because only a person may throw it away.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::fault::Millis;
use crate::oauth::RefreshFault;

/// How often the object is woken for it.
pub const EVERY: Duration = Duration::from_secs(300);

/// Renewals in one wake. The free plan allows 50 subrequests: a renewal is up to four, and a mirror each.
pub const AT_ONCE: usize = 8;

/// When more are due than one wake takes.
const SOON: Duration = Duration::from_secs(15);

/// What went wrong with the last renewal.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Trouble {
    pub why: String,
    /// In a row.
    pub failures: u32,
    /// No other attempt before then.
    pub until: Millis,
    /// Only a person can mend it. The token may still be good for a while.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub ended: bool,
}

impl Trouble {
    /// After another failure of `account`.
    pub fn after(before: Option<&Self>, fault: &RefreshFault, account: &str, now: Millis) -> Self {
        let failures = before.map_or(0, |before| before.failures).saturating_add(1);
        match fault {
            RefreshFault::Permanent(why) => Self { why: why.clone(), failures, until: now, ended: true },
            RefreshFault::Transient { wait, why } => {
                let until = now.plus(backoff(failures, *wait, account));
                Self { why: why.clone(), failures, until, ended: false }
            }
        }
    }
}

const FIRST_PAUSE: Duration = Duration::from_secs(30);
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);
/// A provider that names a longer time is asked sooner: it may have meant somebody else.
const LONGEST_HINT: Duration = Duration::from_secs(6 * 3600);

/// 30 s · 2ⁿ up to an hour, and a quarter more or less by account; as long as the provider says, where it does.
fn backoff(failures: u32, hint: Option<Duration>, account: &str) -> Duration {
    if let Some(hint) = hint {
        return hint.clamp(Duration::from_secs(5), LONGEST_HINT);
    }
    let pause = FIRST_PAUSE.saturating_mul(1 << failures.saturating_sub(1).min(8)).min(LONGEST_PAUSE);
    pause + pause.mul_f64(share(account) / 4.0)
}

/// A number from 0 to 1 that is an account's own, so that accounts signed in together are not renewed together.
fn share(account: &str) -> f64 {
    let digest = Sha256::digest(account);
    let first = digest.first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes));
    f64::from(first) / f64::from(u32::MAX)
}

/// One account, as far as renewing it goes.
#[derive(Debug, Clone, Copy)]
pub struct Standing<'a> {
    pub account: &'a str,
    pub expires: Option<Millis>,
    /// When the token was given; tells how long it lives.
    pub given: Millis,
    /// How long before its end the provider wants it renewed.
    pub lead: Duration,
    pub trouble: Option<&'a Trouble>,
}

impl Standing<'_> {
    /// From when on it is renewed. What does not expire is renewed when it is refused.
    fn due(&self) -> Option<Millis> {
        let expires = self.expires?;
        let life = expires.since(self.given);
        // A lead made for tokens of ten days must not renew one of an hour at every wake.
        let lead = self.lead.min(life / 2);
        let early = lead + (lead / 4).mul_f64(share(self.account));
        let due = Millis(expires.0.saturating_sub(u64::try_from(early.as_millis()).unwrap_or(u64::MAX)));
        Some(match self.trouble {
            Some(trouble) => due.max(trouble.until),
            None => due,
        })
    }
}

/// What a wake has to do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wake {
    /// To be renewed, the most urgent first.
    pub renew: Vec<String>,
    /// Beyond renewal, and now also beyond their last token.
    pub over: Vec<String>,
    /// When there will be something to do again, if that is before anybody else asks.
    pub next: Option<Millis>,
}

/// What is due now, or will be before the next wake.
pub fn wake<'a>(accounts: impl IntoIterator<Item = Standing<'a>>, now: Millis) -> Wake {
    let (mut due, mut over, mut next) = (Vec::new(), Vec::new(), None::<Millis>);
    let mut later = |at: Millis| next = Some(next.map_or(at, |next| next.min(at)));
    for standing in accounts {
        let Some(expires) = standing.expires else { continue };
        if standing.trouble.is_some_and(|trouble| trouble.ended) {
            if now >= expires {
                over.push(standing.account.to_owned())
            } else {
                later(expires)
            }
            continue;
        }
        let Some(at) = standing.due() else { continue };
        let waiting = standing.trouble.is_some_and(|trouble| trouble.until > now);
        if !waiting && (at <= now || expires <= now.plus(EVERY)) {
            due.push((expires, standing.account))
        } else {
            later(at)
        }
    }
    due.sort_unstable();
    if due.len() > AT_ONCE {
        later(now.plus(SOON));
    }
    let renew = due.into_iter().take(AT_ONCE).map(|(_, account)| account.to_owned()).collect();
    Wake { renew, over, next }
}

/// Names a token without giving it away.
pub fn mark(token: &str) -> String {
    let digest = Sha256::digest(token);
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// Who asks for a renewal, and what the account's token is now.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    pub account: &'a str,
    /// The [`mark`] of the token that was refused or has expired.
    pub refused: &'a str,
    pub current: &'a str,
    /// Whether the current token is past its end, by what was said of it.
    pub expired: bool,
    pub refreshed: Option<Millis>,
    pub trouble: Option<&'a Trouble>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Flight {
    /// Renew it.
    Start,
    /// Somebody is at it.
    Wait,
    /// It has been renewed since.
    Current,
    /// There is no use in trying now.
    Denied(String),
}

/// Renewals under way. Memory of one object; what it forgets in a crash nobody is waiting for.
#[derive(Debug, Default)]
pub struct Flights(BTreeMap<String, Millis>);

/// A provider that refuses a token this young does not want another.
const YOUNG: Duration = Duration::from_secs(60);

/// Three requests of at most half a minute; nothing is still under way after that.
const LOST: Duration = Duration::from_secs(120);

impl Flights {
    /// Whether to renew, for somebody whose token does not serve.
    pub fn decide(&mut self, asked: Asked<'_>, now: Millis) -> Flight {
        if asked.refused != asked.current {
            return Flight::Current;
        }
        if self.0.get(asked.account).is_some_and(|began| now.since(*began) < LOST) {
            return Flight::Wait;
        }
        match asked.trouble {
            Some(trouble) if trouble.ended || trouble.until > now => return Flight::Denied(trouble.why.clone()),
            Some(_) | None => {}
        }
        if !asked.expired && asked.refreshed.is_some_and(|refreshed| now.since(refreshed) < YOUNG) {
            return Flight::Denied("a new token was refused".to_owned());
        }
        self.0.insert(asked.account.to_owned(), now);
        Flight::Start
    }

    /// Whether to renew what is due by the clock.
    pub fn depart(&mut self, account: &str, now: Millis) -> bool {
        let free = self.0.get(account).is_none_or(|began| now.since(*began) >= LOST);
        if free {
            self.0.insert(account.to_owned(), now);
        }
        free
    }

    /// It came to an end, whichever.
    pub fn land(&mut self, account: &str) {
        self.0.remove(account);
    }
}
