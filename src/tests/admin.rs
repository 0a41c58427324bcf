//! The operator's API, native: who may use it, and what it does to accounts.

mod accounts;
mod config;
mod import;
mod logins;
mod models;
mod overview;
mod sessions;
mod tokens;
mod transfer;
mod usage;

use std::cell::Cell;

use serde_json::Value;

use super::oauth::env;
use super::upstreams::setups;
use crate::admin::{self, Errand, Outcome, Reply};
use crate::control::Control;
use crate::fault::Millis;
use crate::upstream::Secret;
use crate::vault::Vault;

pub const ADMIN_KEY: &str = "admin-key-of-the-tests";

/// An object, a clock, and what a browser or a script would send.
pub struct Desk {
    pub control: Control,
    pub now: u64,
    count: Cell<u8>,
    pub admin_key: Option<Secret>,
}

impl Desk {
    pub fn new() -> Self {
        Self::with_master("a master key of the tests")
    }

    pub fn with_master(key: &str) -> Self {
        let vault = Vault::of(Some(key), None);
        let setups = setups(&[("OPENAI_API_KEY", "sk-proj-of-the-deployment")]);
        let control = Control::new(setups, vault, true);
        Self { control, now: 1_000_000, count: Cell::new(0), admin_key: Some(Secret::new(ADMIN_KEY)) }
    }

    /// `"METHOD path?query"` with headers and a body.
    pub fn send(&mut self, line: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        match self.outcome(line, headers, body) {
            Outcome::Done(reply) => reply,
            // Without a world there is nothing to go on with.
            Outcome::Errand(Errand::Login { id, status, effects }) => {
                Reply { effects, ..admin::logins::shown(&self.control.login(&id).unwrap(), status) }
            }
            Outcome::Errand(errand) => panic!("{errand:?}"),
            Outcome::Other(other) => panic!("{other:?}"),
        }
    }

    pub fn outcome(&mut self, line: &str, headers: &[(&str, &str)], body: &str) -> Outcome {
        let (method, url) = line.split_once(' ').unwrap();
        let (path, query) = url.split_once('?').unwrap_or((url, ""));
        let header = |name: &str| headers.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        let random = || {
            self.count.set(self.count.get() + 1);
            [self.count.get(); 32]
        };
        let request = admin::Request {
            method,
            path,
            query: &|name| crate::call::query(query, name),
            header: &header,
            body: body.as_bytes(),
            now: Millis(self.now),
            random: &random,
            env: &env,
            admin_key: self.admin_key.as_ref(),
        };
        admin::handle(&mut self.control, &request)
    }

    /// As a script does, with the admin key.
    pub fn ask(&mut self, line: &str, body: &Value) -> (u16, Value) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let reply = self.send(line, &[("authorization", &format!("Bearer {ADMIN_KEY}"))], &body);
        (reply.status, serde_json::from_str(&reply.body).unwrap_or(Value::Null))
    }
}
