//! A system prompt in each protocol's shape, changed where it stands; every other byte of the body is kept.
//!
//! | protocol | where | shape |
//! |---|---|---|
//! | Chat, Ollama | the leading `system` and `developer` messages | text, or parts with text |
//! | Responses | `instructions` | text |
//! | Messages | `system` | text, or blocks with text |
//! | Gemini | `systemInstruction.parts` | parts with text |
//! | Ollama's `/api/generate` | `system` | text |
//!
//! A bare prompt of OpenAI's `/completions` has no system prompt, and stays as it is.

use std::ops::Range;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::ir::Protocol;
use crate::json::strings::{self, Leaf, Step};
use crate::json::{self, Body, Json, Text};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Front,
    Back,
}

/// A change of a part of a text.
type Cut = (Range<usize>, String);

/// `None`, here and below: the body has none of its protocol's shapes.
pub fn add(protocol: Protocol, body: &Body, text: &str, end: End) -> Option<Bytes> {
    match home(protocol, body)? {
        Home::Nowhere => Some(body.bytes().clone()),
        Home::Member(name, block) => match said(body.raw(name)) {
            None => Some(body.splice(&[(name, Some(&quoted(text)))])),
            Some(raw) => Some(body.splice(&[(name, Some(&joined(raw, text, end, block)?))])),
        },
        Home::Parts(name) => match said(body.raw(name)) {
            None => Some(body.splice(&[(name, Some(&parts(text)))])),
            Some(raw) => {
                let content = Body::parse(Bytes::copy_from_slice(raw.as_bytes())).ok()?;
                let list = said(content.raw("parts")).unwrap_or("[]");
                let list = joined(list, text, end, gemini_part)?;
                let content = content.splice(&[("parts", Some(&list))]);
                Some(body.splice(&[(name, Some(std::str::from_utf8(&content).ok()?))]))
            }
        },
        Home::Messages(leading) => {
            let chosen = if end == End::Front { leading.first() } else { leading.last() };
            match chosen {
                None => in_front(body, &message(text)),
                Some(message) => {
                    let raw = std::str::from_utf8(body.at(&message.content)).ok()?;
                    Some(cut(body.bytes(), &[(message.content.clone(), joined(raw, text, end, typed_part)?)]))
                }
            }
        }
    }
}

/// The whole prompt is `text`.
pub fn set(protocol: Protocol, body: &Body, text: &str) -> Option<Bytes> {
    match home(protocol, body)? {
        Home::Nowhere => Some(body.bytes().clone()),
        Home::Member(name, _) => Some(body.splice(&[(name, Some(&quoted(text)))])),
        Home::Parts(name) => Some(body.splice(&[(name, Some(&parts(text)))])),
        Home::Messages(leading) => {
            let mut cuts = Vec::new();
            match leading.split_first() {
                None => return in_front(body, &message(text)),
                Some((first, others)) => {
                    cuts.push((first.content.clone(), quoted(text)));
                    // Each with the comma before it.
                    let mut before = first.whole.end;
                    for other in others {
                        cuts.push((before..other.whole.end, String::new()));
                        before = other.whole.end;
                    }
                }
            }
            Some(cut(body.bytes(), &cuts))
        }
    }
}

/// Every text of the prompt as `change` wants it; `None` from `change` leaves a text as it is.
pub fn rewrite(protocol: Protocol, body: &Body, change: &dyn Fn(&str) -> Option<String>) -> Option<Bytes> {
    let spans = match home(protocol, body)? {
        Home::Nowhere => Vec::new(),
        Home::Member(name, _) | Home::Parts(name) => body.span(name).into_iter().collect(),
        Home::Messages(leading) => leading.into_iter().map(|message| message.content).collect(),
    };
    let mut cuts = Vec::new();
    for span in spans {
        let raw = body.at(&span);
        strings::walk(raw, &mut |path, leaf, place| {
            let is_prompt = matches!(path, [] | [.., Step::Key("text")]);
            if let (Leaf::Text(quoted_text), true) = (leaf, is_prompt)
                && let Some(changed) = change(&quoted_text.text())
            {
                cuts.push((span.start + place.start..span.start + place.end, quoted(&changed)));
            }
        })?;
    }
    Some(cut(body.bytes(), &cuts))
}

