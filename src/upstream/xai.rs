//! xAI: by an API key, or by the token of a sign-in, which another host takes.
//!
//! That host serves Responses alone, and wants to be told that a token comes: a header of the account's replaces the usual
//! one. An account whose token may use the API itself is given the address `https://api.x.ai/v1`.

use super::{Payload, Refusal, Target, Upstream, openai};
use crate::call::{Call, HttpRequest, Operation};
use crate::fault::{Failure, Fault, Millis};
use crate::ir::Protocol;
use crate::protocol::{Outbound, responses::Responses};

pub struct Xai;

pub static ROW: openai::Compatible = openai::XAI;

const SIGNED_IN: &str = "https://cli-chat-proxy.grok.com/v1";
const TOKEN: (&str, &str) = ("x-xai-token-auth", "xai-grok-cli");

/// Whether the account is one that signed in, at the address for those.
fn is_signed_in(target: &Target) -> bool {
    target.base_url.is_none() && target.credential.expires.is_some()
}

impl Upstream for Xai {
    fn name(&self) -> &'static str {
        ROW.name
    }

    fn speaks(&self, protocol: Protocol, target: &Target) -> &'static dyn Outbound {
        if is_signed_in(target) { &Responses } else { ROW.speaks(protocol, target) }
    }

    fn supports(&self, operation: Operation, wire: Protocol, target: &Target) -> bool {
        if is_signed_in(target) { operation == Operation::Generate } else { ROW.supports(operation, wire, target) }
    }

    fn splices(&self, call: &Call, wire: Protocol) -> Vec<(&'static str, Option<String>)> {
        ROW.splices(call, wire)
    }

    fn request(&self, call: &Call, target: &Target, payload: &Payload) -> Result<HttpRequest, Failure> {
        if !is_signed_in(target) {
            return ROW.request(call, target, payload);
        }
        let mut headers = target.headers.clone();
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(TOKEN.0)) {
            headers.push((TOKEN.0.to_owned(), TOKEN.1.to_owned()));
        }
        ROW.request(call, &Target { base_url: Some(SIGNED_IN.to_owned()), headers, ..target.clone() }, payload)
    }

    fn models_request(&self, target: &Target, after: Option<&str>) -> Option<HttpRequest> {
        if is_signed_in(target) { None } else { ROW.models_request(target, after) }
    }

    fn classify(&self, refused: Refusal<'_>, now: Millis) -> Fault {
        ROW.classify(refused, now)
    }
}
