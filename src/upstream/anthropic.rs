//! Anthropic. <https://docs.anthropic.com/en/api/messages>

use super::refusal::{self, Reading};
use super::{Payload, Refusal, Target, Upstream, post};
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

    fn request(&self, call: &Call, target: &Target, payload: &Payload) -> Result<HttpRequest, Failure> {
        let base = target.base_url.as_deref().unwrap_or("https://api.anthropic.com/v1");
        // Anthropic's own SDKs take the address without the version.
        let version = if base.ends_with("/v1") { "" } else { "/v1" };
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
        let key = target.credential.access.expose().to_owned();
        let own = vec![("x-api-key", key), ("anthropic-version", VERSION.to_owned())];
        Ok(post(call, target, payload, format!("{base}{version}/{endpoint}"), own))
    }

    fn classify(&self, refused: Refusal<'_>, now: Millis) -> Fault {
        refusal::classify(refused, REFUSALS, now)
    }
}
