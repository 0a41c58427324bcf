//! `/admin/api/rules/try`: what prompt rules and filters make of a request and of an answer. Nobody is asked.

use std::rc::Rc;

use serde::Deserialize;

use super::{Reply, Request};
use crate::call::Operation;
use crate::captures::export::{whole, wire};
use crate::control::Control;
use crate::fault::Failure;
use crate::filter::Filter;
use crate::ir::Protocol;
use crate::json::{Body, Json};
use crate::passing::{self, Ready};
use crate::rules::Rule;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "TrialQuestion"))]
pub struct Question {
    /// As the client names it.
    model: String,
    #[serde(default)]
    protocol: Option<Protocol>,
    /// Id of a client's token; without one it is the operator's own key that calls.
    #[serde(default)]
    token: Option<String>,
    /// In the place of those that are stored.
    #[serde(default)]
    #[cfg_attr(test, schemars(with = "Option<Vec<serde_json::Value>>"))]
    rules: Option<Vec<Rule>>,
    #[serde(default)]
    #[cfg_attr(test, schemars(with = "Option<Vec<serde_json::Value>>"))]
    filters: Option<Vec<Filter>>,
    #[cfg_attr(test, schemars(with = "serde_json::Map<String, serde_json::Value>"))]
    request: Json,
    /// What the provider would say.
    #[serde(default)]
    answer: Option<String>,
}

pub fn try_out(control: &mut Control, request: &Request<'_>) -> Result<Reply, Failure> {
    let asked: Question = request.read()?;
    let protocol = asked.protocol.unwrap_or(Protocol::Chat);
    let wire = wire(protocol).ok_or_else(|| Failure::invalid("protocol", "no client speaks it"))?;
    if asked.token.as_deref().is_some_and(|token| control.clients().get(token).is_none()) {
        return Err(Failure::invalid("token", "there is no such token"));
    }
    let document = &control.config().document;
    let (rules, filters) = (asked.rules.as_ref(), asked.filters.as_ref());
    let (rules, filters) = (rules.unwrap_or(&document.rules), filters.unwrap_or(&document.filters));
    if let Some(problem) = passing::check(rules, filters).first() {
        return Err(Failure::invalid(&problem.name, problem.message.clone()));
    }
    let (mut rules, filters) = control.fitting(rules, filters, asked.token.as_deref(), &asked.model, protocol);
    rules.extend(document.routes.get(&asked.model).map(|route| route.rule(&asked.model)));
    let body = Body::parse(asked.request.get().as_bytes().to_vec().into())
        .map_err(|error| Failure::invalid("request", error.to_string()))?;
    let call = whole(protocol, Operation::Generate, &asked.model, body);
    let ready = Rc::new(Ready::new(&rules, &filters)?);
    Ok(Reply::json(200, &passing::try_out(&ready, &call, wire, asked.answer.as_deref())))
}
