//! `/admin/api/accounts`: the accounts there are, and what the operator does with them.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::credential::{self, Given};
use super::{Asked, Effect, Reply, Request};
use crate::accounts::{self, Setup};
use crate::control::Control;
use crate::control::record::{Kind as AccountKind, Record, hint};
use crate::fault::{Failure, Kind, Millis};
use crate::pool::{Cause, Standing};
use crate::prices;
use crate::upstream::quota::Window;

pub fn show(control: &Control, asked: &Asked<'_, '_>) -> Result<Reply, Failure> {
    Ok(Reply::json(200, &found(control, asked.id, asked.request.now)?))
}

/// An account as it is shown.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Account"))]
pub struct View<'a> {
    id: &'a str,
    provider: &'a str,
    label: &'a str,
    source: &'static str,
    kind: AccountKind,
    priority: u32,
    weight: u32,
    enabled: bool,
    allow: &'a [String],
    deny: &'a [String],
    models: &'a [String],
    base_url: Option<&'a str>,
    protocol: Option<&'a str>,
    /// Values are hints: a header may hold a key.
    headers: BTreeMap<&'a str, String>,
    cap: Option<u32>,
    group: Option<&'a str>,
    subscription: bool,
    prices: Option<&'a prices::Document>,
    hint: String,
    expires: Option<Millis>,
    refreshed: Option<Millis>,
    created: Option<Millis>,
    updated: Option<Millis>,
    state: State,
    in_flight: usize,
    /// What its provider has told of its allowances, and when.
    quota: &'a [Window],
    quota_at: Option<Millis>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "AccountState"))]
struct State {
    /// `ready`, `probing`, `cooling`, `off`, `sign_in` or `locked`.
    name: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Millis>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    #[serde(flatten)]
    reason: Option<Reason>,
    /// Models that rest although the account does not.
    models: Vec<Resting>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Resting {
    model: String,
    until: Option<Millis>,
    why: String,
    #[serde(flatten)]
    reason: Reason,
}

/// What `why` says, for those who say it in other words.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Reason {
    cause: Cause,
    /// Milliseconds that the provider named.
    #[serde(skip_serializing_if = "Option::is_none")]
    said_ms: Option<u64>,
    strikes: u32,
}

impl Reason {
    fn of(rest: &crate::pool::Resting) -> Self {
        let said_ms = rest.said.and_then(|said| u64::try_from(said.as_millis()).ok());
        Self { cause: rest.cause, said_ms, strikes: rest.strikes }
    }
}

fn view<'a>(control: &'a Control, setup: &'a Setup, now: Millis) -> View<'a> {
    let account = &setup.account;
    let record = control.record(&account.id);
    let headers = setup.headers.iter().map(|(name, value)| (name.as_str(), hint(value))).collect();
    let look = control.look(&account.id, now);
    let told = control.quota(&account.id);
    View {
        id: &account.id,
        provider: &account.provider,
        label: &account.label,
        source: if record.is_some() { "stored" } else { "env" },
        kind: record.map_or(AccountKind::ApiKey, |record| record.kind),
        priority: account.priority,
        weight: account.weight,
        enabled: record.map_or(account.enabled, |record| record.enabled),
        allow: &account.allow,
        deny: &account.deny,
        models: &setup.models,
        base_url: setup.base_url.as_deref(),
        protocol: record.and_then(|record| record.protocol.as_deref()),
        headers,
        cap: account.cap,
        group: account.group.as_deref(),
        subscription: record.is_some_and(|record| record.subscription),
        prices: record.and_then(|record| record.prices.as_ref()),
        hint: record.map_or_else(|| hint(setup.credential.access.expose()), |record| record.hint.clone()),
        expires: record.and_then(|record| record.expires),
        refreshed: record.and_then(|record| record.refreshed),
        created: record.map(|record| record.created),
        updated: record.map(|record| record.updated),
        state: state(control, setup, record, &look.resting),
        in_flight: look.in_flight,
        quota: told.map_or(&[], |told| &told.windows),
        quota_at: told.map(|told| told.at),
    }
}

