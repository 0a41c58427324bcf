//! A capture as a line of JSON: OpenAI's chat format for fine-tuning, or the pair as it was.
//!
//! <https://platform.openai.com/docs/api-reference/fine-tuning/chat-input>

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::{Filter, Meta};
use crate::call::{Call, Endpoint, Operation};
use crate::fault::Failure;
use crate::ir::Protocol;
use crate::ir::event::{Collector, Completion, Event};
use crate::json::{self, Body};
use crate::protocol::{Echo, Inbound as _, Outbound, chat, gemini, inbound, messages, ollama, responses};

/// Conversations whose like was seen before: 16 bytes each.
const SEEN: usize = 200_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Chat,
    Pairs,
}

/// What is exported, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    pub filter: Filter,
    pub format: Format,
    /// Each conversation once.
    pub distinct: bool,
}

impl Export {
    pub fn of(query: &dyn Fn(&str) -> Option<String>) -> Result<Self, Failure> {
        let format = match query("format").as_deref() {
            None | Some("chat") => Format::Chat,
            Some("pairs") => Format::Pairs,
            Some(_) => return Err(Failure::invalid("format", "expected `chat` or `pairs`")),
        };
        let distinct = match query("distinct").as_deref() {
            None | Some("true") => true,
            Some("false") => false,
            Some(_) => return Err(Failure::invalid("distinct", "expected `true` or `false`")),
        };
        Ok(Self { filter: Filter::of(query)?, format, distinct })
    }

    /// In a line of the audit log.
    pub fn told(&self) -> String {
        let Self { filter: Filter { from, to, token, model, finish }, format, .. } = self;
        let mut told = format!("{format:?}").to_ascii_lowercase();
        let times = [("from", from), ("to", to)].map(|(name, at)| (name, at.map(|at| at.0.to_string())));
        let texts = [("token", token), ("model", model), ("finish", finish)].map(|(name, text)| (name, text.clone()));
        for (name, said) in times.into_iter().chain(texts) {
            if let Some(said) = said {
                told.push_str(&format!(", {name} {said}"));
            }
        }
        told
    }
}

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow)]
    request: &'a RawValue,
    #[serde(borrow)]
    answer: &'a RawValue,
}

/// Makes the lines, one after the other.
pub struct Lines {
    format: Format,
    distinct: bool,
    seen: BTreeSet<u128>,
}

impl Lines {
    pub fn new(export: &Export) -> Self {
        Self { format: export.format, distinct: export.distinct, seen: BTreeSet::new() }
    }

    /// `None`: there was one like it, or it cannot be said in this format.
    pub fn line(&mut self, meta: &Meta, document: &str) -> Option<String> {
        let Document { request, answer } = serde_json::from_str(document).ok()?;
        let conversation = conversation(meta, request.get(), answer.get());
        let same = match &conversation {
            Some(conversation) => digest(&conversation.to_string()),
            None => digest(document),
        };
        if self.distinct && !self.seen.insert(same) {
            return None;
        }
        if self.seen.len() > SEEN {
            self.seen.pop_first();
        }
        match self.format {
            Format::Chat => conversation.map(|conversation| conversation.to_string()),
            Format::Pairs => {
                let Meta { id, at, model, served, protocol, operation, finish, .. } = meta;
                let head = json!({"id": id, "at": at, "model": model, "served": served, "protocol": protocol, "operation": operation, "finish": finish}).to_string();
                let head = head.strip_suffix('}')?;
                Some(format!("{head},\"request\":{},\"answer\":{}}}", request.get(), answer.get()))
            }
        }
    }
}

fn digest(text: &str) -> u128 {
    let hash = Sha256::digest(text);
    hash.iter().take(16).fold(0, |sum, byte| sum << 8 | u128::from(*byte))
}

/// `{"messages": […], "tools": […]}`, the answer last.
fn conversation(meta: &Meta, request: &str, answer: &str) -> Option<Value> {
    let protocol = CLIENTS.into_iter().find(|protocol| protocol.name() == meta.protocol)?;
    let completes = meta.operation == Operation::Complete.name();
    let operation = if completes { Operation::Complete } else { Operation::Generate };
    let body = Body::parse(request.as_bytes().to_vec().into()).ok()?;
    let call = whole(protocol, operation, &meta.model, body);
    let asked = inbound(protocol).decode_request(&call).ok()?;
    let asked = chat::Chat::OPENAI.encode_request(&asked).ok()?;
    let mut asked: Map<String, Value> = json::read(&asked).ok()?;
    let mut said = vec![];
    if let Some(Value::Array(messages)) = asked.remove("messages") {
        said.extend(messages.into_iter().map(message));
    }
    said.push(message(reply(protocol, answer)?));
    let mut line = json!({ "messages": said });
    for name in ["tools", "parallel_tool_calls"] {
        if let (Some(value), Some(line)) = (asked.remove(name), line.as_object_mut()) {
            line.insert(name.to_owned(), value);
        }
    }
    Some(line)
}

/// The answer as a message.
fn reply(protocol: Protocol, answer: &str) -> Option<Value> {
    let value: Value = serde_json::from_str(answer).ok()?;
    // Answers to a bare prompt.
    if let Some(text) =
        value.pointer("/choices/0/text").or_else(|| value.get("response").filter(|said| said.is_string()))
    {
        return Some(json!({"role": "assistant", "content": text}));
    }
    let mut collector = Collector::default();
    let mut sink = |event: Event<'_>| crate::ir::event::Sink::event(&mut collector, event);
    wire(protocol)?.decode_response(answer.as_bytes(), &mut sink).ok()?;
    let done = Completion::of(collector)?;
    let call = whole(Protocol::Chat, Operation::Generate, "", Body::default());
    let mut out = Vec::new();
    chat::Chat::OPENAI.encode_response(&done, &Echo { call: &call, request: None }, &mut out);
    let mut whole: Value = json::read(&out).ok()?;
    Some(whole.pointer_mut("/choices/0/message")?.take())
}

const CLIENTS: [Protocol; 5] =
    [Protocol::Chat, Protocol::Responses, Protocol::Messages, Protocol::Gemini, Protocol::Ollama];

/// A call for a whole answer.
pub fn whole(protocol: Protocol, operation: Operation, model: &str, body: Body) -> Call {
    let stream = Some(false);
    let endpoint = Endpoint { protocol, operation, model: None, stream, json_array: false, line: None, provider: None };
    let (id, model) = (String::new(), model.to_owned());
    Call { id, endpoint, model, stream: false, body, headers: Vec::new(), affinity: None, created: 0 }
}

/// The half of each client's protocol that reads its whole answers.
pub fn wire(protocol: Protocol) -> Option<&'static dyn Outbound> {
    Some(match protocol {
        Protocol::Chat => &chat::Chat::OPENAI,
        Protocol::Responses => &responses::Responses,
        Protocol::Messages => &messages::Messages,
        Protocol::Gemini => &gemini::Gemini,
        Protocol::Ollama => &ollama::Ollama,
        // No client speaks these.
        Protocol::Kiro | Protocol::Converse => return None,
    })
}

/// What the format has of a message.
fn message(message: Value) -> Value {
    let Value::Object(mut message) = message else { return message };
    message.retain(|name, value| {
        let known = matches!(name.as_str(), "role" | "content" | "name" | "tool_calls" | "tool_call_id");
        known && !(value.is_null() && name != "content")
    });
    if message.get("role").and_then(Value::as_str) == Some("developer") {
        message.insert("role".to_owned(), "system".into());
    }
    Value::Object(message)
}
