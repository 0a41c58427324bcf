//! Renewing the tokens of stored accounts: who may try, with what, and what becomes of the answer.
//!
//! The shell moves the bytes: [`Control::board`] or [`Control::wake`], then [`Control::takeoff`], the provider,
//! [`Control::landed`] for each answer that changes the credential, and [`Control::touched_down`] at the end.

use serde::{Deserialize, Serialize};

use crate::control::inquiry::Lent;
use crate::control::record::{Kind, Record};
use crate::control::{Control, Key};
use crate::fault::{Failure, Millis};
use crate::oauth::{self, Provider, RefreshFault};
use crate::refresh::{self, AT_ONCE, Asked, Flight, Standing, Trouble, Wake, mark};
use crate::upstream::Credential;
use crate::vault::SealNonce;

/// What there is for somebody whose token does not serve.
pub enum Boarding {
    /// A newer one.
    Lent(Lent),
    /// A renewal that is under way.
    Wait,
    /// Nobody is at it: it is theirs to do.
    Start,
    /// Nothing.
    Denied(Denied),
}

/// Why there is no other token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Denied {
    pub why: String,
    /// Only a person can mend it.
    pub ended: bool,
}

/// Everything a renewal takes.
pub struct Takeoff {
    pub provider: &'static Provider,
    pub credential: Credential,
}

impl Record {
    /// Whether its credential is one that expires and can be renewed.
    pub fn renews(&self) -> bool {
        let expires = match self.kind {
            Kind::Oauth | Kind::ServiceAccount => true,
            Kind::ApiKey | Kind::None => false,
        };
        expires && oauth::of_account(&self.provider, &Credential::default()).is_some()
    }
}

impl Control {
    /// For somebody whose token, named by its [`mark`], was refused or has expired.
    pub fn board(&mut self, account: &str, refused: &str, now: Millis) -> Boarding {
        let nothing = |why: &str, ended| Boarding::Denied(Denied { why: why.to_owned(), ended });
        let Some(lent) = self.lend(account) else { return nothing("there is no such account", true) };
        let Some(record) = self.records.get(account).filter(|record| record.renews()) else {
            return nothing("its credential cannot be renewed", true);
        };
        if let Some(why) = self.vault_problem(record) {
            return nothing(&why, false);
        }
        let current = mark(&lent.access);
        let (refreshed, trouble) = (record.refreshed, record.trouble.as_ref());
        let expired = lent.is_stale(now);
        let asked = Asked { account, refused, current: &current, expired, refreshed, trouble };
        match self.flights.decide(asked, now) {
            Flight::Current => Boarding::Lent(lent),
            Flight::Wait => Boarding::Wait,
            Flight::Start => Boarding::Start,
            Flight::Denied(why) => {
                let ended = trouble.is_some_and(|trouble| trouble.ended);
                if ended {
                    self.end(account, now);
                }
                nothing(&why, ended)
            }
        }
    }

    /// What is due by the clock. Those to be renewed are on their way with this.
    pub fn wake(&mut self, now: Millis) -> Wake {
        let renewed = self.records.values().filter(|record| record.enabled && record.renews());
        let renewed = renewed.filter(|record| !self.is_locked(record));
        let standings = renewed.filter(|record| record.sign_in.is_none()).map(|record| Standing {
            account: &record.id,
            expires: record.expires,
            given: record.refreshed.unwrap_or(record.created),
            lead: lead(&record.provider),
            trouble: record.trouble.as_ref(),
        });
        let mut wake = refresh::wake(standings, now);
        for account in &wake.over {
            self.end(account, now);
        }
        wake.renew.retain(|account| self.flights.depart(account, now));
        wake
    }

    pub fn takeoff(&mut self, account: &str) -> Option<Takeoff> {
        self.lend(account)?;
        let credential = self.setups.get(account)?.credential.clone();
        let provider = oauth::of_account(&self.records.get(account)?.provider, &credential)?;
        Some(Takeoff { provider, credential })
    }

    /// What became of a renewal that set out with `before`. What came in the meantime by another way, such as a new
    /// sign-in, is newer than it.
    pub fn landed(
        &mut self,
        account: &str,
        before: &Credential,
        outcome: Result<&Credential, &RefreshFault>,
        nonce: SealNonce,
        now: Millis,
    ) -> Result<(), Failure> {
        self.lend(account);
        let current = self.setups.get(account).map(|setup| &setup.credential);
        let Some(mut record) = self.records.get(account).cloned() else { return Ok(()) };
        if current.is_none_or(|current| proof(current) != proof(before)) {
            return Ok(());
        }
        match outcome {
            Ok(credential) => {
                record.refreshed = Some(now);
                (record.trouble, record.sign_in) = (None, None);
                self.store(record, Some((credential, nonce)), now)
            }
            Err(fault) => {
                record.trouble = Some(Trouble::after(record.trouble.as_ref(), fault, account, now));
                self.store(record, None, now)
            }
        }
    }

    /// The renewal is over, whichever way.
    pub fn touched_down(&mut self, account: &str) {
        self.flights.land(account);
    }

    /// Seal anew what the previous master key has sealed, a few accounts at a time. Which they were.
    pub fn reseal(&mut self, nonce: &mut dyn FnMut() -> Option<SealNonce>) -> Vec<String> {
        let Ok(vault) = &self.vault else { return Vec::new() };
        let old = self.records.values_mut().filter(|record| vault.is_outdated(&record.sealed));
        let mut done = Vec::new();
        for record in old.take(AT_ONCE) {
            let Some(nonce) = nonce() else { break };
            if let Ok(Some(sealed)) = vault.reseal(&record.id, record.kind.word(), &record.sealed, nonce) {
                record.sealed = sealed;
                record.revision += 1;
                self.unsaved.insert(Key::Record(record.id.clone()));
                done.push(record.id.clone());
            }
        }
        done
    }

    /// A token that no longer serves and cannot be renewed: the account waits for a person.
    fn end(&mut self, account: &str, now: Millis) {
        let Some(record) = self.records.get(account).filter(|record| record.sign_in.is_none()) else { return };
        let why = record.trouble.as_ref().map_or_else(String::new, |trouble| trouble.why.clone());
        let record = Record { sign_in: Some(why), ..record.clone() };
        // It was stored before, so it can be stored again.
        let _ = self.store(record, None, now);
    }
}

/// What a renewal is paid with, which tells one sign-in from another.
fn proof(credential: &Credential) -> Option<&str> {
    credential.refresh.as_ref().map(|refresh| refresh.expose()).or_else(|| credential.detail("private_key"))
}

fn lead(provider: &str) -> std::time::Duration {
    oauth::of_account(provider, &Credential::default()).map_or(refresh::EVERY, |provider| provider.lead)
}
