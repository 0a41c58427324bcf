//! What survives a restart, as small rows: `account/<id>` and `conversation/<hash>`, each a JSON value.

use serde::{Deserialize, Serialize};

use super::affinity::Binding;
use super::cooldown::Health;
use super::{Pool, Row};
use crate::fault::Millis;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    Account(String),
    Binding(u64),
}

impl Key {
    fn name(&self) -> String {
        match self {
            Self::Account(id) => format!("account/{id}"),
            Self::Binding(key) => format!("conversation/{key:016x}"),
        }
    }

    fn parse(name: &str) -> Option<Self> {
        match name.split_once('/')? {
            ("account", id) => Some(Self::Account(id.to_owned())),
            ("conversation", key) => u64::from_str_radix(key, 16).ok().map(Self::Binding),
            _ => None,
        }
    }
}

impl Pool {
    /// Rows that were stored from [`Pool::changes`], in any order, before or after [`Pool::set_accounts`]. A row that
    /// cannot be read, or that can no longer matter, is dropped, and its removal is the next change.
    pub fn load(&mut self, rows: impl IntoIterator<Item = (String, String)>, now: Millis) {
        for (name, value) in rows {
            let read = match Key::parse(&name) {
                Some(Key::Account(id)) => read::<Health>(&value).filter(|health| !health.is_stale(now)).map(|health| {
                    let number = self.slot(&id);
                    if let Some(slot) = self.slots.get_mut(number as usize) {
                        slot.health = health;
                    }
                    self.refresh(number, now);
                }),
                Some(Key::Binding(key)) => read::<Binding>(&value).map(|binding| self.affinity.load(key, binding)),
                None => continue,
            };
            if read.is_none() {
                self.unsaved.extend(Key::parse(&name));
            }
        }
    }

    /// What must be stored since this was last asked.
    pub fn changes(&mut self) -> Vec<Row> {
        let keys = std::mem::take(&mut self.unsaved);
        keys.iter().map(|key| Row { key: key.name(), value: self.value(key) }).collect()
    }

    fn value(&self, key: &Key) -> Option<String> {
        match key {
            Key::Account(id) => {
                let slot = self.slots.get(*self.ids.get(id)? as usize)?;
                if slot.health.is_empty() { None } else { write(&slot.health) }
            }
            Key::Binding(key) => self.affinity.stored(*key).and_then(write),
        }
    }

    /// Forget every window of `account`: the operator knows better.
    pub fn reset(&mut self, account: &str, now: Millis) {
        let Some(&number) = self.ids.get(account) else { return };
        let Some(slot) = self.slots.get_mut(number as usize) else { return };
        slot.health = Health::default();
        self.unsaved.insert(Key::Account(account.to_owned()));
        self.refresh(number, now);
    }
}

fn read<'a, T: Deserialize<'a>>(value: &'a str) -> Option<T> {
    serde_json::from_str(value).ok()
}

fn write<T: Serialize>(value: &T) -> Option<String> {
    serde_json::to_string(value).ok()
}
