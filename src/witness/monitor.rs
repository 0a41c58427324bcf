//! Before and after: what a request became, and the first events of its answer.

use serde::Serialize;
use serde_json::Value;

use crate::call::{Call, HttpRequest};
use crate::framing::{Framer, Framing};
use crate::ir::Protocol;
use crate::upstream::{Payload, Secret, Target};

/// Events of an answer.
const EVENTS: usize = 24;
/// 32 KiB of a body, 4 KiB of an event: what a person reads.
const BODY: usize = 32 << 10;
const EVENT: usize = 4 << 10;
/// Accounts that were asked.
const STEPS: usize = 8;

#[derive(Default)]
pub struct Monitor(Vec<Step>);

/// One account that was asked.
struct Step {
    shown: Shown,
    secret: Secret,
    received: Reading,
    sent: Reading,
}

#[derive(Serialize)]
struct Shown {
    request: String,
    provider: String,
    account: String,
    model: String,
    /// What the client speaks, and the provider.
    client: &'static str,
    wire: &'static str,
    /// The client's bytes, but for a few members.
    relayed: bool,
    before: String,
    after: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    received: Vec<String>,
    sent: Vec<String>,
}

impl Monitor {
    pub fn asks(&mut self, call: &Call, target: &Target, payload: &Payload, request: &HttpRequest) {
        if self.0.len() >= STEPS {
            return;
        }
        let secret = target.credential.access.clone();
        let shown = Shown {
            request: call.id.clone(),
            provider: target.provider.clone(),
            account: target.account.clone(),
            model: target.model.clone(),
            client: call.protocol().name(),
            wire: payload.wire.protocol().name(),
            relayed: payload.request.is_none(),
            before: readable(call.body.bytes(), BODY),
            after: secret.scrub(&readable(&request.body, BODY)),
            status: None,
            received: Vec::new(),
            sent: Vec::new(),
        };
        self.0.push(Step { shown, secret, received: Reading::default(), sent: Reading::default() });
    }

    pub fn refused(&mut self, status: u16, body: &[u8]) {
        let Some(step) = self.0.last_mut() else { return };
        step.shown.status = Some(status);
        step.received.push(body);
    }

    pub fn answered(&mut self, call: &Call, payload: &Payload, streamed: bool) {
        let Some(step) = self.0.last_mut() else { return };
        step.received = Reading::of(streamed.then(|| payload.wire.framing()));
        let framing = if call.protocol() == Protocol::Ollama { Framing::Ndjson } else { Framing::Sse };
        step.sent = Reading::of((call.stream && !call.endpoint.json_array).then_some(framing));
    }

    pub fn saw(&mut self, received: &[u8], sent: &[u8]) {
        let Some(step) = self.0.last_mut() else { return };
        step.received.push(received);
        step.sent.push(sent);
    }

    pub fn shown(self) -> Vec<Value> {
        let steps = self.0.into_iter().map(|Step { mut shown, secret, received, sent }| {
            shown.received = received.told(&secret);
            shown.sent = sent.told(&secret);
            serde_json::to_value(shown).unwrap_or_default()
        });
        steps.collect()
    }
}

/// The first events of a stream, or the beginning of a body.
#[derive(Default)]
struct Reading {
    framer: Option<Framer>,
    events: Vec<String>,
    body: Vec<u8>,
}

impl Reading {
    fn of(framing: Option<Framing>) -> Self {
        Self { framer: framing.map(Framer::new), ..Self::default() }
    }

    fn push(&mut self, bytes: &[u8]) {
        let events = &mut self.events;
        match &mut self.framer {
            Some(framer) if events.len() < EVENTS => {
                // What is no frame is the pump's trouble, and told by it.
                let _ = framer.push(bytes, |frame, _| {
                    if events.len() < EVENTS {
                        let name = frame.event.map(|event| format!("{event}: ")).unwrap_or_default();
                        events.push(name + &readable(frame.data, EVENT));
                    }
                    Ok::<(), crate::protocol::StreamError>(())
                });
            }
            Some(_) => {}
            None => {
                let room = BODY.saturating_sub(self.body.len());
                self.body.extend_from_slice(bytes.get(..bytes.len().min(room)).unwrap_or_default());
            }
        }
    }

    fn told(self, secret: &Secret) -> Vec<String> {
        let body = (!self.body.is_empty()).then(|| String::from_utf8_lossy(&self.body).into_owned());
        self.events.into_iter().chain(body).map(|text| secret.scrub(&text)).collect()
    }
}

fn readable(bytes: &[u8], limit: usize) -> String {
    let shown = bytes.get(..bytes.len().min(limit)).unwrap_or_default();
    let mut text = String::from_utf8_lossy(shown).into_owned();
    if bytes.len() > limit {
        text.push_str(&format!("… ({} bytes)", bytes.len()));
    }
    text
}
