//! An Ollama server, at home or in its makers' cloud. <https://docs.ollama.com/api>
//!
//! Its own clients, and those of protocols it has no endpoint for, are served by its own API; OpenAI's clients by the
//! endpoints it has for them. An address may be given with the `/v1` of those or without.

use super::{Payload, Refusal, Target, Upstream, openai, post};
use crate::call::{Call, HttpRequest, Operation};
use crate::fault::{Failure, Fault, Millis};
use crate::ir::Protocol;
use crate::protocol::Outbound;
use crate::protocol::ollama::Ollama as Native;

pub struct Ollama;

pub static ROW: openai::Compatible = openai::OLLAMA;

fn root(target: &Target) -> &str {
    let base = target.base_url.as_deref().unwrap_or("https://ollama.com");
    base.strip_suffix("/v1").or_else(|| base.strip_suffix("/api")).unwrap_or(base)
}

/// The same target, at the address of the endpoints that are OpenAI's.
fn compatible(target: &Target) -> Target {
    Target { base_url: Some(format!("{}/v1", root(target))), ..target.clone() }
}

impl Upstream for Ollama {
    fn name(&self) -> &'static str {
        ROW.name
    }

    fn speaks(&self, protocol: Protocol, target: &Target) -> &'static dyn Outbound {
        match protocol {
            Protocol::Chat | Protocol::Responses => ROW.speaks(protocol, &compatible(target)),
            Protocol::Messages | Protocol::Gemini | Protocol::Ollama | Protocol::Kiro | Protocol::Converse => &Native,
        }
    }

    fn supports(&self, operation: Operation, wire: Protocol, target: &Target) -> bool {
        match wire {
            Protocol::Ollama => matches!(operation, Operation::Generate | Operation::Complete),
            _ => ROW.supports(operation, wire, &compatible(target)),
        }
    }

    fn splices(&self, call: &Call, wire: Protocol) -> Vec<(&'static str, Option<String>)> {
        ROW.splices(call, wire)
    }

    fn request(&self, call: &Call, target: &Target, payload: &Payload) -> Result<HttpRequest, Failure> {
        if payload.wire.protocol() != Protocol::Ollama {
            return ROW.request(call, &compatible(target), payload);
        }
        let bare = call.endpoint.operation == Operation::Complete && payload.request.is_none();
        let url = format!("{}/api/{}", root(target), if bare { "generate" } else { "chat" });
        let key = target.credential.access.expose();
        let own = (!key.is_empty()).then(|| ("authorization", format!("Bearer {key}")));
        Ok(post(call, target, payload, url, own.into_iter().collect()))
    }

    fn models_request(&self, target: &Target, after: Option<&str>) -> Option<HttpRequest> {
        ROW.models_request(&compatible(target), after)
    }

    fn classify(&self, refused: Refusal<'_>, now: Millis) -> Fault {
        ROW.classify(refused, now)
    }
}