/// Where a body has its system prompt.
enum Home {
    Nowhere,
    /// A member that is text, or a list of such blocks.
    Member(&'static str, fn(&str) -> String),
    /// A member with a list of parts in it.
    Parts(&'static str),
    Messages(Vec<Message>),
}

/// A message of the system's.
struct Message {
    whole: Range<usize>,
    content: Range<usize>,
}

fn home(protocol: Protocol, body: &Body) -> Option<Home> {
    Some(match protocol {
        Protocol::Responses => Home::Member("instructions", typed_part),
        Protocol::Messages => Home::Member("system", typed_part),
        Protocol::Gemini if body.raw("system_instruction").is_some() => Home::Parts("system_instruction"),
        Protocol::Gemini => Home::Parts("systemInstruction"),
        Protocol::Ollama if body.raw("messages").is_none() => Home::Member("system", typed_part),
        Protocol::Chat if body.raw("messages").is_none() => Home::Nowhere,
        // No client speaks these.
        Protocol::Kiro | Protocol::Converse => Home::Nowhere,
        Protocol::Chat | Protocol::Ollama => Home::Messages(leading(body)?),
    })
}

/// The messages before the conversation.
fn leading(body: &Body) -> Option<Vec<Message>> {
    #[derive(Deserialize)]
    struct Shape<'a> {
        #[serde(borrow)]
        role: Text<'a>,
        #[serde(borrow)]
        content: &'a RawValue,
    }
    let list: Vec<&RawValue> = json::read(body.raw("messages")?).ok()?;
    let base = body.bytes().as_ptr().addr();
    let place = |raw: &RawValue| {
        let start = raw.get().as_ptr().addr() - base;
        start..start + raw.get().len()
    };
    let mut leading = Vec::new();
    for raw in list {
        let Ok(shape) = serde_json::from_str::<Shape<'_>>(raw.get()) else { break };
        if !matches!(&*shape.role, "system" | "developer") {
            break;
        }
        leading.push(Message { whole: place(raw), content: place(shape.content) });
    }
    Some(leading)
}

/// The list of messages with another at its beginning.
fn in_front(body: &Body, message: &str) -> Option<Bytes> {
    let span = body.span("messages")?;
    let comma = if is_empty_list(std::str::from_utf8(body.at(&span)).ok()?) { "" } else { "," };
    Some(cut(body.bytes(), &[(span.start + 1..span.start + 1, format!("{message}{comma}"))]))
}

fn is_empty_list(raw: &str) -> bool {
    raw.get(1..).is_some_and(|rest| rest.trim_start().starts_with(']'))
}

/// A text, or a list of blocks, with more text at one end.
fn joined(raw: &str, text: &str, end: End, block: fn(&str) -> String) -> Option<String> {
    if raw.starts_with('"') {
        let old: String = serde_json::from_str(raw).ok()?;
        return Some(quoted(&match end {
            _ if old.is_empty() => text.to_owned(),
            End::Front => format!("{text}\n\n{old}"),
            End::Back => format!("{old}\n\n{text}"),
        }));
    }
    let close = raw.len().checked_sub(1).filter(|_| raw.starts_with('['))?;
    let block = block(text);
    let comma = if is_empty_list(raw) { "" } else { "," };
    Some(match end {
        End::Front => format!("[{block}{comma}{}", raw.get(1..)?),
        End::Back => format!("{}{comma}{block}]", raw.get(..close)?),
    })
}

/// The source of a member that says something.
fn said(raw: Option<&[u8]>) -> Option<&str> {
    raw.and_then(|raw| std::str::from_utf8(raw).ok()).filter(|raw| *raw != "null")
}

fn quoted(text: &str) -> String {
    Json::of(text).get().to_owned()
}

fn typed_part(text: &str) -> String {
    format!(r#"{{"type":"text","text":{}}}"#, quoted(text))
}

fn gemini_part(text: &str) -> String {
    format!(r#"{{"text":{}}}"#, quoted(text))
}

fn parts(text: &str) -> String {
    format!(r#"{{"parts":[{}]}}"#, gemini_part(text))
}

fn message(text: &str) -> String {
    format!(r#"{{"role":"system","content":{}}}"#, quoted(text))
}

fn cut(bytes: &Bytes, cuts: &[Cut]) -> Bytes {
    if cuts.is_empty() {
        return bytes.clone();
    }
    let mut out = Vec::with_capacity(bytes.len() + cuts.iter().map(|(_, text)| text.len()).sum::<usize>());
    let mut from = 0;
    for (span, text) in cuts {
        out.extend_from_slice(bytes.get(from..span.start).unwrap_or_default());
        out.extend_from_slice(text.as_bytes());
        from = span.end;
    }
    out.extend_from_slice(bytes.get(from..).unwrap_or_default());
    out.into()
}
