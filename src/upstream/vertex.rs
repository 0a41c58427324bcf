//! Google Cloud's Vertex AI: Gemini's wire, and Anthropic's for Claude.
//! <https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference>
//!
//! | credential | address |
//! |---|---|
//! | an API key ("express mode") | `aiplatform.googleapis.com`, no project |
//! | a token, with the detail `project_id` and perhaps `location` | the location's host, and the project |
//!
//! A service account's key is not sent anywhere: it signs an assertion, and that is exchanged for a token
//! ([`oauth`](crate::oauth)).

use super::refusal::{self, Reading};
use super::{Payload, Refusal, Target, Upstream, anthropic, post, segment};
use crate::call::{Call, HttpRequest, Operation};
use crate::fault::{Failure, Fault, Kind, Millis, Scope};
use crate::ir::Protocol;
use crate::json::Body;
use crate::protocol::{Outbound, gemini::Gemini, messages::Messages};

pub struct Vertex;

pub const MODELS: &[&str] = &["gemini-*", "claude-*"];

/// In the place of the header that Anthropic's own API takes.
const ANTHROPIC_VERSION: &str = "\"vertex-2023-10-16\"";

const REFUSALS: Reading = Reading { limits: Scope::Model, codes: &[], sentences: &[] };

fn is_claude(target: &Target) -> bool {
    target.model.starts_with("claude")
}

impl Upstream for Vertex {
    fn name(&self) -> &'static str {
        "vertex"
    }

    fn speaks(&self, _: Protocol, target: &Target) -> &'static dyn Outbound {
        if is_claude(target) { &Messages } else { &Gemini }
    }

    fn supports(&self, operation: Operation, wire: Protocol, _: &Target) -> bool {
        match operation {
            Operation::Generate => true,
            Operation::CountTokens => wire == Protocol::Gemini,
            Operation::Complete
            | Operation::Embed
            | Operation::EmbedOne
            | Operation::Draw
            | Operation::Redraw
            | Operation::Raw => false,
        }
    }

    fn request(&self, call: &Call, target: &Target, payload: &Payload) -> Result<HttpRequest, Failure> {
        let credential = &target.credential;
        let location = segment(credential.detail("location").unwrap_or("global"))?;
        let project = credential.detail("project_id").map(segment).transpose()?;
        let host = if location == "global" { String::new() } else { format!("{location}-") };
        let root = target.base_url.clone().unwrap_or_else(|| format!("https://{host}aiplatform.googleapis.com/v1"));
        let place = project.map(|project| format!("/projects/{project}/locations/{location}")).unwrap_or_default();
        let claude = is_claude(target);
        if claude && place.is_empty() {
            return Err(Failure::new(
                Kind::Internal,
                "the account has no project_id, without which there is no Claude",
            ));
        }
        let (maker, method) = match (claude, call.endpoint.operation, payload.stream) {
            (true, _, true) => ("anthropic", "streamRawPredict"),
            (true, _, false) => ("anthropic", "rawPredict"),
            (false, Operation::CountTokens, _) => ("google", "countTokens"),
            (false, _, true) => ("google", "streamGenerateContent?alt=sse"),
            (false, _, false) => ("google", "generateContent"),
        };
        let model = segment(target.model.strip_prefix("models/").unwrap_or(&target.model))?;
        let url = format!("{root}{place}/publishers/{maker}/models/{model}:{method}");
        let key = credential.access.expose();
        // Tokens come from a login or an assertion; both leave a trace beside them.
        let is_token =
            key.starts_with("ya29.") || credential.expires.is_some() || credential.detail("client_email").is_some();
        let own =
            if is_token { ("authorization", format!("Bearer {key}")) } else { ("x-goog-api-key", key.to_owned()) };
        let mut request = post(call, target, payload, url, vec![own]);
        if claude {
            let body = Body::parse(request.body)?;
            request.body = body.splice(&[("model", None), ("anthropic_version", Some(ANTHROPIC_VERSION))]);
            request.headers.retain(|(name, _)| name != "anthropic-version");
        }
        Ok(request)
    }

    fn classify(&self, refused: Refusal<'_>, now: Millis) -> Fault {
        // Claude's refusals are Anthropic's own where Google passes them on.
        match refusal::classify(refused, REFUSALS, now) {
            Fault::Rejected => anthropic::Anthropic.classify(refused, now),
            fault => fault,
        }
    }
}
