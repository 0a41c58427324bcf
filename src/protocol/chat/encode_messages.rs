//! Instructions and turns, as one provider's messages.
//!
//! A tool message holds text alone, and an assistant's nothing but text and calls; what else they had waits for the next
//! user message and says there where it is from.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::{Dialect, ReasoningStyle};
use crate::catalogue::{self, Thinking};
use crate::fault::Failure;
use crate::ir::{Media, Part, PartKind, Protocol, Request, Role, Source, ToolCall, ToolInput};
use crate::json::{Array, Object, write_str};

/// Something that has to wait for the next user message, because its own cannot hold it.
struct Attachment<'a> {
    /// Where it belongs.
    pointer: String,
    part: &'a Part,
    /// For refusals.
    place: String,
}

struct Messages<'a, 'o> {
    dialect: Dialect,
    list: Array<'o>,
    waiting: Vec<Attachment<'a>>,
}

pub fn encode_messages(dialect: Dialect, request: &Request, out: &mut Vec<u8>) -> Result<(), Failure> {
    let reasons = !matches!(catalogue::thinking(&request.model), Thinking::Unknown | Thinking::Never);
    let instructor = if dialect.developer_role && reasons { "developer" } else { "system" };
    let mut messages = Messages { dialect, list: Array::begin(out), waiting: Vec::new() };
    if !request.system.is_empty() {
        messages.plain(instructor, "system", &request.system)?;
    }
    for (index, turn) in request.turns.iter().enumerate() {
        let place = format!("messages[{index}]");
        if turn.role != Role::User {
            messages.attachments(&[], &place)?;
        }
        match turn.role {
            Role::System => messages.plain(instructor, &place, &turn.parts)?,
            Role::Assistant => messages.assistant(&place, &turn.parts)?,
            Role::User => messages.user(&place, &turn.parts)?,
        }
    }
    messages.attachments(&[], "messages")?;
    messages.list.end();
    Ok(())
}

