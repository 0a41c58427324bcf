//! Sign-ins under way, and the accounts they lead to.

use std::collections::{BTreeMap, BTreeSet};

use super::{Control, locked};
use crate::accounts;
use crate::control::record::{Kind as AccountKind, Record};
use crate::fault::{Failure, Kind, Millis};
use crate::ledger::Change;
use crate::login::{Begin, BeginError, Login, Next, PasteError, Signed, View};
use crate::oauth::{Answer, Env};
use crate::upstream::Credential;
use crate::vault::{SealNonce, Vault, VaultError};

/// Sign-ins at a time; a person has few hands.
const MOST: usize = 32;

/// Each as it is, and as it is stored.
#[derive(Default)]
pub struct Logins {
    known: BTreeMap<String, (Login, String)>,
    unsaved: BTreeSet<String>,
}

impl Logins {
    pub fn load(&mut self, vault: Result<&Vault, &VaultError>, id: &str, sealed: &str) -> Result<(), VaultError> {
        let login = Login::open(vault.map_err(Clone::clone)?, id, sealed)?;
        self.known.insert(id.to_owned(), (login, sealed.to_owned()));
        Ok(())
    }

    /// Rows that changed, by the id.
    pub fn changes(&mut self) -> Vec<(String, Option<String>)> {
        let unsaved = std::mem::take(&mut self.unsaved).into_iter();
        unsaved.map(|id| (id.clone(), self.known.get(&id).map(|(_, sealed)| sealed.clone()))).collect()
    }

    fn put(&mut self, login: Login, vault: &Vault, nonce: SealNonce) -> Result<(), VaultError> {
        let (id, sealed) = (login.id().to_owned(), login.seal(vault, nonce)?);
        self.unsaved.insert(id.clone());
        self.known.insert(id, (login, sealed));
        Ok(())
    }

    fn remove(&mut self, id: &str) -> Option<Login> {
        let (login, _) = self.known.remove(id)?;
        self.unsaved.insert(id.to_owned());
        Some(login)
    }

    fn forget(&mut self, now: Millis) {
        let old = self.known.values().filter(|(login, _)| now >= login.forget());
        let old: Vec<String> = old.map(|(login, _)| login.id().to_owned()).collect();
        for id in old {
            self.remove(&id);
        }
    }

    /// Those with something left to do.
    pub fn open(&self) -> Vec<String> {
        self.known.values().filter(|(login, _)| !login.is_over()).map(|(login, _)| login.id().to_owned()).collect()
    }
}

fn nobody() -> Failure {
    Failure::new(Kind::NotFound, "there is no such sign-in")
}

impl From<BeginError> for Failure {
    fn from(error: BeginError) -> Self {
        match &error {
            BeginError::Option(name, why) => Self::invalid(format!("options.{name}"), *why),
            BeginError::NoFlow(_) | BeginError::Unready(_) => Self::new(Kind::InvalidRequest, error.to_string()),
        }
    }
}

impl From<PasteError> for Failure {
    fn from(error: PasteError) -> Self {
        match &error {
            PasteError::NotYours => Self::new(Kind::Forbidden, error.to_string()),
            PasteError::Over | PasteError::Expired => {
                Self { status: 409, ..Self::new(Kind::InvalidRequest, error.to_string()).code("login_over") }
            }
            PasteError::Unreadable(_) | PasteError::WrongState | PasteError::NoState => {
                Self { param: Some("text".to_owned()), ..Self::new(Kind::InvalidRequest, error.to_string()) }
            }
            PasteError::Denied(_) => Self::new(Kind::InvalidRequest, error.to_string()).code("login_denied"),
        }
    }
}

impl Control {
    pub fn begin_login(&mut self, begin: Begin, env: Env<'_>, nonce: SealNonce, now: Millis) -> Result<View, Failure> {
        let vault = self.vault.as_ref().map_err(locked)?;
        self.logins.forget(now);
        if self.logins.open().len() >= MOST {
            return Err(Failure::new(Kind::RateLimited, "too many sign-ins are under way; cancel some"));
        }
        if let Some(account) = &begin.account {
            let known = self.records.get(account).is_some_and(|record| record.provider == begin.provider.account);
            if !known {
                return Err(Failure::invalid("account", "is no stored account of this provider"));
            }
        }
        // A token that could not be stored would be lost.
        let option = |name: &str| begin.options.get(name).cloned();
        let (base_url, protocol) = (option("base_url"), option("protocol"));
        let record = Record { provider: begin.provider.account.to_owned(), base_url, protocol, ..Record::default() };
        accounts::stored(&record, self.addresses).map_err(|why| Failure::new(Kind::InvalidRequest, why))?;
        let login = Login::begin(begin, env, now)?;
        let view = login.view();
        self.logins.put(login, vault, nonce).map_err(|error| locked(&error))?;
        Ok(view)
    }

