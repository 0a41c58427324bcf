//! The canonical request as a generateContent body: the conversation. Its settings are in `encode_config`.
//!
//! A trailing assistant turn is sent as it is: Gemini goes on from it. Media at a web address go as `fileData`; Google
//! fetches them (<https://ai.google.dev/gemini-api/docs/file-input-methods>), the older 2.0 models refuse with a 400.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::Serialize;
use serde_json::{Map, Value};

use super::encode_config;
use super::signature::STAND_IN;
use super::wire::is_third_generation;
use crate::fault::Failure;
use crate::ir::{Issuer, Media, Part, PartKind, Protocol, Request, Role, Seal, Source, ToolCall, ToolInput, Turn};
use crate::json::{Array, Json, Object};

#[derive(Serialize)]
struct Content<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    parts: Vec<WirePart<'a>>,
}

#[derive(Serialize, Default)]
#[serde(rename_all = "camelCase")]
struct WirePart<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thought: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    inline_data: Option<Blob<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_data: Option<FileData<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    function_call: Option<FunctionCall<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    function_response: Option<FunctionResponse<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thought_signature: Option<&'a str>,
    /// Members that only Gemini knows, or a whole part of its own.
    #[serde(flatten)]
    own: Option<Cow<'a, Map<String, Value>>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Blob<'a> {
    mime_type: &'a str,
    data: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FileData<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    mime_type: Option<&'a str>,
    file_uri: &'a str,
}

#[derive(Serialize)]
struct FunctionCall<'a> {
    id: &'a str,
    name: &'a str,
    args: Cow<'a, Json>,
}

#[derive(Serialize)]
struct FunctionResponse<'a> {
    id: &'a str,
    name: &'a str,
    response: Json,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    parts: Vec<WirePart<'a>>,
}

pub fn encode(request: &Request) -> Result<Vec<u8>, Failure> {
    let mut conversation = Conversation::new(request);
    let mut system = Content { role: None, parts: Vec::new() };
    for (index, part) in request.system.iter().enumerate() {
        match &part.kind {
            PartKind::Text(text) if text.is_empty() => {}
            PartKind::Text(text) => system.parts.push(WirePart::text(text)),
            _ => return Err(Failure::unsupported(format!("system[{index}]"), "Gemini takes text alone here")),
        }
    }
    for (index, turn) in request.turns.iter().enumerate() {
        conversation.turn(turn, &format!("messages[{index}]"))?;
    }
    let mut contents = conversation.contents;
    if contents.is_empty() {
        if system.parts.is_empty() {
            return Err(Failure::invalid("messages", "the conversation is empty"));
        }
        // Instructions alone are a question; Gemini wants it asked by the user.
        contents.push(Content { role: Some("user"), parts: std::mem::take(&mut system.parts) });
    }
    let mut out = Vec::with_capacity(4096);
    let mut body = Object::begin(&mut out);
    if !system.parts.is_empty() {
        body.value("systemInstruction", &system);
    }
    let mut list = Array::begin(body.key("contents"));
    for content in &contents {
        // Plain data with string keys cannot fail to serialize.
        let _ = serde_json::to_writer(list.item(), content);
    }
    list.end();
    encode_config::encode(request, &mut body)?;
    body.end();
    Ok(out)
}

impl<'a> WirePart<'a> {
    fn text(text: &'a str) -> Self {
        Self { text: Some(Cow::Borrowed(text)), ..Self::default() }
    }
}

struct Conversation<'a> {
    contents: Vec<Content<'a>>,
    /// Names of calls by id: a result must repeat its function's name, and an id is not a name.
    names: HashMap<&'a str, &'a str>,
    third_generation: bool,
}

impl<'a> Conversation<'a> {
    fn new(request: &'a Request) -> Self {
        let mut names = HashMap::new();
        for part in request.turns.iter().flat_map(|turn| &turn.parts) {
            if let PartKind::ToolCall(call) = &part.kind {
                names.insert(call.id.as_str(), call.name.as_str());
            }
        }
        Self { contents: Vec::new(), names, third_generation: is_third_generation(&request.model) }
    }

