//! A sign-in from a hosted page: no program of ours runs beside the browser to catch a callback, so the person either
//! types a code elsewhere while we poll, or pastes the address at which the browser ended.
//!
//! ```text
//!  device:  Registering ─> Starting ─> Waiting ─┬────────────────> Following ─> Done
//!                                               └> Exchanging ─────────^
//!  paste:   Pasting ──────────────────────────────> Exchanging ─> Following ─> Done
//!  every state ─> Failed
//! ```
//!
//! [`Login::next`] says what to do, [`Login::feed`] takes the answer. It is kept sealed between any two of them: it
//! holds verifiers and, in the end, tokens.

pub mod paste;
mod step;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use crate::call::HttpRequest;
use crate::fault::Millis;
use crate::json;
use crate::oauth::{self, Env, Follow, Pkce, Provider, Unready};
use crate::upstream::{Credential, Secret};
use crate::vault::{self, SealNonce, Vault, VaultError};

/// A quarter of an hour: as long as the providers' own codes are good for.
const LIFETIME: Duration = Duration::from_secs(15 * 60);

/// In the vault's associated data.
const SEALED_AS: &str = "login";

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "LoginKind"))]
pub enum Kind {
    Device,
    Paste,
}

/// What a sign-in begins with.
pub struct Begin {
    pub id: String,
    pub provider: &'static Provider,
    pub kind: Kind,
    /// A hash of the administrator's session; only it can finish.
    pub owner: String,
    /// The account that is signed in again; `None`: whichever it turns out to be.
    pub account: Option<String>,
    pub options: BTreeMap<String, String>,
    /// Fresh for each sign-in: the verifier and the state are made of it.
    pub random: [u8; 64],
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BeginError {
    #[error("{0} has no such sign-in")]
    NoFlow(&'static str),
    #[error("options.{0}: {1}")]
    Option(String, &'static str),
    #[error(transparent)]
    Unready(#[from] Unready),
}

/// Why a pasted text was not taken. The sign-in goes on, unless its own address says that it was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PasteError {
    #[error("this sign-in was begun in another session")]
    NotYours,
    #[error("this sign-in is used up or over; begin another")]
    Over,
    #[error("this sign-in has expired; begin another")]
    Expired,
    #[error("text: {0}")]
    Unreadable(#[from] paste::Unreadable),
    #[error("text: is the address of another sign-in (its state differs)")]
    WrongState,
    #[error("text: has no state in it; paste the whole address")]
    NoState,
    #[error("the provider refused the sign-in: {0}")]
    Denied(String),
}

/// What to do next.
pub enum Next {
    Send(HttpRequest),
    /// Nothing before then.
    Wait(Millis),
    Finished,
}

/// A finished sign-in.
pub struct Signed {
    pub provider: &'static Provider,
    /// Who began it.
    pub owner: String,
    /// The account it was begun for.
    pub account: Option<String>,
    pub credential: Credential,
    /// Whose account it is, as far as anybody said.
    pub label: String,
    /// What could not be had, in a sentence each.
    pub notes: Vec<String>,
}

/// What the console shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Login"))]
pub struct View {
    pub id: String,
    pub provider: String,
    pub kind: Kind,
    pub state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    pub expires: Millis,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The account it led to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// One sign-in under way. No `Debug`: it holds secrets.
pub struct Login {
    provider: &'static Provider,
    kept: Kept,
}

/// What is sealed. Secrets are plain text here and nowhere else.
#[derive(Serialize, Deserialize)]
struct Kept {
    id: String,
    provider: String,
    kind: Kind,
    owner: String,
    account: Option<String>,
    expires: Millis,
    verifier: String,
    state: String,
    /// The operator's choices and, once there is one, the client registered for this sign-in.
    options: BTreeMap<String, String>,
    url: Option<String>,
    stage: Stage,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Stage {
    Registering,
    Starting,
    Waiting { device_code: String, user_code: String, interval_ms: u64, next: Millis },
    Pasting,
    Exchanging { code: String, verifier: Option<String>, redirect: String },
    Following { credential: String, follow: Follow, next: Millis },
    Done { credential: String, notes: Vec<String> },
    Stored { account: String, notes: Vec<String> },
    Failed { why: String },
}

impl Login {
    pub fn begin(begin: Begin, env: Env<'_>, now: Millis) -> Result<Self, BeginError> {
        let Begin { id, provider, kind, owner, account, options, random } = begin;
        let (verifier, state) = random.split_at(32);
        let options = chosen(options)?;
        let pkce = pkce_of(verifier);
        let state = pkce_of(state).verifier;
        let (stage, url) = match kind {
            Kind::Device if provider.device.is_none() => return Err(BeginError::NoFlow(provider.name)),
            Kind::Paste if provider.code.is_none() => return Err(BeginError::NoFlow(provider.name)),
            Kind::Device => {
                let register = oauth::register_request(provider, &details(&options), env);
                // A setting that is missing is told now and not by the first alarm.
                let stage = match register.transpose()? {
                    Some(_) => Stage::Registering,
                    None => {
                        oauth::device_request(provider, &pkce, &details(&options), env)?;
                        Stage::Starting
                    }
                };
                (stage, None)
            }
            Kind::Paste => {
                let url = oauth::authorize_url(provider, state.expose(), &pkce, &details(&options), env)?;
                (Stage::Pasting, Some(url))
            }
        };
        let kept = Kept {
            id,
            provider: provider.name.to_owned(),
            kind,
            owner,
            account,
            expires: now.plus(LIFETIME),
            verifier: pkce.verifier.expose().to_owned(),
            state: state.expose().to_owned(),
            options,
            url,
            stage,
        };
        Ok(Self { provider, kept })
    }

    pub fn id(&self) -> &str {
        &self.kept.id
    }

    /// When it may be forgotten, whatever became of it.
    pub fn forget(&self) -> Millis {
        self.kept.expires.plus(LIFETIME)
    }

    pub fn seal(&self, vault: &Vault, nonce: SealNonce) -> Result<String, VaultError> {
        let text = crate::json::Json::of(&self.kept);
        vault.seal_bytes(&self.kept.id, SEALED_AS, text.get().as_bytes(), nonce)
    }

    pub fn open(vault: &Vault, id: &str, sealed: &str) -> Result<Self, VaultError> {
        let plain = vault.open_bytes(id, SEALED_AS, sealed)?.value;
        let kept: Kept = json::read(&plain).map_err(|_| VaultError::Corrupt)?;
        let provider = oauth::provider(&kept.provider).ok_or(VaultError::Corrupt)?;
        Ok(Self { provider, kept })
    }

    pub fn view(&self) -> View {
        let Kept { id, provider, kind, expires, url, stage, .. } = &self.kept;
        let mut view = View {
            id: id.clone(),
            provider: provider.clone(),
            kind: *kind,
            state: "waiting",
            url: url.clone(),
            code: None,
            expires: *expires,
            interval: None,
            error: None,
            account: None,
            notes: Vec::new(),
        };
        match stage {
            Stage::Waiting { user_code, interval_ms, .. } => {
                view.code = Some(user_code.clone());
                view.interval = Some(interval_ms / 1000);
            }
            Stage::Registering
            | Stage::Starting
            | Stage::Pasting
            | Stage::Exchanging { .. }
            | Stage::Following { .. }
            | Stage::Done { .. } => {}
            Stage::Stored { account, notes } => {
                view.state = "done";
                view.account = Some(account.clone());
                view.notes.clone_from(notes);
            }
            Stage::Failed { why } => {
                view.state = "failed";
                view.error = Some(why.clone());
            }
        }
        view
    }

    /// Take what the person copied out of the browser's address bar, or off the page that shows a code.
    pub fn paste(&mut self, owner: &str, text: &str, now: Millis) -> Result<(), PasteError> {
        if !bool::from(owner.as_bytes().ct_eq(self.kept.owner.as_bytes())) {
            return Err(PasteError::NotYours);
        }
        let (Stage::Pasting, Some(flow)) = (&self.kept.stage, &self.provider.code) else {
            return Err(PasteError::Over);
        };
        if now >= self.kept.expires {
            return Err(PasteError::Expired);
        }
        let pasted = paste::read(text)?;
        // The state comes first: what belongs to another sign-in has no say in this one.
        let ours = pasted.state.map(|state| bool::from(state.as_bytes().ct_eq(self.kept.state.as_bytes())));
        let code = match (pasted.outcome, ours) {
            (_, Some(false)) => return Err(PasteError::WrongState),
            (paste::Outcome::Error(why), Some(true)) => {
                self.fail(format!("the provider refused the sign-in: {why}"));
                return Err(PasteError::Denied(why));
            }
            (paste::Outcome::Error(why), None) => return Err(PasteError::Denied(why)),
            (paste::Outcome::Code(code), Some(true)) => code,
            (paste::Outcome::Code(code), None) if flow.shows_code && pasted.bare => code,
            (paste::Outcome::Code(_), None) => return Err(PasteError::NoState),
        };
        let verifier = flow.pkce.then(|| self.kept.verifier.clone());
        self.kept.stage = Stage::Exchanging { code, verifier, redirect: flow.redirect.to_owned() };
        Ok(())
    }

    /// What it came to. `None` while it is under way, or when it failed.
    pub fn signed(&self) -> Option<Signed> {
        let Stage::Done { credential, notes } = &self.kept.stage else { return None };
        let credential = vault::credential(credential.as_bytes())?;
        let label = credential.detail("email").unwrap_or_default().to_owned();
        let account = self.kept.account.clone();
        Some(Signed {
            provider: self.provider,
            owner: self.kept.owner.clone(),
            account,
            credential,
            label,
            notes: notes.clone(),
        })
    }

    /// What it came to is stored as `account`, and not kept here any longer.
    pub fn settle(&mut self, account: &str) {
        if let Stage::Done { notes, .. } = &mut self.kept.stage {
            self.kept.stage = Stage::Stored { account: account.to_owned(), notes: std::mem::take(notes) };
        }
    }

    /// What it came to cannot be stored.
    pub fn refuse(&mut self, why: impl Into<String>) {
        self.fail(why);
    }

    /// Nothing will come of it any more.
    pub fn is_over(&self) -> bool {
        matches!(self.kept.stage, Stage::Stored { .. } | Stage::Failed { .. })
    }

    fn fail(&mut self, why: impl Into<String>) {
        self.kept.stage = Stage::Failed { why: why.into() };
    }

    fn pkce(&self) -> Pkce {
        Pkce { verifier: Secret::new(self.kept.verifier.clone()) }
    }

    fn options(&self) -> Credential {
        details(&self.kept.options)
    }
}

fn pkce_of(random: &[u8]) -> Pkce {
    Pkce::of(random.try_into().unwrap_or_default())
}

/// A credential that holds nothing but what was chosen.
fn details(options: &BTreeMap<String, String>) -> Credential {
    let details = options.iter().map(|(name, value)| (name.clone(), Secret::new(value.clone()))).collect();
    Credential { details, ..Credential::default() }
}

/// The choices an operator has. They end up in the credential's details.
fn chosen(options: BTreeMap<String, String>) -> Result<BTreeMap<String, String>, BeginError> {
    for (name, value) in &options {
        let wrong = match name.as_str() {
            "idp" if !["Google", "Github"].contains(&value.as_str()) => "is neither Google nor Github",
            "start_url" if !value.starts_with("https://") => "is not an https address",
            "idp" | "start_url" | "region" | "project_id" | "base_url" | "protocol" if value.len() <= 200 => continue,
            "idp" | "start_url" | "region" | "project_id" | "base_url" | "protocol" => "is too long",
            _ => "is not an option of a sign-in",
        };
        return Err(BeginError::Option(name.chars().take(40).collect(), wrong));
    }
    Ok(options)
}