    pub fn login(&self, id: &str) -> Result<View, Failure> {
        self.logins.known.get(id).map(|(login, _)| login.view()).ok_or_else(nobody)
    }

    pub fn cancel_login(&mut self, id: &str) -> Result<(), Failure> {
        self.logins.remove(id).map(drop).ok_or_else(nobody)
    }

    pub fn paste_login(
        &mut self,
        id: &str,
        owner: &str,
        text: &str,
        nonce: SealNonce,
        now: Millis,
    ) -> Result<View, Failure> {
        self.with_login(id, nonce, |login| login.paste(owner, text, now))??;
        self.login(id)
    }

    pub fn open_logins(&self) -> Vec<String> {
        self.logins.open()
    }

    /// What a sign-in wants done. One that has come to an end is an account with this.
    pub fn next_login(&mut self, id: &str, env: Env<'_>, nonces: [SealNonce; 3], now: Millis) -> Result<Next, Failure> {
        let [first, second, third] = nonces;
        let (next, signed) = self.with_login(id, first, |login| (login.next(env, now), login.signed()))?;
        if let Some(signed) = signed {
            let stored = self.adopt(signed, second, now);
            self.with_login(id, third, |login| match stored {
                Ok(account) => login.settle(&account),
                Err(failure) => login.refuse(failure.message),
            })?;
        }
        Ok(next)
    }

    pub fn feed_login(
        &mut self,
        id: &str,
        answer: Option<&Answer<'_>>,
        nonce: SealNonce,
        now: Millis,
    ) -> Result<(), Failure> {
        self.with_login(id, nonce, |login| login.feed(answer, now))
    }

    fn with_login<T>(
        &mut self,
        id: &str,
        nonce: SealNonce,
        change: impl FnOnce(&mut Login) -> T,
    ) -> Result<T, Failure> {
        let vault = self.vault.as_ref().map_err(locked)?;
        let mut login = self.logins.remove(id).ok_or_else(nobody)?;
        let result = change(&mut login);
        self.logins.put(login, vault, nonce).map_err(|error| locked(&error))?;
        Ok(result)
    }

    /// Store what a sign-in came to: in the account it was begun for, or in that of the same person, or in a new one.
    fn adopt(&mut self, signed: Signed, nonce: SealNonce, now: Millis) -> Result<String, Failure> {
        let Signed { provider, account, mut credential, label, owner, .. } = signed;
        let mut option = |name: &str| credential.details.remove(name).map(|value| value.expose().to_owned());
        let (base_url, protocol) = (option("base_url"), option("protocol"));
        let known = account.or_else(|| self.account_of(provider.account, &credential));
        let record = match known.and_then(|id| self.records.get(&id)) {
            Some(record) => Record { sign_in: None, trouble: None, refreshed: Some(now), ..record.clone() },
            None => Record {
                id: self.free_id(provider.account),
                provider: provider.account.to_owned(),
                label,
                kind: AccountKind::Oauth,
                weight: 1,
                enabled: true,
                subscription: true,
                base_url,
                protocol,
                refreshed: Some(now),
                created: now,
                ..Record::default()
            },
        };
        let id = record.id.clone();
        self.store(record, Some((&credential, nonce)), now)?;
        self.pool.reset(&id, now);
        let actor = if owner == "key" { "key" } else { "console" };
        self.note(Change {
            at: now,
            actor: actor.to_owned(),
            action: "login.finish".to_owned(),
            subject: id.clone(),
            detail: provider.name.to_owned(),
        });
        Ok(id)
    }

    /// The stored account of the person this credential is of, as far as the provider has named one.
    fn account_of(&mut self, provider: &str, credential: &Credential) -> Option<String> {
        let person = |credential: &Credential| {
            let named = ["account_id", "email"].map(|name| credential.detail(name).map(str::to_owned));
            named.iter().any(Option::is_some).then_some(named)
        };
        let wanted = person(credential)?;
        let records = self.records.values().filter(|record| record.provider == provider);
        let ids: Vec<String> = records.map(|record| record.id.clone()).collect();
        ids.into_iter().find(|id| {
            self.lend(id);
            self.setups.get(id).is_some_and(|setup| person(&setup.credential).as_ref() == Some(&wanted))
        })
    }
}