impl<'a> Messages<'a, '_> {
    /// A message that holds nothing but text.
    fn plain(&mut self, role: &str, place: &str, parts: &'a [Part]) -> Result<(), Failure> {
        let mut texts = Vec::with_capacity(parts.len());
        for (at, part) in parts.iter().enumerate() {
            match &part.kind {
                PartKind::Text(text) => texts.push(text.as_str()),
                _ => return Err(unsupported(place, at, "instructions can only be text")),
            }
        }
        let mut message = Object::begin(self.list.item());
        message.str("role", role);
        write_texts(&texts, message.key("content"));
        message.end();
        Ok(())
    }

    fn assistant(&mut self, place: &str, parts: &'a [Part]) -> Result<(), Failure> {
        let (mut texts, mut calls, mut thinking) = (Vec::new(), Vec::new(), String::new());
        for (at, part) in parts.iter().enumerate() {
            match &part.kind {
                PartKind::Text(text) if text.is_empty() => {}
                PartKind::Text(text) => texts.push(text.as_str()),
                PartKind::Thinking { text, .. } => thinking.push_str(text),
                PartKind::ToolCall(call) => calls.push(call),
                PartKind::Media(_) => self.waiting.push(Attachment {
                    pointer: "From the assistant's last answer:".to_owned(),
                    part,
                    place: format!("{place}.content[{at}]"),
                }),
                PartKind::ToolResult { .. } => {
                    return Err(unsupported(place, at, "a tool result belongs to a user turn"));
                }
                PartKind::Opaque { .. } => return Err(unsupported(place, at, "this provider has no such part")),
            }
        }
        if texts.is_empty() && calls.is_empty() {
            return Ok(());
        }
        let mut message = Object::begin(self.list.item());
        message.str("role", "assistant");
        if texts.is_empty() {
            message.raw("content", "null");
        } else {
            write_texts(&texts, message.key("content"));
        }
        if self.dialect.reasoning == ReasoningStyle::Thinking && !calls.is_empty() && !thinking.is_empty() {
            message.str("reasoning_content", &thinking);
        }
        if !calls.is_empty() {
            let mut list = Array::begin(message.key("tool_calls"));
            calls.iter().for_each(|call| tool_call(call, list.item()));
            list.end();
        }
        message.end();
        Ok(())
    }

    fn user(&mut self, place: &str, parts: &'a [Part]) -> Result<(), Failure> {
        let mut rest = Vec::new();
        for (at, part) in parts.iter().enumerate() {
            match &part.kind {
                PartKind::ToolResult { id, output, is_error } => {
                    self.tool_result(&format!("{place}.content[{at}]"), id, output, *is_error)?;
                }
                _ => rest.push((at, part)),
            }
        }
        // A named speaker starts a message of their own.
        let mut speakers = rest.chunk_by(|_, (_, next)| name_of(next).is_none()).peekable();
        if speakers.peek().is_none() {
            return self.attachments(&[], place);
        }
        speakers.try_for_each(|parts| self.attachments(parts, place))
    }

    /// A user message of what is waiting and of `parts`; nothing if there is neither.
    fn attachments(&mut self, parts: &[(usize, &'a Part)], place: &str) -> Result<(), Failure> {
        if let ([], [(_, Part { kind: PartKind::Text(text), .. })]) = (self.waiting.as_slice(), parts) {
            let mut message = self.user_message(parts);
            message.str("content", text);
            message.end();
            return Ok(());
        }
        let waiting = std::mem::take(&mut self.waiting);
        if waiting.is_empty() && parts.is_empty() {
            return Ok(());
        }
        let mut message = self.user_message(parts);
        let mut list = Array::begin(message.key("content"));
        for attachment in &waiting {
            write_text_part(&attachment.pointer, list.item());
            content_part(attachment.part, &attachment.place, list.item())?;
        }
        for (at, part) in parts {
            content_part(part, &format!("{place}.content[{at}]"), list.item())?;
        }
        list.end();
        message.end();
        Ok(())
    }

    fn user_message(&mut self, parts: &[(usize, &Part)]) -> Object<'_> {
        let mut message = Object::begin(self.list.item());
        message.str("role", "user");
        parts.first().and_then(|(_, part)| name_of(part)).iter().for_each(|name| message.str("name", name));
        message
    }

    fn tool_result(&mut self, place: &str, id: &str, output: &'a [Part], is_error: bool) -> Result<(), Failure> {
        let id = short_id(id);
        let mut texts: Vec<Cow<'_, str>> = Vec::with_capacity(output.len());
        for (at, part) in output.iter().enumerate() {
            match &part.kind {
                PartKind::Text(text) => texts.push(text.into()),
                PartKind::Media(_) => self.waiting.push(Attachment {
                    pointer: format!("From the result of tool call {id}:"),
                    part,
                    place: format!("{place}.output[{at}]"),
                }),
                PartKind::Opaque { owner: Protocol::Chat, value } => texts.push(value.to_string().into()),
                _ => return Err(Failure::unsupported(format!("{place}.output[{at}]"), "not a part of a result here")),
            }
        }
        if texts.is_empty() && !output.is_empty() {
            texts.push("The result follows in the next message.".into());
        }
        if is_error {
            match texts.first_mut() {
                Some(text) if text.trim_start().get(..5).is_some_and(|start| start.eq_ignore_ascii_case("error")) => {}
                Some(text) => *text = format!("Error: {text}").into(),
                None => texts.push("Error: the tool failed".into()),
            }
        }
        let mut message = Object::begin(self.list.item());
        message.str("role", "tool");
        message.str("tool_call_id", &id);
        write_texts(&texts, message.key("content"));
        message.end();
        Ok(())
    }
}

fn unsupported(place: &str, at: usize, why: &str) -> Failure {
    Failure::unsupported(format!("{place}.content[{at}]"), why)
}

fn name_of(part: &Part) -> Option<&str> {
    part.extras.of(Protocol::Chat)?.get("name")?.as_str()
}

/// OpenAI takes ids of 40 characters at most.
fn short_id(id: &str) -> Cow<'_, str> {
    if id.len() <= 40 {
        return id.into();
    }
    let digest = Sha256::digest(id.as_bytes());
    let suffix: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("call_{suffix}").into()
}

fn tool_call(call: &ToolCall, out: &mut Vec<u8>) {
    let (kind, member, input) = match &call.input {
        ToolInput::Json(json) => ("function", "arguments", json.get()),
        ToolInput::Text(text) => ("custom", "input", text.as_str()),
    };
    let mut object = Object::begin(out);
    object.str("id", &short_id(&call.id));
    object.str("type", kind);
    let mut inner = Object::begin(object.key(kind));
    inner.str("name", &call.name);
    inner.str(member, input);
    inner.end();
    object.end();
}

