//! Turns as the items of `input`.

use std::collections::HashSet;

use serde_json::Value;

use super::encode_request::{member, put_value};
use super::{media, seals};
use crate::fault::Failure;
use crate::ir::{Issuer, Media, Part, PartKind, Protocol, Request, Role, Source, ToolCall, ToolInput, Turn};
use crate::json::{Json, write_escaped, write_str};

/// Writes `input`.
pub(super) struct Items<'a> {
    /// Calls of freeform tools, whose results have another item type.
    freeform: HashSet<&'a str>,
    first: bool,
    /// The message that further content parts still join.
    open: Option<Role>,
}

impl<'a> Items<'a> {
    pub(super) fn of(request: &'a Request) -> Self {
        let parts = request.turns.iter().flat_map(|turn| &turn.parts);
        let freeform = parts.filter_map(|part| match &part.kind {
            PartKind::ToolCall(ToolCall { id, input: ToolInput::Text(_), .. }) => Some(id.as_str()),
            _ => None,
        });
        Self { freeform: freeform.collect(), first: true, open: None }
    }

    pub(super) fn write(mut self, request: &'a Request, out: &mut Vec<u8>) -> Result<(), Failure> {
        out.push(b'[');
        for part in &request.system {
            self.part(Role::System, part, "system", out)?;
        }
        self.close(out);
        for (at, Turn { role, parts }) in request.turns.iter().enumerate() {
            for (index, part) in parts.iter().enumerate() {
                self.part(*role, part, &format!("messages[{at}].content[{index}]"), out)?;
            }
            self.close(out);
        }
        out.push(b']');
        Ok(())
    }

    fn part(&mut self, role: Role, part: &Part, at: &str, out: &mut Vec<u8>) -> Result<(), Failure> {
        match &part.kind {
            PartKind::Text(text) if role == Role::Assistant => {
                self.item(out);
                // The published schema wants an id beside `output_text` parts; a plain string needs none.
                out.extend_from_slice(b"{\"type\":\"message\",\"role\":\"assistant\",\"content\":");
                write_str(text, out);
                if let Some(phase) = extra(part, "phase") {
                    put_value("phase", phase, out);
                }
                out.push(b'}');
            }
            PartKind::Text(text) => {
                self.content(role, out);
                out.extend_from_slice(b"{\"type\":\"input_text\",\"text\":");
                write_str(text, out);
                out.push(b'}');
            }
            PartKind::Media(media) => {
                // An assistant's own image has no item without a stored id; it is shown to the model as input.
                self.content(if role == Role::Assistant { Role::User } else { role }, out);
                write_media(media, part, at, out)?;
            }
            PartKind::Thinking { text, seal } => {
                // Reasoning of another provider, or without its proof, means nothing here.
                if let Some(seal) = seal.as_ref().filter(|seal| seal.issuer == Issuer::OpenAi) {
                    self.item(out);
                    let (id, encrypted) = seals::split(&seal.value);
                    out.extend_from_slice(b"{\"type\":\"reasoning\"");
                    if let Some(id) = id {
                        member("id", out);
                        write_str(id, out);
                    }
                    out.extend_from_slice(b",\"summary\":[");
                    if !text.is_empty() {
                        out.extend_from_slice(b"{\"type\":\"summary_text\",\"text\":");
                        write_str(text, out);
                        out.push(b'}');
                    }
                    out.extend_from_slice(b"],\"encrypted_content\":");
                    write_str(encrypted, out);
                    out.push(b'}');
                }
            }
            PartKind::ToolCall(call) => {
                self.item(out);
                let (kind, key, input) = match &call.input {
                    ToolInput::Json(json) => ("function_call", "arguments", json.get()),
                    ToolInput::Text(text) => ("custom_tool_call", "input", text.as_str()),
                };
                out.extend_from_slice(b"{\"type\":");
                write_str(kind, out);
                for (key, value) in [("call_id", call.id.as_str()), ("name", &call.name), (key, input)] {
                    member(key, out);
                    write_str(value, out);
                }
                out.push(b'}');
            }
            PartKind::ToolResult { id, output, is_error } => {
                self.item(out);
                let custom = self.freeform.contains(id.as_str());
                let kind = if custom { "custom_tool_call_output" } else { "function_call_output" };
                out.extend_from_slice(b"{\"type\":");
                write_str(kind, out);
                member("call_id", out);
                write_str(id, out);
                member("output", out);
                write_output(output, *is_error, at, out)?;
                out.push(b'}');
            }
            PartKind::Opaque { owner: Protocol::Responses, value } => {
                self.item(out);
                out.extend_from_slice(Json::of(value).get().as_bytes());
            }
            PartKind::Opaque { value, .. } => {
                let kind = value.get("type").and_then(Value::as_str).unwrap_or("this part");
                let why = format!("{kind} belongs to another provider's protocol and has no meaning here");
                return Err(Failure::unsupported(at, why));
            }
        }
        Ok(())
    }

