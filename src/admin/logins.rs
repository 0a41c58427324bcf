//! `/admin/api/logins`: sign in at a provider from the console.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Asked, Errand, Outcome, Reply};
use crate::control::Control;
use crate::fault::Failure;
use crate::login::{Begin, Kind, View};
use crate::oauth;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "LoginWanted"))]
pub struct Wanted {
    provider: String,
    /// The provider's first, if it has several.
    kind: Option<Kind>,
    /// The stored account to sign in again.
    account: Option<String>,
    #[serde(default)]
    options: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "LoginPasted"))]
pub struct Pasted {
    text: String,
}

pub fn begin(control: &mut Control, asked: &Asked<'_, '_>) -> Result<Outcome, Failure> {
    let request = asked.request;
    let Wanted { provider, kind, account, options } = request.read()?;
    let row =
        oauth::provider(&provider).ok_or_else(|| Failure::invalid("provider", "there is no sign-in of this name"))?;
    let first = if row.device.is_some() { Kind::Device } else { Kind::Paste };
    let mut random = [0; 64];
    let (verifier, state) = random.split_at_mut(32);
    verifier.copy_from_slice(&request.random_bytes());
    state.copy_from_slice(&request.random_bytes());
    let begin = Begin {
        id: request.random_bytes().iter().take(16).map(|byte| format!("{byte:02x}")).collect(),
        provider: row,
        kind: kind.unwrap_or(first),
        owner: request.session(),
        account,
        options,
        random,
    };
    let view = control.begin_login(begin, request.env, request.nonce(), request.now)?;
    let audit = asked.audit("login.begin", row.name, "");
    Ok(Outcome::Errand(Errand::Login { id: view.id, status: 201, effects: vec![audit] }))
}

pub fn look(control: &Control, asked: &Asked<'_, '_>) -> Result<Reply, Failure> {
    Ok(shown(&control.login(asked.id)?, 200))
}

pub fn cancel(control: &mut Control, asked: &Asked<'_, '_>) -> Result<Reply, Failure> {
    control.cancel_login(asked.id).map(|()| Reply::nothing().with(asked.audit("login.cancel", asked.id, "")))
}

pub fn paste(control: &mut Control, asked: &Asked<'_, '_>) -> Result<Outcome, Failure> {
    let request = asked.request;
    let Pasted { text } = request.read()?;
    let view = control.paste_login(asked.id, &request.session(), &text, request.nonce(), request.now)?;
    Ok(Outcome::Errand(Errand::Login { id: view.id, status: 200, effects: Vec::new() }))
}

/// A sign-in that can be begun here, or an account that can be imported.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "SignIn"))]
pub struct Offered {
    name: &'static str,
    title: &'static str,
    /// What its accounts call their provider.
    provider: &'static str,
    /// `device`, `paste` or `import`.
    login: &'static str,
    /// Every way there is.
    kinds: Vec<Kind>,
    note: &'static str,
    needs_base_url: bool,
}

pub fn offered() -> Vec<Offered> {
    let kinds = |row: &oauth::Provider| {
        let device = row.device.map(|_| Kind::Device);
        device.into_iter().chain(row.code.map(|_| Kind::Paste)).collect::<Vec<_>>()
    };
    let offered = oauth::table::PROVIDERS.iter().map(|row| Offered {
        name: row.name,
        title: row.title,
        provider: row.account,
        login: match kinds(row).first() {
            Some(Kind::Device) => "device",
            Some(Kind::Paste) => "paste",
            None => "import",
        },
        kinds: kinds(row),
        note: row.note,
        needs_base_url: false,
    });
    offered.collect()
}

/// Once the shell has gone on with it.
pub fn shown(view: &View, status: u16) -> Reply {
    Reply::json(status, view)
}