/// The name of an account's state; `busy` is one that is ready and answers as many calls as it may.
pub fn condition(control: &Control, setup: &Setup, now: Millis) -> &'static str {
    let account = &setup.account;
    let look = control.look(&account.id, now);
    let is_full = account.cap.is_some_and(|cap| look.in_flight >= cap as usize);
    match state(control, setup, control.record(&account.id), &look.resting).name {
        "ready" if is_full => "busy",
        name => name,
    }
}

fn state(control: &Control, setup: &Setup, record: Option<&Record>, resting: &[crate::pool::Resting]) -> State {
    let plain = |name, why| State { name, until: None, why, reason: None, models: Vec::new() };
    if let Some(why) = record.and_then(|record| record.sign_in.clone()) {
        return plain("sign_in", Some(why));
    }
    if let Some(why) = record.and_then(|record| control.vault_problem(record)) {
        return plain("locked", Some(why));
    }
    if !setup.account.enabled {
        return plain("off", None);
    }
    let until = |state: &Standing| match state {
        Standing::Cooling { until, .. } | Standing::Probing { until, .. } => Some(*until),
        _ => None,
    };
    let mut state = plain("ready", None);
    for rest in resting {
        let (why, end) = (rest.words.clone(), until(&rest.state));
        match (&rest.model, &rest.state) {
            (None, standing) => {
                let name = match standing {
                    Standing::Cooling { .. } => "cooling",
                    Standing::Probing { .. } => "probing",
                    _ => state.name,
                };
                state = State { name, until: end, why: Some(why), reason: Some(Reason::of(rest)), ..state };
            }
            (Some(model), _) => {
                state.models.push(Resting { model: model.clone(), until: end, why, reason: Reason::of(rest) });
            }
        }
    }
    state
}

pub fn found<'a>(control: &'a Control, id: &str, now: Millis) -> Result<View<'a>, Failure> {
    control.setup(id).map(|setup| view(control, setup, now)).ok_or_else(|| nobody(id))
}

pub(super) fn nobody(id: &str) -> Failure {
    Failure::new(Kind::NotFound, format!("no account {}", crate::call::printable(id)))
}

pub fn list(control: &Control, request: &Request<'_>) -> Result<Reply, Failure> {
    let (limit, after) = request.page()?;
    let query = (request.query)("q").unwrap_or_default().to_lowercase();
    let provider = (request.query)("provider");
    let fits = |setup: &&Setup| {
        let account = &setup.account;
        after.as_ref().is_none_or(|after| account.id > *after)
            && provider.as_ref().is_none_or(|name| account.provider == *name)
            && (query.is_empty() || account.id.contains(&query) || account.label.to_lowercase().contains(&query))
    };
    let mut setups = control.setups().filter(fits);
    let items: Vec<View<'_>> = setups.by_ref().take(limit).map(|setup| view(control, setup, request.now)).collect();
    let next = setups.next().and_then(|_| items.last().map(|last| last.id));
    Ok(Reply::json(200, &json!({"items": items, "next": next, "total": control.setups().count()})))
}

/// What an operator says of an account; what is absent stays as it is.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "AccountChange"))]
pub struct Change {
    pub id: Option<String>,
    pub provider: Option<String>,
    pub kind: Option<AccountKind>,
    pub label: Option<String>,
    pub credential: Option<Given>,
    /// Many keys, one in a line.
    pub keys: Option<String>,
    pub priority: Option<u32>,
    pub weight: Option<u32>,
    pub enabled: Option<bool>,
    pub allow: Option<Vec<String>>,
    pub deny: Option<Vec<String>>,
    /// As importers call `allow`.
    pub models: Option<Vec<String>>,
    pub base_url: Option<String>,
    pub protocol: Option<String>,
    pub headers: Option<BTreeMap<String, String>>,
    pub cap: Option<u32>,
    pub group: Option<String>,
    pub subscription: Option<bool>,
    /// Instead of what everybody pays; an empty document takes them away.
    pub prices: Option<prices::Document>,
    pub revision: Option<u64>,
}

