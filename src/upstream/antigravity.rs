//! Antigravity: Code Assist again, by another login, with models of other makers among its own.
//!
//! | in the body | why |
//! |---|---|
//! | `project`, `requestId`, `requestType`, `userAgent` | members of the envelope; the agent is us, or who the account's headers say |
//! | `request.sessionId` | the conversation, where we know it |
//! | no `safetySettings`; no `maxOutputTokens` but for Claude | refused |
//! | tools in `parameters`, in Gemini's older words for schemas | `parametersJsonSchema` is refused |
//! | for Claude, tools called in mode `VALIDATED` | what the service itself uses for it |
//!
//! The service has two hosts. The second is asked when the first cannot be reached or is overloaded, within the same
//! attempt; an account's own address is the only one.

use serde_json::{Map, Value, json};

use super::listing::{Listing, Offer, Unlisted};
use super::quota::{self, Window};
use super::{Payload, Refusal, Target, Upstream, ask, bearer, code_assist, post};
use crate::call::{Call, HttpRequest, Operation, header};
use crate::fault::{Failure, Fault, Millis};
use crate::ir::Protocol;
use crate::json::{self, Body, Json};
use crate::protocol::Outbound;
use crate::protocol::code_assist::CodeAssist as Wire;

pub struct Antigravity;

pub const MODELS: &[&str] =
    &["gemini-3*", "gemini-pro-agent", "claude-sonnet-4-6", "claude-*-thinking", "gpt-oss-120b-medium"];

const HOST: &str = "https://daily-cloudcode-pa.googleapis.com";
const HOSTS: &[&str] = &[HOST, "https://cloudcode-pa.googleapis.com"];

fn method(target: &Target, method: &str) -> String {
    format!("{}/v1internal:{method}", target.base_url.as_deref().unwrap_or(HOST))
}

impl Upstream for Antigravity {
    fn name(&self) -> &'static str {
        "antigravity"
    }

    fn speaks(&self, _: Protocol, _: &Target) -> &'static dyn Outbound {
        &Wire
    }

    fn supports(&self, operation: Operation, _: Protocol, _: &Target) -> bool {
        matches!(operation, Operation::Generate | Operation::CountTokens)
    }

    fn request(&self, call: &Call, target: &Target, payload: &Payload) -> Result<HttpRequest, Failure> {
        let name = match (call.endpoint.operation, payload.stream) {
            (Operation::CountTokens, _) => "countTokens",
            (_, true) => "streamGenerateContent?alt=sse",
            (_, false) => "generateContent",
        };
        let request = post(call, target, payload, method(target, name), vec![bearer(target)]);
        let body = if call.endpoint.operation == Operation::CountTokens {
            code_assist::count(target, &payload.body)
        } else {
            let agent = header(&request.headers, "user-agent").unwrap_or_default();
            envelope(call, target, agent, payload)?
        };
        Ok(HttpRequest { body: body.into(), ..request })
    }

    fn hosts(&self) -> &'static [&'static str] {
        HOSTS
    }

    fn classify(&self, refused: Refusal<'_>, now: Millis) -> Fault {
        code_assist::CodeAssist.classify(refused, now)
    }

    fn quota_request(&self, target: &Target) -> Option<HttpRequest> {
        let project = target.credential.detail("project_id");
        let body = project.map_or_else(|| json!({}), |project| json!({ "project": project })).to_string();
        Some(ask(target, method(target, "fetchAvailableModels"), vec![bearer(target)], Some(body)))
    }

    fn quota(&self, status: u16, body: &[u8], _: Millis) -> Vec<Window> {
        let Some(body) = quota::body(status, body) else { return Vec::new() };
        let window = |(name, model): (&String, &Value)| {
            let info = model.get("quotaInfo")?;
            // What is used up is told by leaving the fraction out.
            let left = info.get("remainingFraction").and_then(Value::as_f64).unwrap_or(0.0);
            let resets = info.get("resetTime").and_then(quota::moment);
            Some(Window::fraction(name, 1.0 - left, resets))
        };
        quota::bounded(models(&body).filter_map(window))
    }

    fn models_request(&self, target: &Target, _: Option<&str>) -> Option<HttpRequest> {
        self.quota_request(target)
    }

    fn models_answer(&self, body: &[u8]) -> Result<Listing, Unlisted> {
        let body: Value = json::read(body).map_err(|_| Unlisted)?;
        let tokens = |model: &Value, name: &str| model.get(name).and_then(Value::as_u64);
        let offer = |(id, model): (&String, &Value)| Offer {
            id: id.clone(),
            context: tokens(model, "maxTokens"),
            output: tokens(model, "maxOutputTokens"),
            ..Offer::default()
        };
        // Those with such names complete code in an editor.
        let own = |(id, _): &(&String, &Value)| id.len() <= 200 && !id.starts_with("chat_") && !id.starts_with("tab_");
        let models: Vec<Offer> = models(&body).filter(own).take(200).map(offer).collect();
        if models.is_empty() { Err(Unlisted) } else { Ok(Listing { models, next: None }) }
    }
}

