//! Google's Code Assist, with the login of Gemini CLI: Gemini in an envelope.
//!
//! `{"model", "project", "user_prompt_id", "request": …}` is put around what Gemini's own API would get; a client of Gemini
//! finds its own bytes in there. [`protocol::code_assist`](crate::protocol::code_assist) takes the answers out again.
//! The project is the login's (`project_id`); without one Google chooses.

use serde_json::Value;

use super::listing::{Listing, Offer, Unlisted};
use super::quota::{self, Window};
use super::refusal::{self, Means, Reading};
use super::{Payload, Refusal, Target, Upstream, ask, bearer, post};
use crate::call::{Call, HttpRequest, Operation};
use crate::fault::{Failure, Fault, Millis, Scope};
use crate::ir::Protocol;
use crate::json::{self, Body, Json};
use crate::protocol::Outbound;
use crate::protocol::code_assist::CodeAssist as Wire;

pub struct CodeAssist;

pub const MODELS: &[&str] = &["gemini-*"];

const REFUSALS: Reading = Reading {
    limits: Scope::Model,
    codes: &[
        ("INSUFFICIENT_G1_CREDITS_BALANCE", Means::Quota(Scope::Account)),
        ("VALIDATION_REQUIRED", Means::Suspended),
        ("SECURITY_POLICY_VIOLATED", Means::Suspended),
    ],
    sentences: &[],
};

fn method(target: &Target, method: &str) -> String {
    let base = target.base_url.as_deref().unwrap_or("https://cloudcode-pa.googleapis.com");
    format!("{base}/v1internal:{method}")
}

fn model(target: &Target) -> &str {
    target.model.strip_prefix("models/").unwrap_or(&target.model)
}

impl Upstream for CodeAssist {
    fn name(&self) -> &'static str {
        "gemini-cli"
    }

    fn speaks(&self, _: Protocol, _: &Target) -> &'static dyn Outbound {
        &Wire
    }

    fn supports(&self, operation: Operation, _: Protocol, _: &Target) -> bool {
        matches!(operation, Operation::Generate | Operation::CountTokens)
    }

    fn request(&self, call: &Call, target: &Target, payload: &Payload) -> Result<HttpRequest, Failure> {
        let (name, body) = match (call.endpoint.operation, payload.stream) {
            (Operation::CountTokens, _) => ("countTokens", count(target, &payload.body)),
            (_, true) => ("streamGenerateContent?alt=sse", envelope(call, target, &payload.body)),
            (_, false) => ("generateContent", envelope(call, target, &payload.body)),
        };
        let request = post(call, target, payload, method(target, name), vec![bearer(target)]);
        Ok(HttpRequest { body: body.into(), ..request })
    }

    fn classify(&self, refused: Refusal<'_>, now: Millis) -> Fault {
        refusal::classify(refused, REFUSALS, now)
    }

    fn quota_request(&self, target: &Target) -> Option<HttpRequest> {
        let project = target.credential.detail("project_id")?;
        let body = serde_json::json!({ "project": project }).to_string();
        Some(ask(target, method(target, "retrieveUserQuota"), vec![bearer(target)], Some(body)))
    }

    fn quota(&self, status: u16, body: &[u8], _: Millis) -> Vec<Window> {
        let Some(body) = quota::body(status, body) else { return Vec::new() };
        quota::bounded(buckets(&body).filter_map(window))
    }

    /// There is no list; but every model has an allowance.
    fn models_request(&self, target: &Target, _: Option<&str>) -> Option<HttpRequest> {
        self.quota_request(target)
    }

    fn models_answer(&self, body: &[u8]) -> Result<Listing, Unlisted> {
        let body: Value = json::read(body).map_err(|_| Unlisted)?;
        let mut ids: Vec<&str> = buckets(&body).filter_map(|bucket| bucket.get("modelId")?.as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        let models: Vec<Offer> = ids.into_iter().filter(|id| id.len() <= 200).take(200).map(Offer::of).collect();
        if models.is_empty() { Err(Unlisted) } else { Ok(Listing { models, next: None }) }
    }
}

fn envelope(call: &Call, target: &Target, inner: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(inner.len() + 256);
    let mut put = |key: &str, value: &str| {
        out.extend_from_slice(key.as_bytes());
        out.extend_from_slice(Json::of(value).get().as_bytes());
    };
    put("{\"model\":", model(target));
    if let Some(project) = target.credential.detail("project_id") {
        put(",\"project\":", project);
    }
    put(",\"user_prompt_id\":", &call.id);
    out.extend_from_slice(b",\"request\":");
    out.extend_from_slice(inner);
    out.push(b'}');
    out
}

/// Code Assist counts contents and nothing else, so that instructions count as one of them.
pub(super) fn count(target: &Target, body: &[u8]) -> Vec<u8> {
    let parse = |bytes: &[u8]| Body::parse(bytes::Bytes::copy_from_slice(bytes)).unwrap_or_default();
    let outer = parse(body);
    let asked = outer.raw("generateContentRequest").map_or_else(|| outer.clone(), parse);
    let instructions = asked.raw("systemInstruction").or_else(|| asked.raw("system_instruction"));
    let contents = asked.raw("contents").unwrap_or(b"[]").trim_ascii();
    let contents = contents.strip_prefix(b"[").unwrap_or(contents);
    let mut out =
        format!("{{\"request\":{{\"model\":{},\"contents\":[", Json::of(&format!("models/{}", model(target))).get())
            .into_bytes();
    if let Some(instructions) = instructions.filter(|raw| raw.starts_with(b"{")) {
        let role = [("role", Some("\"user\""))];
        out.extend_from_slice(&parse(instructions).splice(&role));
        if !contents.trim_ascii_start().starts_with(b"]") {
            out.push(b',');
        }
    }
    out.extend_from_slice(contents);
    out.extend_from_slice(b"}}");
    out
}

fn buckets(body: &Value) -> impl Iterator<Item = &Value> {
    body.get("buckets").and_then(Value::as_array).into_iter().flatten()
}

/// `{"modelId", "tokenType", "remainingFraction", "remainingAmount"?, "resetTime"}`.
fn window(bucket: &Value) -> Option<Window> {
    let text = |key: &str| bucket.get(key).and_then(Value::as_str);
    let left = bucket.get("remainingFraction").and_then(Value::as_f64)?;
    let model = text("modelId").unwrap_or("all models");
    let name = match text("tokenType") {
        None | Some("REQUESTS" | "") => model.to_owned(),
        Some(kind) => format!("{model}: {}", kind.to_ascii_lowercase().replace('_', " ")),
    };
    let resets = bucket.get("resetTime").and_then(quota::moment);
    let amount = text("remainingAmount").and_then(|amount| amount.parse::<f64>().ok());
    match amount {
        Some(amount) if left > 0.0 => {
            let limit = (amount / left).round();
            Some(Window { name, used: limit - amount, limit, resets })
        }
        _ => Some(Window::fraction(&name, 1.0 - left, resets)),
    }
}