impl Change {
    /// Empty text and a cap of 0 take a setting away.
    fn apply(&self, record: &mut Record) -> Result<(), Failure> {
        fn set<T: Clone>(target: &mut T, value: Option<&T>) {
            if let Some(value) = value {
                value.clone_into(target);
            }
        }
        let text = |value: &Option<String>, target: &mut Option<String>| {
            if let Some(value) = value {
                *target = Some(value.trim().to_owned()).filter(|value| !value.is_empty());
            }
        };
        set(&mut record.label, self.label.as_ref());
        set(&mut record.priority, self.priority.as_ref());
        set(&mut record.weight, self.weight.as_ref());
        set(&mut record.enabled, self.enabled.as_ref());
        set(&mut record.allow, self.allow.as_ref().or(self.models.as_ref()));
        set(&mut record.deny, self.deny.as_ref());
        set(&mut record.subscription, self.subscription.as_ref());
        text(&self.base_url, &mut record.base_url);
        text(&self.protocol, &mut record.protocol);
        text(&self.group, &mut record.group);
        if let Some(cap) = self.cap {
            record.cap = Some(cap).filter(|cap| *cap > 0);
        }
        if let Some(headers) = &self.headers {
            record.headers = headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone())).collect();
        }
        if let Some(prices) = &self.prices {
            if let Some(problem) = prices.read().err().and_then(|problems| problems.into_iter().next()) {
                return Err(Failure::invalid(format!("prices.{}", problem.path), problem.message));
            }
            record.prices = Some(prices.clone()).filter(|prices| *prices != prices::Document::default());
        }
        check(record)
    }
}

/// Which settings `change` names, without what it says of them.
fn said(change: &Change) -> String {
    let Change { kind, label, credential, priority, weight, enabled, allow, deny, models, base_url, .. } = change;
    let Change { protocol, headers, cap, group, subscription, prices, .. } = change;
    let named = [
        ("kind", kind.is_some()),
        ("label", label.is_some()),
        ("credential", credential.is_some()),
        ("priority", priority.is_some()),
        ("weight", weight.is_some()),
        ("enabled", enabled.is_some()),
        ("allow", allow.is_some() || models.is_some()),
        ("deny", deny.is_some()),
        ("base_url", base_url.is_some()),
        ("protocol", protocol.is_some()),
        ("headers", headers.is_some()),
        ("cap", cap.is_some()),
        ("group", group.is_some()),
        ("subscription", subscription.is_some()),
        ("prices", prices.is_some()),
    ];
    named.into_iter().filter(|(_, is)| *is).map(|(name, _)| name).collect::<Vec<_>>().join(", ")
}

/// What a record must obey beyond its types.
fn check(record: &Record) -> Result<(), Failure> {
    if record.label.chars().count() > 100 {
        return Err(Failure::invalid("label", "is longer than 100 characters"));
    }
    if record.allow.len() + record.deny.len() > 500 {
        return Err(Failure::invalid("allow", "allow and deny together name more than 500 models"));
    }
    for (name, value) in &record.headers {
        let token = !name.is_empty() && name.bytes().all(|c| c.is_ascii_alphanumeric() || b"-_.".contains(&c));
        let reserved = ["host", "content-length", "transfer-encoding", "connection", "cookie"].contains(&name.as_str());
        if !token || reserved || value.len() > 4096 || value.chars().any(char::is_control) {
            return Err(Failure::invalid(format!("headers.{name}"), "is no header that may be sent"));
        }
    }
    Ok(())
}

