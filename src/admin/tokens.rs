//! `/admin/api/tokens`: the clients' keys, and what each may do.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Asked, Reply, Request};
use crate::clients::{Fresh, Terms, View};
use crate::control::Control;
use crate::fault::{Failure, Kind};

/// A month: longer, and the old key is simply another key.
const LONGEST_HOURS: u64 = 31 * 24;

pub fn show(control: &mut Control, asked: &Asked<'_, '_>) -> Result<Reply, Failure> {
    Ok(Reply::json(200, &found(control, asked.request, asked.id)?))
}

pub fn delete(control: &mut Control, asked: &Asked<'_, '_>) -> Result<Reply, Failure> {
    let Asked { request, id, .. } = *asked;
    control.clients().discard(id, request.now).ok_or_else(missing)?;
    Ok(Reply::json(200, &json!({ "undo": id })).with(asked.audit("token.delete", id, "")))
}

pub fn is_token(id: &str) -> bool {
    id.starts_with("tok_")
}

pub fn undo(control: &mut Control, asked: &Asked<'_, '_>) -> Result<Reply, Failure> {
    let Asked { request, id, .. } = *asked;
    if !control.clients().undo(id, request.now) {
        return Err(Failure::new(Kind::NotFound, "nothing to undo: ten minutes have passed, or it was undone"));
    }
    Ok(Reply::json(200, &found(control, request, id)?).with(asked.audit("token.restore", id, "")))
}

fn missing() -> Failure {
    Failure::new(Kind::NotFound, "there is no such token").code("token_not_found")
}

fn found(control: &mut Control, request: &Request<'_>, id: &str) -> Result<View, Failure> {
    control.clients().view(id, request.now).ok_or_else(missing)
}

pub fn list(control: &mut Control, request: &Request<'_>) -> Result<Reply, Failure> {
    let (limit, after) = request.page()?;
    let query = (request.query)("q").unwrap_or_default().to_lowercase();
    let fits = |view: &View| {
        let texts = [&view.id, &view.terms.name, &view.terms.project];
        query.is_empty() || texts.iter().any(|text| text.to_lowercase().contains(&query))
    };
    let clients = control.clients();
    let total = clients.len();
    let after = after.unwrap_or_default();
    let mut views = clients.list(&after, request.now).filter(fits);
    let items: Vec<View> = views.by_ref().take(limit).collect();
    let next = views.next().and_then(|_| items.last().map(|last| last.id.clone()));
    Ok(Reply::json(200, &json!({"items": items, "next": next, "total": total})))
}

pub fn create(control: &mut Control, asked: &Asked<'_, '_>) -> Result<Reply, Failure> {
    let request = asked.request;
    let mut body: Value = request.read()?;
    // A key that clients have already; it is not shown again.
    let brought = body.as_object_mut().and_then(|body| body.remove("key"));
    let key = match &brought {
        Some(Value::String(key)) => Fresh::brought(key)?,
        None | Some(Value::Null) => Fresh::new((request.random)()),
        Some(_) => return Err(Failure::invalid("key", "expected a string")),
    };
    let terms = Terms::default().patched(&body)?;
    let view = control.clients().create(terms, &key, request.now)?;
    let shown = brought.filter(|key| !key.is_null()).is_none().then(|| key.expose().to_owned());
    let effect = asked.audit("token.create", &view.id, &view.terms.name);
    Ok(Reply::json(201, &json!({"token": view, "key": shown})).with(effect))
}

pub fn change(control: &mut Control, asked: &Asked<'_, '_>) -> Result<Reply, Failure> {
    let Asked { request, id, .. } = *asked;
    let mut patch: Value = request.read()?;
    let expected = patch.as_object_mut().and_then(|patch| patch.remove("revision"));
    let revision = found(control, request, id)?.revision;
    if expected.is_some_and(|expected| expected != json!(revision)) {
        let message = format!("the token has changed: it is at revision {revision}");
        return Err(Failure { status: 409, ..Failure::invalid("revision", message) });
    }
    // Their names, not what they say.
    let said = patch.as_object().map(|patch| patch.keys().cloned().collect::<Vec<_>>().join(", ")).unwrap_or_default();
    let view = control.clients().change(id, &patch, request.now)?;
    Ok(Reply::json(200, &view).with(asked.audit("token.change", id, said)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Rotation {
    #[serde(default)]
    keep_hours: u64,
}

pub fn rotate(control: &mut Control, asked: &Asked<'_, '_>) -> Result<Reply, Failure> {
    let Asked { request, id, .. } = *asked;
    let Rotation { keep_hours } = request.read()?;
    if keep_hours > LONGEST_HOURS {
        return Err(Failure::invalid("keep_hours", format!("more than {LONGEST_HOURS}")));
    }
    let key = Fresh::new((request.random)());
    let view = control.clients().rotate(id, &key, Duration::from_secs(3600 * keep_hours), request.now)?;
    Ok(Reply::json(200, &json!({"token": view, "key": key.expose()})).with(asked.audit(
        "token.rotate",
        id,
        format!("the old key works for {keep_hours} h"),
    )))
}
