//! ChatGPT's Codex service, with the login of a plan: Responses that are always streamed and never stored.
//!
//! | what | here |
//! |---|---|
//! | `stream`, `store` | set: the service refuses anything else. Who wants a whole answer gets the stream folded |
//! | limits, sampling, `user`, `metadata`, `stream_options`, caching and truncation settings, `service_tier` but `priority` | removed: the service refuses them |
//! | `instructions` | must be there: the client's own, which may be empty. An operator gives others with a prompt rule |
//! | a bare string as `input`, `system` messages, `web_search_preview` | in the words the service knows |
//! | tool names it refuses | the request is translated, and the client gets its own names back |
//! | `previous_response_id`, `conversation`, `prompt`, `background` | refused: there is nothing they could refer to |

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::quota::{self, Window};
use super::refusal::{self, Means, Reading};
use super::{Payload, Refusal, Target, Upstream, ask, bearer, post};
use crate::call::{Call, HttpRequest, header};
use crate::fault::{Failure, Fault, Millis, Scope};
use crate::ir::{Extras, PartKind, Protocol, Request, ToolKind};
use crate::json::{self, Body, Text};
use crate::protocol::Outbound;
use crate::protocol::codex::Codex as Wire;

pub struct Codex;

pub const MODELS: &[&str] =
    &["gpt-5*", "gpt-6*", "codex-*", "!gpt-*-chat*", "!gpt-*-nano*", "!gpt-*-pro*", "!codex-mini*"];

const REFUSALS: Reading = Reading {
    // The windows of a plan are for all of its models.
    limits: Scope::Account,
    codes: &[("usage_not_included", Means::Suspended), ("deactivated_workspace", Means::Suspended)],
    sentences: &[],
};

const REMOVED: [&str; 17] = [
    "context_management",
    "frequency_penalty",
    "max_completion_tokens",
    "max_output_tokens",
    "max_tool_calls",
    "metadata",
    "presence_penalty",
    "prompt_cache_options",
    "prompt_cache_retention",
    "safety_identifier",
    "stream_options",
    "temperature",
    "top_logprobs",
    "top_p",
    "truncation",
    "user",
    "moderation",
];

/// What only makes sense where something is stored.
const STATE: [&str; 4] = ["previous_response_id", "conversation", "prompt", "background"];