/// The record of a new account, not yet stored.
pub fn begin(control: &mut Control, change: &Change, kind: AccountKind, now: Millis) -> Result<Record, Failure> {
    let provider = change.provider.as_deref().ok_or_else(|| Failure::invalid("provider", "is missing"))?;
    let provider = accounts::canonical(provider);
    if provider.is_empty() || !provider.bytes().all(|c| c.is_ascii_alphanumeric() || b"-.".contains(&c)) {
        return Err(Failure::invalid("provider", "expected a name of letters, digits and dashes"));
    }
    let id = match &change.id {
        None => control.free_id(&provider),
        Some(id)
            if id.len() <= 64
                && !id.is_empty()
                && id.bytes().all(|c| c.is_ascii_alphanumeric() || b"-_.@".contains(&c)) =>
        {
            id.clone()
        }
        Some(_) => {
            return Err(Failure::invalid("id", "expected at most 64 letters, digits, dashes, dots and underscores"));
        }
    };
    let mut record = Record { id, provider, kind, weight: 1, enabled: true, created: now, ..Record::default() };
    record.kind = change.kind.unwrap_or(kind);
    change.apply(&mut record)?;
    Ok(record)
}

pub fn create(control: &mut Control, asked: &Asked<'_, '_>) -> Result<Reply, Failure> {
    let request = asked.request;
    let change: Change = request.read()?;
    if let Some(keys) = &change.keys {
        return create_many(control, asked, &change, keys);
    }
    let (credential, kind) = match &change.credential {
        Some(given) => credential::read(given)?,
        None => (Default::default(), AccountKind::None),
    };
    let record = begin(control, &change, kind, request.now)?;
    if control.setup(&record.id).is_some() {
        let message = format!("there is an account {} already", record.id);
        return Err(Failure { status: 409, ..Failure::invalid("id", message) });
    }
    let id = record.id.clone();
    control.store(record, Some((&credential, request.nonce())), request.now)?;
    let reply = Reply::json(201, &found(control, &id, request.now)?);
    Ok(reply.with(Effect::Mirror { account: id.clone() }).with(asked.audit("account.create", &id, "")))
}

/// As many keys as lines. What is wrong with one does not keep the others out.
fn create_many(control: &mut Control, asked: &Asked<'_, '_>, change: &Change, keys: &str) -> Result<Reply, Failure> {
    /// 1,000 at a time.
    const MANY: usize = 1000;
    let request = asked.request;
    let (mut created, mut problems, mut effects) = (Vec::new(), Vec::new(), Vec::new());
    let keys: Vec<&str> =
        keys.split(['\n', ',']).map(str::trim).filter(|key| !key.is_empty() && !key.starts_with('#')).collect();
    if keys.len() > MANY {
        return Err(Failure::invalid("keys", format!("holds more than {MANY} keys")));
    }
    for (line, key) in (1..).zip(&keys) {
        let provider = change.provider.clone().or_else(|| credential::provider_of(key).map(str::to_owned));
        let added = match provider {
            None => Err(Failure::invalid("provider", "several providers give keys like this: say which")),
            Some(provider) => add_key(control, request, change, provider, key),
        };
        match added {
            Ok(id) => {
                effects.push(Effect::Mirror { account: id.clone() });
                effects.push(asked.audit("account.create", &id, ""));
                created.push(id);
            }
            Err(failure) => {
                problems
                    .push(json!({"line": line, "hint": hint(key), "field": failure.param, "message": failure.message}));
            }
        }
    }
    let created: Vec<View<'_>> = created.iter().filter_map(|id| found(control, id, request.now).ok()).collect();
    let status = if created.is_empty() { 422 } else { 201 };
    Ok(Reply { effects, ..Reply::json(status, &json!({"created": created, "problems": problems})) })
}

fn add_key(
    control: &mut Control,
    request: &Request<'_>,
    change: &Change,
    provider: String,
    key: &str,
) -> Result<String, Failure> {
    let given = Given::from([("api_key".to_owned(), json!(key))]);
    let (credential, kind) = credential::read(&given)?;
    let own = Change { provider: Some(provider), label: change.label.clone(), ..Change::default() };
    let mut record = begin(control, &own, kind, request.now)?;
    change.apply(&mut record)?;
    if control.twin(&record.provider, &credential).is_some() {
        return Err(Failure::invalid("keys", "is there already"));
    }
    let id = record.id.clone();
    control.store(record, Some((&credential, request.nonce())), request.now)?;
    Ok(id)
}

