//! `/admin/api/config`: the configuration document, its history, and what routing would make of a call.

use serde::Deserialize;
use serde_json::json;

use super::{Effect, Outcome, Reply, Request, only, unknown, wrong_method};
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

pub fn handle(control: &mut Control, request: &Request<'_>, rest: &[&str], actor: &str) -> Result<Outcome, Failure> {
    let done = match rest {
        [] => match request.method {
            "GET" => Ok(shown(control)),
            "PUT" => replace(control, request, actor),
            _ => Err(wrong_method(request, "GET or PUT")),
        },
        ["schema"] => {
            only(request, "GET")?;
            Ok(Reply { status: 200, body: SCHEMA.to_owned(), ..Reply::default() })
        }
        ["history"] => {
            only(request, "GET")?;
            Ok(Reply::json(200, &json!({"items": control.config().history().collect::<Vec<_>>(), "next": null})))
        }
        ["validate"] => {
            only(request, "POST")?;
            let problems = config::read(request.body).err().unwrap_or_default();
            Ok(Reply::json(200, &json!({"problems": problems})))
        }
        ["undo"] => {
            only(request, "POST")?;
            control.configure(|config| config.undo(actor, request.now))?;
            Ok(shown(control).with(audit(actor, "undo", control)))
        }
        _ => Err(unknown(request)),
    };
    done.map(Outcome::from)
}

fn audit(actor: &str, action: &str, control: &Control) -> Effect {
    let subject = format!("revision {}", control.config().revision);
    Effect::Audit { actor: actor.to_owned(), action: format!("config.{action}"), subject }
}

fn shown(control: &Control) -> Reply {
    let config = control.config();
    Reply::json(200, &json!({"revision": config.revision, "document": config.document}))
}

fn replace(control: &mut Control, request: &Request<'_>, actor: &str) -> Result<Reply, Failure> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Wanted {
        revision: u64,
        document: Json,
    }
    let Wanted { revision, document } = request.read()?;
    let replaced = config::read(document.get().as_bytes())
        .map_err(Refused::Wrong)
        .and_then(|document| control.configure(|config| config.replace(revision, document, actor, request.now)));
    Ok(match replaced {
        Ok(()) => shown(control).with(audit(actor, "replace", control)),
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

/// `/admin/api/route/explain`: whom a call would go to, and why, without calling anybody.
pub fn explain(control: &mut Control, request: &Request<'_>) -> Result<Outcome, Failure> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Question {
        model: String,
        #[serde(default)]
        protocol: Option<Protocol>,
        #[serde(default)]
        provider: Option<String>,
        #[serde(default)]
        preferences: Option<Preferences>,
        #[serde(default)]
        needs: Needs,
    }
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
    Ok(Reply::json(200, &explained).into())
}
