//! Filters: what is found, what a provider sees of it, and what the client gets back.

mod answers;
mod finds;
mod held;
mod requests;

use std::cell::RefCell;
use std::rc::Rc;

use bytes::Bytes;
use serde_json::json;

use super::rig::{Play, Played, call, pass, simple_call, target, wire};
use crate::call::Call;
use crate::filter::masks::Masks;
use crate::filter::watch::Looks;
use crate::filter::{Filter, Finder, Hits, Refused, Side, request};
use crate::ir::Protocol;
use crate::ir::event::{Block, Delta, Event, Finish, Usage};
use crate::passing::Passing;
use crate::protocol::{Echo, inbound};
use crate::upstream::payload;

/// Filters from their JSON, as an operator writes them.
fn filters(list: serde_json::Value) -> Vec<Filter> {
    serde_json::from_value(list).unwrap()
}

/// Wires whose streams our encoders can write.
const PROVIDERS: &[Protocol] = super::rig::CLIENTS;

/// Everything personal, masked.
fn personal() -> Vec<Filter> {
    filters(json!([{"name": "personal", "action": "mask", "on": "input",
        "find": {"personal": ["email", "phone", "card", "chinese_id", "key"]}}]))
}

struct Cleaned {
    body: String,
    masks: Masks,
    hits: Hits,
}

fn clean(filters: &[Filter], body: &str) -> Result<Cleaned, Refused> {
    let finder = Finder::new(filters, Side::Input).unwrap().unwrap();
    let (mut masks, mut hits) = (Masks::new([7; 32]), Hits::default());
    let body = request::clean(&finder, &mut masks, &Bytes::copy_from_slice(body.as_bytes()), &mut hits)?;
    Ok(Cleaned { body: String::from_utf8(body.to_vec()).unwrap(), masks, hits })
}

fn looks(filters: &[Filter], masks: Masks) -> Looks {
    let finder = Finder::new(filters, Side::Output).unwrap().map(Rc::new);
    Looks { finder, masks: Rc::new(masks), hits: Rc::new(RefCell::new(Hits::default())) }
}

/// A stream of `protocol` whose answer says `text` in `pieces`, then calls a tool with `arguments` in pieces.
fn stream(protocol: Protocol, pieces: &[&str], arguments: &[&str]) -> Vec<Vec<u8>> {
    let call = simple_call(protocol, true);
    let mut encode = inbound(protocol).encoder(&Echo { call: &call, request: None });
    let mut frames = Vec::new();
    let mut say = |event: Event<'_>| {
        let mut out = Vec::new();
        encode.event(event, &mut out);
        frames.push(out);
    };
    say(Event::Start { id: "a", model: "m" });
    say(Event::BlockStart { index: 0, block: Block::Text });
    pieces.iter().for_each(|piece| say(Event::Delta { index: 0, delta: Delta::Text(piece) }));
    say(Event::BlockEnd { index: 0 });
    if !arguments.is_empty() {
        say(Event::BlockStart { index: 1, block: Block::ToolCall { id: "t", name: "send", freeform: false } });
        arguments.iter().for_each(|piece| say(Event::Delta { index: 1, delta: Delta::Json(piece) }));
        say(Event::BlockEnd { index: 1 });
    }
    say(Event::Usage(Usage { input: 3, output: 5, ..Usage::default() }));
    say(Event::Finish(if arguments.is_empty() { Finish::Stop } else { Finish::ToolCalls }));
    frames
}

/// The stream of `provider` as a client of `client` gets it through `looks`.
fn play(client: Protocol, provider: Protocol, looks: &Looks, frames: &[Vec<u8>]) -> Played {
    let call = simple_call(client, true);
    let mut payload = payload(&call, &target(provider, "a", "m")).unwrap();
    payload.looks = Some(looks.clone());
    Play::new(&call, &payload).run(frames.iter().map(Vec::as_slice))
}

/// `text` cut at the places that `cuts` names, as far as they are between characters.
fn pieces<'a>(text: &'a str, cuts: &[usize]) -> Vec<&'a str> {
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut % (text.len() + 1)).collect();
    places.retain(|place| text.is_char_boundary(*place));
    places.extend([0, text.len()]);
    places.sort_unstable();
    places.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect()
}

/// A chat with one message, in the words of `protocol`.
fn chat(protocol: Protocol, text: &str) -> Call {
    let text = serde_json::Value::from(text);
    let (url, body) = match protocol {
        Protocol::Chat => {
            ("/v1/chat/completions", json!({"model": "m", "messages": [{"role": "user", "content": text}]}))
        }
        Protocol::Messages => {
            ("/v1/messages", json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": text}]}))
        }
        Protocol::Gemini => {
            ("/v1beta/models/m:generateContent", json!({"contents": [{"role": "user", "parts": [{"text": text}]}]}))
        }
        Protocol::Responses => ("/v1/responses", json!({"model": "m", "input": text})),
        Protocol::Ollama => ("/api/chat", json!({"model": "m", "messages": [{"role": "user", "content": text}]})),
        Protocol::Kiro | Protocol::Converse => panic!("no client speaks {protocol:?}"),
    };
    call("POST", url, &[], body.to_string()).unwrap()
}

fn passing(filters: &[Filter], call: &Call) -> Passing {
    pass(&[], filters, call).unwrap().unwrap()
}

/// The text a provider of `wire` gets of a call.
fn sent(passing: &Passing, provider: Protocol) -> String {
    let payload = crate::upstream::payload_through(Some(passing), &passing.call, &target(provider, "a", "m")).unwrap();
    assert_eq!(payload.wire.protocol(), wire(provider).protocol());
    String::from_utf8(payload.body.to_vec()).unwrap()
}
