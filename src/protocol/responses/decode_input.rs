//! The items of `input`, in order, as turns.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::media::{self, MediaWire};
use super::{decode_tools, seals};
use crate::ir::event::arguments;
use crate::ir::{Cache, Extras, Part, PartKind, Protocol, Role, Tool, ToolCall, ToolInput, Turn};
use crate::json::{self, JsonError, Text};
use crate::protocol::seal;

/// What the items add up to.
#[derive(Debug, Default)]
pub(super) struct Conversation {
    pub system: Vec<Part>,
    pub turns: Vec<Turn>,
    pub tools: Vec<Tool>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Item<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Text<'a>>,
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    role: Option<Text<'a>>,
    #[serde(borrow)]
    phase: Option<Text<'a>>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    #[serde(borrow)]
    call_id: Option<Text<'a>>,
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    namespace: Option<Text<'a>>,
    #[serde(borrow)]
    arguments: Option<Text<'a>>,
    #[serde(borrow)]
    input: Option<Text<'a>>,
    #[serde(borrow)]
    output: Option<&'a RawValue>,
    #[serde(borrow)]
    summary: Option<Vec<ContentPart<'a>>>,
    #[serde(borrow)]
    encrypted_content: Option<Text<'a>>,
    #[serde(borrow)]
    tools: Option<Vec<&'a RawValue>>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct ContentPart<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Text<'a>>,
    #[serde(borrow)]
    text: Option<Text<'a>>,
    #[serde(borrow)]
    refusal: Option<Text<'a>>,
    #[serde(borrow)]
    detail: Option<Text<'a>>,
    #[serde(borrow)]
    prompt_cache_breakpoint: Option<&'a RawValue>,
}