impl Upstream for Codex {
    fn name(&self) -> &'static str {
        "codex"
    }

    fn speaks(&self, _: Protocol, _: &Target) -> &'static dyn Outbound {
        &Wire
    }

    fn only_streams(&self) -> bool {
        true
    }

    fn takes(&self, call: &Call, _: Protocol) -> bool {
        let said = |key: &str| call.body.raw(key).is_some_and(|raw| !matches!(raw, b"null" | b"false"));
        !STATE.iter().any(|key| said(key)) && call.body.raw("tools").is_none_or(names_fit)
    }

    fn adapt(&self, request: &mut Request) {
        let sampling = &mut request.sampling;
        (sampling.max_tokens, sampling.temperature, sampling.top_p) = (None, None, None);
        request.user = None;
        let mut own = request.extras.of(Protocol::Responses).cloned().unwrap_or_default();
        own.retain(|key, value| !REMOVED.contains(&key.as_str()) && !is_stripped_tier(key, value));
        own.remove("store");
        own.insert("instructions".to_owned(), instructions(request).into());
        request.extras = Extras::new(Protocol::Responses, own);
        for tool in &mut request.tools {
            if let ToolKind::Opaque { owner: Protocol::Responses, value: Value::Object(members) } = &mut tool.kind {
                rename_search(members);
            }
        }
    }

    fn splices(&self, call: &Call, wire: Protocol) -> Vec<(&'static str, Option<String>)> {
        if wire != Protocol::Responses {
            return Vec::new();
        }
        let body = &call.body;
        let has = |key: &str| body.raw(key).is_some();
        let mut edits: Vec<_> = REMOVED.into_iter().filter(|key| has(key)).map(|key| (key, None)).collect();
        let mut set = |key, value: &str| {
            if body.raw(key) != Some(value.as_bytes()) {
                edits.push((key, Some(value.to_owned())));
            }
        };
        set("stream", "true");
        set("store", "false");
        if body.raw("instructions").is_none_or(|raw| raw == b"null") {
            set("instructions", "\"\"");
        }
        if let Some(input) = body.raw("input").and_then(input) {
            set("input", &input);
        }
        if let Some(tools) = body.raw("tools").and_then(tools) {
            set("tools", &tools);
        }
        if body.raw("service_tier").is_some_and(|raw| raw != b"\"priority\"") {
            edits.push(("service_tier", None));
        }
        edits
    }

    fn request(&self, call: &Call, target: &Target, payload: &Payload) -> Result<HttpRequest, Failure> {
        Ok(post(call, target, payload, format!("{}/responses", base(target)), signature(target)))
    }

    fn classify(&self, refused: Refusal<'_>, now: Millis) -> Fault {
        refusal::classify(refused, REFUSALS, now)
    }

    fn windows(&self, headers: &[(String, String)], now: Millis) -> Vec<Window> {
        quota::bounded(["primary", "secondary"].iter().filter_map(|which| told(headers, which, now)))
    }

    fn quota_request(&self, target: &Target) -> Option<HttpRequest> {
        let base = base(target);
        let root = base.strip_suffix("/codex").unwrap_or(base);
        Some(ask(target, format!("{root}/wham/usage"), signature(target), None))
    }

    fn quota(&self, status: u16, body: &[u8], now: Millis) -> Vec<Window> {
        let Some(body) = quota::body(status, body) else { return Vec::new() };
        let mut windows = limit("", body.get("rate_limit"), now);
        for more in body.get("additional_rate_limits").and_then(Value::as_array).into_iter().flatten() {
            let name = more.get("limit_name").and_then(Value::as_str).unwrap_or("another limit");
            windows.extend(limit(&format!("{name}: "), more.get("rate_limit"), now));
        }
        windows.extend(limit("code review: ", body.get("code_review_rate_limit"), now));
        quota::bounded(windows)
    }

    /// The service only shows models to clients of a version; ours is the truth.
    fn models_request(&self, target: &Target, _: Option<&str>) -> Option<HttpRequest> {
        let url = format!("{}/models?client_version={}", base(target), env!("CARGO_PKG_VERSION"));
        Some(ask(target, url, signature(target), None))
    }
}

fn base(target: &Target) -> &str {
    target.base_url.as_deref().unwrap_or("https://chatgpt.com/backend-api/codex")
}

fn signature(target: &Target) -> Vec<(&'static str, String)> {
    let account = target.credential.detail("account_id").map(|id| ("chatgpt-account-id", id.to_owned()));
    let mut signature = vec![bearer(target), ("originator", "sluice".to_owned())];
    signature.extend(account);
    signature
}

/// The client's instructions, if they are text alone; what else there is stays in the conversation.
fn instructions(request: &mut Request) -> String {
    let text = |part: &crate::ir::Part| match &part.kind {
        PartKind::Text(text) => Some(text.clone()),
        _ => None,
    };
    match request.system.iter().map(text).collect::<Option<Vec<_>>>() {
        Some(texts) => {
            request.system.clear();
            texts.join("\n\n")
        }
        None => String::new(),
    }
}

fn is_stripped_tier(key: &str, value: &Value) -> bool {
    key == "service_tier" && value != "priority"
}

#[derive(Deserialize)]
struct Tool<'a> {
    #[serde(borrow, default)]
    name: Option<Text<'a>>,
}

fn list(raw: &[u8]) -> Option<Vec<&RawValue>> {
    json::read(raw).ok()
}

