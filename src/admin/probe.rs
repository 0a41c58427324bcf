//! What an account's provider says when it is asked for the operator's sake: is it there, what is left.

use serde::Deserialize;
use serde_json::json;

use super::accounts::found;
use super::{Asked, Effect, Errand, Outcome, Reply, Request};
use crate::call::{Call, Head, Route, printable, route};
use crate::control::Control;
use crate::fault::{Failure, Kind, Millis};
use crate::json;
use crate::models;
use crate::pool::Attempt;

/// `/admin/api/health`
pub fn health(control: &Control) -> Reply {
    Reply::json(200, &json!({"vault": control.vault_health(), "accounts": control.setups().count()}))
}

pub fn quota_known(control: &Control, asked: &Asked<'_, '_>) -> Result<Reply, Failure> {
    found(control, asked.id, asked.request.now)?;
    Ok(quota(control, asked.id))
}

pub fn ask_quota(control: &mut Control, asked: &Asked<'_, '_>) -> Result<Outcome, Failure> {
    found(control, asked.id, asked.request.now)?;
    Ok(Outcome::Errand(Errand::Quota { account: asked.id.to_owned() }))
}

pub fn test(control: &mut Control, asked: &Asked<'_, '_>) -> Result<Outcome, Failure> {
    let Asked { request, id, .. } = *asked;
    found(control, id, request.now)?;
    let effects = vec![asked.audit("account.test", id, "")];
    Ok(Outcome::Errand(Errand::Test { account: id.to_owned(), model: model(control, request, id)?, effects }))
}

pub fn renew(control: &mut Control, asked: &Asked<'_, '_>) -> Result<Outcome, Failure> {
    found(control, asked.id, asked.request.now)?;
    if !control.record(asked.id).is_some_and(|record| record.renews()) {
        return Err(Failure::new(Kind::InvalidRequest, "this account has no token that can be renewed"));
    }
    let effects = vec![asked.audit("account.refresh", asked.id, "")];
    Ok(Outcome::Errand(Errand::Renew { account: asked.id.to_owned(), effects }))
}

/// What is known of an account's allowances.
pub fn quota(control: &Control, id: &str) -> Reply {
    let told = control.quota(id);
    let (windows, at) = told.map_or((&[][..], None), |told| (&told.windows, Some(told.at)));
    Reply::json(200, &json!({"quota": windows, "at": at}))
}

pub fn account(control: &Control, id: &str, now: Millis) -> Reply {
    found(control, id, now).map_or_else(|failure| Reply::failure(&failure), |view| Reply::json(200, &view))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "TestWanted"))]
pub struct Wanted {
    #[serde(default)]
    model: Option<String>,
}

/// The model that the operator names, or else any that the account is known to have.
fn model(control: &Control, request: &Request<'_>, id: &str) -> Result<String, Failure> {
    let Wanted { model } = request.read()?;
    let known = || {
        let setup = control.setup(id)?;
        let on = crate::pool::Account { enabled: true, ..setup.account.clone() };
        let setup = crate::accounts::Setup { account: on, ..setup.clone() };
        Some(models::list(&[setup], None).into_iter().find(|model| !model.embeds())?.model)
    };
    model
        .filter(|model| !model.is_empty())
        .or_else(known)
        .ok_or_else(|| Failure::invalid("model", "is missing, and no model of this account is known by name"))
}

/// The least that can be asked of a model.
pub fn call(model: &str, id: &str, now: Millis) -> Result<Call, Failure> {
    let header = |_: &str| None;
    let head = Head { method: "POST", path: "/v1/chat/completions", query: "", header: &header };
    let body = json!({"model": model, "messages": [{"role": "user", "content": "Hi"}]});
    match route(&head)? {
        Route::Call(endpoint) => Call::read(endpoint, body.to_string().into(), &head, id, now.seconds()),
        _ => Err(Failure::new(Kind::Internal, "no such endpoint")),
    }
}

/// What came of a test.
pub fn tested(last: Option<&Attempt>, status: u16, body: &[u8], effects: Vec<Effect>) -> Reply {
    let ms = last.map(|last| last.ms);
    let model = last.map(|last| printable(&last.model));
    let reply = if status == 200 {
        Reply::json(200, &json!({"ok": true, "ms": ms, "model": model}))
    } else {
        let said: serde_json::Value = json::read(body).unwrap_or_default();
        let message = said.pointer("/error/message").and_then(serde_json::Value::as_str).unwrap_or("no answer");
        Reply::json(
            200,
            &json!({"ok": false, "ms": ms, "model": model, "status": status, "error": {"message": message}}),
        )
    };
    Reply { effects, ..reply }
}
