//! The accounts there are: stored, changed, deleted, found again, opened for one who uses them.
//!
//! An account that is stored takes its seat at once; the lists that planning looks at are made anew when somebody next
//! plans, so that ten thousand that are imported cost what ten thousand accounts cost.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{Hash, Hasher};
use std::time::Duration;

use super::inquiry::Lent;
use super::record::{self, Record};
use super::{Control, Key, locked};
use crate::accounts::{self, Setup};
use crate::fault::{Failure, Kind, Millis};
use crate::upstream::{Credential, Secret, Target};
use crate::vault::SealNonce;

/// Ten minutes to notice a mistake.
const UNDO: Duration = Duration::from_secs(600);
/// Deleted accounts that can be brought back.
const DISCARDED: usize = 64;

/// Where to look, so that nobody has to look everywhere. Hints: what is found is looked at again.
#[derive(Default)]
pub struct Index {
    /// Accounts by what makes two of them one. `None`: nobody has asked yet.
    twins: Option<HashMap<u64, Vec<String>>>,
    /// By provider, a number below which all are taken.
    numbers: BTreeMap<String, u32>,
}

impl Control {
    /// Store an account, new or changed; with a credential, that replaces the one it had.
    pub fn store(
        &mut self,
        mut record: Record,
        credential: Option<(&Credential, SealNonce)>,
        now: Millis,
    ) -> Result<(), Failure> {
        accounts::stored(&record, self.addresses).map_err(|why| Failure::new(Kind::InvalidRequest, why))?;
        if let Some((credential, nonce)) = credential {
            let vault = self.vault.as_ref().map_err(locked)?;
            record.sealed =
                vault.seal(&record.id, record.kind.word(), credential, nonce).map_err(|error| locked(&error))?;
            record.hint = record::hint(credential.access.expose());
            record.expires = credential.expires;
            self.index.note(&record.id, &record.provider, credential);
        }
        record.revision += 1;
        record.updated = now;
        self.put(record);
        Ok(())
    }

    /// A record as it is, revision and all.
    pub(super) fn put(&mut self, record: Record) {
        let id = record.id.clone();
        self.unsaved.insert(Key::Record(id.clone()));
        self.records.insert(id.clone(), record);
        self.seat(&id);
    }

    /// Forget an account. What the pool knows of its health stays, in case it comes back.
    pub fn remove(&mut self, id: &str) -> Option<Record> {
        let removed = self.records.remove(id)?;
        self.unsaved.insert(Key::Record(id.to_owned()));
        self.index.numbers.remove(&removed.provider);
        if self.quotas.forget(id) {
            self.unsaved.insert(Key::Quota(id.to_owned()));
        }
        self.seat(id);
        Some(removed)
    }

    /// [`Control::remove`], and keep it for a while.
    pub fn discard(&mut self, id: &str, now: Millis) -> Option<()> {
        let removed = self.remove(id)?;
        self.discarded.retain(|(record, until)| *until > now && record.id != id);
        if self.discarded.len() >= DISCARDED {
            self.discarded.remove(0);
        }
        self.discarded.push((removed, now.plus(UNDO)));
        Some(())
    }

    /// Bring a deleted account back. Whether there was one, and nothing has its place.
    pub fn restore(&mut self, id: &str, now: Millis) -> bool {
        let known = self.discarded.iter().position(|(record, until)| record.id == id && *until > now);
        let Some(at) = known.filter(|_| !self.setups.contains_key(id)) else { return false };
        let (record, _) = self.discarded.remove(at);
        self.store(record, None, now).is_ok()
    }

    /// The account of `provider` that is the same as one with `credential`, and the credential it has.
    pub fn twin(&mut self, provider: &str, credential: &Credential) -> Option<(String, Credential)> {
        if self.index.twins.is_none() {
            self.index.twins = Some(HashMap::new());
            let ids: Vec<String> = self.setups.keys().cloned().collect();
            for id in ids {
                self.open(&id);
                let Some(setup) = self.setups.get(&id) else { continue };
                self.index.note(&id, &setup.account.provider, &setup.credential);
            }
        }
        for id in self.index.like(provider, credential) {
            self.open(&id);
            let Some(setup) = self.setups.get(&id).filter(|setup| setup.account.provider == provider) else { continue };
            if same(&setup.credential, credential) {
                return Some((id, setup.credential.clone()));
            }
        }
        None
    }

    /// A free id: `openai-3`.
    pub fn free_id(&mut self, provider: &str) -> String {
        let first = self.index.numbers.get(provider).copied().unwrap_or(1);
        let taken = |id: &String| self.setups.contains_key(id) || self.records.contains_key(id);
        let mut ids = (first..).map(|number| (number, format!("{provider}-{number}")));
        let found = ids.find(|(_, id)| !taken(id));
        let (number, id) = found.unwrap_or_else(|| (first, provider.to_owned()));
        self.index.numbers.insert(provider.to_owned(), number);
        id
    }

    /// Whether the seal of `record` can be broken here.
    pub fn opens(&self, record: &Record) -> Result<(), Failure> {
        let vault = self.vault.as_ref().map_err(locked)?;
        let opened = vault.open(&record.id, record.kind.word(), &record.sealed);
        opened.map(drop).map_err(|error| Failure::new(Kind::InvalidRequest, error.to_string()))
    }

