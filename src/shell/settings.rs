//! What the deployment's variables and secrets say, read once per isolate: they cannot change within one.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use worker::Env;
use worker::web_sys::Request;

use super::platform;
use crate::accounts::address::{self, Addresses};
use crate::accounts::{self, Setup};
use crate::control::quotas::{self, Limits};
use crate::filter::masks;
use crate::shard::Shards;
use crate::telemetry::otlp::Exporter;
use crate::telemetry::webhook::Hook;
use crate::upstream::Secret;
use crate::vault::{Vault, VaultError};

pub struct Settings {
    pub api_key: Option<String>,
    /// Guards the operator's API.
    pub admin_key: Option<Secret>,
    master_key: Option<Secret>,
    previous_master_key: Option<Secret>,
    pub accounts: Vec<Setup>,
    /// Where accounts may be.
    pub addresses: Addresses,
    /// Providers with an object of their own.
    pub shards: Shards,
    /// What sign-ins are set up with.
    sign_ins: HashMap<String, Secret>,
    /// A provider that sends nothing for so long has stalled.
    pub idle_ms: f64,
    /// A client that hears nothing for so long is told to wait.
    pub keep_alive_ms: f64,
    /// D1 and KV are not waited for any longer.
    pub patience_ms: f64,
    /// Nor is the object for a plan: a call may wait in it for a place, at most a minute.
    pub plan_ms: f64,
    /// A request may ask for a panic: what one does to its neighbours is only seen by having one.
    panics: bool,
    /// For how long the bytes of a running answer may be gathered before they go on to the client.
    pub window_ms: f64,
    /// Whether an answer that has been running for long may be gathered for longer, to save CPU.
    pub scarce: bool,
    /// For how long the usage log keeps a call, and how many of them.
    pub log_days: u64,
    pub log_rows: u64,
    /// The same of captures, and how many megabytes of them.
    pub capture_days: u64,
    pub capture_mb: u64,
    /// The share of accounts that may be unwell before `/healthz` says so.
    pub health_percent: u8,
    /// What may be used in a day.
    pub limits: Limits,
    pub exporter: Option<Exporter>,
    pub hook: Option<Hook>,
}

thread_local! {
    static KNOWN: RefCell<Option<Rc<Settings>>> = const { RefCell::new(None) };
}

impl Settings {
    pub fn of(env: &Env) -> Rc<Self> {
        KNOWN.with_borrow_mut(|known| known.get_or_insert_with(|| Rc::new(Self::read(env))).clone())
    }

    pub fn vault(&self) -> Result<Vault, VaultError> {
        Vault::of(self.master_key.as_ref().map(Secret::expose), self.previous_master_key.as_ref().map(Secret::expose))
    }

    /// A variable that sets up sign-ins.
    pub fn sign_in(&self, name: &str) -> Option<String> {
        self.sign_ins.get(name).map(|value| value.expose().to_owned())
    }

    /// What placeholders are made with: any secret of the deployment's that outlives a call.
    pub fn mask_key(&self) -> [u8; 32] {
        let keys = [&self.master_key, &self.admin_key];
        let secret = keys.into_iter().flatten().map(Secret::expose).next();
        masks::key(secret.or(self.api_key.as_deref()).unwrap_or_default())
    }

    fn read(env: &Env) -> Self {
        let mut texts = platform::texts(env).into_iter();
        let mut vars = HashMap::new();
        while let (Some(name), Some(value)) = (texts.next(), texts.next()) {
            vars.insert(name, value);
        }
        let mut names: Vec<String> = vars.keys().cloned().collect();
        names.sort_unstable();
        let get = |name: &str| vars.get(name).cloned();
        let mut found = accounts::read(&names, &get);
        if platform::has_ai(env) {
            found.setups.push(accounts::bound());
        }
        let (limits, unread) = Limits::read(&get(quotas::VARIABLE).unwrap_or_default());
        for problem in found.problems.iter().chain(&unread) {
            worker::console_warn!("{problem}");
        }
        let secret = |name| get(name).map(|text| Secret::new(text.trim())).filter(|secret| !secret.is_empty());
        let seconds = |name, default: f64| {
            let value = get(name).and_then(|text| text.trim().parse::<f64>().ok()).filter(|value| *value > 0.0);
            // A day: timers overflow at 24 of them.
            1000.0 * value.unwrap_or(default).min(86_400.0)
        };
        let whole = |name, default| get(name).and_then(|text| text.trim().parse().ok()).unwrap_or(default);
        let hook = match (get("SLUICE_WEBHOOK_URL").filter(|url| !url.is_empty()), secret("SLUICE_WEBHOOK_SECRET")) {
            (Some(url), Some(secret)) => Some(Hook::new(url, secret)),
            (Some(_), None) => {
                worker::console_warn!("SLUICE_WEBHOOK_URL is of no use without SLUICE_WEBHOOK_SECRET, which signs");
                None
            }
            (None, _) => None,
        };
        Self {
            api_key: get("SLUICE_API_KEY").filter(|key| !key.is_empty()),
            admin_key: secret("SLUICE_ADMIN_KEY"),
            master_key: secret("SLUICE_MASTER_KEY"),
            previous_master_key: secret("SLUICE_MASTER_KEY_PREVIOUS"),
            accounts: found.setups,
            addresses: Addresses::of(get(address::VARIABLE).as_deref()),
            shards: Shards::of(&get("SLUICE_SHARDS").unwrap_or_default()),
            sign_ins: names
                .iter()
                .filter(|name| ["_CLIENT_ID", "_CLIENT_SECRET", "_AUTH_URL"].iter().any(|end| name.ends_with(end)))
                .filter_map(|name| Some((name.clone(), Secret::new(get(name)?))))
                .collect(),
            idle_ms: seconds("SLUICE_IDLE_SECONDS", 120.0),
            keep_alive_ms: seconds("SLUICE_KEEP_ALIVE_SECONDS", 15.0),
            // What runs behind an answer is ended by the platform after 30 s.
            patience_ms: seconds("SLUICE_PATIENCE_SECONDS", 25.0),
            plan_ms: seconds("SLUICE_PATIENCE_SECONDS", 65.0),
            panics: vars.contains_key("SLUICE_PANIC"),
            window_ms: match get("SLUICE_PACE").as_deref().map(str::trim) {
                Some("off") => 0.0,
                _ => 100.0,
            },
            log_days: whole("SLUICE_LOG_DAYS", 90),
            // A kilobyte each with its indexes: 200 of the 500 MB that a free database holds.
            log_rows: whole("SLUICE_LOG_ROWS", 200_000),
            capture_days: whole("SLUICE_CAPTURE_DAYS", 30),
            // A fifth of a free database.
            capture_mb: whole("SLUICE_CAPTURE_MB", 100),
            health_percent: u8::try_from(whole("SLUICE_HEALTH_PERCENT", 50).min(100)).unwrap_or(50),
            limits,
            exporter: Exporter::of(&get),
            hook,
            scarce: get("SLUICE_PACE").as_deref().map(str::trim) == Some("free"),
        }
    }
}

/// Panic if that is what a deployment of the tests is asked for.
#[expect(clippy::panic, reason = "it is what is asked for")]
pub fn provoke(env: &Env, request: &Request) {
    if Settings::of(env).panics && request.headers().get("x-sluice-panic").is_ok_and(|asked| asked.is_some()) {
        panic!("a test asked for it");
    }
}
