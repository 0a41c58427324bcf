//! The response object: what an answer repeats of its request, its items, its usage.

use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::failure;
use crate::fault::Failure;
use crate::ir::event::Usage;
use crate::json::{self, Body, Json, write_escaped, write_str, write_u64};
use crate::protocol::Echo;

/// Members of the response that are the request's own, with what stands for an absent one.
const ECHOED: [(&str, &str); 14] = [
    ("background", "false"),
    ("frequency_penalty", "0"),
    ("instructions", "null"),
    ("max_output_tokens", "null"),
    ("max_tool_calls", "null"),
    ("metadata", "{}"),
    ("parallel_tool_calls", "true"),
    ("presence_penalty", "0"),
    ("prompt_cache_key", "null"),
    ("safety_identifier", "null"),
    ("temperature", "1"),
    ("tool_choice", "\"auto\""),
    ("top_logprobs", "0"),
    ("top_p", "1"),
];

/// How an answer stands.
#[derive(Debug, Clone, Copy)]
pub(super) enum Status<'a> {
    InProgress,
    Completed,
    Incomplete { reason: Option<&'a str> },
    Failed(&'a Failure),
}

/// Everything of the response object that is known before the answer.
#[derive(Debug)]
pub(super) struct Envelope {
    call: String,
    created: u64,
    pub model: String,
    echo: Vec<u8>,
}

impl Envelope {
    pub(super) fn new(echo: &Echo<'_>) -> Self {
        let call = echo.call;
        Self { call: call.id.clone(), created: call.created, model: call.model.clone(), echo: repeat(&call.body) }
    }

    pub(super) fn call(&self) -> &str {
        &self.call
    }

    /// `output` is the items as they were written, separated by commas.
    pub(super) fn write(&self, status: Status<'_>, output: &[u8], usage: &Usage, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"id\":\"resp_");
        write_escaped(&self.call, out);
        out.extend_from_slice(b"\",\"object\":\"response\",\"created_at\":");
        write_u64(self.created, out);
        out.extend_from_slice(b",\"status\":\"");
        out.extend_from_slice(match status {
            Status::InProgress => b"in_progress",
            Status::Completed => b"completed".as_slice(),
            Status::Incomplete { .. } => b"incomplete",
            Status::Failed(_) => b"failed",
        });
        out.extend_from_slice(b"\",\"completed_at\":");
        match status {
            // The core has no clock: the second in which the call began stands for its end, too.
            Status::Completed => write_u64(self.created, out),
            Status::InProgress | Status::Incomplete { .. } | Status::Failed(_) => out.extend_from_slice(b"null"),
        }
        out.extend_from_slice(b",\"error\":");
        match status {
            Status::Failed(failure) => {
                let error = json!({"code": failure::response_code(failure), "message": failure.message});
                out.extend_from_slice(Json::of(&error).get().as_bytes());
            }
            Status::InProgress | Status::Completed | Status::Incomplete { .. } => out.extend_from_slice(b"null"),
        }
        out.extend_from_slice(b",\"incomplete_details\":");
        match status {
            Status::Incomplete { reason: Some(reason) } => {
                out.extend_from_slice(b"{\"reason\":");
                write_str(reason, out);
                out.push(b'}');
            }
            Status::Incomplete { reason: None } => out.extend_from_slice(b"{}"),
            Status::InProgress | Status::Completed | Status::Failed(_) => out.extend_from_slice(b"null"),
        }
        out.extend_from_slice(b",\"model\":");
        write_str(&self.model, out);
        out.extend_from_slice(b",\"previous_response_id\":null,\"service_tier\":\"default\",\"store\":false");
        out.extend_from_slice(&self.echo);
        out.extend_from_slice(b",\"output\":[");
        out.extend_from_slice(output);
        out.extend_from_slice(b"],\"usage\":");
        write_usage(usage, out);
        out.push(b'}');
    }
}

fn write_usage(usage: &Usage, out: &mut Vec<u8>) {
    let mut number = |before: &[u8], value: u64| {
        out.extend_from_slice(before);
        write_u64(value, out);
    };
    number(b"{\"input_tokens\":", usage.prompt());
    number(b",\"input_tokens_details\":{\"cached_tokens\":", usage.cache_read);
    number(b",\"cache_write_tokens\":", usage.cache_write + usage.cache_write_long);
    number(b"},\"output_tokens\":", usage.completion());
    number(b",\"output_tokens_details\":{\"reasoning_tokens\":", usage.reasoning);
    number(b"},\"total_tokens\":", usage.total());
    out.push(b'}');
}

/// The request's members, as the client wrote them, each with a comma before it.
fn repeat(body: &Body) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024);
    let said = |key: &str| body.raw(key).filter(|raw| *raw != b"null");
    for (key, absent) in ECHOED {
        put(key, said(key).unwrap_or(absent.as_bytes()), &mut out);
    }
    // Not nullable in the published schema.
    if let Some(user) = said("user") {
        put("user", user, &mut out);
    }
    let truncation = if said("truncation") == Some(b"\"auto\"") { "\"auto\"" } else { "\"disabled\"" };
    put("truncation", truncation.as_bytes(), &mut out);
    out.extend_from_slice(b",\"reasoning\":{");
    members(said("reasoning"), &[("effort", "null"), ("summary", "null")], &mut out);
    out.extend_from_slice(b"},\"text\":{");
    members(said("text"), &[("format", "{\"type\":\"text\"}")], &mut out);
    out.extend_from_slice(b"},\"tools\":[");
    let tools: Vec<&RawValue> = said("tools").and_then(|raw| json::read(raw).ok()).unwrap_or_default();
    for (at, tool) in tools.into_iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write_tool(tool.get(), &mut out);
    }
    out.push(b']');
    out
}

fn put(key: &str, raw: &[u8], out: &mut Vec<u8>) {
    out.push(b',');
    write_str(key, out);
    out.push(b':');
    out.extend_from_slice(raw);
}

/// The members of `object`, and the `wanted` ones it lacks.
fn members(object: Option<&[u8]>, wanted: &[(&str, &str)], out: &mut Vec<u8>) {
    let inner = object.and_then(|raw| std::str::from_utf8(raw).ok()).and_then(|text| {
        let inner = text.strip_prefix('{')?.strip_suffix('}')?.trim();
        Some((text, inner))
    });
    let mut first = true;
    let (text, inner) = inner.unwrap_or(("{}", ""));
    if !inner.is_empty() {
        out.extend_from_slice(inner.as_bytes());
        first = false;
    }
    let has: Value = serde_json::from_str(text).unwrap_or_default();
    for (key, absent) in wanted.iter().filter(|(key, _)| has.get(*key).is_none()) {
        if !std::mem::take(&mut first) {
            out.push(b',');
        }
        write_str(key, out);
        out.push(b':');
        out.extend_from_slice(absent.as_bytes());
    }
}

/// The response's function tools must say `strict` and `parameters`, which a request may leave out.
fn write_tool(raw: &str, out: &mut Vec<u8>) {
    #[derive(serde::Deserialize)]
    struct Head<'a> {
        #[serde(borrow, rename = "type")]
        kind: crate::json::Text<'a>,
    }
    let function = serde_json::from_str::<Head<'_>>(raw).is_ok_and(|head| &*head.kind == "function");
    if function {
        out.push(b'{');
        members(Some(raw.as_bytes()), &[("parameters", "null"), ("strict", "null")], out);
        out.push(b'}');
    } else {
        out.extend_from_slice(raw.as_bytes());
    }
}
