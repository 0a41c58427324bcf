//! Canonical parts, as content blocks of a request.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::cache::Marks;
use super::decode_content::BLOCK;
use super::turns::{Block, Message, Speaker, is_said};
use crate::fault::Failure;
use crate::ir::{Cache, Extras, Media, Part, PartKind, Protocol, Source, ToolInput};
use crate::json::{Array, Object};
use crate::protocol::media::sniff_image;

pub fn message(message: &Message<'_>, marks: &mut Marks, out: &mut Vec<u8>) -> Result<(), Failure> {
    let mut member = Object::begin(out);
    member.str("role", if message.speaker == Speaker::Assistant { "assistant" } else { "user" });
    let mut content = Array::begin(member.key("content"));
    for block in &message.blocks {
        let out = content.item();
        match block {
            Block::Part(part, turn, at) => {
                let place = format!("messages[{turn}].content[{at}]");
                write_part(part, block.cache(), marks, &place, out)?;
            }
            Block::Instructions(parts) => {
                let mut text = String::from("<system>\n");
                for part in parts.iter().filter(|part| is_said(part)) {
                    let PartKind::Text(rule) = &part.kind else {
                        return Err(Failure::unsupported("messages", "this provider is instructed in text"));
                    };
                    text.push_str(rule);
                    text.push('\n');
                }
                text.push_str("</system>");
                write_text(&text, &Part::text(""), block.cache(), marks, out);
            }
            Block::Opening => out.extend_from_slice(br#"{"type":"text","text":"."}"#),
        }
    }
    content.end();
    member.end();
    Ok(())
}

/// The members that only this protocol knows.
pub fn extras(extras: &Extras, block: &mut Object<'_>) {
    for (name, value) in extras.of(Protocol::Messages).into_iter().flatten() {
        if name != BLOCK {
            block.value(name, value);
        }
    }
}

/// A text block, or the block that became this text when it was read.
pub fn write_text(text: &str, part: &Part, cache: Option<Cache>, marks: &mut Marks, out: &mut Vec<u8>) {
    let mut block = Object::begin(out);
    let original = part.extras.of(Protocol::Messages).and_then(|members| members.get(BLOCK)?.as_object());
    match original {
        Some(original) => original.iter().for_each(|(name, value)| block.value(name, value)),
        None => {
            block.str("type", "text");
            block.str("text", text);
            extras(&part.extras, &mut block);
        }
    }
    marks.write(cache, &mut block);
    block.end();
}

fn write_part(
    part: &Part,
    cache: Option<Cache>,
    marks: &mut Marks,
    at: &str,
    out: &mut Vec<u8>,
) -> Result<(), Failure> {
    if let PartKind::Text(text) = &part.kind {
        write_text(text, part, cache, marks, out);
        return Ok(());
    }
    let mut block = Object::begin(out);
    match &part.kind {
        PartKind::Text(_) => {}
        PartKind::Thinking { seal: Some(seal), .. } if seal.redacted => {
            block.str("type", "redacted_thinking");
            block.str("data", &seal.value);
        }
        PartKind::Thinking { text, seal } => {
            block.str("type", "thinking");
            block.str("thinking", text);
            block.str("signature", seal.as_ref().map_or("", |seal| &seal.value));
        }
        PartKind::Media(media) => write_media(media, at, &mut block)?,
        PartKind::ToolCall(call) => {
            block.str("type", "tool_use");
            block.str("id", &wire_id(&call.id));
            block.str("name", &call.name);
            match &call.input {
                ToolInput::Json(json) => block.raw("input", json.get()),
                ToolInput::Text(text) => block.value("input", &serde_json::json!({ "input": text })),
            }
        }
        PartKind::ToolResult { id, output, is_error } => {
            block.str("type", "tool_result");
            block.str("tool_use_id", &wire_id(id));
            write_output(output, at, &mut block)?;
            if *is_error {
                block.bool("is_error", true);
            }
        }
        PartKind::Opaque { owner: Protocol::Messages, value } => {
            value.as_object().into_iter().flatten().for_each(|(name, value)| block.value(name, value));
        }
        PartKind::Opaque { value, .. } => {
            let kind = value.get("type").and_then(|kind| kind.as_str()).unwrap_or("this");
            return Err(Failure::unsupported(at, format!("this provider does not know `{kind}` items")));
        }
    }
    extras(&part.extras, &mut block);
    marks.write(cache, &mut block);
    block.end();
    Ok(())
}

fn write_output(output: &[Part], at: &str, block: &mut Object<'_>) -> Result<(), Failure> {
    let said: Vec<&Part> = output.iter().filter(|part| is_said(part)).collect();
    match said.as_slice() {
        [] => return Ok(()),
        [Part { kind: PartKind::Text(text), extras, .. }] if extras.of(Protocol::Messages).is_none() => {
            block.str("content", text);
            return Ok(());
        }
        _ => {}
    }
    // The result as a whole has the mark.
    let mut marks = Marks::of(std::iter::empty());
    let mut content = Array::begin(block.key("content"));
    for (index, part) in said.into_iter().enumerate() {
        let place = format!("{at}.content[{index}]");
        if matches!(part.kind, PartKind::Thinking { .. } | PartKind::ToolCall(_) | PartKind::ToolResult { .. }) {
            return Err(Failure::unsupported(place, "a tool result holds text, images and documents"));
        }
        write_part(part, None, &mut marks, &place, content.item())?;
    }
    content.end();
    Ok(())
}

fn write_media(media: &Media, at: &str, block: &mut Object<'_>) -> Result<(), Failure> {
    let refuse = |what: &str| Err(Failure::unsupported(at, format!("this provider does not take {what}")));
    let mime = match (media.mime.as_str(), &media.source) {
        ("image/jpg", _) => "image/jpeg",
        ("image/*" | "", Source::Base64(data)) => sniff_image(data),
        (other, _) => other,
    };
    // Of remote bytes of unknown kind, clients nearly always mean an image.
    let remote_pdf = matches!(&media.source, Source::Url(url) if url.ends_with(".pdf"));
    let is_document = mime == "application/pdf" || mime.starts_with("text/") || mime.is_empty() && remote_pdf;
    let is_image = mime.starts_with("image/") || mime.is_empty() && !remote_pdf;
    match &media.source {
        Source::File { owner: Protocol::Messages, id } => {
            block.str("type", if media.is_image() { "image" } else { "document" });
            let mut source = Object::begin(block.key("source"));
            source.str("type", "file");
            source.str("file_id", id);
            source.end();
        }
        Source::File { .. } => return refuse("files stored at another provider"),
        _ if !is_document && !is_image => return refuse(&format!("`{mime}`")),
        Source::Base64(data) if mime.starts_with("text/") => {
            let text = STANDARD.decode(data).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            let Some(text) = text else { return refuse("text that is not UTF-8 in base64") };
            block.str("type", "document");
            let mut source = Object::begin(block.key("source"));
            source.str("type", "text");
            source.str("media_type", "text/plain");
            source.str("data", &text);
            source.end();
        }
        Source::Base64(data) => {
            block.str("type", if is_image { "image" } else { "document" });
            let mut source = Object::begin(block.key("source"));
            source.str("type", "base64");
            source.str("media_type", mime);
            source.str("data", data);
            source.end();
        }
        Source::Url(url) => {
            block.str("type", if is_image { "image" } else { "document" });
            let mut source = Object::begin(block.key("source"));
            source.str("type", "url");
            source.str("url", url);
            source.end();
        }
    }
    if let (true, Some(name)) = (!is_image, &media.name) {
        block.str("title", name);
    }
    Ok(())
}

/// An id in Anthropic's alphabet; the same for a call and its result.
fn wire_id(id: &str) -> Cow<'_, str> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if !id.is_empty() && id.chars().all(legal) {
        return Cow::Borrowed(id);
    }
    let clean: String = id.chars().map(|c| if legal(c) { c } else { '_' }).collect();
    let digest: String = Sha256::digest(id.as_bytes()).iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    Cow::Owned(format!("{clean}_{digest}"))
}
