//! `/admin/api/import` and `/admin/api/export`: what importers bring from elsewhere, and everything there is here.
//!
//! A bundle (`accounts`, `tokens`, `config`) adds to what there is; a backup, which says `format`, brings back what is
//! missing. Neither takes anything away. Credentials leave only under seal.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::accounts::{self as account, Change};
use super::credential;
use super::{Asked, Effect, Reply, Request};
use crate::clients::{Fresh, Terms, Token};
use crate::config;
use crate::control::Control;
use crate::control::record::Record;
use crate::fault::{Failure, Kind};
use crate::upstream::Credential;

const FORMAT: &str = "sluice-backup-1";

#[derive(Deserialize, Default)]
#[serde(default)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Incoming {
    format: Option<String>,
    accounts: Vec<Map<String, Value>>,
    tokens: Vec<Map<String, Value>>,
    config: Option<Value>,
}

/// What became of one item.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Taken {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    name: String,
    /// `add`, `update`, `skip` or `refuse`.
    action: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    /// Of a new token, shown this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
}

impl Taken {
    fn new(name: impl Into<String>, id: Option<String>, action: &'static str) -> Self {
        Self { id, name: name.into(), action, message: None, key: None }
    }

    fn refuse(name: impl Into<String>, failure: Failure) -> Self {
        Self { message: Some(failure.message), ..Self::new(name, None, "refuse") }
    }
}

struct Import<'a, 'r> {
    control: &'a mut Control,
    request: &'a Request<'r>,
    /// Only say what would be done.
    dry: bool,
    effects: Vec<Effect>,
}

pub fn import(control: &mut Control, asked: &Asked<'_, '_>) -> Result<Reply, Failure> {
    let Asked { request, actor, .. } = *asked;
    let incoming: Incoming = request.read()?;
    let is_backup = match incoming.format.as_deref() {
        None => false,
        Some(FORMAT) => true,
        Some(_) => return Err(Failure::invalid("format", format!("expected {FORMAT}"))),
    };
    let dry = (request.query)("dry_run").is_some_and(|value| value != "0");
    let mut import = Import { control, request, dry, effects: Vec::new() };
    let mut accounts = Vec::new();
    for item in incoming.accounts {
        accounts.push(if is_backup { import.record(item) } else { import.account(&item) });
    }
    let mut tokens = Vec::new();
    for item in incoming.tokens {
        tokens.push(if is_backup { import.restored(item) } else { import.token(item) });
    }
    let config = incoming.config.map(|document| import.config(&document, actor));
    let mut effects = import.effects;
    if !dry {
        let subject = format!("{} accounts, {} tokens", accounts.len(), tokens.len());
        effects.push(asked.audit("import", subject, ""));
    }
    let body = json!({"dry_run": dry, "accounts": accounts, "tokens": tokens, "config": config});
    Ok(Reply { effects, ..Reply::json(200, &body) })
}

impl Import<'_, '_> {
    fn account(&mut self, item: &Map<String, Value>) -> Taken {
        let name = |key: &str| item.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let shown = [name("provider"), name("label")].into_iter().filter(|part| !part.is_empty());
        let shown = shown.collect::<Vec<_>>().join(" ");
        let read: Result<Change, _> = serde_json::from_value(Value::Object(item.clone()));
        let taken = read
            .map_err(|error| Failure::new(Kind::InvalidRequest, error.to_string()))
            .and_then(|change| self.take(&change, &shown));
        taken.unwrap_or_else(|failure| Taken::refuse(shown, failure))
    }

    fn take(&mut self, change: &Change, shown: &str) -> Result<Taken, Failure> {
        let given = change.credential.clone().unwrap_or_default();
        let (credential, kind) = credential::read(&given)?;
        let record = account::begin(self.control, change, kind, self.request.now)?;
        crate::accounts::stored(&record, self.control.addresses())
            .map_err(|why| Failure::new(Kind::InvalidRequest, why))?;
        let same_server = |setup: &&crate::accounts::Setup| {
            setup.account.provider == record.provider && setup.base_url == record.base_url
        };
        // Without a credential it is its address.
        if given.is_empty()
            && let Some(setup) = self.control.setups().find(same_server)
        {
            return Ok(Taken::new(shown, Some(setup.account.id.clone()), "skip"));
        }
        let now = self.request.now;
        let (mut record, action) = match self.control.twin(&record.provider, &credential) {
            None if change.id.is_some() && self.control.setup(&record.id).is_some() => {
                return Err(Failure::invalid("id", format!("there is an account {} already", record.id)));
            }
            None => (record, "add"),
            Some((id, current)) => match self.control.record(&id).cloned() {
                // What is newer here is not replaced by an older copy, nor the deployment's own by anything.
                Some(known) if is_newer(&credential, &current) => (known, "update"),
                _ => return Ok(Taken::new(shown, Some(id), "skip")),
            },
        };
        let id = record.id.clone();
        if !self.dry {
            record.sign_in = None;
            self.control.store(record, Some((&credential, self.request.nonce())), now)?;
            self.effects.push(Effect::Mirror { account: id.clone() });
        }
        // A dry run gives nobody a number.
        let id = (!self.dry || action == "update").then_some(id);
        Ok(Taken::new(shown, id, action))
    }