    /// Begin a whole item.
    fn item(&mut self, out: &mut Vec<u8>) {
        self.close(out);
        if !std::mem::take(&mut self.first) {
            out.push(b',');
        }
    }

    /// Begin a content part, in the open message if there is one.
    fn content(&mut self, role: Role, out: &mut Vec<u8>) {
        if self.open == Some(role) {
            out.push(b',');
            return;
        }
        self.item(out);
        out.extend_from_slice(match role {
            Role::System => b"{\"type\":\"message\",\"role\":\"developer\",\"content\":[".as_slice(),
            Role::User | Role::Assistant => b"{\"type\":\"message\",\"role\":\"user\",\"content\":[",
        });
        self.open = Some(role);
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        if self.open.take().is_some() {
            out.extend_from_slice(b"]}");
        }
    }
}

fn extra<'a>(part: &'a Part, key: &str) -> Option<&'a Value> {
    part.extras.of(Protocol::Responses)?.get(key)
}

/// One text is a string; anything richer is a list.
fn write_output(output: &[Part], is_error: bool, at: &str, out: &mut Vec<u8>) -> Result<(), Failure> {
    // The wire has no flag for a failed tool; the model must read it.
    let mark = if is_error { "Error: " } else { "" };
    match output {
        [] => write_str(mark.trim_end(), out),
        [Part { kind: PartKind::Text(text), .. }] if mark.is_empty() => write_str(text, out),
        [Part { kind: PartKind::Text(text), .. }] => write_str(&format!("{mark}{text}"), out),
        parts => {
            out.push(b'[');
            if is_error {
                out.extend_from_slice(b"{\"type\":\"input_text\",\"text\":\"Error:\"},");
            }
            for (index, part) in parts.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                let at = format!("{at}.output[{index}]");
                match &part.kind {
                    PartKind::Text(text) => {
                        out.extend_from_slice(b"{\"type\":\"input_text\",\"text\":");
                        write_str(text, out);
                        out.push(b'}');
                    }
                    PartKind::Media(media) => write_media(media, part, &at, out)?,
                    _ => return Err(Failure::unsupported(at, "a tool's output is text, images and files")),
                }
            }
            out.push(b']');
        }
    }
    Ok(())
}

fn write_media(media: &Media, part: &Part, at: &str, out: &mut Vec<u8>) -> Result<(), Failure> {
    let object = |kind: &str, out: &mut Vec<u8>| {
        out.extend_from_slice(b"{\"type\":");
        write_str(kind, out);
    };
    let inline = |key: &str, data: &str, out: &mut Vec<u8>| {
        member(key, out);
        out.extend_from_slice(b"\"data:");
        write_escaped(&media.mime, out);
        out.extend_from_slice(b";base64,");
        write_escaped(data, out);
        out.push(b'"');
    };
    if media.is_audio() {
        let format = media.mime.strip_prefix("audio/").unwrap_or_default().trim_start_matches("x-");
        let (Source::Base64(data), "wav" | "wave" | "mp3" | "mpeg") = (&media.source, format) else {
            return Err(Failure::unsupported(at, "audio must be inline wav or mp3"));
        };
        object("input_audio", out);
        out.extend_from_slice(b",\"input_audio\":{\"data\":");
        write_str(data, out);
        member("format", out);
        write_str(if format.starts_with("wav") { "wav" } else { "mp3" }, out);
        out.extend_from_slice(b"}}");
        return Ok(());
    }
    if media.mime.starts_with("video/") {
        return Err(Failure::unsupported(at, "the Responses API takes no video"));
    }
    // A remote file of unknown type is a document: images are always said to be images.
    let (kind, key) = if media.is_image() { ("input_image", "image_url") } else { ("input_file", "file_url") };
    object(kind, out);
    match &media.source {
        Source::Base64(data) if media.is_image() => inline(key, data, out),
        Source::Base64(data) => {
            member("filename", out);
            write_str(media.name.as_deref().unwrap_or_else(|| media::file_name(&media.mime)), out);
            inline("file_data", data, out);
        }
        Source::Url(url) => {
            member(key, out);
            write_str(url, out);
        }
        Source::File { owner: Protocol::Responses | Protocol::Chat, id } => {
            member("file_id", out);
            write_str(id, out);
        }
        Source::File { .. } => {
            return Err(Failure::unsupported(at, "the file is stored at another provider"));
        }
    }
    if media.is_image() {
        match extra(part, "detail") {
            Some(detail) => put_value("detail", detail, out),
            None => out.extend_from_slice(b",\"detail\":\"auto\""),
        }
    }
    out.push(b'}');
    Ok(())
}
