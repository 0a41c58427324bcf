//! Whether the object can do its work, in a few words and numbers.

use serde::Serialize;

use super::record::Record;
use super::{Control, locked};
use crate::fault::{Failure, Kind};
use crate::vault::VaultError;

/// The operator's credentials: can they be opened?
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VaultHealth {
    /// `ok`; `missing` or `short`, as the master key is; `wrong_key`, where there are accounts that it does not open.
    pub state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Names the key, and says nothing about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Accounts that wait for the right key. They stay as they are.
    pub locked: usize,
    /// Accounts still under the previous key, which the clock seals anew.
    pub outdated: usize,
}

impl VaultHealth {
    /// Whether somebody has to do something.
    pub fn is_well(&self) -> bool {
        self.locked == 0 && self.state != "short"
    }
}

impl Control {
    pub fn vault_health(&self) -> VaultHealth {
        let locked = self.records.values().filter(|record| self.is_locked(record)).count();
        let sealed_by = |record: &Record| self.vault.as_ref().is_ok_and(|vault| vault.is_outdated(&record.sealed));
        let outdated = self.records.values().filter(|record| sealed_by(record)).count();
        let (state, why) = match &self.vault {
            Err(error @ VaultError::NoKey) => ("missing", Some(error.to_string())),
            Err(error) => ("short", Some(error.to_string())),
            Ok(_) if locked > 0 => ("wrong_key", self.records.values().find_map(|record| self.vault_problem(record))),
            Ok(_) => ("ok", None),
        };
        let key = self.vault.as_ref().ok().map(|vault| vault.key_id().to_owned());
        VaultHealth { state, why, key, locked, outdated }
    }

    /// Why the credential of `record` cannot be opened, if so.
    pub fn vault_problem(&self, record: &Record) -> Option<String> {
        match &self.vault {
            Err(error) => Some(error.to_string()),
            Ok(vault) => vault.unknown_key(&record.sealed).map(|error| error.to_string()),
        }
    }

    pub(super) fn is_locked(&self, record: &Record) -> bool {
        self.vault.as_ref().map_or(true, |vault| vault.unknown_key(&record.sealed).is_some())
    }

    /// What is not there for want of a key is no mistake of the client's.
    pub(super) fn unless_locked(&self, failure: Failure) -> Failure {
        let problem = match failure.kind {
            Kind::NotFound => self.records.values().find_map(|record| self.vault_problem(record)),
            _ => None,
        };
        match (problem, &self.vault) {
            (None, _) => failure,
            (Some(_), Err(error)) => Failure { kind: Kind::Overloaded, status: 503, ..locked(error) },
            (Some(why), Ok(_)) => {
                Failure::new(Kind::Overloaded, format!("stored accounts cannot be opened: {why}")).code("vault_locked")
            }
        }
    }
}
