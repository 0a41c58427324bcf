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
/// 4 KiB: no key is longer.
const KEY: usize = 4 << 10;
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
            before: readable(&secret, call.body.bytes(), BODY),
            after: readable(&secret, &request.body, BODY),
            status: None,
            received: Vec::new(),
            sent: Vec::new(),
        };
        self.0.push(Step { shown, secret, received: Reading::default(), sent: Reading::default() });
    }

    pub fn refused(&mut self, status: u16, body: &[u8]) {
        let Some(step) = self.0.last_mut() else { return };
        step.shown.status = Some(status);
        step.received.push(body, &step.secret);
    }

    pub fn answered(&mut self, call: &Call, payload: &Payload, streamed: bool) {
        let Some(step) = self.0.last_mut() else { return };
        step.received = Reading::of(streamed.then(|| payload.wire.framing()));
        let framing = if call.protocol() == Protocol::Ollama { Framing::Ndjson } else { Framing::Sse };
        step.sent = Reading::of((call.stream && !call.endpoint.json_array).then_some(framing));
    }

    pub fn saw(&mut self, received: &[u8], sent: &[u8]) {
        let Some(step) = self.0.last_mut() else { return };
        step.received.push(received, &step.secret);
        step.sent.push(sent, &step.secret);
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

    fn push(&mut self, bytes: &[u8], secret: &Secret) {
        let events = &mut self.events;
        match &mut self.framer {
            Some(framer) if events.len() < EVENTS => {
                // What is no frame is the pump's trouble, and told by it.
                let _ = framer.push(bytes, |frame, _| {
                    if events.len() < EVENTS {
                        let name = frame.event.map(|event| format!("{event}: ")).unwrap_or_default();
                        events.push(name + &readable(secret, frame.data, EVENT));
                    }
                    Ok::<(), crate::protocol::StreamError>(())
                });
            }
            Some(_) => {}
            None => {
                let room = (BODY + KEY).saturating_sub(self.body.len());
                self.body.extend_from_slice(bytes.get(..bytes.len().min(room)).unwrap_or_default());
            }
        }
    }

    fn told(self, secret: &Secret) -> Vec<String> {
        let body = (!self.body.is_empty()).then(|| readable(secret, &self.body, BODY));
        self.events.into_iter().chain(body).collect()
    }
}

/// The secret is taken out first: half of one, at the end of what is shown, would not be known for what it is.
fn readable(secret: &Secret, bytes: &[u8], limit: usize) -> String {
    let begin = bytes.get(..bytes.len().min(limit + KEY)).unwrap_or_default();
    let mut text = secret.scrub(&String::from_utf8_lossy(begin));
    if text.len() > limit {
        text.truncate((0..=limit).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default());
        text.push_str(&format!("… ({} bytes)", bytes.len()));
    }
    text
}