/// One text as a string, several as parts.
fn write_texts<T: AsRef<str>>(texts: &[T], out: &mut Vec<u8>) {
    match texts {
        [] => out.extend_from_slice(b"\"\""),
        [one] => write_str(one.as_ref(), out),
        many => {
            let mut list = Array::begin(out);
            many.iter().for_each(|text| write_text_part(text.as_ref(), list.item()));
            list.end();
        }
    }
}

fn write_text_part(text: &str, out: &mut Vec<u8>) {
    let mut object = Object::begin(out);
    object.str("type", "text");
    object.str("text", text);
    object.end();
}

fn content_part(part: &Part, place: &str, out: &mut Vec<u8>) -> Result<(), Failure> {
    match &part.kind {
        PartKind::Text(text) => write_text_part(text, out),
        PartKind::Opaque { owner: Protocol::Chat, value } => out.extend_from_slice(value.to_string().as_bytes()),
        PartKind::Media(media) => return media_part(media, part, place, out),
        PartKind::Thinking { .. } | PartKind::ToolCall(_) => {
            return Err(Failure::unsupported(place, "belongs to an assistant turn"));
        }
        PartKind::ToolResult { .. } | PartKind::Opaque { .. } => {
            return Err(Failure::unsupported(place, "this provider has no such part"));
        }
    }
    Ok(())
}

fn media_part(media: &Media, part: &Part, place: &str, out: &mut Vec<u8>) -> Result<(), Failure> {
    let refuse = |why: &str| Err(Failure::unsupported(place, why));
    let Media { mime, source, name } = media;
    let url = |data: &str| format!("data:{mime};base64,{data}");
    match source {
        // Without a type, an address is nearly always an image's.
        Source::Base64(_) | Source::Url(_) if media.is_image() || mime.is_empty() => {
            let mut object = Object::begin(out);
            object.str("type", "image_url");
            let mut image = Object::begin(object.key("image_url"));
            match source {
                Source::Base64(data) => image.str("url", &url(data)),
                Source::Url(address) | Source::File { id: address, .. } => image.str("url", address),
            }
            if let Some(detail) = part.extras.of(Protocol::Chat).and_then(|extras| extras.get("detail")?.as_str()) {
                image.str("detail", detail);
            }
            image.end();
            object.end();
        }
        Source::Base64(data) if media.is_audio() => {
            let mut object = Object::begin(out);
            object.str("type", "input_audio");
            let mut audio = Object::begin(object.key("input_audio"));
            audio.str("data", data);
            audio.str("format", audio_format(mime));
            audio.end();
            object.end();
        }
        _ if mime.starts_with("video/") => return refuse("video cannot be sent to this provider"),
        Source::Base64(data) if mime.starts_with("text/") => {
            let Some(text) = STANDARD.decode(data).ok().and_then(|bytes| String::from_utf8(bytes).ok()) else {
                return refuse("a text document must be UTF-8");
            };
            let title = name.as_deref().map_or_else(String::new, |name| format!("{name}:\n"));
            write_text_part(&format!("{title}{text}"), out);
        }
        Source::Base64(_) | Source::File { owner: Protocol::Chat | Protocol::Responses, .. } => {
            let mut object = Object::begin(out);
            object.str("type", "file");
            let mut file = Object::begin(object.key("file"));
            match source {
                Source::File { id, .. } => file.str("file_id", id),
                Source::Base64(data) | Source::Url(data) => {
                    file.str("filename", name.as_deref().unwrap_or("document.pdf"));
                    file.str("file_data", &url(data));
                }
            }
            file.end();
            object.end();
        }
        Source::Url(_) if media.is_audio() => return refuse("audio must be sent inline"),
        Source::Url(_) => return refuse("documents must be sent inline, not by URL"),
        Source::File { .. } => return refuse("the file is stored at another provider"),
    }
    Ok(())
}

/// The word for a type of audio. OpenAI knows `wav` and `mp3`; others take more.
fn audio_format(mime: &str) -> &str {
    match mime.strip_prefix("audio/").unwrap_or(mime).split(';').next().unwrap_or_default() {
        "x-wav" | "wave" | "vnd.wave" => "wav",
        "mpeg" => "mp3",
        other => other,
    }
}