pub fn change(control: &mut Control, asked: &Asked<'_, '_>) -> Result<Reply, Failure> {
    let Asked { request, id, .. } = *asked;
    let change: Change = request.read()?;
    let mut record = control.record(id).cloned().ok_or_else(|| match control.setup(id) {
        Some(_) => {
            Failure::new(Kind::Forbidden, "this account comes from a variable of the deployment: change it there")
        }
        None => nobody(id),
    })?;
    if change.revision.is_some_and(|revision| revision != record.revision) {
        let message = format!("the account has changed since revision {}", change.revision.unwrap_or_default());
        return Err(Failure { status: 409, ..Failure::invalid("revision", message) });
    }
    change.apply(&mut record)?;
    let credential = change.credential.as_ref().map(credential::read).transpose()?;
    if let Some((_, kind)) = &credential {
        record.kind = change.kind.unwrap_or(*kind);
        record.sign_in = None;
    }
    control.store(record, credential.as_ref().map(|(credential, _)| (credential, request.nonce())), request.now)?;
    let reply = Reply::json(200, &found(control, id, request.now)?);
    Ok(reply.with(Effect::Mirror { account: id.to_owned() }).with(asked.audit("account.change", id, said(&change))))
}

pub fn delete(control: &mut Control, asked: &Asked<'_, '_>) -> Result<Reply, Failure> {
    let Asked { request, id, .. } = *asked;
    if control.record(id).is_none() && control.setup(id).is_some() {
        let message = "this account comes from a variable of the deployment: remove it there";
        return Err(Failure::new(Kind::Forbidden, message));
    }
    control.discard(id, request.now).ok_or_else(|| nobody(id))?;
    let reply = Reply::json(200, &json!({"undo": id}));
    Ok(reply.with(Effect::Mirror { account: id.to_owned() }).with(asked.audit("account.delete", id, "")))
}

/// `/admin/api/undo/{id}`
pub fn undo(control: &mut Control, asked: &Asked<'_, '_>) -> Result<Reply, Failure> {
    let Asked { request, id, .. } = *asked;
    if !control.restore(id, request.now) {
        return Err(Failure::new(Kind::NotFound, "nothing to undo: ten minutes have passed, or it was undone"));
    }
    let reply = Reply::json(200, &found(control, id, request.now)?);
    Ok(reply.with(Effect::Mirror { account: id.to_owned() }).with(asked.audit("account.restore", id, "")))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Rest {
    seconds: u64,
    #[serde(default)]
    model: Option<String>,
}

pub fn cool(control: &mut Control, asked: &Asked<'_, '_>) -> Result<Reply, Failure> {
    let Asked { request, id, .. } = *asked;
    found(control, id, request.now)?;
    let Rest { seconds, model } = request.read()?;
    if !(1..=604_800).contains(&seconds) {
        return Err(Failure::invalid("seconds", "expected a number from 1 to 604800, which is 7 days"));
    }
    let detail = format!("{seconds} s{}", model.as_ref().map(|model| format!(", {model}")).unwrap_or_default());
    control.pool().cool(id, model.as_deref(), Duration::from_secs(seconds), request.now);
    Ok(Reply::json(200, &found(control, id, request.now)?).with(asked.audit("account.cool", id, detail)))
}

pub fn reset(control: &mut Control, asked: &Asked<'_, '_>) -> Result<Reply, Failure> {
    let Asked { request, id, .. } = *asked;
    found(control, id, request.now)?;
    control.pool().reset(id, request.now);
    Ok(Reply::json(200, &found(control, id, request.now)?).with(asked.audit("account.reset", id, "")))
}

/// `/admin/api/providers`
pub fn providers() -> Reply {
    let list = |part: serde_json::Value| part.as_array().cloned().unwrap_or_default();
    let (keys, sign_ins) = (list(json!(accounts::providers())), list(json!(super::logins::offered())));
    Reply::json(200, &[sign_ins, keys].concat())
}
