//! Anthropic with a login of claude.ai: the same API, another signature.
//!
//! A bearer token, and the beta that Anthropic documents for it. The client's words are sent as they are: whether a plan
//! may be used by other clients than Anthropic's own is Anthropic's to say, and its answer is relayed as the account's
//! trouble.

use serde_json::Value;

use super::quota::{self, Window};
use super::refusal::{self, Means, Reading};
use super::{Payload, Refusal, Target, Upstream, anthropic, ask, bearer, post};
use crate::call::{Call, HttpRequest, Operation, header};
use crate::fault::{Failure, Fault, Millis, Scope};
use crate::ir::Protocol;
use crate::protocol::{Outbound, messages::Messages};

pub struct Claude;

pub const MODELS: &[&str] = &["claude-*"];

const BETA: &str = "oauth-2025-04-20";
const BETAS: &str = "anthropic-beta";

/// All of them come as a plain `invalid_request_error`.
const REFUSALS: Reading = Reading {
    limits: Scope::Model,
    codes: &[],
    sentences: &[
        ("This credential is only authorized for use with Claude Code", Means::Suspended),
        ("This organization has been disabled", Means::Suspended),
        ("Third-party apps now draw from", Means::Quota(Scope::Account)),
        ("You're out of extra usage", Means::Quota(Scope::Account)),
    ],
};

impl Upstream for Claude {
    fn name(&self) -> &'static str {
        "claude"
    }

    fn speaks(&self, _: Protocol, _: &Target) -> &'static dyn Outbound {
        &Messages
    }

    fn supports(&self, operation: Operation, _: Protocol, _: &Target) -> bool {
        matches!(operation, Operation::Generate | Operation::CountTokens)
    }

    fn request(&self, call: &Call, target: &Target, payload: &Payload) -> Result<HttpRequest, Failure> {
        let endpoint =
            if call.endpoint.operation == Operation::CountTokens { "messages/count_tokens" } else { "messages" };
        let url = anthropic::url(target, endpoint);
        let mut request = post(call, target, payload, url, vec![bearer(target), anthropic::version()]);
        with_beta(&mut request);
        Ok(request)
    }

    fn classify(&self, refused: Refusal<'_>, now: Millis) -> Fault {
        refusal::classify(refused, REFUSALS, now)
    }

    fn windows(&self, headers: &[(String, String)], _: Millis) -> Vec<Window> {
        unified(headers)
    }

    fn quota_request(&self, target: &Target) -> Option<HttpRequest> {
        let base = target.base_url.as_deref().unwrap_or("https://api.anthropic.com");
        let url = format!("{}/api/oauth/usage", base.strip_suffix("/v1").unwrap_or(base));
        let mut request = ask(target, url, vec![bearer(target)], None);
        with_beta(&mut request);
        Some(request)
    }

    fn quota(&self, status: u16, body: &[u8], _: Millis) -> Vec<Window> {
        let Some(Value::Object(members)) = quota::body(status, body) else { return Vec::new() };
        quota::bounded(members.iter().filter_map(|(key, window)| read(key, window)))
    }

    fn models_request(&self, target: &Target, after: Option<&str>) -> Option<HttpRequest> {
        let own = vec![bearer(target), anthropic::version()];
        let mut request = ask(target, anthropic::models_url(target, after), own, None);
        with_beta(&mut request);
        Some(request)
    }
}

/// A token is only taken with its beta, whichever others the client or the operator want.
fn with_beta(request: &mut HttpRequest) {
    match request.headers.iter_mut().find(|(name, _)| name == BETAS) {
        Some((_, betas)) if betas.split(',').any(|beta| beta.trim() == BETA) => {}
        Some((_, betas)) if betas.trim().is_empty() => BETA.clone_into(betas),
        Some((_, betas)) => betas.extend([",", BETA]),
        None => request.headers.push((BETAS.to_owned(), BETA.to_owned())),
    }
}

/// `"seven_day_opus": {"utilization": 12.5, "resets_at": "…"}`, in per cent; and what is bought beyond, in cents.
fn read(key: &str, window: &Value) -> Option<Window> {
    let number = |key: &str| window.get(key).and_then(Value::as_f64);
    if key == "extra_usage" {
        let enabled = window.get("is_enabled").and_then(Value::as_bool) == Some(true);
        let (used, limit) = (number("used_credits")?, number("monthly_limit")?);
        return enabled.then(|| Window { name: "extra usage, cents".to_owned(), used, limit, resets: None });
    }
    let name = match (key.strip_prefix("five_hour"), key.strip_prefix("seven_day")) {
        (Some(rest), _) => named("5 hours", rest),
        (_, Some(rest)) => named("7 days", rest),
        (None, None) => key.replace('_', " "),
    };
    let resets = window.get("resets_at").and_then(quota::moment);
    Some(Window::fraction(&name, number("utilization")? / 100.0, resets))
}

/// `anthropic-ratelimit-unified-5h-utilization: 0.23` and `-5h-reset`, in epoch seconds; `7d_opus-` is one family's.
fn unified(headers: &[(String, String)]) -> Vec<Window> {
    const PREFIX: &str = "anthropic-ratelimit-unified-";
    let used = headers.iter().filter_map(|(name, value)| Some((name.strip_prefix(PREFIX)?, value)));
    let windows = used.filter_map(|(name, value)| {
        let window = name.strip_suffix("-utilization")?;
        let resets = header(headers, &format!("{PREFIX}{window}-reset"));
        let resets =
            resets.and_then(|text| quota::moment(&text.trim().parse::<u64>().map_or(text.into(), Value::from)));
        let (length, family) = window.split_once('_').unwrap_or((window, ""));
        let name = match length {
            "5h" => named("5 hours", family),
            "7d" => named("7 days", family),
            _ => window.replace(['_', '-'], " "),
        };
        Some(Window::fraction(&name, value.trim().parse().ok()?, resets))
    });
    quota::bounded(windows)
}

fn named(length: &str, rest: &str) -> String {
    let rest = rest.trim_start_matches('_').replace('_', " ");
    if rest.is_empty() { length.to_owned() } else { format!("{length}: {rest}") }
}
