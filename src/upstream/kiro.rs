//! Kiro: Amazon's coding assistant, by an account's token or an API key of its own.
//!
//! | detail | meaning |
//! |---|---|
//! | `region` | where the account's profile lives; `us-east-1` |
//! | `profile_arn` | of a social or Identity Center login; Builder ID has none |
//!
//! Keys that begin with `ksk_` are announced as such, which the endpoint demands. It also asks whether requests may be
//! kept to improve the service; they may not. Nothing else of what Kiro's own programs say about themselves is sent.

use serde_json::Value;

use super::google::escaped;
use super::quota::{self, Window};
use super::refusal::Means::{ModelMissing, Overloaded, Quota, RateLimited, Rejected, Suspended, Unauthorized};
use super::refusal::{self, Reading};
use super::{Payload, Refusal, Target, Upstream, ask, bearer, post};
use crate::call::{Call, HttpRequest};
use crate::catalogue;
use crate::fault::{Failure, Fault, Millis, Scope};
use crate::ir::{Protocol, Request};
use crate::protocol::{Outbound, kiro};

pub struct Kiro;

pub const MODELS: &[&str] = &["claude-sonnet-*", "claude-opus-*", "claude-haiku-*", "!claude-3-*"];

static SHORT: kiro::Kiro = kiro::Kiro { context: 200_000 };
static LONG: kiro::Kiro = kiro::Kiro { context: 1_000_000 };

const REFUSALS: Reading = Reading {
    limits: Scope::Account,
    codes: &[
        ("MONTHLY_REQUEST_COUNT", Quota(Scope::Account)),
        ("OVERAGE_REQUEST_LIMIT_EXCEEDED", Quota(Scope::Account)),
        ("CONTENT_LENGTH_EXCEEDS_THRESHOLD", Rejected),
        ("TEMPORARILY_SUSPENDED", Suspended),
        ("INSUFFICIENT_MODEL_CAPACITY", Overloaded),
        ("INVALID_MODEL_ID", ModelMissing),
        ("ThrottlingException", RateLimited),
        ("ServiceQuotaExceededException", Quota(Scope::Account)),
        ("ExpiredTokenException", Unauthorized),
    ],
    // A refused token is a plain 403 with a sentence.
    sentences: &[
        ("The bearer token included in the request is ", Unauthorized),
        ("The security token included in the request is ", Unauthorized),
        ("Invalid token", Unauthorized),
    ],
};

impl Upstream for Kiro {
    fn name(&self) -> &'static str {
        "kiro"
    }

    fn speaks(&self, _: Protocol, target: &Target) -> &'static dyn Outbound {
        let long = catalogue::find(&target.model).is_some_and(|model| model.context > SHORT.context);
        if long { &LONG } else { &SHORT }
    }

    fn adapt(&self, request: &mut Request) {
        request.model = model_id(&request.model);
        // Every answer is a stream of events.
        request.stream = true;
    }

    fn request(&self, call: &Call, target: &Target, payload: &Payload) -> Result<HttpRequest, Failure> {
        let credential = &target.credential;
        let root = root(target)?;
        let mut own = vec![
            ("accept", "application/vnd.amazon.eventstream".to_owned()),
            bearer(target),
            ("x-amzn-codewhisperer-optout", "true".to_owned()),
        ];
        let is_key = credential.access.expose().starts_with("ksk_");
        if is_key {
            own.push(("tokentype", "API_KEY".to_owned()));
        }
        let mut request = post(call, target, payload, format!("{root}/generateAssistantResponse"), own);
        if let Some(profile) = credential.detail("profile_arn").filter(|_| !is_key) {
            request.body = super::member("profileArn", profile, &request.body);
        }
        Ok(request)
    }

    fn quota_request(&self, target: &Target) -> Option<HttpRequest> {
        let own = vec![bearer(target)];
        let profile = target.credential.detail("profile_arn").map(|arn| format!("&profileArn={}", escaped(arn)));
        let query = format!("origin=AI_EDITOR&resourceType=AGENTIC_REQUEST{}", profile.unwrap_or_default());
        Some(ask(target, format!("{}/getUsageLimits?{query}", root(target).ok()?), own, None))
    }

    fn quota(&self, status: u16, body: &[u8], _: Millis) -> Vec<Window> {
        let Some(body) = quota::body(status, body) else { return Vec::new() };
        // Seconds, with a fraction.
        let resets = body.get("nextDateReset").and_then(Value::as_f64).map(|seconds| Millis((seconds * 1000.0) as u64));
        let window = |item: &Value| {
            let number = |exact: &str, rounded: &str| item.get(exact).or_else(|| item.get(rounded))?.as_f64();
            Some(Window {
                name: item.get("displayName").and_then(Value::as_str).unwrap_or("month").to_owned(),
                used: number("currentUsageWithPrecision", "currentUsage")?,
                limit: number("usageLimitWithPrecision", "usageLimit")?,
                resets,
            })
        };
        let list = body.get("usageBreakdownList").and_then(Value::as_array);
        quota::bounded(list.into_iter().flatten().filter_map(window))
    }

    fn classify(&self, refused: Refusal<'_>, now: Millis) -> Fault {
        match refusal::classify(refused, REFUSALS, now) {
            // Payment is not what is required: the month's credits are used up.
            Fault::Suspended if refused.status == 402 => Fault::Quota { wait: None, scope: Scope::Account },
            fault => fault,
        }
    }
}

fn root(target: &Target) -> Result<String, Failure> {
    let region = super::aws::region(&target.credential)?;
    Ok(target.base_url.clone().unwrap_or_else(|| format!("https://q.{region}.amazonaws.com")))
}

/// Kiro's name for a model: `claude-sonnet-4-5-20250929` is `claude-sonnet-4.5`.
fn model_id(model: &str) -> String {
    let name = model.strip_suffix("-thinking").unwrap_or(model);
    let is_number =
        |text: &str, most: usize| (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    let name = match name.rsplit_once('-') {
        Some((bare, date)) if date.len() == 8 && is_number(date, 8) => bare,
        _ => name,
    };
    match name.rsplit_once('-') {
        Some((bare, minor)) if is_number(minor, 2) => match bare.rsplit_once('-') {
            Some((_, major)) if is_number(major, 2) => format!("{bare}.{minor}"),
            _ => name.to_owned(),
        },
        _ => name.to_owned(),
    }
}
