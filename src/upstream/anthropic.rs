//! Anthropic. <https://docs.anthropic.com/en/api/messages>

use super::refusal::{self, Reading};
use super::{Payload, Refusal, Target, Upstream, ask, google, post, proxied};
use crate::call::{Call, HttpRequest, Operation};
use crate::fault::{Failure, Fault, Millis, Scope};
use crate::ir::Protocol;
use crate::protocol::{Outbound, messages::Messages};

pub struct Anthropic;

/// For requests of ours; a relayed client brings its own.
pub const VERSION: &str = "2023-06-01";

pub const MODELS: &[&str] = &["claude-*"];

/// Both come as a plain `invalid_request_error`.
const REFUSALS: Reading = Reading {
    limits: Scope::Model,
    codes: &[],
    sentences: &[
        ("Your credit balance is too low to access the Anthropic API.", refusal::Means::Quota(Scope::Account)),
        ("This organization has been disabled", refusal::Means::Suspended),
    ],
};

impl Upstream for Anthropic {
    fn name(&self) -> &'static str {
        "anthropic"
    }

    fn speaks(&self, _: Protocol, _: &Target) -> &'static dyn Outbound {
        &Messages
    }

    fn supports(&self, operation: Operation, _: Protocol, _: &Target) -> bool {
        matches!(operation, Operation::Generate | Operation::CountTokens | Operation::Raw)
    }

    fn is_proxied(&self) -> bool {
        true
    }

    fn request(&self, call: &Call, target: &Target, payload: &Payload) -> Result<HttpRequest, Failure> {
        let endpoint = match call.endpoint.operation {
            Operation::CountTokens => "messages/count_tokens",
            Operation::Raw => call.endpoint.line.as_ref().map_or("", |line| &line.path),
            // The rest is not supported, and not asked for.
            Operation::Generate
            | Operation::Complete
            | Operation::Embed
            | Operation::EmbedOne
            | Operation::Draw
            | Operation::Redraw => "messages",
        };
        let key = ("x-api-key", target.credential.access.expose().to_owned());
        let url = url(target, endpoint);
        let url = proxied(base(target), call).unwrap_or(url);
        Ok(post(call, target, payload, url, vec![key, version()]))
    }

    fn classify(&self, refused: Refusal<'_>, now: Millis) -> Fault {
        refusal::classify(refused, REFUSALS, now)
    }

    fn models_request(&self, target: &Target, after: Option<&str>) -> Option<HttpRequest> {
        let key = ("x-api-key", target.credential.access.expose().to_owned());
        Some(ask(target, models_url(target, after), vec![key, version()], None))
    }
}

pub(super) fn version() -> (&'static str, String) {
    ("anthropic-version", VERSION.to_owned())
}

fn base(target: &Target) -> &str {
    target.base_url.as_deref().unwrap_or("https://api.anthropic.com/v1")
}

pub(super) fn url(target: &Target, endpoint: &str) -> String {
    let base = base(target);
    // Anthropic's own SDKs take the address without the version.
    let version = if base.ends_with("/v1") { "" } else { "/v1" };
    format!("{base}{version}/{endpoint}")
}

pub(super) fn models_url(target: &Target, after: Option<&str>) -> String {
    let after = after.map(|id| format!("&after_id={}", google::escaped(id))).unwrap_or_default();
    url(target, &format!("models?limit=1000{after}"))
}
