//! A provider that exists only in this program: no credential, no network, every protocol's real shape.

use super::refusal::{self, Reading};
use super::{Payload, Refusal, Target, Upstream, post};
use crate::call::{Call, HttpRequest};
use crate::fault::{Failure, Fault, Millis, Scope};
use crate::ir::Protocol;
use crate::protocol::{Outbound, chat::Chat, gemini::Gemini, messages::Messages, responses::Responses};

pub struct Demo;

/// What the provider does with one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub steps: Vec<Step>,
    pub end: End,
}

/// Wait, then send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub wait_ms: u64,
    pub bytes: Vec<u8>,
}

/// How the body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Complete,
    /// The connection breaks.
    Cut,
    /// Nothing more comes, and no end either.
    Stall,
}

/// Addresses of the demo begin with this; whoever sends requests asks [`serve`] instead of the network.
pub const SCHEME: &str = "demo://";

const REFUSALS: Reading = Reading { limits: Scope::Model, codes: &[], sentences: &[] };

impl Upstream for Demo {
    fn name(&self) -> &'static str {
        "demo"
    }

    fn speaks(&self, protocol: Protocol, target: &Target) -> &'static dyn Outbound {
        let name = target.model.split('+').next().unwrap_or_default();
        match (name, protocol) {
            ("chat", _) | (_, Protocol::Chat | Protocol::Ollama) => &Chat::OPENAI,
            ("messages", _) | (_, Protocol::Messages) => &Messages,
            ("gemini", _) | (_, Protocol::Gemini) => &Gemini,
            (_, Protocol::Responses) => &Responses,
        }
    }

    fn request(&self, call: &Call, target: &Target, payload: &Payload) -> Result<HttpRequest, Failure> {
        let url = format!("{SCHEME}{}/{}", target.account, target.model);
        Ok(post(call, target, payload, url, Vec::new()))
    }

    fn classify(&self, refused: Refusal<'_>, now: Millis) -> Fault {
        refusal::classify(refused, REFUSALS, now)
    }
}

/// The answer to one request, decided by the request alone.
pub fn serve(request: &HttpRequest) -> Script {
    let _ = request;
    Script {
        status: 503,
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        steps: vec![Step { wait_ms: 0, bytes: br#"{"error":{"message":"the demo has no answer"}}"#.to_vec() }],
        end: End::Complete,
    }
}

/// What a list of models shows.
pub const MODELS: &[&str] = &["demo/echo", "demo/chat", "demo/responses", "demo/messages", "demo/gemini"];