    fn turn(&mut self, turn: &'a Turn, at: &str) -> Result<(), Failure> {
        let mut parts = Vec::with_capacity(turn.parts.len());
        for (index, part) in turn.parts.iter().enumerate() {
            self.part(part, turn.role, &format!("{at}.content[{index}]"), &mut parts)?;
        }
        if parts.is_empty() {
            return Ok(());
        }
        let role = match turn.role {
            Role::Assistant => "model",
            Role::User | Role::System => "user",
        };
        match self.contents.last_mut() {
            Some(last) if last.role == Some(role) => last.parts.extend(parts),
            _ => self.contents.push(Content { role: Some(role), parts }),
        }
        if let Some(last) = self.contents.last_mut() {
            if role == "user" {
                // Results follow their calls, whatever instructions came between.
                last.parts.sort_by_key(|part| part.function_response.is_none());
            } else if self.third_generation {
                sign(&mut last.parts);
            }
        }
        Ok(())
    }

    fn part(&self, part: &'a Part, role: Role, at: &str, out: &mut Vec<WirePart<'a>>) -> Result<(), Failure> {
        let own = part.extras.of(Protocol::Gemini).map(Cow::Borrowed);
        match &part.kind {
            PartKind::Text(text) if text.is_empty() => {}
            PartKind::Text(text) if role == Role::System => {
                let text = Cow::Owned(format!("<system>\n{text}\n</system>"));
                out.push(WirePart { text: Some(text), ..WirePart::default() });
            }
            PartKind::Text(text) => out.push(WirePart { own, ..WirePart::text(text) }),
            PartKind::Thinking { text, seal } => {
                let signature = google(seal.as_ref());
                // Reasoning that another provider sealed is worth nothing here.
                if seal.is_some() && signature.is_none() || text.is_empty() && signature.is_none() {
                    return Ok(());
                }
                let thought = (!text.is_empty()).then_some(true);
                out.push(WirePart { thought, thought_signature: signature, own, ..WirePart::text(text) });
            }
            PartKind::Media(one) => out.push(WirePart { own, ..media(one, at)? }),
            PartKind::ToolCall(call) => out.push(WirePart { own, ..function_call(call) }),
            PartKind::ToolResult { id, output, is_error } => {
                let orphan = || part.extras.of(Protocol::Gemini)?.get("name")?.as_str();
                let Some(name) = self.names.get(id.as_str()).copied().or_else(orphan) else {
                    return Err(Failure::invalid(at, "answers a tool call that is not in the conversation"));
                };
                self.result(id, name, output, *is_error, at, out)?;
            }
            PartKind::Opaque { owner: Protocol::Gemini, value: Value::Object(whole) } => {
                out.push(WirePart { own: Some(Cow::Borrowed(whole)), ..WirePart::default() });
            }
            PartKind::Opaque { value, .. } => {
                let kind = value.get("type").and_then(Value::as_str).unwrap_or("content");
                return Err(Failure::unsupported(at, format!("Gemini has no {}", crate::call::printable(kind))));
            }
        }
        Ok(())
    }

    fn result(
        &self,
        id: &'a str,
        name: &'a str,
        output: &'a [Part],
        is_error: bool,
        at: &str,
        out: &mut Vec<WirePart<'a>>,
    ) -> Result<(), Failure> {
        let mut texts: Vec<&str> = Vec::with_capacity(1);
        let mut attached = Vec::new();
        for (index, part) in output.iter().enumerate() {
            let at = format!("{at}.content[{index}]");
            match &part.kind {
                PartKind::Text(text) => texts.push(text),
                PartKind::Media(one) => attached.push(media(one, &at)?),
                _ => return Err(Failure::unsupported(at, "Gemini takes text and media in a tool result")),
            }
        }
        let response = response(&texts, is_error);
        // Media belong inside the result since Gemini 3; older models see them beside it.
        // https://ai.google.dev/gemini-api/docs/function-calling#multimodal
        let (parts, beside) = if self.third_generation { (attached, Vec::new()) } else { (Vec::new(), attached) };
        let function_response = Some(FunctionResponse { id, name, response, parts });
        out.push(WirePart { function_response, ..WirePart::default() });
        out.extend(beside);
        Ok(())
    }
}