fn names_fit(tools: &[u8]) -> bool {
    let rules = Wire.tool_rules();
    let fits = |name: &str| name.len() <= rules.name_limit && name.chars().all(rules.allowed);
    let tools: Vec<Tool<'_>> = json::read(tools).unwrap_or_default();
    tools.iter().filter_map(|tool| tool.name.as_deref()).all(fits)
}

/// `input` as the service takes it; `None` if it is.
fn input(raw: &[u8]) -> Option<String> {
    if raw.starts_with(b"\"") {
        let text = std::str::from_utf8(raw).ok()?;
        let content = format!(r#"[{{"type":"input_text","text":{text}}}]"#);
        return Some(format!(r#"[{{"type":"message","role":"user","content":{content}}}]"#));
    }
    rewritten(raw, b"\"system\"", |item| {
        (item.raw("role") == Some(b"\"system\"")).then(|| ("role", "\"developer\"".to_owned()))
    })
}

fn tools(raw: &[u8]) -> Option<String> {
    rewritten(raw, PREVIEW.as_bytes(), |tool| {
        let kind: String = tool.get("type").ok()??;
        kind.starts_with(PREVIEW).then(|| ("type", "\"web_search\"".to_owned()))
    })
}

const PREVIEW: &str = "web_search_preview";

fn rename_search(members: &mut Map<String, Value>) {
    if members.get("type").and_then(Value::as_str).is_some_and(|kind| kind.starts_with(PREVIEW)) {
        members.insert("type".to_owned(), "web_search".into());
    }
}

/// A list with a member of some items replaced; `None` if nothing is, which a look for `sign` mostly tells.
fn rewritten(raw: &[u8], sign: &[u8], edit: impl Fn(&Body) -> Option<(&'static str, String)>) -> Option<String> {
    memchr::memmem::find(raw, sign)?;
    let mut changed = false;
    let mut items: Vec<Cow<'_, str>> = Vec::new();
    for item in list(raw)? {
        let body = Body::parse(item.get().to_owned().into()).unwrap_or_default();
        match edit(&body) {
            Some((key, value)) => {
                changed = true;
                let item = body.splice(&[(key, Some(&value))]);
                items.push(String::from_utf8_lossy(&item).into_owned().into());
            }
            None => items.push(item.get().into()),
        }
    }
    changed.then(|| format!("[{}]", items.join(",")))
}

/// `x-codex-primary-used-percent`, `-window-minutes`, `-reset-at` in epoch seconds or `-reset-after-seconds`.
fn told(headers: &[(String, String)], which: &str, now: Millis) -> Option<Window> {
    let text = |what: &str| header(headers, &format!("x-codex-{which}-{what}")).map(str::trim);
    let number = |what: &str| text(what)?.parse::<u64>().ok();
    let used: f64 = text("used-percent")?.parse().ok()?;
    let length = number("window-minutes").map_or_else(|| which.to_owned(), |m| quota::length(m.saturating_mul(60)));
    let after = number("reset-after-seconds").map(|s| now.plus(std::time::Duration::from_secs(s)));
    let at = number("reset-at").map(|s| Millis(s.saturating_mul(1000)));
    Some(Window::fraction(&length, used / 100.0, at.or(after)))
}

/// `{"primary_window": {"used_percent", "limit_window_seconds", "reset_at" | "reset_after_seconds"}, "secondary_window"}`.
fn limit(name: &str, limit: Option<&Value>, now: Millis) -> Vec<Window> {
    let windows = ["primary_window", "secondary_window"].into_iter().filter_map(|key| limit?.get(key));
    windows
        .filter_map(|window| {
            let number = |key: &str| window.get(key).and_then(Value::as_u64);
            let used = window.get("used_percent").and_then(Value::as_f64)? / 100.0;
            let length = number("limit_window_seconds").map_or_else(|| "plan".to_owned(), quota::length);
            let after = number("reset_after_seconds").map(|s| now.plus(std::time::Duration::from_secs(s)));
            let resets = window.get("reset_at").and_then(quota::moment).or(after);
            Some(Window::fraction(&format!("{name}{length}"), used, resets))
        })
        .collect()
}
