//! What survives a restart, as small rows: `token/<id>`, `used/<id>` and `hold/<lease>`, each a JSON value.

use serde::Serialize;

use super::{Client, Clients, Hold, Token, Used};
use crate::pool::Row;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    Token(String),
    Used(String),
    Hold(u64),
}

impl Key {
    fn name(&self) -> String {
        match self {
            Self::Token(id) => format!("token/{id}"),
            Self::Used(id) => format!("used/{id}"),
            Self::Hold(lease) => format!("hold/{lease}"),
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        match name.split_once('/')? {
            ("token", id) => Some(Self::Token(id.to_owned())),
            ("used", id) => Some(Self::Used(id.to_owned())),
            ("hold", lease) => lease.parse().ok().map(Self::Hold),
            _ => None,
        }
    }
}

impl Clients {
    /// Rows that were stored from [`Clients::changes`], in any order; rows of others are left alone. One that cannot be
    /// read stays as it is stored: it may be a newer version's.
    pub fn load(&mut self, rows: impl IntoIterator<Item = (String, String)>) -> Vec<String> {
        let mut problems = Vec::new();
        let mut used: Vec<(String, Used)> = Vec::new();
        let mut holds: Vec<(u64, Hold)> = Vec::new();
        for (name, value) in rows {
            let Some(key) = Key::parse(&name) else { continue };
            let read = match key {
                Key::Token(_) => serde_json::from_str::<Token>(&value).map(|token| {
                    self.know(&token);
                    self.clients.insert(token.id.clone(), Client::new(token));
                }),
                Key::Used(id) => serde_json::from_str(&value).map(|row| used.push((id, row))),
                Key::Hold(lease) => serde_json::from_str(&value).map(|row| holds.push((lease, row))),
            };
            if let Err(error) = read {
                problems.push(format!("{name} cannot be read: {error}"));
            }
        }
        for (id, used) in used {
            if let Some(client) = self.clients.get_mut(&id) {
                client.used = used;
                client.seen_saved = used.seen;
            }
        }
        for (lease, hold) in holds {
            if let Some(client) = self.clients.get_mut(&hold.token) {
                client.held_micro = client.held_micro.saturating_add(hold.micro);
                client.held_tokens = client.held_tokens.saturating_add(hold.tokens);
                client.calls += 1;
                client.short += u32::from(hold.short);
            }
            // A hold of a token that is gone is settled, too: that removes its row.
            self.holds.open(lease, Hold { stored: true, ..hold });
        }
        problems
    }

    /// What must be stored since this was last asked.
    pub fn changes(&mut self) -> Vec<Row> {
        let keys = std::mem::take(&mut self.unsaved);
        keys.iter().map(|key| Row { key: key.name(), value: self.value(key) }).collect()
    }

    fn value(&mut self, key: &Key) -> Option<String> {
        match key {
            Key::Token(id) => write(&self.clients.get(id)?.token),
            Key::Used(id) => {
                let client = self.clients.get_mut(id)?;
                client.seen_saved = client.used.seen;
                write(&client.used)
            }
            Key::Hold(lease) => self.holds.get(*lease).and_then(write),
        }
    }
}

fn write<T: Serialize>(value: &T) -> Option<String> {
    serde_json::to_string(value).ok()
}