/// Gemini 3 refuses a step of calls whose first one is not signed. Calls that another model made get the value Google
/// documents for that; their siblings stay unsigned, as Google's own do.
fn sign(parts: &mut [WirePart<'_>]) {
    if let Some(first) = parts.iter_mut().find(|part| part.function_call.is_some()) {
        first.thought_signature.get_or_insert(STAND_IN);
    }
}

fn google(seal: Option<&Seal>) -> Option<&str> {
    seal.filter(|seal| seal.issuer == Issuer::Google && !seal.redacted).map(|seal| seal.value.as_str())
}

fn function_call(call: &ToolCall) -> WirePart<'_> {
    let args = match &call.input {
        ToolInput::Json(json) => Cow::Borrowed(json),
        ToolInput::Text(text) => Cow::Owned(Json::of(&serde_json::json!({ "input": text }))),
    };
    let function_call = Some(FunctionCall { id: &call.id, name: &call.name, args });
    WirePart { function_call, thought_signature: google(call.seal.as_ref()), ..WirePart::default() }
}

/// The result as the object Gemini demands: an object as it is, anything else under a key.
fn response(texts: &[&str], is_error: bool) -> Json {
    let text: Cow<'_, str> = match texts {
        [one] => Cow::Borrowed(one),
        many => Cow::Owned(many.join("\n")),
    };
    let looks_structured = text.trim_start().starts_with(['{', '[']);
    let structured = if looks_structured { Json::parse(&text).ok() } else { None };
    let key = if is_error { "error" } else { "result" };
    match structured {
        Some(object) if object.is_object() && !is_error => object,
        Some(json) => Json::of(&HashMap::from([(key, json)])),
        None => Json::of(&HashMap::from([(key, text)])),
    }
}

fn media<'a>(media: &'a Media, at: &str) -> Result<WirePart<'a>, Failure> {
    let file_data = |uri: &'a str| {
        let said = Some(media.mime.as_str()).filter(|mime| !mime.is_empty() && !mime.ends_with("/*"));
        let known = said.or_else(|| by_extension(uri));
        WirePart { file_data: Some(FileData { mime_type: known, file_uri: uri }), ..WirePart::default() }
    };
    match &media.source {
        Source::Base64(_) if media.mime.is_empty() => Err(Failure::invalid(at, "media without a type")),
        Source::Base64(data) => {
            Ok(WirePart { inline_data: Some(Blob { mime_type: &media.mime, data }), ..WirePart::default() })
        }
        Source::Url(url) => Ok(file_data(url)),
        Source::File { owner: Protocol::Gemini, id } => Ok(file_data(id)),
        Source::File { .. } => Err(Failure::unsupported(at, "the file is stored at another provider")),
    }
}

/// Google wants to know what it will find at an address. What it does not learn here it learns from the server.
fn by_extension(url: &str) -> Option<&'static str> {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let name = path.rsplit('/').next().unwrap_or_default();
    let extension = name.rsplit_once('.')?.1.to_ascii_lowercase();
    Some(match extension.as_str() {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "gif" => "image/gif",
        "heic" => "image/heic",
        "heif" => "image/heif",
        "pdf" => "application/pdf",
        "txt" => "text/plain",
        "html" | "htm" => "text/html",
        "csv" => "text/csv",
        "md" => "text/markdown",
        "json" => "application/json",
        "mp3" => "audio/mp3",
        "wav" => "audio/wav",
        "ogg" => "audio/ogg",
        "flac" => "audio/flac",
        "mp4" => "video/mp4",
        "mov" => "video/quicktime",
        "webm" => "video/webm",
        _ => return None,
    })
}
