//! Google's Gemini API. <https://ai.google.dev/api/generate-content>

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::refusal::{self, Reading};
use super::{Payload, Refusal, Target, Upstream, ask, post, proxied, unable};
use crate::call::{Call, HttpRequest, Operation};
use crate::fault::{Failure, Fault, Millis, Scope};
use crate::ir::Protocol;
use crate::protocol::{Outbound, gemini::Gemini};

pub struct Google;

pub const MODELS: &[&str] = &["gemini-*", "gemma-*", "learnlm-*"];

const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

const REFUSALS: Reading = Reading { limits: Scope::Model, codes: &[], sentences: &[] };

impl Upstream for Google {
    fn name(&self) -> &'static str {
        "google"
    }

    fn speaks(&self, _: Protocol, _: &Target) -> &'static dyn Outbound {
        &Gemini
    }

    fn supports(&self, operation: Operation, _: Protocol, _: &Target) -> bool {
        !matches!(operation, Operation::Complete | Operation::Raw)
    }

    fn is_proxied(&self) -> bool {
        true
    }

    fn request(&self, call: &Call, target: &Target, payload: &Payload) -> Result<HttpRequest, Failure> {
        let method = match (call.endpoint.operation, payload.stream) {
            (Operation::CountTokens, _) => "countTokens",
            (Operation::Embed, _) => "batchEmbedContents",
            (Operation::EmbedOne, _) => "embedContent",
            (Operation::Generate | Operation::Complete, true) => "streamGenerateContent?alt=sse",
            (Operation::Generate | Operation::Complete, false)
            | (Operation::Draw | Operation::Redraw | Operation::Raw, _) => "generateContent",
        };
        let url = match call.endpoint.operation {
            // What follows `/v1/` elsewhere follows `/v1beta/` here: only a whole path says which is meant.
            Operation::Raw => {
                proxied(&base(target), call).ok_or_else(|| unable(target, "have other endpoints here"))?
            }
            _ => format!("{}/{}:{method}", base(target), resource(&target.model)?),
        };
        let key = target.credential.access.expose().to_owned();
        Ok(post(call, target, payload, url, vec![("x-goog-api-key", key)]))
    }

    fn classify(&self, refused: Refusal<'_>, now: Millis) -> Fault {
        refusal::classify(refused, REFUSALS, now)
    }

    fn models_request(&self, target: &Target, after: Option<&str>) -> Option<HttpRequest> {
        let after = after.map(|token| format!("&pageToken={}", escaped(token))).unwrap_or_default();
        let key = ("x-goog-api-key", target.credential.access.expose().to_owned());
        Some(ask(target, format!("{}/models?pageSize=1000{after}", base(target)), vec![key], None))
    }
}

fn base(target: &Target) -> String {
    let base = target.base_url.as_deref().unwrap_or("https://generativelanguage.googleapis.com/v1beta");
    // Google's own SDKs take the address without the version.
    let versioned = base.rsplit('/').next().is_some_and(|last| last.starts_with("v1"));
    format!("{base}{}", if versioned { "" } else { "/v1beta" })
}

/// `text` where only a value may stand in an address.
pub(super) fn escaped(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

/// `models/{id}` or `tunedModels/{id}`, safe to stand in a path: a client must not reach another method or host by
/// naming a model.
pub fn resource(model: &str) -> Result<String, Failure> {
    let (collection, id) = match model.split_once('/') {
        Some((collection @ ("models" | "tunedModels"), id)) => (collection, id),
        _ => ("models", model),
    };
    if id.is_empty() || id == "." || id.contains("..") || id.contains('/') {
        return Err(Failure::invalid("model", "not a model name that Google's API can have"));
    }
    Ok(format!("{collection}/{}", utf8_percent_encode(id, SEGMENT)))
}
