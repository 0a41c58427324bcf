//! Canonical parts as Converse's content blocks.

use std::borrow::Cow;

use sha2::{Digest, Sha256};

use crate::fault::Failure;
use crate::ir::{Cache, Media, Part, PartKind, Source, ToolInput};
use crate::json::{Array, Object};
use crate::protocol::media::sniff_image;
use crate::protocol::messages::turns::{Block, is_said};

/// Bedrock takes four marks in a request.
const MARKS: usize = 4;

/// Cache points, which stand behind what they mark. The last ones are written.
pub struct Marks {
    skip: usize,
    enabled: bool,
}

impl Marks {
    pub fn of(marks: impl Iterator<Item = Option<Cache>>, enabled: bool) -> Self {
        Self { skip: marks.flatten().count().saturating_sub(MARKS), enabled }
    }

    pub fn write(&mut self, mark: Option<Cache>, list: &mut Array<'_>) {
        if mark.is_none() || !self.enabled {
            return;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return;
        }
        list.item().extend_from_slice(br#"{"cachePoint":{"type":"default"}}"#);
    }
}

pub fn system(parts: &[&Part], marks: &mut Marks, body: &mut Object<'_>) -> Result<(), Failure> {
    let mut list = Array::begin(body.key("system"));
    for (index, part) in parts.iter().enumerate() {
        let PartKind::Text(text) = &part.kind else {
            return Err(Failure::unsupported(format!("system[{index}]"), "this provider is instructed in text"));
        };
        write_text(text, list.item());
        marks.write(part.cache, &mut list);
    }
    list.end();
    Ok(())
}

pub fn block(block: &Block<'_>, marks: &mut Marks, content: &mut Array<'_>) -> Result<(), Failure> {
    match block {
        Block::Part(part, turn, at) => part_of(part, &format!("messages[{turn}].content[{at}]"), content)?,
        Block::Instructions(parts) => {
            for part in parts.iter().filter(|part| is_said(part)) {
                let PartKind::Text(rule) = &part.kind else {
                    return Err(Failure::unsupported("messages", "this provider is instructed in text"));
                };
                write_text(&format!("<system>\n{rule}\n</system>"), content.item());
            }
        }
        Block::Opening => write_text(".", content.item()),
    }
    marks.write(block.cache(), content);
    Ok(())
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    let mut member = Object::begin(out);
    member.str("text", text);
    member.end();
}

fn part_of(part: &Part, at: &str, content: &mut Array<'_>) -> Result<(), Failure> {
    match &part.kind {
        PartKind::Text(text) => write_text(text, content.item()),
        PartKind::Thinking { text, seal } => {
            let value = seal.as_ref().map_or("", |seal| &seal.value);
            let mut member = Object::begin(content.item());
            let mut reasoning = Object::begin(member.key("reasoningContent"));
            if seal.as_ref().is_some_and(|seal| seal.redacted) {
                reasoning.str("redactedContent", value);
            } else {
                let mut said = Object::begin(reasoning.key("reasoningText"));
                said.str("text", text);
                said.str("signature", value);
                said.end();
            }
            reasoning.end();
            member.end();
        }
        PartKind::Media(media) => write_media(media, at, content.item())?,
        PartKind::ToolCall(call) => {
            let mut member = Object::begin(content.item());
            let mut tool = Object::begin(member.key("toolUse"));
            tool.str("toolUseId", &wire_id(&call.id));
            tool.str("name", &call.name);
            match &call.input {
                ToolInput::Json(json) => tool.raw("input", json.get()),
                ToolInput::Text(text) => tool.value("input", &serde_json::json!({ "input": text })),
            }
            tool.end();
            member.end();
        }
        PartKind::ToolResult { id, output, is_error } => {
            let mut member = Object::begin(content.item());
            let mut result = Object::begin(member.key("toolResult"));
            result.str("toolUseId", &wire_id(id));
            let mut list = Array::begin(result.key("content"));
            let said = output.iter().enumerate().filter(|(_, part)| is_said(part));
            let mut empty = true;
            for (index, part) in said {
                let place = format!("{at}.content[{index}]");
                match &part.kind {
                    PartKind::Text(text) => write_text(text, list.item()),
                    PartKind::Media(media) => write_media(media, &place, list.item())?,
                    _ => return Err(Failure::unsupported(place, "a tool result holds text, images and documents")),
                }
                empty = false;
            }
            if empty {
                write_text(".", list.item());
            }
            list.end();
            if *is_error {
                result.str("status", "error");
            }
            result.end();
            member.end();
        }
        PartKind::Opaque { value, .. } => {
            let kind = value.get("type").and_then(|kind| kind.as_str()).unwrap_or("this");
            return Err(Failure::unsupported(at, format!("this provider does not know `{kind}` items")));
        }
    }
    Ok(())
}

fn write_media(media: &Media, at: &str, out: &mut Vec<u8>) -> Result<(), Failure> {
    let Source::Base64(data) = &media.source else {
        return Err(Failure::unsupported(at, "this provider takes media inline only"));
    };
    let mime = if matches!(media.mime.as_str(), "" | "image/*") { sniff_image(data) } else { &media.mime };
    let (kind, format) = match mime {
        "image/png" => ("image", "png"),
        "image/jpeg" | "image/jpg" => ("image", "jpeg"),
        "image/gif" => ("image", "gif"),
        "image/webp" => ("image", "webp"),
        "application/pdf" => ("document", "pdf"),
        "text/csv" => ("document", "csv"),
        "text/html" => ("document", "html"),
        "text/markdown" => ("document", "md"),
        other if other.starts_with("text/") => ("document", "txt"),
        other => return Err(Failure::unsupported(at, format!("this provider does not take `{other}`"))),
    };
    let mut member = Object::begin(out);
    let mut inner = Object::begin(member.key(kind));
    inner.str("format", format);
    if kind == "document" {
        inner.str("name", &document_name(media.name.as_deref(), data));
    }
    let mut source = Object::begin(inner.key("source"));
    source.str("bytes", data);
    source.end();
    inner.end();
    member.end();
    Ok(())
}

/// Letters, digits, single spaces, hyphens and brackets; one of its own for each document.
fn document_name(name: Option<&str>, data: &str) -> String {
    let legal = |c: char| if c.is_ascii_alphanumeric() || "-()[]".contains(c) { c } else { ' ' };
    let clean: String = name.unwrap_or("document").chars().take(100).map(legal).collect();
    let clean: Vec<&str> = clean.split_whitespace().collect();
    format!("{} {}", clean.join(" "), short_hash(data)).trim_start().to_owned()
}

/// An id in Bedrock's alphabet and length; the same for a call and its result.
fn wire_id(id: &str) -> Cow<'_, str> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if (1..=64).contains(&id.len()) && id.chars().all(legal) {
        return Cow::Borrowed(id);
    }
    let clean: String = id.chars().take(50).map(|c| if legal(c) { c } else { '_' }).collect();
    Cow::Owned(format!("{clean}_{}", short_hash(id)))
}

fn short_hash(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}