fn models(body: &Value) -> impl Iterator<Item = (&String, &Value)> {
    body.get("models").and_then(Value::as_object).into_iter().flatten()
}

fn envelope(call: &Call, target: &Target, agent: &str, payload: &Payload) -> Result<Vec<u8>, Failure> {
    let model = target.model.strip_prefix("models/").unwrap_or(&target.model);
    let model = model.strip_prefix("gemini-claude-").map_or_else(|| model.to_owned(), |rest| format!("claude-{rest}"));
    let kind = if model.contains("image") { "image_gen" } else { "agent" };
    let mut outer = Map::new();
    if let Some(project) = target.credential.detail("project_id") {
        outer.insert("project".to_owned(), project.into());
    }
    let inner = inner(call, &model, payload)?;
    let agent = agent.split('/').next().unwrap_or_default();
    for (name, value) in [
        ("model", model),
        ("userAgent", agent.to_owned()),
        ("requestType", kind.to_owned()),
        ("requestId", format!("agent-{}", call.id)),
    ] {
        outer.insert(name.to_owned(), value.into());
    }
    let mut out = Json::of(&outer).get().as_bytes().to_vec();
    out.pop();
    out.extend_from_slice(b",\"request\":");
    out.extend_from_slice(&inner);
    out.push(b'}');
    Ok(out)
}

/// Gemini's body, as this service takes it.
fn inner(call: &Call, model: &str, payload: &Payload) -> Result<bytes::Bytes, Failure> {
    let body = Body::parse(payload.body.clone())?;
    let claude = model.starts_with("claude");
    let mut edits: Vec<(&str, Option<String>)> = vec![("safetySettings", None), ("model", None)];
    if let Some(hash) = call.affinity {
        // A negative number of 63 bits, as a string.
        edits.push(("sessionId", Some(format!("\"-{}\"", hash >> 1))));
    }
    if let Some(mut config) = body.get::<Map<String, Value>>("generationConfig")?
        && !claude
        && config.remove("maxOutputTokens").is_some()
    {
        edits.push(("generationConfig", Some(Json::of(&config).get().to_owned())));
    }
    if let Some(mut tools) = body.get::<Value>("tools")? {
        for tool in tools.as_array_mut().into_iter().flatten() {
            let declared = tool.get_mut("functionDeclarations").and_then(Value::as_array_mut);
            for function in declared.into_iter().flatten().filter_map(Value::as_object_mut) {
                if let Some(mut schema) = function.remove("parametersJsonSchema") {
                    older(&mut schema);
                    function.insert("parameters".to_owned(), schema);
                }
            }
        }
        edits.push(("tools", Some(tools.to_string())));
        if claude {
            let config = json!({ "functionCallingConfig": { "mode": "VALIDATED" } });
            edits.push(("toolConfig", Some(config.to_string())));
        }
    }
    let edits: Vec<(&str, Option<&str>)> = edits.iter().map(|(name, edit)| (*name, edit.as_deref())).collect();
    Ok(body.splice(&edits))
}

/// A JSON Schema of ours in Gemini's older words: one type and `nullable`, nothing it does not know.
fn older(schema: &mut Value) {
    const KNOWN: &[&str] = &[
        "type",
        "format",
        "title",
        "description",
        "nullable",
        "enum",
        "items",
        "minItems",
        "maxItems",
        "properties",
        "required",
        "anyOf",
        "minimum",
        "maximum",
    ];
    let Some(members) = schema.as_object_mut() else { return };
    members.retain(|name, _| KNOWN.contains(&name.as_str()));
    if let Some(types) = members.get("type").and_then(Value::as_array).cloned() {
        let kind = types.iter().find(|kind| *kind != "null").cloned().unwrap_or_else(|| "string".into());
        if types.iter().any(|kind| kind == "null") {
            members.insert("nullable".to_owned(), true.into());
        }
        members.insert("type".to_owned(), kind);
    }
    // Only strings may be enumerated.
    if members.get("enum").and_then(Value::as_array).is_some_and(|values| !values.iter().all(Value::is_string)) {
        members.remove("enum");
    }
    for (name, value) in members {
        match (name.as_str(), value) {
            ("properties", Value::Object(schemas)) => schemas.values_mut().for_each(older),
            ("anyOf", Value::Array(schemas)) => schemas.iter_mut().for_each(older),
            ("items", schema) => older(schema),
            _ => {}
        }
    }
}
