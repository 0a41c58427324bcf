//! `/admin/api/config`: the configuration document, its history, and what routing would make of a call.

use serde::Deserialize;
use serde_json::json;

use super::{Asked, Effect, Reply, Request};
use crate::access::Caller;
use crate::call::Operation;
use crate::config::{self, Refused};
use crate::control::Control;
use crate::control::inquiry::Inquiry;
use crate::fault::Failure;
use crate::ir::Protocol;
use crate::json::Json;
use crate::route::Needs;
use crate::route::document::Problem;
use crate::route::preferences::Preferences;

const SCHEMA: &str = include_str!("config.schema.json");

pub fn schema() -> Reply {
    Reply { status: 200, body: SCHEMA.to_owned(), ..Reply::default() }
}

pub fn history(control: &Control) -> Reply {
    Reply::json(200, &json!({"items": control.config().history().collect::<Vec<_>>(), "next": null}))
}

/// What is wrong with a document, without taking it.
pub fn validate(request: &Request<'_>) -> Reply {
    let problems = config::read(request.body).err().unwrap_or_default();
    Reply::json(200, &json!({ "problems": problems }))
}

pub fn undo(control: &mut Control, asked: &Asked<'_, '_>) -> Result<Reply, Failure> {
    control.configure(|config| config.undo(asked.actor, asked.request.now))?;
    Ok(show(control).with(audit(asked, "config.undo", control)))
}

/// Which revision there is now, and which parts of the document it changed.
fn audit(asked: &Asked<'_, '_>, action: &str, control: &Control) -> Effect {
    let config = control.config();
    let parts = |document: &config::Document| serde_json::to_value(document).unwrap_or_default();
    let (after, before) = (parts(&config.document), config.history().next().map(|past| parts(&past.document)));
    let before = before.unwrap_or_default();
    let names = ["routes", "fallbacks", "models", "prices", "rules", "filters", "queue", "retention"];
    let changed: Vec<&str> = names.into_iter().filter(|name| after.get(name) != before.get(name)).collect();
    asked.audit(action, format!("revision {}", config.revision), changed.join(", "))
}

pub fn show(control: &Control) -> Reply {
    let config = control.config();
    Reply::json(200, &json!({"revision": config.revision, "document": config.document}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Replacement {
    revision: u64,
    #[cfg_attr(test, schemars(with = "serde_json::Value"))]
    document: Json,
}

pub fn replace(control: &mut Control, asked: &Asked<'_, '_>) -> Result<Reply, Failure> {
    let Asked { request, actor, .. } = *asked;
    let Replacement { revision, document } = request.read()?;
    let replaced = config::read(document.get().as_bytes())
        .map_err(Refused::Wrong)
        .and_then(|document| control.configure(|config| config.replace(revision, document, actor, request.now)));
    Ok(match replaced {
        Ok(()) => show(control).with(audit(asked, "config.replace", control)),
        Err(Refused::Stale { revision }) => {
            let message = format!("the configuration has changed: it has revision {revision} now");
            Reply::failure(&Failure { status: 409, ..Failure::invalid("revision", message) }.code("stale"))
        }
        Err(Refused::Wrong(problems)) => wrong(&problems),
    })
}

fn wrong(problems: &[Problem]) -> Reply {
    let first = problems.first().map(|problem| (problem.path.clone(), problem.message.clone())).unwrap_or_default();
    let message =
        if first.0.is_empty() || first.1.starts_with(&first.0) { first.1 } else { format!("{}: {}", first.0, first.1) };
    let error = json!({"code": "invalid_config", "message": message, "field": first.0});
    Reply::json(422, &json!({"error": error, "problems": problems}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "ExplainQuestion"))]
pub struct Question {
    model: String,
    #[serde(default)]
    protocol: Option<Protocol>,
    #[serde(default)]
    provider: Option<String>,
    #[serde(default)]
    #[cfg_attr(test, schemars(with = "Option<serde_json::Map<String, serde_json::Value>>"))]
    preferences: Option<Preferences>,
    #[serde(default)]
    needs: Needs,
}

/// `/admin/api/route/explain`: whom a call would go to, and why, without calling anybody.
pub fn explain(control: &mut Control, request: &Request<'_>) -> Result<Reply, Failure> {
    let question: Question = request.read()?;
    let inquiry = Inquiry {
        provider: question.provider,
        preferences: question.preferences,
        needs: question.needs,
        ..Inquiry::about(
            Caller::Operator,
            question.model,
            question.protocol.unwrap_or(Protocol::Chat),
            Operation::Generate,
        )
    };
    let explained = control.explain(&inquiry, request.now).map_err(|denied| denied.failure)?;
    Ok(Reply::json(200, &explained))
}