    /// An account of a backup, still under seal.
    fn record(&mut self, item: Map<String, Value>) -> Taken {
        let read: Result<Record, _> = serde_json::from_value(Value::Object(item));
        let record = match read {
            Ok(record) => record,
            Err(error) => return Taken::refuse("", Failure::new(Kind::InvalidRequest, error.to_string())),
        };
        let id = record.id.clone();
        if self.control.setup(&id).is_some() {
            return Taken::new(id.clone(), Some(id), "skip");
        }
        if let Err(failure) = self.control.opens(&record) {
            return Taken::refuse(id, failure);
        }
        if !self.dry {
            if let Err(failure) = self.control.store(record, None, self.request.now) {
                return Taken::refuse(id, failure);
            }
            self.effects.push(Effect::Mirror { account: id.clone() });
        }
        Taken::new(id.clone(), Some(id), "add")
    }

    fn token(&mut self, mut item: Map<String, Value>) -> Taken {
        let key = item.remove("key").and_then(|key| key.as_str().map(str::to_owned));
        let name = item.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        let made = Terms::default().patched(&Value::Object(item)).and_then(|terms| {
            let fresh = match &key {
                Some(key) => Fresh::brought(key)?,
                None => Fresh::new(self.request.random_bytes()),
            };
            if self.control.clients().knows(&fresh.hash) {
                return Ok(Taken::new(name.clone(), None, "skip"));
            }
            if self.dry {
                return Ok(Taken::new(name.clone(), None, "add"));
            }
            let view = self.control.clients().create(terms, &fresh, self.request.now)?;
            let shown = key.is_none().then(|| fresh.expose().to_owned());
            Ok(Taken { key: shown, ..Taken::new(name.clone(), Some(view.id), "add") })
        });
        made.unwrap_or_else(|failure| Taken::refuse(name, failure))
    }

    fn restored(&mut self, item: Map<String, Value>) -> Taken {
        let read: Result<Token, _> = serde_json::from_value(Value::Object(item));
        let token = match read {
            Ok(token) => token,
            Err(error) => return Taken::refuse("", Failure::new(Kind::InvalidRequest, error.to_string())),
        };
        let (name, id) = (token.terms.name.clone(), token.id.clone());
        if self.control.clients().knows(&token.hash) {
            return Taken::new(name, Some(id), "skip");
        }
        if !self.dry
            && let Err(failure) = self.control.clients().restore(token)
        {
            return Taken::refuse(name, failure);
        }
        Taken::new(name, Some(id), "add")
    }

    /// Routes and the like that are not there yet; what is there stays as it is.
    fn config(&mut self, document: &Value, actor: &str) -> Value {
        let current = &self.control.config().document;
        let mut merged = serde_json::to_value(current).unwrap_or_default();
        let before = merged.clone();
        // The shipped stand-ins hold until a document has its own; those that come are besides, not instead.
        if let Some(merged) = merged.as_object_mut()
            && document.get("fallbacks").is_some()
            && !merged.contains_key("fallbacks")
        {
            merged.insert("fallbacks".to_owned(), json!(self.control.config().routes.fallbacks));
        }
        add(&mut merged, document);
        if merged == before {
            return json!({"action": "skip"});
        }
        let revision = self.control.config().revision;
        match config::read(merged.to_string().as_bytes()) {
            Err(problems) => json!({"action": "refuse", "problems": problems}),
            Ok(_) if self.dry => json!({"action": "update"}),
            Ok(document) => {
                let replaced =
                    self.control.configure(|config| config.replace(revision, document, actor, self.request.now));
                json!({"action": if replaced.is_ok() { "update" } else { "refuse" }})
            }
        }
    }
}

fn is_newer(credential: &Credential, current: &Credential) -> bool {
    credential.access.expose() != current.access.expose() && credential.expires > current.expires
}

/// Members of `more` that `target` has not, at every depth of objects.
fn add(target: &mut Value, more: &Value) {
    match (target, more) {
        (Value::Object(target), Value::Object(more)) => {
            for (name, value) in more {
                match target.get_mut(name) {
                    Some(known) => add(known, value),
                    None => drop(target.insert(name.clone(), value.clone())),
                }
            }
        }
        (target @ Value::Null, more) => target.clone_from(more),
        _ => {}
    }
}

/// Everything there is, credentials under seal, to be kept somewhere else.
pub fn export(control: &mut Control, asked: &Asked<'_, '_>) -> Reply {
    let request = asked.request;
    let ids: Vec<String> = control.clients().list("", request.now).map(|view| view.id).collect();
    let tokens: Vec<Token> = ids.iter().filter_map(|id| control.clients().get(id).cloned()).collect();
    let accounts: Vec<&Record> = control.records().collect();
    let body = json!({
        "format": FORMAT,
        "made": request.now,
        "version": env!("CARGO_PKG_VERSION"),
        "accounts": accounts,
        "tokens": tokens,
        "config": control.config().document,
    });
    let mut reply = Reply::json(200, &body);
    reply.headers.push(("content-disposition", "attachment; filename=\"sluice-backup.json\"".to_owned()));
    let subject = format!("{} accounts, {} tokens", accounts.len(), tokens.len());
    reply.effects.push(asked.audit("export", subject, ""));
    reply
}
