//! The copies of accounts in KV: those that are still to be made, and accounts that come back from them.

use std::collections::BTreeSet;

use serde::Serialize;

use super::record::Record;
use super::{Control, Key};
use crate::accounts;
use crate::fault::Failure;

/// Copies made at a time: a tenth of what one request to the platform may ask of it.
pub const AT_ONCE: usize = 40;

/// Accounts whose copies are not what they should be.
#[derive(Debug, Default)]
pub struct Copies(BTreeSet<String>);

/// What becomes of one copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Recalled {
    pub id: String,
    /// `add` or `update`; `skip`, where what is here is as new; `refuse`.
    pub action: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

impl Copies {
    pub fn load(&mut self, row: &str) {
        self.0.extend(serde_json::from_str::<Vec<String>>(row).unwrap_or_default());
    }

    pub fn row(&self) -> Option<String> {
        if self.0.is_empty() { None } else { serde_json::to_string(&self.0).ok() }
    }
}

impl Control {
    /// The copy of an account is to be made later.
    pub fn owe_copy(&mut self, account: &str) {
        if self.copies.0.insert(account.to_owned()) {
            self.unsaved.insert(Key::Copies);
        }
    }

    /// The next that are to be made. One that fails is owed again.
    pub fn owed_copies(&mut self) -> Vec<String> {
        let due: Vec<String> = self.copies.0.iter().take(AT_ONCE).cloned().collect();
        if !due.is_empty() {
            for account in &due {
                self.copies.0.remove(account);
            }
            self.unsaved.insert(Key::Copies);
        }
        due
    }

    /// Take account `id` from its copy, unless what is here is as new. `dry`: only say so.
    pub fn recall(&mut self, id: &str, copy: &str, dry: bool) -> Recalled {
        let done = |action, message| Recalled { id: id.to_owned(), action, message };
        let refuse = |message: String| done("refuse", Some(message));
        let record = match serde_json::from_str::<Record>(copy) {
            Ok(record) if record.id == id => record,
            Ok(_) => return refuse("it is the copy of another account".to_owned()),
            Err(error) => return refuse(error.to_string()),
        };
        let known = self.records.get(id);
        if known.is_none() && self.setups.contains_key(id) {
            return done("skip", Some("a variable of the deployment has this name".to_owned()));
        }
        if known.is_some_and(|known| known.revision >= record.revision) {
            return done("skip", None);
        }
        if let Err(Failure { message, .. }) = self.opens(&record) {
            return refuse(message);
        }
        if let Err(why) = accounts::stored(&record, self.addresses) {
            return refuse(why);
        }
        let action = if known.is_some() { "update" } else { "add" };
        if !dry {
            self.put(record);
        }
        done(action, None)
    }
}