impl Conversation {
    pub(super) fn input(&mut self, raw: &RawValue) -> Result<(), JsonError> {
        let bytes = raw.get().as_bytes();
        if raw.get().starts_with('"') {
            self.push(Role::User, Part::text(json::decode::<Cow<'_, str>>(bytes)?));
            return Ok(());
        }
        let items: Vec<&RawValue> = json::decode(bytes)?;
        for (at, raw) in items.into_iter().enumerate() {
            self.item(raw).map_err(|e| e.within(&format!("[{at}]")))?;
        }
        Ok(())
    }

    fn item(&mut self, raw: &RawValue) -> Result<(), JsonError> {
        let item: Item<'_> = json::decode(raw.get().as_bytes())?;
        let kind = match (&item.kind, &item.role) {
            (Some(kind), _) => &**kind,
            (None, Some(_)) => "message",
            // `type` may be left out of a reference, which then has nothing but an id.
            (None, None) => "item_reference",
        };
        match kind {
            "message" => self.message(&item),
            "function_call" | "custom_tool_call" => self.call(kind, &item),
            "function_call_output" | "custom_tool_call_output" => self.output(&item),
            "reasoning" => self.reasoning(&item),
            "additional_tools" => {
                for (at, tool) in item.tools.iter().flatten().enumerate() {
                    decode_tools::decode(tool, &mut self.tools).map_err(|e| e.within(&format!("tools[{at}]")))?;
                }
                Ok(())
            }
            "item_reference" => {
                Err(JsonError::new("", "item_reference: items are not stored here; send the item itself"))
            }
            other => {
                // What a provider ran itself: whoever owns this protocol understands it, others refuse it by name.
                let role = if other.ends_with("_output") || other == "mcp_approval_response" {
                    Role::User
                } else {
                    Role::Assistant
                };
                let value = json::decode(raw.get().as_bytes())?;
                self.push(role, PartKind::Opaque { owner: Protocol::Responses, value }.into());
                Ok(())
            }
        }
    }

    fn push(&mut self, role: Role, part: Part) {
        if role == Role::System && self.turns.is_empty() {
            self.system.push(part);
            return;
        }
        match self.turns.last_mut() {
            Some(turn) if turn.role == role => turn.parts.push(part),
            _ => self.turns.push(Turn { role, parts: vec![part] }),
        }
    }

    fn message(&mut self, item: &Item<'_>) -> Result<(), JsonError> {
        let role = match item.role.as_deref() {
            Some("user") => Role::User,
            Some("assistant") => Role::Assistant,
            Some("system" | "developer") => Role::System,
            Some(other) => return Err(JsonError::new("role", format!("unknown role {other:?}"))),
            None => return Err(JsonError::new("role", "missing")),
        };
        let content = item.content.ok_or_else(|| JsonError::new("content", "missing"))?;
        let phase = item.phase.as_deref().map(|phase| spelling("phase", phase));
        for mut part in parts(content).map_err(|e| e.within("content"))? {
            if let (Some(phase), PartKind::Text(_)) = (&phase, &part.kind) {
                part.extras = phase.clone();
            }
            self.push(role, part);
        }
        Ok(())
    }

    fn call(&mut self, kind: &str, item: &Item<'_>) -> Result<(), JsonError> {
        let name = item.name.as_deref().ok_or_else(|| JsonError::new("name", "missing"))?;
        let name = match item.namespace.as_deref().filter(|namespace| !namespace.is_empty()) {
            Some(namespace) => decode_tools::flat(namespace, name),
            None => name.to_owned(),
        };
        let call_id = item.call_id.as_deref().ok_or_else(|| JsonError::new("call_id", "missing"))?;
        let (id, seal) = seal::split(call_id);
        let input = if kind == "function_call" {
            ToolInput::Json(arguments(item.arguments.as_deref().unwrap_or_default()))
        } else {
            ToolInput::Text(item.input.as_deref().unwrap_or_default().to_owned())
        };
        self.push(Role::Assistant, PartKind::ToolCall(ToolCall { id: id.to_owned(), name, input, seal }).into());
        Ok(())
    }

    fn output(&mut self, item: &Item<'_>) -> Result<(), JsonError> {
        let call_id = item.call_id.as_deref().ok_or_else(|| JsonError::new("call_id", "missing"))?;
        let output = match item.output {
            Some(output) => parts(output).map_err(|e| e.within("output"))?,
            None => Vec::new(),
        };
        let id = seal::split(call_id).0.to_owned();
        self.push(Role::User, PartKind::ToolResult { id, output, is_error: false }.into());
        Ok(())
    }

    fn reasoning(&mut self, item: &Item<'_>) -> Result<(), JsonError> {
        let mut text = joined(item.summary.as_deref().unwrap_or_default());
        if let (true, Some(content)) = (text.is_empty(), item.content) {
            let content: Vec<ContentPart<'_>> =
                json::decode(content.get().as_bytes()).map_err(|e| e.within("content"))?;
            text = joined(&content);
        }
        let seal = item.encrypted_content.as_deref().and_then(|value| seals::join(item.id.as_deref(), value));
        if !text.is_empty() || seal.is_some() {
            self.push(Role::Assistant, PartKind::Thinking { text, seal }.into());
        }
        Ok(())
    }
}

/// Paragraphs of a summary.
fn joined(parts: &[ContentPart<'_>]) -> String {
    let texts: Vec<&str> = parts.iter().filter_map(|part| part.text.as_deref()).collect();
    texts.join("\n\n")
}

fn spelling(key: &str, value: &str) -> Extras {
    let member = (key.to_owned(), serde_json::Value::String(value.to_owned()));
    Extras::new(Protocol::Responses, std::iter::once(member).collect())
}

/// A string, or a list of content parts.
fn parts(raw: &RawValue) -> Result<Vec<Part>, JsonError> {
    let bytes = raw.get().as_bytes();
    if raw.get().starts_with('"') {
        let text: Cow<'_, str> = json::decode(bytes)?;
        return Ok(vec![Part::text(text)]);
    }
    let list: Vec<&RawValue> = json::decode(bytes)?;
    list.into_iter().enumerate().map(|(at, raw)| part(raw).map_err(|e| e.within(&format!("[{at}]")))).collect()
}

fn part(raw: &RawValue) -> Result<Part, JsonError> {
    let bytes = raw.get().as_bytes();
    let wire: ContentPart<'_> = json::decode(bytes)?;
    let kind = wire.kind.as_deref().ok_or_else(|| JsonError::new("type", "missing"))?;
    let mut part = match kind {
        "input_text" | "output_text" | "text" | "summary_text" | "reasoning_text" => {
            Part::text(wire.text.ok_or_else(|| JsonError::new("text", "missing"))?)
        }
        "refusal" => Part::text(wire.refusal.ok_or_else(|| JsonError::new("refusal", "missing"))?),
        "input_image" | "input_file" | "input_audio" => {
            let mut part = media::decode(kind, json::decode::<MediaWire<'_>>(bytes)?)?;
            if let Some(detail) = wire.detail.as_deref() {
                part.extras = spelling("detail", detail);
            }
            part
        }
        other => return Err(JsonError::new("type", format!("unknown content type {other:?}"))),
    };
    if wire.prompt_cache_breakpoint.is_some() {
        part.cache = Some(Cache::Short);
    }
    Ok(part)
}