    /// An account with everything needed to ask it about `model`.
    pub fn target(&mut self, account: &str, model: &str) -> Option<Target> {
        self.open(account);
        self.setups.get(account).map(|setup| setup.target(model))
    }

    /// What a Worker needs to ask an account that it does not know from its own variables.
    pub(super) fn lend(&mut self, account: &str) -> Option<Lent> {
        self.open(account);
        let record = self.records.get(account)?;
        Some(Lent::of(record, &self.setups.get(account)?.credential))
    }

    /// Break the seal of a stored account's credential, once. One that cannot be opened is asked without and refused:
    /// the pool then says why.
    pub(super) fn open(&mut self, account: &str) {
        let (Some(record), Some(setup), Ok(vault)) =
            (self.records.get(account), self.setups.get_mut(account), self.vault.as_ref())
        else {
            return;
        };
        if setup.credential.access.is_empty()
            && let Ok(opened) = vault.open(&record.id, record.kind.word(), &record.sealed)
        {
            setup.credential = opened.value;
        }
    }

    /// Everybody's seat, from the variables and the rows.
    pub(super) fn seat_all(&mut self) {
        self.setups = self.environment.iter().map(|setup| (setup.account.id.clone(), setup.clone())).collect();
        let ids: Vec<String> = self.records.keys().cloned().collect();
        ids.iter().for_each(|id| self.seat(id));
        self.scattered = true;
    }

    /// The account as its record says. A stored one never hides the deployment's; one under a seal that is not ours
    /// waits, as it is, for the key.
    fn seat(&mut self, id: &str) {
        if self.environment.iter().any(|own| own.account.id == id) {
            return;
        }
        let known = self.records.get(id).map(|record| (record, self.is_locked(record)));
        // One that says nothing usable was refused when it came; a later version may know less.
        let setup = known.and_then(|(record, locked)| {
            let mut setup = accounts::stored(record, self.addresses).ok()?;
            setup.account.enabled &= !locked;
            Some(setup)
        });
        let alike = |before: Option<&Setup>, after: Option<&Setup>| match (before, after) {
            (Some(before), Some(after)) => before.account == after.account && before.offers_the_same(after),
            (before, after) => before.is_none() && after.is_none(),
        };
        self.scattered |= !alike(self.setups.get(id), setup.as_ref());
        match setup {
            Some(setup) => self.setups.insert(id.to_owned(), setup),
            None => self.setups.remove(id),
        };
    }

    /// What planning looks at, if accounts have changed since it last did.
    pub(super) fn gather(&mut self) {
        if !std::mem::take(&mut self.scattered) {
            return;
        }
        let own: BTreeSet<&str> = self.environment.iter().map(|setup| setup.account.id.as_str()).collect();
        let stored = self.records.keys().map(String::as_str).filter(|id| !own.contains(id));
        let named = self.environment.iter().map(|setup| setup.account.id.as_str()).chain(stored);
        let all: Vec<&Setup> = named.filter_map(|id| self.setups.get(id)).collect();
        self.pool.set_accounts(all.iter().map(|setup| setup.account.clone()).collect());
        self.faces.clear();
        for setup in all {
            if setup.account.enabled && !self.faces.iter().any(|face| face.offers_the_same(setup)) {
                self.faces.push(Setup { credential: Credential::default(), ..setup.clone() });
            }
        }
        self.keep_lists();
    }
}

impl Index {
    fn note(&mut self, id: &str, provider: &str, credential: &Credential) {
        let Some(twins) = &mut self.twins else { return };
        for mark in marks(provider, credential) {
            let known = twins.entry(mark).or_default();
            if !known.iter().any(|known| known == id) {
                known.push(id.to_owned());
            }
        }
    }

    fn like(&self, provider: &str, credential: &Credential) -> BTreeSet<String> {
        let twins = self.twins.as_ref();
        marks(provider, credential).filter_map(|mark| twins?.get(&mark)).flatten().cloned().collect()
    }
}

/// One key, one service account, or one person's login: a token that was renewed elsewhere is of the same account.
fn same(a: &Credential, b: &Credential) -> bool {
    let equal = |(a, b): (Option<&str>, Option<&str>)| a.is_some() && a == b;
    identities(a).into_iter().zip(identities(b)).any(equal)
}

/// What each alone makes two credentials one account's.
fn identities(credential: &Credential) -> [Option<&str>; 4] {
    fn text(secret: &Secret) -> Option<&str> {
        (!secret.is_empty()).then(|| secret.expose())
    }
    let person = ["account_id", "email"].iter().find_map(|name| credential.detail(name));
    [
        text(&credential.access),
        credential.refresh.as_ref().and_then(text),
        person.filter(|_| credential.refresh.is_some()),
        credential.detail("private_key"),
    ]
}

fn marks(provider: &str, credential: &Credential) -> impl Iterator<Item = u64> {
    identities(credential).into_iter().enumerate().filter_map(move |(kind, text)| {
        let mut hasher = DefaultHasher::new();
        (provider, kind, text?).hash(&mut hasher);
        Some(hasher.finish())
    })
}
